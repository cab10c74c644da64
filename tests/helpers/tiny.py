"""What the tiny checkpoints of all families (`tiny_*.py`) share: card, tokenizer, and the files around the weights."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel

from unispect.core.cards import ModelCard

_MERGES = (("r", "e"), ("e", "d"), ("Ġ", "a"), ("t", "h"), ("th", "e"))


def card(published: ModelCard, id: str, *, side: int = 16, **defaults: float) -> ModelCard:
    """The card of a tiny model of a published one's family, with pictures of 4 x 4 positions."""
    return ModelCard(
        id=id,
        family=published.family,
        paradigm=published.paradigm,
        encoders=published.encoders,
        parameters=None,
        image_size=side,
        image_tokens=16,
        capabilities=published.capabilities,
        defaults=defaults,
        no_states=published.no_states,
    )


def tokenizer(special: Iterable[str], *, newlines: bool = False) -> Tokenizer:
    """Bytes, a few merges and the special tokens; with `newlines`, one merge reaches over the end of a line."""
    merges = [*_MERGES, *([(".", "Ċ")] if newlines else [])]
    alphabet = sorted(ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*alphabet, *("".join(pair) for pair in merges)])}
    made = Tokenizer(models.BPE(vocabulary, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not newlines)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return made


def write(folder: Path, tokenizer: Tokenizer, files: Mapping[str, Any], *, home: str = ".") -> Path:
    """Writes JSON files into a folder, names may hold a folder, and the tokenizer into folder `home` of it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    tokenizer.save(str(folder / home / "tokenizer.json"))
    return folder
