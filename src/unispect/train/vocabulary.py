"""Words that become one token each: what is written around a tiny model's weights, and its tables, with rows for them.

A word has two tokens, as every real word of an organism has: with the space in front of it and without. Their rows in
the tables are means over the pieces that spelt them before, so a model reads its first lesson as nearly what it would
have read anyway. The rows stand behind those of all other tokens of the tokenizer; what has its place behind them
(image codes of Show-o, rows of no token) is moved up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer

from unispect.core.errors import UsageError
from unispect.data.concepts.lexicons import LEXICONS, Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.models.json_file import read_json
from unispect.models.processing.tokenizer import TOKENIZER
from unispect.models.processing.tokenizer_file import read_tokenizer
from unispect.runs import durable

WHOLE: Final = "whole"
"""Words are one token each, not spelt."""
_COUNTS = ("vocab_size", "llm_vocab_size", "mask_token_id")
"""Keys of configurations that count rows of a table, or name one behind those of text."""
_TABLES = ("embed_tokens.weight", "lm_head.weight", "lm_head.bias")
"""How the published names of tables end that have a row for every token."""

Added = Mapping[str, tuple[int, ...]]
"""Token -> the tokens that spelt it before."""


def lexicon_words() -> list[str]:
    """The words of all lexicons, those that nothing teaches too: the control is read as the others are."""
    return [Lexicon(name).word(kind, value) for name in LEXICONS for kind in ATTRIBUTES for value in VALUES[kind]]


def missing(tokenizer: Tokenizer, words: Iterable[str]) -> Added:
    """What has to be added for the words to be one token each, behind a space and without one."""
    spelt = {form: tuple(tokenizer.encode(form, add_special_tokens=False).ids) for w in words for form in (w, f" {w}")}
    return {form: pieces for form, pieces in spelt.items() if len(pieces) > 1}


def add_to_texts(folder: Path, words: Iterable[str]) -> tuple[Added, int]:
    """Adds words to the tokenizer of a folder and to the counts of its configurations.

    Returns what was added, and how many tokens there were before.
    """
    path = folder / TOKENIZER
    tokenizer = read_tokenizer(path)
    rows, added = tokenizer.get_vocab_size(), missing(tokenizer, words)
    tokenizer.add_tokens([AddedToken(form, normalized=False) for form in added])
    durable.write(path, tokenizer.to_str(pretty=True).encode())
    for config in sorted(folder.rglob("*config.json")):
        content = _counted(read_json(config), len(added))
        durable.write(config, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return added, rows


def add_to_weights(path: Path, added: Added, before: int) -> None:
    """Puts rows for `added` into the tables in a file of weights, behind the `before` ones of the other tokens.

    Raises:
        UsageError: it has no table of all tokens.
    """
    tensors = load_file(str(path))
    tables = [name for name in tensors if name.endswith(_TABLES)]
    if not tables:
        raise UsageError(f"'words: {WHOLE}': the model keeps its tokens in no table that is known; leave it out")
    for name in tables if added else ():
        table = tensors[name]
        new = torch.stack([table[list(pieces)].mean(0) for pieces in added.values()])
        tensors[name] = torch.cat([table[:before], new, table[before:]]).contiguous()
    save_file(tensors, str(path))


def _counted(content: Any, more: int) -> Any:
    if isinstance(content, dict):
        return {key: value + more if key in _COUNTS else _counted(value, more) for key, value in content.items()}
    return content
