"""Prompts in GenEval's form (arXiv 2310.11513): a JSON object a line, with `prompt`, `tag` and what must be there.

The object is kept whole, since the official scorer wants it back beside the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unispect.core.errors import DataError
from unispect.core.units import JSON
from unispect.data.json_lines import Row, json_rows

KEY = "geneval"
"""Under which an item's inputs hold `{"index": ..., "metadata": ...}` (`unispect.runs.geneval` looks for it there)."""


class GenevalPrompt(NamedTuple):
    """One prompt: its place in the file, which is its folder's name, its task and its whole object."""

    number: int
    tag: str
    text: str
    metadata: dict[str, JSON]


def read_geneval(file: Path) -> Iterator[GenevalPrompt]:
    """The prompts of a file in order; blank lines are left out and not counted.

    Raises:
        DataError: the file cannot be read, or a line is not of that form; names both.
    """
    for index, row in enumerate(json_rows(file, "prompts from")):
        yield _prompt(index, row)


def _prompt(index: int, row: Row) -> GenevalPrompt:
    prompt, tag, include = (row.fields.get(name) for name in ("prompt", "tag", "include"))
    if not isinstance(prompt, str) or not prompt.strip() or not isinstance(tag, str) or not isinstance(include, list):
        raise DataError(f"{row.where} must be an object with the texts 'prompt' and 'tag' and the list 'include'")
    return GenevalPrompt(index, tag, prompt.strip(), row.fields)
