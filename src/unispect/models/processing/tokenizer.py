"""Tokenizers as their file says, for text that can never become a special token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import AddedToken, Encoding, Tokenizer

from unispect.core.errors import CheckpointError, DataError
from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.tokenizer_file import is_of_the_library, read_tokenizer, require_ids_beside

TOKENIZER = "tokenizer.json"


def load_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """The tokenizer of a checkpoint's `tokenizer.json`, which takes no text for a special token.

    The classes that published files name are avoided: some rebuild another tokenizer and yield wrong ids
    (docs/sources/janus-pro.md#tokenizer), others ask about remote code (docs/sources/harmon.md#stock-classes).

    Raises:
        CheckpointError: the file is missing or no tokenizer, or an added token has another id than files say.
    """
    checkpoint = checkpoint.holding(TOKENIZER)
    path = checkpoint.path(TOKENIZER)
    tokenizer = read_tokenizer(path)
    for beside in require_ids_beside(tokenizer, path):
        checkpoint.ledger.read(beside)
    tokenizer.encode_special_tokens = True
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def named_tokens(checkpoint: Checkpoint) -> dict[str, object]:
    """What the tokenizer's settings say about its special tokens ("bos_token" and so on)."""
    checkpoint = checkpoint.holding(TOKENIZER)
    return {
        **(checkpoint.optional_json("tokenizer_config.json") or {}),
        **(checkpoint.optional_json("special_tokens_map.json") or {}),
    }


def token_id(checkpoint: Checkpoint, tokenizer: Tokenizer, text: object, needed_by: str) -> int:
    """The id of a special token, given as a text or as the settings give it.

    Raises:
        CheckpointError: there is no such token.
    """
    content = text.get("content") if isinstance(text, Mapping) else text
    found = tokenizer.token_to_id(str(content))
    if found is None:
        raise CheckpointError(
            f"{checkpoint.folder / 'tokenizer.json'} has no token {content!r}, which {needed_by} needs; "
            "fetch the checkpoint again or name the right model"
        )
    return found


def add_missing(tokenizer: Tokenizer, texts: Iterable[str]) -> None:
    """Adds the special tokens that a tokenizer lacks, in the order in which the authors add them."""
    for text in texts:
        if tokenizer.token_to_id(text) is None:
            tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False)])


def require_rows(tokenizer: Tokenizer, rows: int, path: Path) -> None:
    """Raises `CheckpointError` where a token of the tokenizer in file `path` has no row in a table of so many."""
    last = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if last >= rows:
        raise CheckpointError(
            f"{path} has tokens up to number {last}, the embeddings {rows} rows (0 to {rows - 1}); take the tokenizer "
            "that the weights came with"
        )


def plain(tokenizer: Tokenizer, text: str) -> Encoding:
    """Plain text as tokens, nothing added.

    Raises:
        DataError: the text holds half a character.
        CheckpointError: the tokenizer cannot read it, as where it lacks the token for what it does not know.
    """
    try:
        return tokenizer.encode(text, add_special_tokens=False)
    except TypeError as error:  # half of a UTF-16 pair is the one kind of str that is no text
        raise DataError(f"{text!r} holds half a character (a lone surrogate); take it out") from error
    except BaseException as error:
        if not is_of_the_library(error):
            raise
        raise CheckpointError(
            f"the model's tokenizer.json cannot read {text[:60]!r} ({error}); take the one that the weights came with"
        ) from error
