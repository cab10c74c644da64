"""What became of a run's replies on their rubrics: the judge's word, people's edits, a status to score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.typed import read_grade, read_inputs, read_payload, read_settings
from unispect.core.units import Entry
from unispect.data.posters.items import Item, Modality, Status
from unispect.studies.posters.judging.forms import Shown
from unispect.studies.posters.judging.plan import ITEMS, PROTOCOL
from unispect.studies.posters.records import About, Edits, Items, ItemsInputs, Protocol, RubricFrom, Source

PERSON = "person:"
"""Names of judges whose grades are edits begin with this; who made the edits follows."""


@dataclass(frozen=True)
class Edit:
    """What a person said of one item.

    Attributes:
        by: name of the person.
        when: UTC, ISO 8601.
        item: place on the rubric, from 0.
        before: what stood there; None where the judge could not be read.
        after: what stands there since; equal to `before` where the person confirms.
        reason: in the person's words.
    """

    by: str
    when: str
    item: int
    before: Shown | None
    after: Shown
    reason: str


@dataclass(frozen=True)
class Judged:
    """One item of one reply.

    Attributes:
        judged: what the judge said the rendition does with it; None where nothing could be read.
        explanation: of the judge.
        edits: by people, oldest first.
    """

    statement: str
    wanted: bool
    judged: Shown | None
    explanation: str
    edits: tuple[Edit, ...] = ()

    @property
    def shown(self) -> Shown | None:
        """What counts: the last person's word, else the judge's."""
        return self.edits[-1].after if self.edits else self.judged

    @property
    def edited(self) -> bool:
        """A person changed it."""
        return self.shown != self.judged

    @property
    def item(self) -> Item | None:
        """The item as scores take it; None where nothing could be read."""
        if self.shown is None:
            return None
        return Item(self.statement, self.wanted, status_of(self.wanted, self.shown), self.explanation)


@dataclass(frozen=True)
class Graded:
    """One rendition on one rubric, graded once.

    Attributes:
        unit: of the grading.
        judge: who graded.
        source: of the rubric.
        rubric: unit of the rubric.
        poster: whose rubric it is.
        about: whose rendition it is.
        reply: unit of the reply; empty for the reference picture.
        modality: of the rendition.
        grading: number of the grading.
        items: the whole rubric, in its order.
        outcome: of the judge's answer.
        answered_by: the model, in the provider's words.
    """

    unit: str
    judge: str
    source: Source
    rubric: str
    poster: str
    about: About
    reply: str
    modality: Modality
    grading: int
    items: tuple[Judged, ...]
    outcome: str
    answered_by: str

    @property
    def readable(self) -> tuple[Item, ...]:
        """Its items without the unparsed ones."""
        return tuple(item for one in self.items if (item := one.item) is not None)

    @property
    def unparsed(self) -> int:
        return sum(one.shown is None for one in self.items)


def status_of(wanted: bool, shown: Shown) -> Status:
    """The status that scores know. The judge says what is shown; only here it meets what should be."""
    if not wanted:
        return "INCORRECT" if shown == "as stated" else "CORRECT"
    return _WANTED[shown]


_WANTED: Mapping[Shown, Status] = {"as stated": "CORRECT", "otherwise": "INCORRECT", "not shown": "MISSING"}


def graded(entries: Iterable[Entry]) -> list[Graded]:
    """Every grading under the present protocol, in the order of planning."""
    return [
        _graded(entry)
        for entry in entries
        if entry.unit.kind == ITEMS
        and entry.record.status == "done"
        and read_settings(Protocol, entry.unit).protocol == PROTOCOL
    ]


def edits_of(entry: Entry) -> Iterator[Edit]:
    """People's edits of one grading, oldest first."""
    found: list[tuple[int, Edit]] = []
    for judge, grade in entry.grades.items():
        if judge.startswith(PERSON):
            made = read_grade(Edits, grade)
            found += [
                (made.number, Edit(made.by, made.when, one.item, one.before, one.after, one.reason))
                for one in made.edits
            ]
    yield from (edit for _, edit in sorted(found, key=lambda pair: pair[0]))


def _graded(entry: Entry) -> Graded:
    unit, left = entry.unit, read_payload(Items, entry.record)
    edits: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits_of(entry):
        edits[edit.item].append(edit)
    items = tuple(
        Judged(one.statement, one.wanted, one.status, one.explanation, tuple(edits[number]))
        for number, one in enumerate(left.items)
    )
    asked = read_inputs(ItemsInputs, unit)
    return Graded(
        unit=unit.id,
        judge=unit.model,
        source=read_settings(RubricFrom, unit).source,
        rubric=asked.rubric,
        poster=asked.poster,
        about=asked.about,
        reply=asked.reply,
        modality=asked.modality,
        grading=unit.seed,
        items=items,
        outcome=left.answer.outcome,
        answered_by=left.answer.answered_by,
    )


def primary(gradings: Sequence[Graded]) -> tuple[str, Source] | None:
    """Judge and source of rubrics that scores rest on: those that graded a reply first. Judges are never averaged."""
    for one in gradings:
        if one.about == "reply":
            return one.judge, one.source
    return None
