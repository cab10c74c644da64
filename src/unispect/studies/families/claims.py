"""Whether models that draw by predicting open places are more of one model than others, measure by measure.

Whatever is measured, a model is the more one model the nearer its number is to 0, so sizes are compared, whatever the
sign. Sizes of noisy numbers are never 0; that holds for all models alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from unispect.core.findings import Finding, Interval, Verdict
from unispect.studies.curves import shown
from unispect.studies.families.measures import MEASURES, Left, Measure
from unispect.studies.families.readings import Floats, Reading, together


def findings(models: Sequence[Left]) -> tuple[Finding, ...]:
    """One finding per measure that any model has a reading of."""
    read = [(measure, [reading for left in models if (reading := measure.read(left))]) for measure in MEASURES]
    return tuple(_finding(measure, readings) for measure, readings in read if readings)


def _finding(measure: Measure, readings: Sequence[Reading]) -> Finding:
    inside = [place for place, reading in enumerate(readings) if reading.contextual]
    outside = [place for place, reading in enumerate(readings) if not reading.contextual]
    values = "; ".join(f"{reading.model} {shown(reading.interval)}" for reading in readings)
    detail = f"{measure.what[0].upper()}{measure.what[1:]}: {values}."
    if not (inside and outside):
        kind = "predicts open places" if outside else "draws in another way"
        return _made(measure, Verdict.NOT_APPLICABLE, f"Nothing to compare: no model that can be read {kind}. {detail}")
    pairs = list(product(inside, outside))
    nearer = [_sizes(readings, [pair[0]], [pair[1]]) for pair in pairs]
    strict = [_sizes(readings, [pair[0]], [pair[1]], level=1 - 0.05 / len(pairs)) for pair in pairs]
    surely, against = sum(one.high < 0 for one in nearer), sum(one.low > 0 for one in strict)
    mean = _sizes(readings, inside, outside)
    verdict = Verdict.CANNOT_TELL
    if surely == len(pairs):
        verdict = Verdict.SUPPORTED
    elif against:
        verdict = Verdict.NOT_SUPPORTED
    return _made(
        measure,
        verdict,
        f"{detail} Size in {_named(readings, inside)} minus size in the others, mean over models: {shown(mean)}; of "
        f"{len(pairs)} pairs of models {surely} surely go the claimed way and {against} surely the other.",
        mean,
    )


def _made(measure: Measure, verdict: Verdict, detail: str, interval: Interval | None = None) -> Finding:
    return Finding(
        id=f"contextual-{measure.id}",
        claim=measure.claim,
        verdict=verdict,
        detail=detail,
        interval=interval,
        preset=measure.preset,
        headline=verdict is not Verdict.NOT_APPLICABLE,
        chance=0.0,
    )


def _sizes(
    readings: Sequence[Reading], inside: Sequence[int], outside: Sequence[int], *, level: float = 0.95
) -> Interval:
    """Mean size of the numbers of some models minus that of others."""

    def difference(numbers: Floats) -> Floats:
        sizes = np.abs(numbers)
        return sizes[..., : len(inside)].mean(axis=-1) - sizes[..., len(inside) :].mean(axis=-1)

    return together([readings[place] for place in (*inside, *outside)], difference, level=level)


def _named(readings: Sequence[Reading], places: Sequence[int]) -> str:
    return " and ".join(readings[place].model for place in places)
