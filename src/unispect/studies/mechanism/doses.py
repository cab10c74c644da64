"""Dose curves: how drawing, telling and what layers show move while words are bound, checkpoint by checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from unispect.core.findings import Figure, Interval, Preset, Series
from unispect.metrics.means import Means
from unispect.studies.concepts import scores
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.words import MEASURES, Inside, gaps

LEAST = 3
"""Checkpoints of one model from which on they are drawn as a curve."""

WAY = "drawing"
"""How the words were taught whose curve is drawn."""


def figures(models: Sequence[Left]) -> tuple[Figure, ...]:
    """What is drawn and told by steps, then the measures of each preset; none without enough checkpoints."""
    doses = {name: own for name, own in _by_model(models).items() if len(own) >= LEAST}
    if not doses:
        return ()
    outside = Figure(
        id="doses",
        title="Drawn and told, by steps of binding",
        x_label="optimiser steps",
        y_label="chance-corrected share",
        panels={name: tuple(_outside(own)) for name, own in doses.items()},
        preset=None,
        caption="Words taught by drawing; 0 is chance, 1 always right. Bands: 95 % intervals over words.",
        summary="; ".join(_summary(name, own) for name, own in doses.items()) + ".",
    )
    return outside, *(figure for preset in Preset for figure in _inside(doses, preset))


def _by_model(models: Sequence[Left]) -> Mapping[str, Sequence[Left]]:
    """Model -> its checkpoints by their steps; one that has no words taught this way is left out.

    Bindings by another recipe, seed or base are curves of their own, named after it where a model has several.
    """
    found: dict[tuple[str, str], dict[int, Left]] = {}
    for left in models:
        if left.card.bound_steps and gaps(left, WAY):
            found.setdefault((left.card.id, left.card.binding), {})[left.card.bound_steps] = left
    bindings = Counter(name for name, _ in found)
    return {
        name if bindings[name] == 1 else f"{name}, {binding}": [own[steps] for steps in sorted(own)]
        for (name, binding), own in found.items()
    }


def _outside(doses: Sequence[Left]) -> Iterator[Series]:
    readings: Mapping[str, Callable[[Left], Interval]] = {
        "drawn": lambda left: scores.corrected(left.taught[WAY].drawn),
        "told": lambda left: scores.corrected(left.taught[WAY].told()),
        "gap": lambda left: left.taught[WAY].gap(),
    }
    for label, read in readings.items():
        yield _line(label, {left.card.bound_steps: read(left) for left in doses}, dash=label == "gap")


def _inside(doses: Mapping[str, Sequence[Left]], preset: Preset) -> Iterator[Figure]:
    panels: dict[str, tuple[Series, ...]] = {}
    for name, own in doses.items():
        lines = [line for measure in MEASURES if measure.preset is preset and (line := _measured(measure, own))]
        if lines:
            panels[name] = tuple(lines)
    if panels:
        yield Figure(
            id=f"doses-{preset}",
            title=f"Layers by steps of binding, {preset} preset",
            x_label="optimiser steps",
            y_label="bits, mean over layers",
            panels=panels,
            preset=preset,
            caption="Names in words taught by drawing, and replies to them. Bands: 95 % intervals over words.",
            summary=f"Measures of layers against steps of binding for {', '.join(panels)}.",
        )


def _measured(measure: Inside, doses: Sequence[Left]) -> Series | None:
    found: dict[int, Interval] = {}
    for left in doses:
        own = gaps(left, WAY)
        values = {word: value for word, value in measure.read(left).items() if word in own}
        if values:
            rows = [("", word, [value]) for word, value in values.items()]
            found[left.card.bound_steps] = Means.of(rows, unit="words").linear([[1.0]])
    return _line(measure.what, found) if len(found) >= LEAST else None


def _line(label: str, by_steps: Mapping[int, Interval], *, dash: bool = False) -> Series:
    own = list(by_steps.values())
    return Series(
        label,
        [float(steps) for steps in by_steps],
        *([getattr(one, end) for one in own] for end in ("estimate", "low", "high")),
        dash=dash,
    )


def _summary(name: str, doses: Sequence[Left]) -> str:
    first, last = doses[0], doses[-1]
    told = [scores.corrected(left.taught[WAY].told()).estimate for left in (first, last)]
    drawn = [scores.corrected(left.taught[WAY].drawn).estimate for left in (first, last)]
    return (
        f"{name}: from {first.card.bound_steps} to {last.card.bound_steps} steps drawn goes from {drawn[0]:.2f} to "
        f"{drawn[1]:.2f}, told from {told[0]:.2f} to {told[1]:.2f}"
    )
