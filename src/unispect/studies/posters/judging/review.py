"""Graded items as a table for people, and their edits back: each is a grade of its own, nothing is overwritten."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.errors import DataError, UsageError
from unispect.core.texts import lines_of
from unispect.core.typed import to_json
from unispect.core.units import Entry, Grade
from unispect.studies.posters.judging.forms import SHOWN, Shown
from unispect.studies.posters.judging.reading import PERSON, Edit, Graded, Judged, graded
from unispect.studies.posters.records import EditMade, Edits

COLUMNS = (
    "row",
    "poster",
    "model",
    "sample",
    "modality",
    "grading",
    "judge",
    "statement",
    "wanted",
    "judged",
    "explanation",
    "status",
    "reason",
)
"""`judged` is what stands now, the judge's word or the last person's; a person fills in `status` and `reason`."""
LONGEST = 2000
"""Characters of a reason or a name."""
UNPARSED = "unparsed"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""What a spreadsheet would take for a formula, or hide, at the start of a cell."""


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    row: str
    grading: Graded
    item: int

    @property
    def judged(self) -> Judged:
        return self.grading.items[self.item]


@dataclass(frozen=True)
class Review:
    """What a file of edits comes to.

    Attributes:
        grades: one per grading that was edited, to be stored.
        changed: items whose status is another now.
        confirmed: items a person said the same of.
        repeated: edits that were stored before.
        absent: items of the run that the file leaves out.
    """

    grades: tuple[Grade, ...]
    changed: int
    confirmed: int
    repeated: int
    absent: int


def table(entries: Sequence[Entry]) -> str:
    """Graded replies of a run, one item a row, as CSV; controls are left out.

    Cells that a spreadsheet would run as formulas begin with an apostrophe.

    Raises:
        UsageError: nothing was graded.
    """
    lines = list(_lines(entries))
    if not lines:
        raise UsageError("no reply of this run was graded; see: unispect grade --help")
    units = {entry.unit.id: entry.unit for entry in entries}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        reply = units[line.grading.reply]
        cells = [line.row, line.grading.poster, reply.model, reply.seed, reply.kind, line.grading.grading]
        cells += [line.grading.judge, line.judged.statement, "yes" if line.judged.wanted else "no"]
        cells += [line.judged.shown or UNPARSED, line.judged.explanation, "", ""]
        writer.writerow([_safe(str(cell)) for cell in cells])
    return file.getvalue()


def review(entries: Sequence[Entry], text: str, *, by: str, when: str, name: str) -> Review:
    """The edits in a table that came back. Rows may have another order, and may be left out.

    Args:
        entries: of the run.
        text: content of the file.
        by: who made the edits.
        when: UTC, ISO 8601.
        name: of the file, for errors.

    Raises:
        DataError: a row cannot be used; names its line. Nothing of the file is used then.
        UsageError: `by` is no name.
    """
    who = " ".join(by.split())
    if not who or len(who) > LONGEST or not who.isprintable():
        raise UsageError("--by must name who made the edits, for instance: --by Ada")
    lines = {line.row: line for line in _lines(entries)}
    edits: dict[str, list[Edit]] = defaultdict(list)
    seen: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for number, cells in _rows(text, name):
        where = f"{name}, line {number}"
        line = _line(cells, lines, seen, where)
        seen[line.row] = number
        edit = _edit(cells, line, who, when, where)
        if edit is None:
            continue
        if _stored(edit, line.judged):
            counts["repeated"] += 1
            continue
        if (said := cells["judged"]) != (line.judged.shown or UNPARSED):
            raise DataError(
                f"{where}: the status of this item was {said!r} when the table was written and is "
                f"{line.judged.shown or UNPARSED!r} now; write the table again and edit that"
            )
        counts["confirmed" if edit.before == edit.after else "changed"] += 1
        edits[line.grading.unit].append(edit)
    grades = tuple(_grades(edits, {entry.unit.id: entry for entry in entries}, who, when))
    return Review(grades, counts["changed"], counts["confirmed"], counts["repeated"], len(lines) - len(seen))


def _lines(entries: Sequence[Entry]) -> Iterator[Line]:
    for grading in graded(entries):
        if grading.about == "reply":
            for number in range(len(grading.items)):
                yield Line(f"r{grading.unit}-{number + 1}", grading, number)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of every row; commas, semicolons or tabs, as spreadsheets write them."""
    text = text.removeprefix("\ufeff")
    head = (lines_of(text) or [""])[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        missing = [column for column in COLUMNS if columns.count(column) != 1]
        if missing:
            raise DataError(
                f"{name}, line 1: the column {missing[0]!r} must be there once; edit the table that "
                "unispect review RUN --out wrote, and only its columns status and reason"
            )
        start = reader.line_num + 1
        for row in reader:
            line, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(columns):
                raise DataError(f"{name}, line {line}: {len(row)} cells where {len(columns)} belong")
            yield line, {column: _plain(cell) for column, cell in zip(columns, row, strict=True)}
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}") from None


def _line(cells: Mapping[str, str], lines: Mapping[str, Line], seen: Mapping[str, int], where: str) -> Line:
    row = cells["row"].strip()
    if row not in lines:
        raise DataError(f"{where}: row {row[:40]!r} is none of this run's; was the table written from another run?")
    if row in seen:
        raise DataError(f"{where}: row {row} stands in line {seen[row]} already")
    judged = lines[row].judged
    if _squeezed(cells["statement"]) != _squeezed(judged.statement):
        raise DataError(f"{where}: the statement of row {row} was changed; only status and reason can be edited")
    if cells["wanted"].strip() != ("yes" if judged.wanted else "no"):
        raise DataError(f"{where}: 'wanted' of row {row} was changed; only status and reason can be edited")
    return lines[row]


def _edit(cells: Mapping[str, str], line: Line, who: str, when: str, where: str) -> Edit | None:
    status, reason = cells["status"].strip(), cells["reason"].strip()
    if not status:
        if reason:
            raise DataError(f"{where}: a reason without a status; repeat {line.judged.shown or SHOWN[0]!r} to confirm")
        return None
    after = _shown(status)
    if after is None:
        raise DataError(f"{where}: unknown status {status[:40]!r}; write one of: {', '.join(SHOWN)}")
    if len(reason) > LONGEST:
        raise DataError(f"{where}: the reason has {len(reason):,} characters, at most {LONGEST:,} are kept")
    return Edit(who, when, line.item, line.judged.shown, after, reason)


def _shown(status: str) -> Shown | None:
    return next((shown for shown in SHOWN if shown == status.casefold()), None)


def _stored(edit: Edit, judged: Judged) -> bool:
    return any((old.by, old.after, old.reason) == (edit.by, edit.after, edit.reason) for old in judged.edits)


def _grades(edits: Mapping[str, Sequence[Edit]], entries: Mapping[str, Entry], who: str, when: str) -> Iterable[Grade]:
    """One grade per grading that was edited, under a name nobody used: a judge's first word on a record stands."""
    for unit, own in edits.items():
        number = 1 + sum(judge.startswith(PERSON) for judge in entries[unit].grades)
        listed = [EditMade(item=one.item, before=one.before, after=one.after, reason=one.reason) for one in own]
        payload = to_json(Edits(by=who, when=when, number=number, edits=listed))
        yield Grade(unit, f"{PERSON}{who}" + (f" ({number})" if number > 1 else ""), payload)


def _squeezed(text: str) -> str:
    return " ".join(text.split())
