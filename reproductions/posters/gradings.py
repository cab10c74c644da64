"""Published gradings of posters: `posters-N.json`, one file per grading of the same replies (arXiv 2510.21842).

A file holds, per poster, the rubric (`positive_requirements`, `negative_requirements`), a verdict on each of its items
for the drawn and for the told poster, and counts of them. Verdicts are data; counts are only kept to be checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unispect.core.errors import DataError
from unispect.core.outside import parse_json
from unispect.core.texts import read_text
from unispect.data.posters.items import MODALITIES, Item, Modality, Status

MAIN = "main"
"""Name of the gradings that lie in the folder itself; others are named by their sub-folder."""
DEEPEST = 16
"""Levels of a JSON file."""
MOST = 1_000_000
"""From here on a number is no count."""
LISTED = 10
"""Faults that are named one by one."""
SHOWN = 60
"""Characters of a requirement in a message."""
_FILE = re.compile(r"posters-(\d+)\.json")


@dataclass(frozen=True)
class Poster:
    """One poster in one grading.

    Attributes:
        id: as in the file.
        name: title and year.
        text: the poster as the model told it.
        items: modality of the reply -> the whole rubric, wanted items first.
        stored: place in the poster's entry -> count or percentage that the file holds there.
    """

    id: str
    name: str
    text: str
    items: Mapping[Modality, Sequence[Item]]
    stored: Mapping[str, float]


@dataclass(frozen=True)
class Grading:
    """One file.

    Attributes:
        path: of the file.
        judge: as the file names it, or empty.
        posters: in the order of the file.
        total: how many posters the file says it holds, if it does.
    """

    path: Path
    judge: str
    posters: Sequence[Poster]
    total: int | None


def read_settings(folder: Path) -> dict[str, tuple[Grading, ...]]:
    """All gradings in `folder` (as `main`) and in its sub-folders (by their names), in the order of their numbers.

    Raises:
        DataError: there are none, or a file is damaged; names file and place.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; gradings are files posters-1.json, posters-2.json, ... in one")
    places = {MAIN: _files(folder)}
    for child in sorted(path for path in folder.iterdir() if path.is_dir()):
        found = _files(child)
        if found and places.get(child.name):
            raise DataError(f"{folder} holds gradings of its own and in a sub-folder {child.name!r}; rename that one")
        if found:
            places[child.name] = found
    settings = {name: tuple(read_grading(path) for path in paths) for name, paths in places.items() if paths}
    if not settings:
        raise DataError(f"{folder} holds no gradings: no file posters-1.json, neither in it nor in a folder inside")
    return settings


def read_grading(path: Path) -> Grading:
    """One file, every item of every rubric graded exactly once in each modality.

    Raises:
        DataError: it cannot be read, is not of the schema, or verdicts and rubric do not fit; names the places.
    """
    raw = read_json(path)
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        _refuse(path, [f"{_place(one['loc'])}: {one['msg']}" for one in error.errors()])
    faults: list[str] = []
    posters = [_poster(key, entry, faults) for key, entry in file.posters.items()]
    if faults:
        _refuse(path, faults)
    if not posters:
        raise DataError(f"{path} holds no posters")
    return Grading(path, file.metadata.model, posters, file.metadata.total_posters)


def read_json(path: Path) -> Any:
    """What a JSON file holds; names that occur twice in an object, NaN and infinity are refused.

    Raises:
        DataError: it cannot be read; names the file, and line and column where there are any.
    """
    found = parse_json(read_text(path), str(path), once=True)
    level = [found]
    for _ in range(DEEPEST):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inside(one)]
    if level:
        raise DataError(f"{path} is nested too deeply")
    return found


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Verdict(_Part):
    requirement: str = Field(min_length=1)
    status: Status
    explanation: str = ""


class _Image(_Part):
    verdicts: list[_Verdict] = Field(alias="image_fulfillment_analysis")
    scores: dict[str, Any] = {}


class _Text(_Part):
    verdicts: list[_Verdict] = Field(alias="text_fulfillment_analysis")
    scores: dict[str, Any] = {}


class _Poster(_Part):
    poster_name: str
    poster_id: str
    text_description: str
    positive_requirements: list[str]
    negative_requirements: list[str]
    image_fulfillment: _Image
    text_fulfillment: _Text
    summary: dict[str, Any] = {}


class _About(_Part):
    model: str = ""
    total_posters: int | None = None


class _File(_Part):
    metadata: _About = _About()
    posters: dict[str, _Poster]


def _files(folder: Path) -> list[Path]:
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def _poster(key: str, entry: _Poster, faults: list[str]) -> Poster:
    def say(fault: str) -> None:
        faults.append(f"posters.{key[:SHOWN]}{fault}")

    if entry.poster_id != key:
        say(f".poster_id: is {entry.poster_id[:SHOWN]!r}")
    wanted, unwanted = entry.positive_requirements, entry.negative_requirements
    for requirement, times in Counter([*wanted, *unwanted]).items():
        if times > 1:
            say(f": {times} times in the rubric: {requirement[:SHOWN]!r}")
    if not wanted and not unwanted:
        say(": its rubric is empty")
    parts = {"image": entry.image_fulfillment, "text": entry.text_fulfillment}
    items: dict[Modality, Sequence[Item]] = {}
    stored: dict[str, float] = {}
    for modality in MODALITIES:
        place = f".{modality}_fulfillment"
        graded: dict[str, _Verdict] = {}
        for row, verdict in enumerate(parts[modality].verdicts):
            inside = f"{place}.{modality}_fulfillment_analysis[{row}]"
            if verdict.requirement in graded:
                say(f"{inside}: graded twice: {verdict.requirement[:SHOWN]!r}")
            elif verdict.requirement not in wanted and verdict.requirement not in unwanted:
                say(f"{inside}: not in the rubric: {verdict.requirement[:SHOWN]!r}")
            elif verdict.status == "MISSING" and verdict.requirement not in wanted:
                say(f"{inside}: MISSING, but should not be there: {verdict.requirement[:SHOWN]!r}")
            else:
                graded[verdict.requirement] = verdict
                continue
            graded.setdefault(verdict.requirement, verdict)
        for requirement in dict.fromkeys([*wanted, *unwanted]):
            if requirement not in graded:
                say(f"{place}: not graded: {requirement[:SHOWN]!r}")
        if not faults:
            rubric = [(one, True) for one in wanted] + [(one, False) for one in unwanted]
            items[modality] = tuple(
                Item(one, want, graded[one].status, graded[one].explanation) for one, want in rubric
            )
        stored |= _numbers(f"{modality}_fulfillment.scores", parts[modality].scores, say)
    stored |= _numbers("summary", entry.summary, say)
    return Poster(key, entry.poster_name, entry.text_description, items, stored)


def _numbers(place: str, values: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, float]:
    """Every number in nested objects, by its place."""
    found: dict[str, float] = {}
    for path, value in _leaves(place, values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST:
            say(f".{path}: no count: {str(value)[:SHOWN]!r}")
        else:
            found[path] = value
    return found


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{place}.{name}", inner)
    else:
        yield place, value


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _place(parts: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".") or "top level"


def _refuse(path: Path, faults: Sequence[str]) -> NoReturn:
    more = f"; and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
    raise DataError(f"{path} is damaged: {'; '.join(faults[:LISTED])}{more}")
