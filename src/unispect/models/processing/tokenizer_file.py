"""A `tokenizer.json` as it says: the library numbers added tokens by their place in the list, whatever ids stand there.

So a file whose list was sorted or regrouped, or has a gap, would give prompts other control tokens without a word.
Nothing here imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_json, regular_bytes
from unispect.models.json_file import read_json, strangely


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a file, with the ids that the file gives; a list of added tokens out of order is put in order.

    Raises:
        CheckpointError: the file is missing or no tokenizer, or the library gives an added token another id than it.
    """
    if not path.exists():
        raise CheckpointError(f"{path} is missing: fetch the checkpoint again")
    try:
        content = parse_json(regular_bytes(path, what="the tokenizer's"), str(path))
        added = _added(content)
        content["added_tokens"] = sorted(added, key=lambda token: token["id"])
        tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    except OutsideError as error:
        raise CheckpointError(strangely(path) or f"{error}; fetch it again") from error
    except BaseException as error:  # the library raises bare Exceptions, and where it panics not even those
        if not is_of_the_library(error):
            raise
        why = strangely(path) or f"{path} is no tokenizer file ({error}); fetch it again"
        raise CheckpointError(why) from error
    _require_ids(tokenizer, {str(token["content"]): token["id"] for token in added}, path, path)
    return tokenizer


def require_ids_beside(tokenizer: Tokenizer, path: Path) -> list[Path]:
    """Compares a tokenizer with what stands about its added tokens in other files of its folder; gives those read.

    Raises:
        CheckpointError: one of them gives a token another id.
    """
    found = []
    for name, ids in (("added_tokens.json", _plain), ("tokenizer_config.json", _decoder)):
        beside = path.parent / name
        if beside.is_file():
            _require_ids(tokenizer, ids(read_json(beside)), path, beside)
            found.append(beside)
    return found


def is_of_the_library(error: BaseException) -> bool:
    """An error is a fault, be it a panic of compiled code, and no wish to stop."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _added(content: Any) -> list[dict[str, Any]]:
    added = content.get("added_tokens") or []
    if not all(_is_id(token["id"]) and isinstance(token["content"], str) for token in added):
        raise ValueError("an added token has no id")
    return added


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def _require_ids(tokenizer: Tokenizer, ids: Mapping[str, int], path: Path, said: Path) -> None:
    wrong = next(_differing(tokenizer, ids), None)
    if wrong:
        token, stated, given = wrong
        where = path.name if said == path else f"{said.name} beside {path.name}"
        raise CheckpointError(
            f"{path.parent}: {where} gives the token {token!r} the id {stated}, but the library reads {given}; a gap "
            "in the list of added tokens does that, or one given twice: take the tokenizer that the weights came with"
        )


def _differing(tokenizer: Tokenizer, ids: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    """Token, the id that a file states, and the one the tokenizer gives; tokens that it lacks are left out."""
    for token, stated in ids.items():
        given = tokenizer.token_to_id(token)
        if given is not None and given != stated:
            yield token, stated, given


def _plain(content: Mapping[str, Any]) -> dict[str, int]:
    return {token: number for token, number in content.items() if _is_id(number)}


def _decoder(content: Mapping[str, Any]) -> dict[str, int]:
    table = content.get("added_tokens_decoder")
    entries = table.items() if isinstance(table, dict) else ()
    return {
        str(token["content"]): int(number)
        for number, token in entries
        if isinstance(token, dict) and "content" in token and str(number).isdecimal()
    }
