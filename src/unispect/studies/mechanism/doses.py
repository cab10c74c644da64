"""Dose curves: how drawing, telling and what layers show move while words are bound, over several trainings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.findings import Figure, Interval, Preset, Series
from unispect.metrics.means import Means
from unispect.studies.aphasia import scores
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.words import MEASURES, Inside, gaps
from unispect.studies.trainings import ALONE, recipe_of

LEAST = 3
"""Checkpoints of one training from which on they are drawn as a curve, and trainings from which on it has a band."""

WAY = "drawing"
"""How the words were taught whose curve is drawn."""

Value = Callable[[Left], float | None]
"""A number of one checkpoint; None where it has none."""


@dataclass(frozen=True)
class Dose:
    """Trainings of one model by one recipe.

    Attributes:
        name: to show.
        trainings: of each, steps -> its checkpoint; steps are those that all trainings have.
    """

    name: str
    trainings: Sequence[Mapping[int, Left]]

    @property
    def steps(self) -> list[int]:
        return sorted(self.trainings[0])

    @property
    def title(self) -> str:
        """The name with the number of trainings."""
        count = len(self.trainings)
        return f"{self.name}: {count} training{'s' * (count != 1)}"

    def at(self, steps: int, value: Value) -> Interval:
        """The mean of a number over trainings; limits are over trainings, none from fewer than `LEAST`."""
        rows = [("", index, [x]) for index, own in enumerate(self.trainings) if (x := value(own[steps])) is not None]
        if not rows:
            return Interval(math.nan, math.nan, math.nan, 0, 0)
        return Means.of(rows, unit="trainings").linear([[1.0]])


def figures(models: Sequence[Left]) -> tuple[Figure, ...]:
    """What is drawn and told by steps, then the measures of each preset; none without enough checkpoints."""
    doses = _doses(models)
    if not doses:
        return ()
    outside = Figure(
        id="doses",
        title="Drawn and told, by steps of binding",
        x_label="optimiser steps",
        y_label="chance-corrected share",
        panels={dose.title: tuple(_outside(dose)) for dose in doses},
        preset=None,
        caption=f"Words taught by drawing; 0 is chance, 1 always right. {_bands(doses)}",
        summary="; ".join(_summary(dose) for dose in doses) + ".",
    )
    return outside, *(figure for preset in Preset for figure in _inside(doses, preset))


def _bands(doses: Sequence[Dose]) -> str:
    """What the bands are over, and where there are none."""
    said = []
    if any(len(dose.trainings) >= LEAST for dose in doses):
        said.append("Means over trainings; bands: 95 % intervals over trainings.")
    alone = [dose.name for dose in doses if len(dose.trainings) == 1]
    if alone:
        said.append(f"No band for {', '.join(alone)}. {ALONE}")
    two = [dose.name for dose in doses if 1 < len(dose.trainings) < LEAST]
    if two:
        said.append(f"No band for {', '.join(two)}: fewer than {LEAST} trainings.")
    return " ".join(said)


def _doses(models: Sequence[Left]) -> list[Dose]:
    """Models whose trainings have enough checkpoints in common, bindings by another recipe or base apart."""
    found: dict[tuple[str, str], dict[object, dict[int, Left]]] = defaultdict(lambda: defaultdict(dict))
    for left in models:
        if left.card.bound_steps and gaps(left, WAY):
            own = found[left.card.id, recipe_of(left.card)][left.card.training_seed]
            own.setdefault(left.card.bound_steps, left)
    names = [name for name, _ in found]
    doses = []
    for (name, recipe), trainings in found.items():
        long = [own for own in trainings.values() if len(own) >= LEAST]
        shared = set.intersection(*(set(own) for own in long)) if long else set()
        if len(shared) >= LEAST:
            kept = [{steps: own[steps] for steps in sorted(shared)} for own in long]
            doses.append(Dose(name if names.count(name) == 1 else f"{name}, {recipe}", kept))
    return doses


def _drawn(left: Left) -> float:
    return scores.corrected(left.taught[WAY].drawn).estimate


def _told(left: Left) -> float:
    return scores.corrected(left.taught[WAY].told()).estimate


def _outside(dose: Dose) -> Iterator[Series]:
    readings: Mapping[str, Value] = {
        "drawn": _drawn,
        "told": _told,
        "gap": lambda left: left.taught[WAY].gap().estimate,
    }
    for label, read in readings.items():
        yield _line(label, {steps: dose.at(steps, read) for steps in dose.steps}, dash=label == "gap")


def _inside(doses: Sequence[Dose], preset: Preset) -> Iterator[Figure]:
    panels: dict[str, tuple[Series, ...]] = {}
    for dose in doses:
        lines = [line for measure in MEASURES if measure.preset is preset and (line := _measured(measure, dose))]
        if lines:
            panels[dose.title] = tuple(lines)
    if panels:
        yield Figure(
            id=f"doses-{preset}",
            title=f"Layers by steps of binding, {preset} preset",
            x_label="optimiser steps",
            y_label="bits, mean over layers",
            panels=panels,
            preset=preset,
            caption=f"Names in words taught by drawing, and replies to them. {_bands(doses)}",
            summary=f"Measures of layers against steps of binding for {', '.join(panels)}.",
        )


def _measured(measure: Inside, dose: Dose) -> Series | None:
    def mean(left: Left) -> float | None:
        own = gaps(left, WAY)
        values = [value for word, value in measure.read(left).items() if word in own]
        return sum(values) / len(values) if values else None

    found = {steps: dose.at(steps, mean) for steps in dose.steps}
    found = {steps: one for steps, one in found.items() if not math.isnan(one.estimate)}
    return _line(measure.what, found) if len(found) >= LEAST else None


def _line(label: str, by_steps: Mapping[int, Interval], *, dash: bool = False) -> Series:
    own = list(by_steps.values())
    x, y = [float(steps) for steps in by_steps], [one.estimate for one in own]
    if any(math.isnan(one.low) for one in own):
        return Series(label, x, y, dash=dash)
    return Series(label, x, y, [one.low for one in own], [one.high for one in own], dash)


def _summary(dose: Dose) -> str:
    first, last = dose.steps[0], dose.steps[-1]
    told, drawn = ([dose.at(steps, read).estimate for steps in (first, last)] for read in (_told, _drawn))
    return (
        f"{dose.title}: from {first} to {last} steps drawn goes from {drawn[0]:.2f} to {drawn[1]:.2f}, told from "
        f"{told[0]:.2f} to {told[1]:.2f}"
    )
