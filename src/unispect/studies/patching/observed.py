"""What patched and steered runs answered, word by word, and how often it was right.

The unit of inference is the word: each gives one outcome for every patch. An attribute of k values has chance level
c = 1/k, and a chance-corrected share is (a - c) / (1 - c) of each word, averaged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.core.prompts import Goal
from unispect.core.typed import read_grade, read_inputs, read_payload, read_settings
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import VALUES
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.studies.base import RULES
from unispect.studies.names import NEVER
from unispect.studies.patching.plan import STUDY, VERSION
from unispect.studies.patching.records import (
    RANDOM,
    UNPATCHED,
    AboutWord,
    Dose,
    DrawPatched,
    DrawSteered,
    Patched,
    PatchedTelling,
    Shown,
    SteeredDrawing,
    SteeredTelling,
    TellPatched,
    TellSteered,
    picture_of,
    steered_picture,
)

Floats = NDArray[np.float64]
Cell = tuple[str, int]
"""Place and layer."""
Dosed = tuple[str, str, int, float]
"""Origin, place, layer and scale."""
Key = tuple[object, ...]
"""Names an outcome that every word has one of."""
DIRECTION = "direction"
OWN, SOURCE, BESIDE = "own", "source", "beside"
"""Which value counts as right: the word's own, that of the states put in, or those that must not change."""


@dataclass
class Outcomes:
    """Credits of words, each 1 for right, 0 for wrong or a share where answers tie.

    Attributes:
        name: of the model, to show.
        card: of the model.
        goal: what is asked of the model: telling or drawing.
        lexicon: of the words.
        words: word -> its chance level.
        credits: key -> word -> credit.
        rows: kind -> place -> fewest and most rows that were replaced.
        same: of every word, whether rows replaced by themselves changed nothing.
    """

    name: str
    card: ModelCard
    goal: Goal
    lexicon: str
    words: dict[str, float] = field(default_factory=dict)
    credits: dict[Key, dict[str, float]] = field(default_factory=dict)
    rows: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))
    same: list[bool] = field(default_factory=list)

    @property
    def taught(self) -> str:
        """How the words were taught."""
        return REAL if self.lexicon == REAL else self.card.taught.get(self.lexicon, NEVER)

    @property
    def chance(self) -> float:
        """Mean chance level of the words."""
        return float(np.mean(list(self.words.values())))

    def has(self, key: Key) -> bool:
        return key in self.credits

    def has_kind(self, kind: str) -> bool:
        """States of this kind were put into the runs."""
        return kind in self.rows

    @cached_property
    def cells(self) -> list[Cell]:
        """Places and layers that were patched."""
        return list(dict.fromkeys(cast(Cell, key[2:]) for key in self.credits if len(key) == 4))

    @property
    def origins(self) -> list[str]:
        """Goals whose prompts gave directions."""
        return list(dict.fromkeys(origin for origin, *_ in self._doses))

    def doses(self, origin: str) -> list[Dosed]:
        """Every place, layer and scale at which directions of an origin steered."""
        return [dose for dose in self._doses if dose[0] == origin]

    @cached_property
    def _doses(self) -> list[Dosed]:
        return [cast(Dosed, key[2:]) for key in self.credits if key[:2] == (DIRECTION, SOURCE)]

    def share(self, key: Key) -> Interval:
        """Mean share right, chance-corrected but for what must not change."""
        values, words, stretch = self._column(key)
        slope = float(np.mean(stretch))
        return crossed_mean(values, {"words": words}, weights=stretch).mapped(slope, 1 - slope)

    def less(self, key: Key, other: Key, theirs: Outcomes | None = None) -> Interval:
        """The share under one key less that under another, value by value; of these words, or of others' words."""
        first, words, stretch = self._column(key)
        second, others, others_stretch = (theirs or self)._column(other)
        return crossed_difference(
            first,
            {"words": words},
            second,
            {"words": others},
            first_weights=stretch,
            second_weights=others_stretch,
        ).mapped(float(np.mean(stretch)))

    def _column(self, key: Key) -> tuple[Floats, list[str], Floats]:
        own = self.credits[key]
        stretch = np.array([1.0 if BESIDE in key else 1 / (1 - self.words[word]) for word in own])
        return np.array(list(own.values())), list(own), stretch


def pooled(several: Sequence[Outcomes]) -> Outcomes:
    """Words of several lexicons as those of one, under the name of the first: their outcomes by the keys that all have.

    Raises:
        ValueError: there are none.
    """
    if not several:
        raise ValueError("no words to pool")
    first = several[0]
    if len(several) == 1:
        return first
    found = Outcomes(first.name, first.card, first.goal, first.lexicon, rows=first.rows)
    for one in several:
        found.same += one.same
        found.words |= {f"{one.lexicon} {word}": chance for word, chance in one.words.items()}
    for key in first.credits:
        if all(one.has(key) for one in several):
            found.credits[key] = {
                f"{one.lexicon} {word}": value for one in several for word, value in one.credits[key].items()
            }
    return found


@dataclass
class Model:
    """Everything of one model.

    Attributes:
        name: to show.
        card: of it.
        patched: goal and lexicon -> outcomes with the kinds, places and layers of patches for keys.
        steered: the same of steering.
    """

    name: str
    card: ModelCard
    patched: dict[tuple[Goal, str], Outcomes] = field(default_factory=dict)
    steered: dict[tuple[Goal, str], Outcomes] = field(default_factory=dict)


def observed(entries: Sequence[Entry], cards: Mapping[str, ModelCard], names: Mapping[str, str]) -> list[Model]:
    """All models; records of other versions of the study and pictures nobody graded are passed over."""
    found: dict[str, Model] = {}
    for entry in entries:
        unit = entry.unit
        if entry.record.status != "done" or (unit.study, unit.version) != (STUDY, VERSION):
            continue
        if unit.kind.endswith("-draw") and RULES not in entry.grades:
            continue
        model = found.setdefault(unit.model, Model(names[unit.model], cards[unit.model]))
        goal = Goal.IMAGE if unit.kind.endswith("-draw") else Goal.TEXT
        kept = model.patched if unit.kind.startswith("patch") else model.steered
        about = read_inputs(AboutWord, unit)
        own = kept.setdefault((goal, about.lexicon), Outcomes(model.name, model.card, goal, about.lexicon))
        word = f"{about.attribute} {about.value}"
        own.words[word] = 1 / len(VALUES[about.attribute])
        for key, value in credits_of(entry).items():
            own.credits.setdefault(key, {})[word] = value
        if unit.kind.startswith("patch"):
            _note(own, read_payload(Patched, entry.record))
    return list(found.values())


def credits_of(entry: Entry) -> dict[Key, float]:
    """What a finished, graded record got right: of every patch, or dose."""
    return dict(_CREDITS[entry.unit.kind](entry))


def _note(own: Outcomes, left: Patched) -> None:
    own.same.append(left.same)
    for kind, places in left.rows.items():
        for place, count in places.items():
            low, high = own.rows[kind].get(place, (count, count))
            own.rows[kind][place] = min(low, count), max(high, count)


def credit(scores: Sequence[float], right: int) -> float:
    """1 if the right answer has the largest likelihood, a share where several have it."""
    top = max(scores)
    return scores.count(top) ** -1 if scores[right] == top else 0.0


def _patched_telling(entry: Entry) -> Iterator[tuple[Key, float]]:
    asked, left = read_inputs(TellPatched, entry.unit), read_payload(PatchedTelling, entry.record)
    values = list(asked.answers)
    yield (UNPATCHED, OWN), credit(list(left.unpatched), values.index(asked.value))
    if aim := _aim(asked, RANDOM):
        yield (UNPATCHED, SOURCE), credit(list(left.unpatched), values.index(aim))
    for kind, places in left.told.items():
        for place, layers in places.items():
            for layer, scores in zip(left.layers, layers, strict=True):
                yield (kind, OWN, place, layer), credit(list(scores), values.index(asked.value))
                if aim := _aim(asked, kind):
                    yield (kind, SOURCE, place, layer), credit(list(scores), values.index(aim))


def _patched_drawing(entry: Entry) -> Iterator[tuple[Key, float]]:
    asked, left = read_inputs(DrawPatched, entry.unit), read_payload(Patched, entry.record)
    shown = read_grade(Shown, entry.grades[RULES]).values
    yield (UNPATCHED, OWN), float(shown[UNPATCHED][asked.attribute] == asked.value)
    if aim := _aim(asked, RANDOM):
        yield (UNPATCHED, SOURCE), float(shown[UNPATCHED][asked.attribute] == aim)
    for kind, places in left.rows.items():
        for place in places:
            for layer in left.layers:
                seen = shown[picture_of(kind, place, layer)][asked.attribute]
                yield (kind, OWN, place, layer), float(seen == asked.value)
                if aim := _aim(asked, kind):
                    yield (kind, SOURCE, place, layer), float(seen == aim)


def _aim(asked: TellPatched | DrawPatched, kind: str) -> str:
    """The value that an answer follows the states to: of random ones that of another value's states."""
    others = [one.value for one in asked.sources if one.value != asked.value and one.value in VALUES[asked.attribute]]
    if kind == RANDOM:
        return others[0] if others else ""
    return next((one.value for one in asked.sources if one.kind == kind and one.value in others), "")


def _steered_telling(entry: Entry) -> Iterator[tuple[Key, float]]:
    asked, left = read_inputs(TellSteered, entry.unit), read_payload(SteeredTelling, entry.record)
    how = read_settings(Dose, entry.unit)
    aim, kept = asked.answers.index(asked.towards), asked.beside.answers.index(asked.beside.value)
    before, beside = left.unsteered
    yield (UNPATCHED, SOURCE), credit(list(before), aim)
    yield (UNPATCHED, BESIDE), credit(list(beside), kept)
    for kind, which, right, found in (
        (DIRECTION, SOURCE, aim, left.told),
        (RANDOM, SOURCE, aim, left.random),
        (DIRECTION, BESIDE, kept, left.beside),
    ):
        for origin in how.origins:
            for place in how.places:
                for layer, doses in zip(left.layers, found[origin][place], strict=True):
                    for scale, scores in zip(how.scales, doses, strict=True):
                        yield (kind, which, origin, place, layer, scale), credit(list(scores), right)


def _steered_drawing(entry: Entry) -> Iterator[tuple[Key, float]]:
    asked, how = read_inputs(DrawSteered, entry.unit), read_settings(Dose, entry.unit)
    layers = read_payload(SteeredDrawing, entry.record).layers
    shown = read_grade(Shown, entry.grades[RULES]).values
    others = {attribute: value for attribute, value in asked.concept.items() if attribute != asked.attribute}

    def kept(seen: Mapping[str, str | None]) -> float:
        return sum(seen[attribute] == value for attribute, value in others.items()) / len(others)

    yield (UNPATCHED, SOURCE), float(shown[UNPATCHED][asked.attribute] == asked.towards)
    yield (UNPATCHED, BESIDE), kept(shown[UNPATCHED])
    for kind in (DIRECTION, RANDOM):
        for origin in how.origins:
            for place in how.places:
                for layer in layers:
                    for scale in how.scales:
                        seen = shown[steered_picture(kind, origin, place, layer, scale)]
                        at = origin, place, layer, scale
                        yield (kind, SOURCE, *at), float(seen[asked.attribute] == asked.towards)
                        if kind == DIRECTION:
                            yield (kind, BESIDE, *at), kept(seen)


_CREDITS = {
    "patch-tell": _patched_telling,
    "patch-draw": _patched_drawing,
    "steer-tell": _steered_telling,
    "steer-draw": _steered_drawing,
}
