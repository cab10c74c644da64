"""Whether families that draw by predicting open places are more of one model than others, measure by measure.

All measures are differences between modalities: the nearer to 0, the more a model is one model. What is said of a way
of drawing is said of families that were not measured, so families are compared, not models: each by the mean of its
trainings, and ways of drawing by the spread of their families. Sizes are compared as squares without what noise adds to
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from unispect.core.findings import Basis, Decision, Finding, Interval, Verdict
from unispect.metrics.few import between_few
from unispect.studies.decisions import below
from unispect.studies.families.measures import MEASURES, Left, Measure
from unispect.studies.families.readings import Reading, size_of
from unispect.studies.trainings import ALONE, TRAININGS, several, too_few, trainings_of
from unispect.studies.verdicts import shown

KIND = "a way of drawing"
LEAST = 0.01
"""Squared bits (or shares) by which families have to be nearer to 0: what tells a size of 0.1 from none."""


def findings(models: Sequence[Left]) -> tuple[Finding, ...]:
    """One finding per measure that any model has a reading of, verdicts not yet settled."""
    read = [(measure, [reading for left in models if (reading := measure.read(left))]) for measure in MEASURES]
    return tuple(_finding(measure, readings) for measure, readings in read if readings)


def _finding(measure: Measure, readings: Sequence[Reading]) -> Finding:
    families = trainings_of(readings)
    inside = {family: own for family, own in families.items() if own[0].card.contextual}
    outside = {family: own for family, own in families.items() if not own[0].card.contextual}
    values = "; ".join(f"{one.model} {shown(one.interval)}" for one in readings)
    detail = f"{measure.what[0].upper()}{measure.what[1:]}: {values}."
    if not (inside and outside):
        kind = "predicts open places" if outside else "draws in another way"
        return _made(measure, Verdict.NOT_APPLICABLE, f"Nothing to compare: no model that can be read {kind}. {detail}")
    if reason := too_few(inside, outside, KIND):
        alone = f" {ALONE}" if any(len(own) < TRAININGS for own in families.values()) else ""
        return _made(measure, Verdict.CANNOT_TELL, f"Cannot be told from these models: {reason}{alone} {detail}")
    return _compared(measure, several(inside), several(outside), detail)


def nearer(inside: Iterable[Sequence[Reading]], outside: Iterable[Sequence[Reading]]) -> tuple[Interval, Decision]:
    """Squared size of some families' numbers minus that of others, and whether the first are nearer to 0.

    Args:
        inside: the trainings of each family.
        outside: of the others.
    """
    first, second = ([size_of(trainings).squared for trainings in side] for side in (inside, outside))
    interval = between_few(first, second, unit="families")
    return interval, below(interval, -LEAST)


def _compared(
    measure: Measure, inside: Mapping[str, Sequence[Reading]], outside: Mapping[str, Sequence[Reading]], detail: str
) -> Finding:
    interval, decision = nearer(inside.values(), outside.values())
    squares = ", ".join(
        f"{family} {size_of(own).squared:+.3f} ({len(own)} trainings)" for family, own in {**inside, **outside}.items()
    )
    made = _made(
        measure,
        Verdict.CANNOT_TELL,
        f"{detail} Squared and without what noise adds: {squares}. In {' and '.join(inside)} minus the others, mean "
        f"over families: {shown(interval, 3)}.",
    )
    return replace(made, interval=interval, decision=decision, headline=True, chance=0.0)


def _made(measure: Measure, verdict: Verdict, detail: str) -> Finding:
    basis = Basis(f"families-{measure.preset or 'outside'}")
    return Finding(f"contextual-{measure.id}", measure.claim, verdict, detail, preset=measure.preset, basis=basis)
