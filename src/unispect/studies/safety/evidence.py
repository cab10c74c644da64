"""What the records of the safety study show, cell by cell, for all trainings of one model that were aligned alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.core.typed import read_grade, read_inputs, read_settings
from unispect.core.units import Entry
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.studies.answers import OfDrawing
from unispect.studies.base import RULES
from unispect.studies.safety.records import Asked, Forbidden, Graded

BEFORE = "before alignment"
STATES = {"": BEFORE, "text": "aligned by text", "text and drawing": "aligned by text and drawing"}

T = TypeVar("T")
VERDICTS = ("refused", "affirmed", "other")

Where = tuple[str, str]
"""Item and training: what observations are crossed by."""


@dataclass(frozen=True)
class Answered:
    """A request and what was answered.

    Attributes:
        where: item and training.
        prompt: what was to be drawn.
        answer: "refused", "affirmed" or "other", by rules.
        exact: it is the taught refusal and nothing else.
        judged: the same as `answer` by a chat model, or "unparsed"; empty where none was asked.
    """

    where: Where
    prompt: str
    answer: str
    exact: bool
    judged: str


@dataclass(frozen=True)
class Drawn:
    """A drawing.

    Attributes:
        where: item and training.
        case: what was drawn from, and the seed: the same for a look at the same drawing.
        unsafe: it shows what is forbidden.
        right: it shows all that its prompt stands for; None where that is not known.
        withheld: the model, shown it, says that it shows what is forbidden; None if it was not asked.
    """

    where: Where
    case: str
    unsafe: bool
    right: bool | None
    withheld: bool | None


@dataclass
class Cell:
    """Everything about the prompts of one kind."""

    name: str
    forbidden: bool
    answered: list[Answered] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    ungraded: int = 0
    lost: int = 0

    @property
    def refused(self) -> list[tuple[float, Where]]:
        return [(float(one.answer == "refused"), one.where) for one in self.answered]

    @property
    def exactly(self) -> list[tuple[float, Where]]:
        return [(float(one.exact), one.where) for one in self.answered]

    @property
    def by_judge(self) -> list[tuple[float, Where]]:
        """Refused, in the eyes of a chat model."""
        return [(float(one.judged == "refused"), one.where) for one in self.answered if one.judged in VERDICTS]

    @property
    def other(self) -> list[tuple[float, Where]]:
        """Neither refused nor affirmed."""
        return [(float(one.answer == "other"), one.where) for one in self.answered]

    @property
    def unsafe(self) -> list[tuple[float, Where]]:
        return [(float(one.unsafe), one.where) for one in self.drawn]

    @property
    def right(self) -> list[tuple[float, Where]]:
        return [(float(one.right), one.where) for one in self.drawn if one.right is not None]

    def share(self, of: Callable[[Drawn], bool], among: Callable[[Drawn], bool]) -> list[tuple[float, Where]]:
        return [(float(of(one)), one.where) for one in self.drawn if among(one)]

    @property
    def refusals(self) -> Mapping[tuple[Where, str], float]:
        """Item, training and case -> share of answers that refuse."""
        found: dict[tuple[Where, str], list[float]] = defaultdict(list)
        for one in self.answered:
            found[one.where, one.prompt].append(float(one.answer == "refused"))
        return {key: sum(values) / len(values) for key, values in found.items()}


@dataclass(frozen=True)
class Group:
    """One model in one state of alignment, in all its trainings.

    Attributes:
        card: of the first training.
        aligned: as on the card.
        cells: name -> cell, in the scenario's order.
        trainings: reference of each training -> its seed.
        scenario: name.
        forbidden: in words.
        seeds: of the drawings.
    """

    card: ModelCard
    aligned: str
    cells: Mapping[str, Cell]
    trainings: Mapping[str, int | None]
    scenario: str
    forbidden: str
    seeds: tuple[int, ...]

    @property
    def state(self) -> str:
        return STATES.get(self.aligned, f"aligned by {self.aligned}")

    @property
    def name(self) -> str:
        return f"{self.card.id}, {self.state}"

    def of(self, forbidden: bool) -> list[Cell]:
        return [cell for cell in self.cells.values() if cell.forbidden is forbidden]

    @cached_property
    def known(self) -> Cell:
        """The words that alignment refuses."""
        return self.of(True)[0]

    @cached_property
    def benign(self) -> Cell | None:
        return next(iter(self.of(False)), None)


def mean(values: Sequence[tuple[float, Where]]) -> Interval:
    """Over items and trainings."""
    return crossed_mean([value for value, _ in values], _factors(values))


def difference(first: Sequence[tuple[float, Where]], second: Sequence[tuple[float, Where]]) -> Interval:
    """First mean minus second; items and trainings of equal seeds go together."""
    return crossed_difference([v for v, _ in first], _factors(first), [v for v, _ in second], _factors(second))


def _factors(values: Sequence[tuple[float, Where]]) -> Mapping[str, Sequence[str]]:
    return {"items": [item for _, (item, _) in values], "trainings": [training for _, (_, training) in values]}


def by_training(values: Sequence[tuple[float, Where]]) -> dict[str, float]:
    """Mean of every training."""
    found: dict[str, list[float]] = defaultdict(list)
    for value, (_, training) in values:
        found[training].append(value)
    return {training: sum(own) / len(own) for training, own in found.items()}


def groups_of(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> list[Group]:
    """All groups: models in the order they came, and of each first the state before alignment."""
    found: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        card = cards[entry.unit.model]
        found[card.id, read_inputs(Asked, entry.unit).scenario, card.aligned].append(entry)
    order = {key[:2]: index for index, key in reversed(list(enumerate(found)))}
    states = list(STATES)
    ranked = sorted(found, key=lambda key: (order[key[:2]], states.index(key[2]) if key[2] in states else len(states)))
    return [_group(found[key], cards) for key in ranked]


def _group(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Group:
    cells: dict[str, Cell] = {}
    withheld = {
        _case(entry): _grade(entry, lambda said: said.withheld) for entry in entries if entry.unit.kind == "look"
    }
    names = _trainings(entries, cards)
    for entry in entries:
        unit = entry.unit
        asked = read_inputs(Asked, unit)
        cell = cells.setdefault(asked.cell, Cell(asked.cell, asked.forbidden))
        if entry.record.status != "done":
            cell.lost += unit.kind != "look"
        elif unit.kind != "look" and not _is_judged(entry):
            cell.ungraded += 1
        elif unit.kind == "request":
            cell.answered.append(_answered(entry, names))
        elif unit.kind == "draw":
            cell.drawn.append(_drawn(entry, names, withheld.get(_case(entry))))
    card = cards[entries[0].unit.model]
    trainings = {unit: cards[unit].training_seed for unit in dict.fromkeys(entry.unit.model for entry in entries)}
    drawn = [entry.unit for entry in entries if entry.unit.kind == "draw"]
    forbidden = read_settings(Forbidden, drawn[0]).forbidden if drawn else "what is forbidden"
    seeds = tuple(sorted({unit.seed for unit in drawn}))
    scenario = read_inputs(Asked, entries[0].unit).scenario
    return Group(card, card.aligned, cells, trainings, scenario, forbidden, seeds)


def _trainings(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Mapping[str, str]:
    """Model -> name of its training: its seed, so that stages of one training go together; else the model itself."""
    models = dict.fromkeys(entry.unit.model for entry in entries)
    seeds = [cards[model].training_seed for model in models]
    if None in seeds or len(set(seeds)) < len(seeds):
        return {model: model for model in models}
    return {model: f"seed {cards[model].training_seed}" for model in models}


def _is_judged(entry: Entry) -> bool:
    """Somebody said something that can be read."""
    if entry.unit.kind == "request":
        return (_grade(entry, lambda said: said.answer) or _grade(entry, lambda said: said.judged)) in VERDICTS
    shows = _grade(entry, lambda said: said.shows)
    return _grade(entry, lambda said: said.values) is not None or shows in ("yes", "similar", "no")


def _case(entry: Entry) -> Hashable:
    """The drawing that a unit is about."""
    unit = entry.unit
    return read_inputs(OfDrawing, unit).drawing if unit.kind == "look" else unit.id


def _answered(entry: Entry, names: Mapping[str, str]) -> Answered:
    asked = read_inputs(Asked, entry.unit)
    judged = _grade(entry, lambda said: said.judged) or ""
    answer = _grade(entry, lambda said: said.answer) or judged
    exact = bool(_grade(entry, lambda said: said.exact))
    return Answered((asked.item, names[entry.unit.model]), asked.case, answer, exact, judged)


def _drawn(entry: Entry, names: Mapping[str, str], withheld: bool | None) -> Drawn:
    asked, forbidden = read_inputs(Asked, entry.unit), read_settings(Forbidden, entry.unit)
    where = asked.item, names[entry.unit.model]
    shown = _grade(entry, lambda said: said.values)
    if shown is not None and forbidden.attribute:
        right = shown == asked.truth if asked.truth else None
        return Drawn(where, asked.case, shown[forbidden.attribute] == forbidden.value, right, withheld)
    return Drawn(where, asked.case, _grade(entry, lambda said: said.shows) == "yes", None, withheld)


def _grade(entry: Entry, of: Callable[[Graded], T | None]) -> T | None:
    """One thing that was said: by rules where they said it, else by the first other judge."""
    judges = sorted(entry.grades, key=lambda name: (name != RULES, name))
    said = (of(read_grade(Graded, entry.grades[name])) for name in judges)
    return next((one for one in said if one is not None), None)
