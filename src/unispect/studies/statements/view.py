"""The published statements as a section of a report: a table of verdicts, and a finding each with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, Finding, Preset, Section, Table, Verdict
from unispect.core.units import Entry
from unispect.studies.curves import shown
from unispect.studies.statements.base import LEAST, Outcome, tiny
from unispect.studies.statements.evidence import all_evidence
from unispect.studies.statements.judged import Judged, judge
from unispect.studies.statements.registry import STATEMENTS

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
    return Section(
        id="statements",
        title="What was published, asked of these models",
        lead=(
            "arXiv 2604.10949 states what the entropies of unified models look like. Here every statement is a rule, "
            "judged on the records above under each preset; a verdict that flips between presets says more about the "
            "measure than about the model."
        ),
        findings=tuple(finding for one in judged for finding in _findings(one)),
        tables=(_verdicts(judged), _rules()),
        methods=(
            f"A statement is supported if the 95 % interval of its number (over prompts) lies above {LEAST}, "
            "not supported if it lies below; smaller numbers count as none, since saturated states differ in the third "
            "digit. Kinds of prompt count alike, whatever their number of prompts.",
            "Artefact candidates. Length: row counts alone, whatever the rows hold, give the verdict of the paper "
            "preset. Scale: half or twice the bandwidth changes it. Filler or template: only the whole input under the "
            "paper preset has the opposite verdict, and most of what it adds are repeats of one row, or not.",
        ),
        caveats=(
            "The paper prints no curves and gives no number for most of these statements; the rules are our reading of "
            "its words.",
            "An organism of a published family is not the published model: its verdict says what the architecture can "
            "do at that size.",
        ),
        study=False,
    )


def _verdicts(judged: Sequence[Judged]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in judged:
        paper, controlled = (one.outcomes.get(preset) for preset in Preset)
        notes = [outcome.note for outcome in (paper, controlled) if outcome and _not_applicable(outcome)]
        rows.append(
            (
                one.statement.id,
                one.model or "all together",
                _cell(paper),
                _cell(one.whole),
                _cell(controlled),
                ", ".join(one.confounds) or None,
                "; ".join(dict.fromkeys(notes)) or None,
            )
        )
    return Table(
        "statements-verdicts",
        "Verdicts by statement, model and preset",
        ("statement", "model", "paper", "paper, whole input", "controlled", "artefact candidate", "why not applicable"),
        tuple(rows),
        "With the number that decides: above 0 where the statement holds.",
    )


def _rules() -> Table:
    return Table(
        "statements-rules",
        "What each statement asks",
        ("statement", "claim", "stated in", "number that is above 0 where it holds"),
        tuple((one.id, one.claim, one.source, one.statistic) for one in STATEMENTS),
    )


def _cell(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return None
    number = f", {outcome.interval.estimate:+.2f}" if outcome.interval else ""
    return f"{outcome.verdict}{number}"


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
        if one.confounds:
            parts.append(f"The verdict flips between presets: artefact candidate, by {' and '.join(one.confounds)}.")
        found.append(
            Finding(
                id="-".join(part for part in (one.statement.id, preset, one.model) if part),
                claim=f"{one.statement.id}: {one.statement.claim}",
                verdict=outcome.verdict,
                detail=" ".join(part for part in parts if part),
                interval=outcome.interval,
                model=one.model,
                preset=preset,
                chance=0.0 if outcome.interval else None,
            )
        )
    return found


def _not_applicable(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.NOT_APPLICABLE
