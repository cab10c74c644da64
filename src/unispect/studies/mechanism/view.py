"""Words by their aphasia gap against words by what the layers show: one correlation per model, teaching and measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, Finding, Interval, Section, Table, Verdict
from unispect.core.units import Entry
from unispect.metrics.association import Association, spearman
from unispect.metrics.paired import holm
from unispect.studies.curves import shown
from unispect.studies.families.measures import Left, everything_left
from unispect.studies.mechanism import doses
from unispect.studies.mechanism.words import MEASURES, Inside, Numbers, gaps

TAUGHT = ("drawing", "text", "both", "never")
LEAST_MODELS = 6
"""Models or checkpoints from which on a correlation over them is given."""


@dataclass(frozen=True)
class Pairing:
    """How gap and measure go together over words or models.

    Attributes:
        who: model, or all of them.
        over: what the items are.
        measure: of the layers.
        found: correlation, inside each way of teaching.
        items: how many.
        adjusted: p after Holm over all correlations of the section.
    """

    who: str
    over: str
    measure: Inside
    found: Association
    items: int
    adjusted: float = math.nan


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
    pairings = _adjusted(pairings)
    curves = doses.figures(models)
    if not pairings and not curves:
        return None
    tables = tuple(table for table in (_pairings(pairings), _models(models)) if table.rows)
    return Section(
        id="mechanism",
        title="From outside to inside",
        lead=(
            "Words differ in how much better they are drawn than told. Do the same words differ inside: in the entropy "
            "of prompts that hold them, or in how much replies owe to those prompts?"
        ),
        findings=tuple(_finding(one) for one in pairings),
        tables=tables,
        figures=curves,
        methods=(
            "Each word has one gap (chance-corrected drawn minus told, by likelihood) and, per measure, the mean over "
            "the held-out combinations that are named with it, all layers alike. Spearman's correlation, ranks taken "
            "inside each way of teaching; intervals from resampling words, p from permuting them, both inside each "
            "way; verdicts after Holm's correction over all correlations of this section.",
        ),
        caveats=(
            "Four words make a name, so the inside numbers of words share prompts; the permutation test treats words "
            "as exchangeable.",
            "Words taught by drawing are all told near chance, so their gaps differ by how well they are drawn and by "
            "luck: a correlation that is not found may be there.",
            "Checkpoints of one training follow each other: a correlation over them is a trend in training, not a "
            "cause.",
        ),
        study=False,
    )


def _over_words(left: Left) -> list[Pairing]:
    pairings: list[Pairing] = []
    for measure in MEASURES:
        inside = measure.read(left)
        outside = {word: gap for taught in TAUGHT for word, gap in gaps(left, taught).items()}
        strata = {word: taught for taught in TAUGHT for word in gaps(left, taught)}
        words = [word for word in outside if word in inside]
        if words:
            found = spearman(
                [outside[word] for word in words], [inside[word] for word in words], [strata[word] for word in words]
            )
            pairings.append(Pairing(left.name, "words", measure, found, len(words)))
    return pairings


def _over_models(models: Sequence[Left]) -> list[Pairing]:
    """Correlations of means over models, words taught by drawing."""
    pairings: list[Pairing] = []
    for measure in MEASURES:
        means = [pair for left in models if (pair := _means(left, measure))]
        if len(means) >= LEAST_MODELS:
            outside, inside = zip(*means, strict=True)
            pairings.append(Pairing("all models", "models", measure, spearman(outside, inside), len(means)))
    return pairings


def _means(left: Left, measure: Inside) -> tuple[float, float] | None:
    """Mean gap and mean measure of the words taught by drawing that have both."""
    outside, inside = gaps(left, "drawing"), measure.read(left)
    words = [word for word in outside if word in inside]
    if not words:
        return None
    return float(np.mean([outside[word] for word in words])), float(np.mean([inside[word] for word in words]))


def _adjusted(pairings: Sequence[Pairing]) -> list[Pairing]:
    tested = [one for one in pairings if not math.isnan(one.found.p)]
    corrected = dict(zip(map(id, tested), holm([one.found.p for one in tested]).tolist(), strict=True))
    return [replace(one, adjusted=corrected.get(id(one), math.nan)) for one in pairings]


def _finding(one: Pairing) -> Finding:
    rho = one.found.rho
    verdict = Verdict.CANNOT_TELL
    if one.adjusted <= 0.05 and rho.excludes(0):
        verdict = Verdict.SUPPORTED
    detail = f"Spearman over {one.items} {one.over}: {shown(rho)}, p = {one.found.p:.3f}, adjusted {one.adjusted:.3f}."
    if math.isnan(rho.estimate):
        verdict, detail = Verdict.NOT_APPLICABLE, f"{one.items} {one.over}: {rho.method}."
    return Finding(
        id=f"mechanism-{one.measure.id}-{one.over}-{one.who}",
        claim=f"The aphasia gap goes with the {one.measure.what}.",
        verdict=verdict,
        detail=detail,
        interval=None if math.isnan(rho.estimate) else rho,
        model=one.who if one.over == "words" else "",
        preset=one.measure.preset,
        chance=0.0,
    )


def _pairings(pairings: Sequence[Pairing]) -> Table:
    return Table(
        "mechanism-correlations",
        "Gap against layers",
        ("model", "over", "measure", "preset", "correlation", "p", "p, adjusted", "n"),
        tuple(
            (
                one.who,
                one.over,
                one.measure.what,
                str(one.measure.preset),
                None if math.isnan(one.found.rho.estimate) else one.found.rho,
                *(None if math.isnan(p) else round(p, 4) for p in (one.found.p, one.adjusted)),
                one.items,
            )
            for one in pairings
        ),
        "Spearman's rank correlation of the gap of a word (drawn minus told) with a measure of the prompts that hold "
        "it, 95 % intervals.",
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
