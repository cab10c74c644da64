"""Prompts in GenEval's form (arXiv 2310.11513): a JSON object a line, with `prompt`, `tag` and what must be there.

The object is kept whole, since the official scorer wants it back beside the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unispect.core.errors import DataError
from unispect.core.texts import lines_of, read_text
from unispect.core.units import JSON

KEY = "geneval"
"""Under which an item's inputs hold `{"index": ..., "metadata": ...}` (`unispect.runs.geneval` looks for it there)."""


class GenevalPrompt(NamedTuple):
    """One prompt: its place in the file, which is its folder's name, its task and its whole object."""

    place: int
    tag: str
    text: str
    metadata: dict[str, JSON]


def read_geneval(file: Path) -> Iterator[GenevalPrompt]:
    """The prompts of a file in order; blank lines are left out and not counted.

    Raises:
        DataError: the file cannot be read, or a line is not of that form; names both.
    """
    text = read_text(file, "prompts from")
    lines = ((number, line) for number, line in enumerate(lines_of(text), start=1) if line.strip())
    for index, (number, line) in enumerate(lines):
        yield _prompt(index, f"{file}, line {number}", line)


def _prompt(index: int, where: str, line: str) -> GenevalPrompt:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg}") from error
    fields = entry if isinstance(entry, dict) else {}
    prompt, tag, include = fields.get("prompt"), fields.get("tag"), fields.get("include")
    if not isinstance(prompt, str) or not prompt.strip() or not isinstance(tag, str) or not isinstance(include, list):
        raise DataError(f"{where} must be an object with the texts 'prompt' and 'tag' and the list 'include'")
    return GenevalPrompt(index, tag, prompt.strip(), entry)
