"""The published statements as a section of a report: a table of verdicts, and a finding each with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.core.findings import Basis, Cell, Finding, Preset, Section, Table, Verdict
from unispect.core.units import Entry
from unispect.studies.decisions import family_of, settled
from unispect.studies.statements.base import Outcome, tiny
from unispect.studies.statements.evidence import all_evidence
from unispect.studies.statements.judged import OPPOSITES, Judged, judge
from unispect.studies.statements.parts import LEAST
from unispect.studies.statements.registry import STATEMENTS
from unispect.studies.trainings import ALONE
from unispect.studies.verdicts import shown

TOGETHER = "all together"
TINY = "The same family, tiny: not the published model."


def view(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    """The section that holds the models to the published statements; None if no states were measured. Pure.

    Args:
        entries: finished units by study.
        cards: by the models' references.
    """
    models = all_evidence(entries, cards)
    if not models:
        return None
    judged = [one for statement in STATEMENTS for one in judge(statement, models)]
    found = settled(finding for one in judged for finding in _findings(one))
    verdicts = {finding.id: finding.verdict for finding in found}
    found = tuple(finding for one in judged for finding in _noted(one, found, verdicts))
    return Section(
        id="statements",
        title="What was published, asked of these models",
        lead=(
            "arXiv 2604.10949 states what the entropies of unified models look like. Here every statement is a rule, "
            "judged on the records above under each preset; a verdict that flips between presets says more about the "
            "measure than about the model."
        ),
        findings=found,
        tables=(_verdicts(judged, verdicts), _rules()),
        methods=(
            "Every statement is taken apart into linear functions of mean curves (a difference of two levels, of two "
            f"kinds at a layer), each of which is above {LEAST} where the statement holds; smaller numbers count as "
            "none, since saturated states differ in the third digit. That all hold is supported where each surely does "
            "and not supported where one surely does not (Bonferroni); sameness is an equivalence, never a difference "
            "that was not found. Limits are Student's over prompts with Satterthwaite's degrees of freedom. Kinds of "
            "prompt count alike, whatever their number of prompts, and what is said holds for more prompts of these "
            "kinds.",
            "Artefact candidates. Length: row counts alone, whatever the rows hold, give the verdict of the paper "
            "preset. Scale: half or twice the bandwidth changes it. Filler or template: only the whole input under the "
            "paper preset has the opposite verdict, and most of what it adds are repeats of one row, or not.",
        ),
        caveats=(
            "The paper prints no curves and gives no number for most of these statements; the rules are our reading of "
            "its words.",
            f"Every verdict is about one checkpoint or those that it names. {ALONE}",
            "An organism of a published family is not the published model: its verdict says what the architecture can "
            "do at that size.",
        ),
        study=False,
        family=family_of(found),
    )


def _verdicts(judged: Sequence[Judged], verdicts: Mapping[str, Verdict]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in judged:
        paper, controlled = (one.outcomes.get(preset) for preset in Preset)
        notes = [outcome.note for outcome in (paper, controlled) if outcome and _not_applicable(outcome)]
        rows.append(
            (
                one.statement.id,
                one.model or TOGETHER,
                _cell(paper, verdicts.get(_id(one, Preset.PAPER))),
                _cell(one.whole),
                _cell(controlled, verdicts.get(_id(one, Preset.CONTROLLED))),
                ", ".join(_flip(one, verdicts)) or None,
                "; ".join(dict.fromkeys(notes)) or None,
            )
        )
    return Table(
        "statements-verdicts",
        "Verdicts by statement, model and preset",
        ("statement", "model", "paper", "paper, whole input", "controlled", "artefact candidate", "why not applicable"),
        tuple(rows),
        "With the number that decides: above 0 where the statement holds. Verdicts of both presets after correction "
        "over the section; of the whole input, which is a reading beside them, at 5 % by itself.",
    )


def _rules() -> Table:
    return Table(
        "statements-rules",
        "What each statement asks",
        ("statement", "claim", "stated in", "number that is above 0 where it holds"),
        tuple((one.id, one.claim, one.source, one.statistic) for one in STATEMENTS),
    )


def _cell(outcome: Outcome | None, settled: Verdict | None = None) -> Cell:
    if outcome is None:
        return None
    number = f", {outcome.interval.estimate:+.2f}" if outcome.interval else ""
    return f"{settled or outcome.verdict}{number}"


def _id(one: Judged, preset: Preset) -> str:
    return "-".join(part for part in (one.statement.id, preset, one.model) if part)


def _flip(one: Judged, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """What the flip of a verdict may come from; empty where none flips after correction."""
    paper, controlled = (verdicts.get(_id(one, preset)) for preset in Preset)
    if {paper, controlled} == OPPOSITES:
        return one.confounds or ("length or scale",)
    whole = one.whole.verdict if one.whole else None
    return one.confounds if {whole, controlled} == OPPOSITES else ()


def _noted(one: Judged, found: Sequence[Finding], verdicts: Mapping[str, Verdict]) -> list[Finding]:
    """The findings of one statement, with what a flip may come from."""
    ids = {_id(one, preset) for preset in one.outcomes}
    flip = _flip(one, verdicts)
    note = f" The verdict flips between presets: artefact candidate, by {' and '.join(flip)}." if flip else ""
    return [replace(own, detail=own.detail + note) for own in found if own.id in ids]


def _findings(one: Judged) -> list[Finding]:
    """One per preset under which the statement could be judged."""
    found = []
    for preset, outcome in one.outcomes.items():
        if _not_applicable(outcome):
            continue
        number = f"{one.statement.statistic[0].upper()}{one.statement.statistic[1:]}"
        parts = [f"{number}: {shown(outcome.interval)}." if outcome.interval else f"{number}.", outcome.note]
        if one.card and tiny(one.card):
            parts.append(TINY)
        found.append(
            Finding(
                id=_id(one, preset),
                claim=f"{one.statement.id}: {one.statement.claim}",
                verdict=outcome.verdict,
                detail=" ".join(part for part in parts if part),
                interval=outcome.interval,
                model=one.model,
                preset=preset,
                chance=0.0 if outcome.interval else None,
                decision=outcome.decision,
                power=outcome.power,
                basis=Basis("statements-verdicts", (one.statement.id, one.model or TOGETHER)),
            )
        )
    return found


def _not_applicable(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.NOT_APPLICABLE
