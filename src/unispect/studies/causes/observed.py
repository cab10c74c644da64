"""What the trainings of a sweep left: every training's place in the design, what became of it, and what it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.cards import ModelCard
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison, Subject
from unispect.studies.aphasia.evidence import LIKELIHOOD
from unispect.studies.causes.effects import Cell, Design
from unispect.studies.families.measures import everything_left
from unispect.sweep.records import CELL, SWEEP, Place, Trained

LEXICON = "drawing"
"""Whose words are looked at: those that are only drawn, whatever else is taught beside them."""
LEFT = ("trained", "missed gates")
"""Outcomes of trainings that left a model."""


@dataclass(frozen=True)
class Measure:
    """One number of a training.

    Attributes:
        name: in tables.
        of: the number; None where it was not measured.
    """

    name: str
    of: Callable[[Subject], float | None]


@dataclass(frozen=True)
class Training:
    """A training in its place.

    Attributes:
        id: of its unit.
        cell: levels, and the family as the block.
        organism: seed by which its organism grew up; None where that ships.
        seed: of the binding; None where nothing is bound.
        trained: what became of it; None where it was not carried out yet.
        values: name of a measure -> its number.
    """

    id: str
    cell: Cell
    organism: int | None
    seed: int | None
    trained: Trained | None
    values: Mapping[str, float]

    @property
    def failed(self) -> bool:
        """It was carried out and left no model."""
        return self.trained is not None and self.trained.outcome not in LEFT


@dataclass(frozen=True)
class Sweep:
    """A sweep and its trainings.

    Attributes:
        name: of the design.
        design: its factors of two levels and all its cells.
        more: factors of more levels, which have no single effect.
        trainings: in every place; one that has two places stands there twice.
    """

    name: str
    design: Design
    more: tuple[str, ...]
    trainings: tuple[Training, ...]


def _drawn(subject: Subject) -> scores.Scores:
    return subject.drawn((LEXICON,), "name")


def _told(subject: Subject) -> scores.Scores:
    return subject.told((LEXICON,), LIKELIHOOD)


def _share(found: scores.Scores) -> float | None:
    return scores.corrected(found).estimate if found.words else None


def _gap(subject: Subject) -> float | None:
    by_word = scores.gaps(_drawn(subject), _told(subject)) if _drawn(subject).words and _told(subject).words else {}
    return sum(by_word.values()) / len(by_word) if by_word else None


TOLD, GAP, DRAWN = "told", "gap", "drawn"
MEASURES = (
    Measure(TOLD, lambda subject: _share(_told(subject))),
    Measure(GAP, _gap),
    Measure(DRAWN, lambda subject: _share(_drawn(subject))),
)
"""Chance-corrected, of the words of the lexicon, mean over words."""


def sweeps(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> list[Sweep]:
    """The sweeps whose records are there, each with what its trainings left in the concepts study.

    Args:
        entries: of finished units, by study; a sweep's own stand under `sweep.records.SWEEP`.
        cards: by the models' references.
    """
    own = entries.get(SWEEP, ())
    places = [read_inputs(Place, entry.unit) for entry in own if entry.unit.kind == CELL]
    if not places:
        return []
    trained = {entry.unit.id: read_payload(Trained, entry.record) for entry in own if entry.unit.kind != CELL}
    known = {left.card.reference: _measured(left.taught) for left in everything_left(entries, cards)}
    found = []
    for name in dict.fromkeys(place.sweep for place in places):
        members = [place for place in places if place.sweep == name]
        factors = _factors(members)
        two = {factor: levels for factor, levels in factors.items() if len(levels) == 2}
        trainings = tuple(_training(place, two, trained.get(place.training), known) for place in members)
        design = Design.of(two, dict.fromkeys(one.cell for one in trainings))
        found.append(Sweep(name, design, tuple(factor for factor in factors if factor not in two), trainings))
    return found


def _factors(places: Sequence[Place]) -> dict[str, tuple[str, ...]]:
    """Factor -> its levels, in the order in which the plan has them."""
    levels: dict[str, dict[str, None]] = {}
    for place in places:
        for factor, level in place.levels.items():
            levels.setdefault(factor, {})[level] = None
    return {factor: tuple(own) for factor, own in levels.items()}


def _training(
    place: Place, two: Mapping[str, object], trained: Trained | None, known: Mapping[str, Mapping[str, float]]
) -> Training:
    cell = Cell.of({factor: level for factor, level in place.levels.items() if factor in two}, place.family)
    values = known.get(trained.model, {}) if trained else {}
    return Training(place.training, cell, place.organism, place.binding, trained, values)


def _measured(taught: Mapping[str, Comparison]) -> dict[str, float]:
    subject = next((one.subject for one in taught.values()), None)
    return dict(_numbers(subject)) if subject else {}


def _numbers(subject: Subject) -> Iterator[tuple[str, float]]:
    for measure in MEASURES:
        if (value := measure.of(subject)) is not None:
            yield measure.name, value
