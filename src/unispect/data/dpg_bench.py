"""The prompts of DPG-Bench (arXiv 2403.05135) with their questions, as the authors' repository holds them.

`prompts/ID.txt` holds what is to be drawn, `dpg_bench.csv` a question a row (the form of DSG, arXiv 2310.18235): the
prompt's `item_id`, its text, the question's number (`proposition_id`, from 1), the numbers of those that it depends on
(`dependency`, 0 for none) and what it tests. A question whose parent is answered "no" counts as "no".

The authors' scorer passes over the first row of the table, so that one prompt lacks its first question there (the
loop leaves out row 0 behind a reader that took the header away already); here it is read.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from unispect.core.errors import DataError
from unispect.core.texts import read_text
from unispect.data.checklists import ChecklistItem
from unispect.data.items import Caution, SourceFile
from unispect.data.published import Published, file_of, files_as_one

PUBLISHED = Published("DPG-Bench", prompts=1065)
"""Of arXiv 2403.05135; how many questions there are is not published."""
KIND: Final = "dense"
TABLE: Final = "dpg_bench.csv"
TEXTS: Final = "prompts"
NEEDED: Final = ("item_id", "proposition_id", "dependency", "category_broad", "question_natural_language")


class DpgPrompt(NamedTuple):
    """One prompt, by the name of its file."""

    id: str
    text: str
    checklist: tuple[ChecklistItem, ...]


class Place(NamedTuple):
    """Where the benchmark lies: its table, or None, and a text for each prompt by its id, which may be none."""

    table: Path | None
    texts: Mapping[str, Path]

    @property
    def files(self) -> Iterator[SourceFile]:
        """With their digests; the texts as one."""
        if self.table:
            yield file_of(self.table)
        if self.texts:
            yield files_as_one(TEXTS, self.texts.values())


def place_of(place: Path) -> Place:
    """What lies at a place: the table, the folder that holds it, the one above, or the folder of texts.

    Raises:
        DataError: neither the table nor texts are there.
    """
    if place.exists() and not place.is_dir():
        return Place(place, _texts(place.parent / TEXTS))
    if not place.is_dir():
        raise DataError(f"no such file or folder: {place} (expected {TABLE} or the folder that holds it)")
    for folder in (place, place / "dpg_bench", *([place.parent] if place.name == TEXTS else [])):
        table, texts = folder / TABLE, _texts(folder / TEXTS)
        if table.is_file() or texts:
            return Place(table if table.is_file() else None, texts)
    raise DataError(f"{place} holds neither {TABLE} nor texts in {TEXTS}/, as DPG-Bench's repository does")


def holds_prompts(folder: Path) -> bool:
    """The table of DPG-Bench lies in it."""
    return (folder / TABLE).is_file()


def _texts(folder: Path) -> dict[str, Path]:
    found = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    return {path.stem: path for path in found if path.is_file()}


def read_dpg_bench(place: Place) -> tuple[list[DpgPrompt], list[Caution]]:
    """The prompts in the table's order, then those of which it knows nothing, and what is odd about them.

    Raises:
        DataError: a file cannot be read, the table lacks a column, or a row is not of its form; names file, line and
            column.
    """
    asked = _table(place.table) if place.table else _Asked()
    texts = {id: read_text(path).strip() for id, path in place.texts.items()}
    prompts = []
    for id in dict.fromkeys((*asked.questions, *texts)):
        text = texts.get(id) or asked.texts.get(id, "")
        if not text:
            asked.odd["prompts have no text, neither in the table nor as a file, and are left out"] += 1
            continue
        told = asked.texts.get(id)
        if told and id in texts and told.split() != texts[id].split():
            asked.odd["prompts read otherwise in the table than as files; the files are drawn"] += 1
        prompts.append(DpgPrompt(id, text, tuple(_checklist(id, asked))))
    cautions = [Caution(f"{PUBLISHED.name}: {count:,} {what}") for what, count in asked.odd.items()]
    if place.table is None:
        cautions.append(Caution(f"{PUBLISHED.name}: no {TABLE} beside {TEXTS}/, so prompts come without questions"))
    return prompts, cautions


class _Question(NamedTuple):
    dimension: str
    tag: str
    text: str
    parents: tuple[int, ...]


@dataclass
class _Asked:
    """What the table says: prompt -> its text, and its questions by number; and what is odd, counted."""

    texts: dict[str, str] = field(default_factory=dict)
    questions: dict[str, dict[int, _Question]] = field(default_factory=dict)
    odd: Counter[str] = field(default_factory=Counter)


def _table(path: Path) -> _Asked:
    asked = _Asked()
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        if missing := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
            raise DataError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} of DPG-Bench")
        for row in reader:
            _add(asked, f"{path}, line {reader.line_num}", {name: (row.get(name) or "").strip() for name in row})
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num} is no CSV: {error}") from error
    return asked


def _add(asked: _Asked, where: str, row: Mapping[str, str]) -> None:
    id = row["item_id"]
    if not id:
        raise DataError(f"{where} has nothing under 'item_id'")
    questions = asked.questions.setdefault(id, {})
    if text := row.get("text", ""):
        asked.texts.setdefault(id, text)
    if not row["question_natural_language"]:
        asked.odd["rows of the table ask nothing"] += 1
        return
    number = _number(where, "proposition_id", row["proposition_id"])
    parents = [_number(where, "dependency", one.strip()) for one in row["dependency"].split(",") if one.strip()]
    if number in questions:
        asked.odd["questions are numbered like another of their prompt; the later one counts"] += 1
    questions[number] = _Question(
        row["category_broad"],
        row.get("category_detailed", ""),
        row["question_natural_language"],
        tuple(one for one in parents if one),
    )


def _number(where: str, column: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise DataError(f"{where}: {column!r} must hold whole numbers, not {text[:60]!r}")
    return int(text)


def _checklist(id: str, asked: _Asked) -> Iterator[ChecklistItem]:
    questions = asked.questions.get(id, {})
    for number, one in questions.items():
        known = [parent for parent in one.parents if parent in questions and parent != number]
        if len(known) < len(one.parents):
            asked.odd["questions depend on one that is not there, which is passed over"] += 1
        yield ChecklistItem(
            id=f"{id}_{number}",
            dimension=one.dimension,
            question=one.text,
            tags=(one.tag,) if one.tag else (),
            after=tuple(f"{id}_{parent}" for parent in known),
        )
