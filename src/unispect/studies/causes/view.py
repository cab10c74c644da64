"""Causes: what the switches of a sweep change, over trainings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Basis, Cell, Figure, Finding, Section, Series, Table, Verdict
from unispect.core.units import Entry
from unispect.metrics.means import Means
from unispect.studies.causes.effects import Effect, Estimate, estimated
from unispect.studies.causes.observed import DRAWN, GAP, MEASURES, TOLD, Sweep, Training, sweeps
from unispect.studies.decisions import above, below, beyond, family_of, settled
from unispect.studies.verdicts import SMALL, shown

EXPECTED: Mapping[tuple[str, str, str], int] = {
    ("causes", factor, measure): side
    for factor, told in (("recognition", 1), ("telling", 1), ("crowd", -1), ("learners", 1))
    for measure, side in ((TOLD, told), (GAP, -told))
}
"""Sweep, factor and measure -> the direction that docs/phase.md expects; fixed before the sweep was run."""
NAMES = {TOLD: "the share of only-drawn words that is told", GAP: "the aphasia gap of only-drawn words"}
EFFECTS, CELLS, FAILED, PLOT = "effects", "cells", "failed", "effects-plot"


def view(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    """The section; None where no sweep was run. Pure.

    Args:
        entries: finished units by study.
        cards: by the models' references.
    """
    return section(sweeps(entries, cards))


def section(every: Sequence[Sweep]) -> Section | None:
    """The section on some sweeps; see `view`."""
    if not every:
        return None
    found = settled(one for sweep in every for one in findings_of(sweep))
    return Section(
        id="causes",
        title="Causes",
        lead=(
            "Models trained anew with one switch at a time: which of them make words that are drawn come to be told? "
            "The training is the unit of inference: an effect that luck of the seed could give is none."
        ),
        findings=found,
        tables=tuple(table for table in (_effects(every), _cells(every), _failures(every)) if table.rows),
        figures=tuple(figure for sweep in every if (figure := _plot(sweep))),
        methods=(
            "An effect is the mean over the cells at a factor's second level less that over the cells at its first, "
            "every cell counting alike and every family apart; limits are over trainings (Welch and Satterthwaite over "
            f"cells). The smallest effect worth a name is {SMALL}: larger is supported where it surely lies beyond, in "
            "the direction that was expected beforehand where one was, and not supported where it surely does not. "
            "Effects of two factors are shown and decide nothing.",
            "Words of the lexicon that is drawn and, but for a switch, nothing else; chance-corrected, by likelihood. "
            "Trainings that diverge are counted and named; those that miss gates stay in.",
        ),
        caveats=(
            "In a fraction of all combinations an effect stands for the sum of those that share its column (aliases).",
            "What is said holds for further trainings of these organisms, and for no other model.",
        ),
        family=family_of(found),
        study=False,
    )


def _estimates(sweep: Sweep, measure: str, effects: Sequence[Effect]) -> list[Estimate]:
    observed = [(one.cell, one.id, one.values[measure]) for one in sweep.trainings if measure in one.values]
    return estimated(sweep.design, observed, effects)


def findings_of(sweep: Sweep) -> Iterator[Finding]:
    """What one sweep says of every factor, before verdicts are `settled`."""
    mains: list[Effect] = [(factor,) for factor in sweep.design.factors]
    for measure in (TOLD, GAP):
        for one in _estimates(sweep, measure, mains):
            (factor,) = one.effect
            first, second = sweep.design.factors[factor]
            side = EXPECTED.get((sweep.name, factor, measure), 0)
            does = {1: "raises", -1: "lowers", 0: "changes"}[side]
            inside = "; ".join(f"{block} {shown(own)}" for block, own in one.by_block.items() if block)
            lost = sum(training.failed for training in sweep.trainings)
            yield Finding(
                id=f"{sweep.name}-{factor}-{measure}",
                claim=f"{factor}: {second} instead of {first} {does} {NAMES[measure]} by more than {SMALL}.",
                verdict=Verdict.CANNOT_TELL,
                detail=f"Effect {shown(one.interval)} over {one.interval.clusters} trainings"
                f"{f' ({inside})' if inside else ''}; {lost} of {len(sweep.trainings)} trainings left no model."
                f"{_aliased(one.aliases)}{f' {one.interval.method}.' if one.interval.clusters == 0 else ''}",
                interval=one.interval,
                headline=bool(side),
                chance=0.0,
                decision={
                    1: above(one.interval, SMALL),
                    -1: below(one.interval, -SMALL),
                    0: beyond(one.interval, SMALL),
                }[side],
                basis=Basis(table=EFFECTS, row=(sweep.name, factor, measure), figure=f"{PLOT}-{sweep.name}"),
            )


def _aliased(aliases: Sequence[Effect]) -> str:
    return f" Shares its column with {', '.join(map(_named, aliases))}." if aliases else ""


def _named(effect: Effect) -> str:
    return " x ".join(effect)


def _effects(every: Sequence[Sweep]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for sweep in every:
        factors = list(sweep.design.factors)
        pairs = [(one, other) for at, one in enumerate(factors) for other in factors[at + 1 :]]
        for measure in MEASURES:
            for one in _estimates(sweep, measure.name, [*((factor,) for factor in factors), *pairs]):
                aliases = ", ".join(map(_named, one.aliases))
                rows.append((sweep.name, _named(one.effect), measure.name, one.interval, SMALL, aliases or "-"))
    return Table(
        EFFECTS,
        "Effects",
        ("sweep", "of", "on", "effect", "smallest worth a name", "cannot be told from"),
        tuple(rows),
        "Second level less first, chance-corrected; 95 % limits over trainings.",
    )


def _plot(sweep: Sweep) -> Figure | None:
    """Main effects with their limits; None where there are none."""
    mains: list[Effect] = [(factor,) for factor in sweep.design.factors]
    panels = {measure.name: tuple(_row(one) for one in _estimates(sweep, measure.name, mains)) for measure in MEASURES}
    if not any(panels.values()):
        return None
    return Figure(
        f"{PLOT}-{sweep.name}",
        f"Effects of {sweep.name}",
        "factor",
        "effect, second level less first",
        panels,
        None,
        "Bars are 95 % limits over trainings; what lies inside the shade is too small to be worth a name.",
        summary=f"What the switches of the sweep {sweep.name} change, with limits over trainings.",
        small=SMALL,
    )


def _row(one: Estimate) -> Series:
    own = one.interval
    return Series(_named(one.effect), (0.0,), (own.estimate,), (own.low,), (own.high,))


def _cells(every: Sequence[Sweep]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for sweep in every:
        for cell in sweep.design.cells:
            own = [one for one in sweep.trainings if one.cell == cell]
            ended = Counter(one.trained.outcome if one.trained else "not carried out" for one in own)
            rows.append(
                (
                    sweep.name,
                    cell.block,
                    ", ".join(f"{factor} {level}" for factor, level in cell.levels) or "-",
                    len(own),
                    ", ".join(f"{count} {outcome}" for outcome, count in ended.items()),
                    *(_mean(own, measure.name) for measure in MEASURES),
                )
            )
    return Table(
        CELLS,
        "Cells",
        ("sweep", "family", "levels", "trainings", "of which", TOLD, GAP, DRAWN),
        tuple(rows),
        "Means over trainings with 95 % limits, from three trainings on; of fewer the mean alone.",
    )


def _mean(trainings: Sequence[Training], measure: str) -> Cell:
    values = [("", one.id, [one.values[measure]]) for one in trainings if measure in one.values]
    return Means.of(values, unit="trainings").linear([[1.0]]) if values else None


def _failures(every: Sequence[Sweep]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            sweep.name,
            one.cell.block,
            ", ".join(f"{factor} {level}" for factor, level in one.cell.levels) or "-",
            "ships" if one.organism is None else one.organism,
            "-" if one.seed is None else one.seed,
            one.trained.outcome,
            one.trained.reason,
        )
        for sweep in every
        for one in sweep.trainings
        if one.trained is not None and one.trained.outcome != "trained"
    ]
    columns = ("sweep", "family", "levels", "organism", "binding seed", "outcome", "reason")
    return Table(FAILED, "Trainings that diverged or missed a gate", columns, tuple(rows))
