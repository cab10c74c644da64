"""JSON files of checkpoints: objects, whatever bytes they begin with, with every key once and every number finite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_json, regular_bytes
from unispect.models.sniff import what_it_is


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        CheckpointError: it is no regular file or too large, no JSON object, nested too deep, holds a key twice or a
            number that is not finite; names file and key.
    """
    try:
        data = regular_bytes(path, what="the checkpoint's")
        value = parse_json(data, str(path), once=True)
    except OutsideError as error:
        raise CheckpointError(strangely(path) or f"{error}; fetch the checkpoint again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a JSON {type(value).__name__}, not an object; fetch the checkpoint again")
    return value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes an object into a file, whole or not at all; a link of that name is replaced, not followed."""
    from unispect.runs import durable  # who only loads a model needs no run folders

    durable.write(path, (json.dumps(content, indent=1) + "\n").encode())


def strangely(path: Path) -> str:
    """A sentence about a file that should be text and is plainly something else; empty where it may be text."""
    stranger = what_it_is(path, text=True)
    return f"{path} {stranger}" if stranger else ""
