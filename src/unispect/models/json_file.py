"""JSON files of checkpoints: objects, whatever bytes they begin with, with every key once and every number finite."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unispect.core.errors import CheckpointError
from unispect.models.sniff import what_it_is


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        CheckpointError: it is no JSON object, holds a key twice, or a number that is not finite; names file and key.
    """
    try:
        return parse_json(path.read_bytes(), path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}); fetch the checkpoint again") from error


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """The JSON object in the content of the file at `path`.

    Raises:
        CheckpointError: as `read_json`.
    """
    try:
        value = json.loads(data, object_pairs_hook=_once)
    except _Twice as error:
        raise CheckpointError(f"{path} gives key {error.args[0]!r} twice; take one out") from error
    except (ValueError, RecursionError) as error:
        stranger = what_it_is(path, text=True)
        raise CheckpointError(
            f"{path} {stranger}" if stranger else f"{path} cannot be read as JSON ({error}); fetch the checkpoint again"
        ) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a JSON {type(value).__name__}, not an object; fetch the checkpoint again")
    for where, number in _wild(value, ()):
        raise CheckpointError(f"{path}: {'.'.join(where)} is {number}, which is no finite number; correct it")
    return value


class _Twice(Exception):
    pass


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise _Twice(key)
        found[key] = value
    return found


def _wild(value: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Numbers that are not finite, and where they stand."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _wild(inner, (*where, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _wild(inner, (*where, str(number)))
