"""How far apart the states of text and of pictures lie, and how wide each is: numbers of their own, by calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from unispect.core.findings import Cell, Figure, Interval, Preset, Series, Table
from unispect.core.typed import read_payload
from unispect.core.units import Record
from unispect.metrics.student import Error
from unispect.studies.states.records import CalibratedApart, Distance
from unispect.studies.verdicts import shown

METHOD = "jackknife over calibration prompts, Student's t, of the square"


@dataclass(frozen=True)
class Apart:
    """Of one model, for every layer.

    Attributes:
        offsets: distance between the means of both modalities, in units of the spread within; None where there is none.
        ratios: own bandwidth of text over that of pictures; None where one has none.
    """

    offsets: tuple[Interval | None, ...]
    ratios: tuple[float | None, ...]

    @property
    def sentence(self) -> str:
        """Both ends, in words; empty where nothing was measured."""
        ends = [one for one in (self.offsets[0], self.offsets[-1]) if one]
        ratios = [one for one in (self.ratios[0], self.ratios[-1]) if one]
        if len(ends) < 2:
            return ""
        bandwidths = (
            f", the width of text is {ratios[0]:.2f} and {ratios[1]:.2f} times that of pictures"
            if len(ratios) == 2
            else ""
        )
        return (
            f"Apart from entropy: the means of text and pictures lie {shown(ends[0])} spreads apart at the first and "
            f"{shown(ends[1])} at the last layer{bandwidths}."
        )


def apart_of(record: Record) -> Apart:
    """What the record of a calibration says of it."""
    given = read_payload(CalibratedApart, record)
    text, image = (given.sigma.get(modality, [None] * len(given.rows)) for modality in ("text", "image"))
    ratios = tuple(one / other if one and other else None for one, other in zip(text, image, strict=True))
    return Apart(tuple(one and _interval(one) for one in given.offset), ratios)


def _interval(one: Distance) -> Interval:
    """Of the distance, from that of its square; never below 0."""
    squared, n = one.squared, int(one.n)

    def root(value: float) -> float:
        return math.sqrt(max(0.0, value))

    if one.error is None:
        return Interval(root(squared), math.nan, math.nan, n, n, method="no interval: too few prompts", unit="prompts")
    error = Error(one.error, one.freedom)

    def limits(level: float) -> tuple[float, float]:
        low, high = error.limits(level)
        return root(squared + low), root(squared + high)

    return Interval(root(squared), *limits(0.95), n, n, method=METHOD, unit="prompts", limits=limits)


def figures(apart: Mapping[str, Apart]) -> tuple[Figure, ...]:
    """The distance by layer, models as panels; none where there is none."""
    panels = {model: (line,) for model, one in apart.items() if (line := _line(one))}
    if not panels:
        return ()
    ends = "; ".join(f"{model}: {line.y[0]:.2f} to {line.y[-1]:.2f}" for model, (line,) in panels.items())
    return (
        Figure(
            id="offset",
            title="Distance between the means of text and pictures by layer",
            x_label="layer",
            y_label="spreads",
            panels=panels,
            preset=Preset.CONTROLLED,
            caption=(
                "In units of the spread within a modality (root of the mean squared distance from its mean); 95 % "
                "band, jackknife over calibration prompts. No entropy knows of it."
            ),
            summary=f"Distance in spreads at the first and last layer. {ends}.",
        ),
    )


def tables(apart: Mapping[str, Apart]) -> tuple[Table, ...]:
    """Both ends of every model; none where there is none."""
    rows: list[tuple[Cell, ...]] = [
        (
            model,
            one.offsets[0],
            one.offsets[-1],
            *(None if ratio is None else round(ratio, 3) for ratio in (one.ratios[0], one.ratios[-1])),
        )
        for model, one in apart.items()
        if any(one.offsets)
    ]
    if not rows:
        return ()
    return (
        Table(
            "offset-controlled",
            "How far apart text and pictures lie, and how wide each is",
            ("model", "distance, layer 0", "distance, last layer", "width ratio, layer 0", "width ratio, last layer"),
            tuple(rows),
            "Distance between the means of both modalities, in units of the spread within; width ratio: own width of "
            "text over that of pictures. Both are taken out of the entropies at own widths.",
        ),
    )


def _line(one: Apart) -> Series | None:
    known = [(layer, interval) for layer, interval in enumerate(one.offsets) if interval]
    if not known:
        return None
    x, y = [layer for layer, _ in known], [interval.estimate for _, interval in known]
    if any(math.isnan(interval.low) for _, interval in known):
        return Series("distance", x, y)
    return Series("distance", x, y, [one.low for _, one in known], [one.high for _, one in known])
