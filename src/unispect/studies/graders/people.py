"""People as graders: a folder with pictures and a table to fill in, blind, and what was filled in as grades.

The order of pictures is drawn at random, known pictures stand among them, and rows are named by digests: nothing in
the folder says which model drew a picture, what it was to show, or whether its answers are known.
"""

from __future__ import annotations

import csv
import html
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from unispect.core.errors import DataError, UsageError
from unispect.core.seeds import seed_for
from unispect.core.texts import lines_of
from unispect.core.typed import to_json
from unispect.core.units import Entry, Grade, Record, Unit, digest
from unispect.studies.graders.base import PERSON, Shown, Told, graded
from unispect.studies.graders.calibration import unit_of
from unispect.studies.graders.orders import in_order
from unispect.studies.questions import UNCLEAR, Answers, Known, Looking, Question

COLUMNS: Final = ("row", "shown", "question", "answers", "answer")
"""Of the table; a person fills in `answer`."""
MOST_KNOWN: Final = 200
"""Known pictures that a person may be shown: rows are found again among so many."""
BETWEEN: Final = " | "
"""Between the answers to choose from."""
NAME: Final = "answers.csv"
LONGEST_NAME: Final = 200


@dataclass(frozen=True)
class Sheet:
    """One picture or text with its questions, as a person gets it.

    Attributes:
        unit: that left it, or in which a known picture is shown to whoever looks.
        questions: about it.
        known: the known picture; None for what a model left.
    """

    unit: Unit
    questions: tuple[Question, ...]
    known: Known | None = None

    def row(self, question: Question) -> str:
        """The name of a question's row."""
        return digest(["review", self.unit.id, question.id])[:12]


def sheets(
    study: str, version: int, entries: Sequence[Entry], looking: Looking, known: Sequence[Known], pictures: int | None
) -> list[Sheet]:
    """What a person is shown, in random order; of what models left at most `pictures`, a random part."""
    asked = looking.asking(entries)
    units = {entry.unit.id: entry.unit for entry in entries if entry.unit.id in asked and entry.record.status == "done"}
    left = [Sheet(unit, asked[id]) for id, unit in units.items() if unit.kind in looking.kinds and asked[id]]
    chosen = sorted(left, key=lambda one: seed_for("review which", one.unit.id))[:pictures]
    among = [Sheet(unit_of(study, version, PERSON, one), one.questions, one) for one in known]
    return sorted((*chosen, *among), key=lambda one: seed_for("review", one.unit.id))


def table(several: Sequence[Sheet], names: Mapping[str, str]) -> str:
    """The table to fill in, as CSV; `names` is unit -> how what is shown is called in it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for sheet in several:
        for one in in_order(sheet.questions, sheet.unit.id):
            answers = BETWEEN.join((*one.options, UNCLEAR))
            writer.writerow((sheet.row(one), names[sheet.unit.id], one.text, answers, ""))
    return file.getvalue()


def page(several: Sequence[Sheet], names: Mapping[str, str], shown: Mapping[str, Shown]) -> str:
    """The same to look at: every picture or text with its questions, as one HTML page without a script."""
    parts = []
    for sheet in several:
        name, thing = names[sheet.unit.id], shown[sheet.unit.id]
        seen = f'<img src="{html.escape(name)}" alt="">' if isinstance(thing, Image.Image) else _text(thing)
        lines = "".join(
            f"<li><code>{sheet.row(one)}</code> {html.escape(one.text)} "
            f"<i>{html.escape(BETWEEN.join((*one.options, UNCLEAR)))}</i></li>"
            for one in in_order(sheet.questions, sheet.unit.id)
        )
        parts.append(f"<section><h2>{html.escape(name)}</h2>{seen}<ul>{lines}</ul></section>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>What do you see?</title>'
        "<style>body{font:16px sans-serif;max-width:50em;margin:auto;padding:1em}img{max-width:100%}</style>"
        f"<h1>What do you see?</h1><p>Fill in the column <code>answer</code> of <code>{NAME}</code>, each with one of "
        f"the answers behind the question; {UNCLEAR} where it cannot be seen.</p>{''.join(parts)}</html>\n"
    )


@dataclass(frozen=True)
class Filled:
    """What a filled-in table comes to.

    Attributes:
        grades: of what models left.
        units: in which known pictures were shown to this person.
        records: of these.
        empty: pictures and texts without any answer.
    """

    grades: tuple[Grade, ...]
    units: tuple[Unit, ...]
    records: tuple[Record, ...]
    empty: int


def filled(several: Sequence[Sheet], looking: Looking, text: str, *, by: str, name: str) -> Filled:
    """The grades in a table that came back. Rows may have another order, and may be left out.

    Args:
        several: all that could have been shown.
        looking: of the study.
        text: content of the file.
        by: who filled it in.
        name: of the file, for errors.

    Raises:
        DataError: a row cannot be used, or a picture has answers to some of its questions only; names the line.
        UsageError: `by` is no name.
    """
    who = " ".join(by.split())
    if not who or len(who) > LONGEST_NAME or not who.isprintable():
        raise UsageError("--by must name who filled it in, for instance: --by Ada")
    rows = {sheet.row(question): (sheet, question) for sheet in several for question in sheet.questions}
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    lines: dict[str, int] = {}
    by_unit = {sheet.unit.id: sheet for sheet in several}
    for number, row, said in _rows(text, name):
        if row not in rows:
            raise DataError(f"{name}, line {number}: row {row[:40]!r} is none of this run's")
        sheet, question = rows[row]
        lines.setdefault(sheet.unit.id, number)
        if not said:
            continue
        if said not in (*question.options, UNCLEAR):
            listed = ", ".join((*question.options, UNCLEAR))
            raise DataError(f"{name}, line {number}: {said[:40]!r} is none of: {listed}")
        if question.id in answers[sheet.unit.id]:
            raise DataError(f"{name}, line {number}: row {row} stands there already")
        answers[sheet.unit.id][question.id] = said
    grades, units, records = [], [], []
    for id, said in answers.items():
        sheet = by_unit[id]
        if missing := [one.text for one in sheet.questions if one.id not in said]:
            raise DataError(
                f"{name}, line {lines[id]}: of this picture {missing[0]!r:.80} is not answered; write {UNCLEAR} where "
                "you cannot tell, or leave all of its answers empty"
            )
        if sheet.known:
            unit = unit_of(sheet.unit.study, sheet.unit.version, PERSON + who, sheet.known)
            units.append(unit)
            records.append(Record(unit.id, to_json(Answers(answers=said))))
        else:
            grades.append(graded(sheet.unit, PERSON + who, Told(said), looking))
    return Filled(tuple(grades), tuple(units), tuple(records), len(lines.keys() - answers.keys()))


def _rows(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Line number, row and answer; commas, semicolons or tabs, as spreadsheets write them."""
    text = text.removeprefix("\ufeff")
    head = (lines_of(text) or [""])[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        if columns != list(COLUMNS):
            raise DataError(f"{name}, line 1: the columns must be {', '.join(COLUMNS)}, as unispect review wrote them")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(COLUMNS):
                raise DataError(f"{name}, line {reader.line_num}: {len(cells)} cells where {len(COLUMNS)} belong")
            yield reader.line_num, cells[0].strip(), cells[-1].strip()
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}") from None


def _text(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
