"""Prompts in GenEval's form (arXiv 2310.11513): a JSON object a line, with `prompt`, `tag` and what must be there.

The object is kept whole, since the official scorer wants it back beside the pictures. What it demands stands in two
lists: of `include` every clause must be met (at least `count` objects of a `class`, perhaps of one `color`, perhaps at
a `position`: a relation to the objects of an earlier clause), of `exclude` none may be (`count` objects or more).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from unispect.core.errors import DataError
from unispect.core.units import JSON
from unispect.data.checklists import ChecklistItem
from unispect.data.json_lines import Row, json_rows
from unispect.data.published import Published

KEY = "geneval"
"""Under which an item's inputs hold `{"index": ..., "metadata": ...}` (`unispect.runs.geneval` looks for it there)."""

PUBLISHED = Published("GenEval", prompts=553)
"""Of the authors' `prompts/evaluation_metadata.jsonl`."""
RELATIONS: Final = ("left of", "right of", "above", "below")
"""That the official scorer knows."""
ATTRIBUTES: Final = "color_attr"
"""The task in which two objects have a colour each: what is tested is which colour went to which."""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One demand of a prompt.

    Attributes:
        object: the class that it is about, as the detector calls it (COCO's names).
        count: at least so many of it; of what is excluded, fewer.
        excluded: it stands in `exclude`.
        color: that they must have; empty for any.
        relation: where they must be, seen from the objects of clause `target`; empty for anywhere.
        target: number of an earlier clause, from 0; -1 without a relation.
    """

    object: str
    count: int
    excluded: bool = False
    color: str = ""
    relation: str = ""
    target: int = -1


class GenevalPrompt(NamedTuple):
    """One prompt: its place in the file, which is its folder's name, its task, its whole object, what it demands."""

    number: int
    tag: str
    text: str
    metadata: dict[str, JSON]
    clauses: tuple[Clause, ...] = ()

    @property
    def checklist(self) -> tuple[ChecklistItem, ...]:
        """What it demands as questions, in our words: the official scorer counts what a detector finds, and asks none.

        Dimensions are object, count, color, attribute (the color of one of two objects) and position.
        """
        return tuple(_questions(f"geneval {self.number:05}", self.tag, self.clauses))


def read_geneval(file: Path) -> Iterator[GenevalPrompt]:
    """The prompts of a file in order; blank lines are left out and not counted.

    Raises:
        DataError: the file cannot be read, or a line is not of that form; names file, line and key.
    """
    for index, row in enumerate(json_rows(file, "prompts from")):
        yield _prompt(index, row)


def _prompt(index: int, row: Row) -> GenevalPrompt:
    prompt, tag, include = (row.fields.get(name) for name in ("prompt", "tag", "include"))
    if not isinstance(prompt, str) or not prompt.strip() or not isinstance(tag, str) or not isinstance(include, list):
        raise DataError(f"{row.where} must be an object with the texts 'prompt' and 'tag' and the list 'include'")
    exclude = row.fields.get("exclude", [])
    if not isinstance(exclude, list):
        raise DataError(f"{row.where}: 'exclude' must be a list")
    clauses = [_included(f"{row.where}: 'include'[{at}]", at, one) for at, one in enumerate(include)]
    clauses += [_clause(f"{row.where}: 'exclude'[{at}]", one, excluded=True) for at, one in enumerate(exclude)]
    return GenevalPrompt(index, tag, prompt.strip(), row.fields, tuple(clauses))


def _included(where: str, at: int, one: object) -> Clause:
    clause = _clause(where, one)
    fields: Mapping[str, Any] = one if isinstance(one, dict) else {}
    color, position = fields.get("color", ""), fields.get("position")
    if not isinstance(color, str):
        raise DataError(f"{where}: 'color' must be a text")
    if position is None:
        return Clause(object=clause.object, count=clause.count, color=color)
    relation, target = position if isinstance(position, list) and len(position) == 2 else ("", -1)
    if relation not in RELATIONS or type(target) is not int or not 0 <= target < at:
        raise DataError(
            f"{where}: 'position' must be one of {', '.join(RELATIONS)} and the number of an earlier clause, "
            f'for instance ["left of", 0], not {position!r:.60}'
        )
    return Clause(object=clause.object, count=clause.count, color=color, relation=relation, target=target)


def _clause(where: str, one: object, excluded: bool = False) -> Clause:
    fields: Mapping[str, Any] = one if isinstance(one, dict) else {}
    name, count = fields.get("class"), fields.get("count")
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{where} has no text under 'class'")
    if type(count) is not int or count < 1:
        raise DataError(f"{where}: 'count' must be a whole number from 1, not {count!r:.60}")
    return Clause(object=name.strip(), count=count, excluded=excluded)


def _questions(id: str, tag: str, clauses: tuple[Clause, ...]) -> Iterator[ChecklistItem]:
    """Whether objects are there, then what they are like, so that no question stands before one that it follows."""
    for at, one in enumerate(clauses):
        many = one.count > 1 or one.excluded
        asked = (
            f"Are there {one.count} or more objects of the kind {one.object!r} in the picture?"
            if many
            else f"Is there {_article(one.object)} in the picture?"
        )
        there = f"{id}_{at}"
        expected = "no" if one.excluded else "yes"
        yield ChecklistItem(id=there, dimension="count" if many else "object", question=asked, expected=expected)
        named = f"the {one.object}" if one.count == 1 else f"each {one.object}"
        if one.color:
            dimension = "attribute" if tag == ATTRIBUTES else "color"
            question = f"Is {named} in the picture {one.color}?"
            yield ChecklistItem(id=f"{there}_color", dimension=dimension, question=question, after=(there,))
        if one.relation:
            question = f"Is {named} {one.relation} the {clauses[one.target].object}?"
            after = (there, f"{id}_{one.target}")
            yield ChecklistItem(id=f"{there}_position", dimension="position", question=question, after=after)


def _article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
