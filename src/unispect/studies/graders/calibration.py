"""Known pictures as units under a grader's name, among the records of the study that it grades: how often it errs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from PIL.Image import Image

from unispect.core.typed import read_inputs, read_payload, read_settings, to_json
from unispect.core.units import JSON, Entry, Plan, Record, Unit, Upstream
from unispect.studies.graders.base import Grader
from unispect.studies.graders.known import drawn_worlds, picture_of
from unispect.studies.questions import Answers, Known, Looking, Question

KIND: Final = "calibrate"
"""Kind of the units that hold a known picture."""
PROTOCOL: Final = 1
"""Raised whenever how known pictures are asked about changes."""
PICTURES: Final = 40
"""Known pictures that a grader is shown unless the user says otherwise."""


@dataclass(frozen=True, kw_only=True)
class AskedOf:
    """A question, as a unit holds it."""

    id: str
    text: str
    options: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class KnownInputs:
    """Inputs of `calibrate`; see `Known`."""

    source: str
    picture: Mapping[str, Any]
    questions: Sequence[AskedOf]
    answers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings:
    """Settings of `calibrate`."""

    protocol: int


@dataclass(frozen=True)
class Recognised:
    """What a grader said of a known picture.

    Attributes:
        grader: its name.
        source: of the picture.
        picture: the unit.
        questions: that were asked.
        answers: question -> what it said; missing where nothing could be read.
        right: question -> the right answer.
    """

    grader: str
    source: str
    picture: str
    questions: tuple[Question, ...]
    answers: Mapping[str, str]
    right: Mapping[str, str]


def known_of(
    looking: Looking, entries: Sequence[Entry], data: str, count: int, more: Iterable[Known] = ()
) -> list[Known]:
    """The first `count` known pictures of a study, and a user's behind them.

    Raises:
        DataError: a study's own pictures cannot be found again.
    """
    own = looking.known(entries, data) if looking.known else drawn_worlds()
    return [*islice(own, count), *more]


def plan(study: str, version: int, grader: str, known: Iterable[Known]) -> Plan:
    """One unit per known picture.

    Raises:
        UsageError: there is none.
    """
    return Plan((tuple(unit_of(study, version, grader, one) for one in known),))


def unit_of(study: str, version: int, grader: str, known: Known) -> Unit:
    """The unit in which a known picture is shown to a grader."""
    inputs = KnownInputs(
        source=known.source,
        picture=known.picture,
        questions=[AskedOf(id=one.id, text=one.text, options=list(one.options)) for one in known.questions],
        answers=known.answers,
    )
    settings = to_json(CalibrateSettings(protocol=PROTOCOL))
    return Unit(study, version, KIND, grader, to_json(inputs), settings, locations=known.locations)


@dataclass(frozen=True)
class Shows:
    """Who carries the units out.

    Attributes:
        grader: is shown the pictures.
        together: pictures that it is shown at the same time, in threads; changes no record.
    """

    grader: Grader
    together: int = 1

    @property
    def each(self) -> Callable[[Sequence[Unit]], Iterable[Record]]:
        """Records of units, in their order."""
        return self._several if self.together > 1 else lambda units: map(self._one, units)

    def _several(self, units: Sequence[Unit]) -> Iterator[Record]:
        with ThreadPoolExecutor(self.together) as pool:
            yield from pool.map(self._one, units)

    def _one(self, unit: Unit) -> Record:
        told = self.grader.look(_picture(unit), questions_in(unit), unit.id)
        return Record(unit.id, {**to_json(Answers(answers=told.answers)), **told.kept})


def run(shows: Shows, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """One record per unit, in their order."""
    yield from shows.each(units)


def questions_in(unit: Unit) -> tuple[Question, ...]:
    """What a unit asks, without what is right."""
    asked = read_inputs(KnownInputs, unit).questions
    return tuple(Question(id=one.id, text=one.text, options=tuple(one.options)) for one in asked)


def recognised(entries: Iterable[Entry]) -> list[Recognised]:
    """What graders said of known pictures, under the present protocol."""
    return [
        _recognised(entry)
        for entry in entries
        if entry.unit.kind == KIND
        and entry.record.status == "done"
        and read_settings(CalibrateSettings, entry.unit).protocol == PROTOCOL
    ]


def without_known(entry: Entry) -> Entry | None:
    """The entry, unless it is about a known picture: views of studies see none of these."""
    return None if entry.unit.kind == KIND else entry


def _recognised(entry: Entry) -> Recognised:
    asked, said = read_inputs(KnownInputs, entry.unit), read_payload(Answers, entry.record).answers
    return Recognised(entry.unit.model, asked.source, entry.unit.id, questions_in(entry.unit), said, asked.answers)


def _picture(unit: Unit) -> Image:
    picture: Mapping[str, JSON] = read_inputs(KnownInputs, unit).picture
    return picture_of(picture, unit.locations)
