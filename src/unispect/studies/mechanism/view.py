"""Words by their aphasia gap against words by what the layers show: one correlation per model, teaching and measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, Finding, Interval, Section, Table, Verdict
from unispect.core.units import Entry
from unispect.metrics.association import Association, Shared, spearman
from unispect.studies.decisions import beyond, family_of, settled
from unispect.studies.families.measures import Left, everything_left
from unispect.studies.mechanism import doses
from unispect.studies.mechanism.words import MEASURES, Inside, Numbers, contrasts, gaps
from unispect.studies.trainings import ALONE, TRAININGS, several, trainings_of
from unispect.studies.verdicts import shown

TAUGHT = ("drawing", "text", "both", "never")
LEAST_MODELS = 6
"""Models from which on a correlation over them is asked for, and independent ones of them from which on it is given."""
LEAST_RHO = 0.1
"""Correlations up to this size count as none."""


@dataclass(frozen=True)
class Pairing:
    """How gap and measure go together over words or models.

    Attributes:
        who: model, or all of them.
        over: what the items are.
        measure: of the layers.
        found: correlation, inside each way of teaching.
        items: how many.
        reason: why no correlation can be given; empty if one can.
    """

    who: str
    over: str
    measure: Inside
    found: Association
    items: int
    reason: str = ""


def view(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    """The section that sets gaps against layers; None where no word has both and no doses were measured. Pure.

    Args:
        entries: finished units by study.
        cards: by the models' references.
    """
    return section([left for left in everything_left(entries, cards) if left.taught])


def section(models: Sequence[Left]) -> Section | None:
    """The section for models that were taught words; see `view`."""
    pairings = [one for left in models for one in _over_words(left)] + _over_models(models)
    found = settled(_finding(one) for one in pairings)
    curves = doses.figures(models)
    if not pairings and not curves:
        return None
    tables = tuple(table for table in (_pairings(pairings, found), _models(models)) if table.rows)
    return Section(
        id="mechanism",
        title="From outside to inside",
        lead=(
            "Words differ in how much better they are drawn than told. Do the same words differ inside: in the entropy "
            "of prompts that hold them, or in how much replies owe to those prompts?"
        ),
        findings=found,
        tables=tables,
        figures=curves,
        methods=(
            "Each word has one gap and, per measure, the mean over the held-out combinations that are named with it, "
            "all layers alike. The gap (chance-corrected drawn minus told, by likelihood) is taken beside those of the "
            "other words in the same pictures, so that what makes a combination hard to draw, for all its words, "
            "counts for nothing. Spearman's correlation, ranks taken inside each way of teaching; the unit of "
            "inference is the combination: p and limits come from giving combinations each other's numbers, in all "
            f"lexicons at once. Correlations up to {LEAST_RHO} count as none.",
            "Over models: checkpoints of one training are no independent points. Of one family each training is a "
            f"point, of several each family with {TRAININGS} trainings or more; {LEAST_MODELS} are needed.",
        ),
        caveats=(
            "A word says something here only if it stands in several of the combinations that were asked: eight "
            "combinations hold most words once or twice, so that a correlation that is not found may be there.",
            "Words taught by drawing are all told near chance, so their gaps differ by how well they are drawn and by "
            "luck.",
            f"Every correlation over words is about one model. {ALONE}",
        ),
        family=family_of(found),
        study=False,
    )


def _over_words(left: Left) -> list[Pairing]:
    everything = {measure: seen for measure in MEASURES if (seen := measure.seen(left))}
    if not everything:
        return []
    outside = {word: (gap, taught) for taught in TAUGHT for word, gap in contrasts(left, taught).items()}
    pairings: list[Pairing] = []
    for measure, seen in everything.items():
        words = list(dict.fromkeys(word for word, *_ in seen if word in outside))
        if words:
            gaps_, ways = zip(*(outside[word] for word in words), strict=True)
            found = spearman(gaps_, Shared.of(words, seen), ways, unit="combinations")
            pairings.append(Pairing(left.name, "words", measure, found, len(words)))
    return pairings


def _over_models(models: Sequence[Left]) -> list[Pairing]:
    """Correlations of means over independent models, words taught by drawing."""
    pairings: list[Pairing] = []
    for measure in MEASURES:
        means = {left.name: pair for left in models if (pair := _means(left, measure))}
        if len(means) < LEAST_MODELS:
            continue
        points, unit = _points([left for left in models if left.name in means])
        values = [np.mean([means[left.name] for left in own], axis=0) for own in points]
        if len(points) < LEAST_MODELS:
            reason = f"{len(means)} models, but {len(points)} independent {unit}; {LEAST_MODELS} are needed"
            nothing = Interval(math.nan, math.nan, math.nan, len(means), len(points), method=reason, unit=unit)
            pairings.append(
                Pairing("all models", "models", measure, Association(nothing, math.nan), len(means), reason)
            )
            continue
        outside, inside = np.array(values).T
        pairings.append(Pairing("all models", unit, measure, spearman(outside, inside, unit=unit), len(points)))
    return pairings


def _points(models: Sequence[Left]) -> tuple[list[Sequence[Left]], str]:
    """Models that stand for one point each, and what the points are."""
    families = trainings_of(models)
    if len({left.card.family for left in models}) == 1:
        return [[left] for own in families.values() for left in own], "trainings"
    return list(several(families).values()), "families"


def _means(left: Left, measure: Inside) -> tuple[float, float] | None:
    """Mean gap and mean measure of the words taught by drawing that have both."""
    outside, inside = gaps(left, "drawing"), measure.read(left)
    words = [word for word in outside if word in inside]
    if not words:
        return None
    return float(np.mean([outside[word] for word in words])), float(np.mean([inside[word] for word in words]))


def _finding(one: Pairing) -> Finding:
    rho = one.found.rho
    nothing = math.isnan(rho.estimate)
    detail = f"Spearman over {one.items} {one.over}: {shown(rho)}, p = {one.found.p:.3f} of no association at all."
    if nothing:
        detail = f"{one.items} {one.over}: {one.reason or rho.method}."
    return Finding(
        id=f"mechanism-{one.measure.id}-{one.over}-{one.who}",
        claim=f"The aphasia gap goes with the {one.measure.what}.",
        verdict=Verdict.NOT_APPLICABLE if nothing else Verdict.CANNOT_TELL,
        detail=detail,
        interval=None if nothing else rho,
        model=one.who if one.over == "words" else "",
        preset=one.measure.preset,
        chance=0.0,
        decision=None if nothing else beyond(rho, LEAST_RHO),
    )


def _pairings(pairings: Sequence[Pairing], found: Sequence[Finding]) -> Table:
    return Table(
        "mechanism-correlations",
        "Gap against layers",
        ("model", "over", "measure", "preset", "correlation", "p of none", "p, adjusted", "n"),
        tuple(
            (
                one.who,
                one.over,
                one.measure.what,
                str(one.measure.preset),
                None if math.isnan(one.found.rho.estimate) else one.found.rho,
                *(None if math.isnan(p) else round(p, 4) for p in (one.found.p, finding.adjusted)),
                one.items,
            )
            for one, finding in zip(pairings, found, strict=True)
        ),
        "Spearman's rank correlation of the gap of a word, beside the other words of the same pictures, with a measure "
        "of the prompts that hold it; 95 % intervals over combinations. p of none is of no association at all; the "
        f"adjusted one is of a correlation beyond {LEAST_RHO}, after Holm over the section.",
    )


def _models(models: Sequence[Left]) -> Table:
    """Means by model: the doses of a training, or the families of a zoo, one under the other."""
    rows: list[tuple[Cell, ...]] = []
    for left in models:
        own = gaps(left, "drawing")
        cells = [_mean_of(measure, left, own) for measure in MEASURES]
        if own and any(cell is not None for cell in cells):
            rows.append((left.name, _interval(left), *cells))
    return Table(
        "mechanism-models",
        "Words taught by drawing, by model",
        ("model", "gap", *(f"{measure.what}, {measure.preset}" for measure in MEASURES)),
        tuple(rows),
        "Means over words and layers; bits, but for the gap.",
    )


def _interval(left: Left) -> Interval:
    return left.taught["drawing"].gap()


def _mean_of(measure: Inside, left: Left, own: Numbers) -> Cell:
    inside = measure.read(left)
    values = [inside[word] for word in inside if word in own]
    return round(float(np.mean(values)), 3) if values else None
