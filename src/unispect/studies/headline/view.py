"""Does divergence inside predict that what is known is not drawn? A partial rank correlation per model and measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Basis, Finding, Interval, Section, Table, Verdict
from unispect.core.units import Entry
from unispect.metrics.association import LEAST, Association, spearman
from unispect.studies.decisions import above, family_of, settled
from unispect.studies.encoding.traces import traces_of as levels
from unispect.studies.headline.joined import Divergence, Values, encoded, failing, moved, replied
from unispect.studies.names import names_of
from unispect.studies.reasoning.observed import Seen, observed
from unispect.studies.response.traces import traces_of as replies
from unispect.studies.trainings import ALONE
from unispect.studies.verdicts import shown

LEAST_RHO = 0.1
"""Correlations up to this size count as none."""
TABLE = "headline-correlations"


@dataclass(frozen=True)
class Pairing:
    """How divergence and failure go together over prompts; `found` is None where too few can be paired."""

    seen: Seen
    divergence: Divergence
    found: Association | None
    prompts: int


def view(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    """The section that sets divergence against failures of transfer; None where no prompt has both. Pure.

    Args:
        entries: finished units by study.
        cards: by the models' references.
    """
    pairings = pairings_of(entries, cards)
    return section(pairings) if pairings else None


def pairings_of(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> list[Pairing]:
    """Of every model, judge and divergence, where a prompt has both; see `view`."""
    asked = entries.get("reasoning", ())
    pairings: list[Pairing] = []
    for seen in observed(asked, cards, names_of(asked, cards)):
        failed = failing(seen)
        for one in (*_divergences(entries, seen.reference, cards), *moved(seen)):
            paired = pair(seen, failed, one)
            if paired.prompts:
                pairings.append(paired)
    return pairings


def _divergences(
    entries: Mapping[str, Sequence[Entry]], reference: str, cards: Mapping[str, ModelCard]
) -> list[Divergence]:
    found: list[Divergence] = []
    for study, read, made in (("encoding", levels, encoded), ("response", replies, replied)):
        own = [entry for entry in entries.get(study, ()) if entry.unit.model == reference]
        if own:
            found += made(own, read(own, names_of(own, cards)))  # type: ignore[arg-type]
    return found


def pair(seen: Seen, failed: Values, one: Divergence) -> Pairing:
    """Divergence against failure over the prompts that have both, within kinds of prompts and given their lengths."""
    keys = [key for key in failed if key in one.values]
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(seen.items[key].group, []).append(key)
    kept = [(group, own) for group, own in groups.items() if len(own) >= LEAST]
    if not kept:
        return Pairing(seen, one, None, len(keys))
    inside: list[float] = []
    outside: list[float] = []
    for _, own in kept:
        lengths = [one.lengths[key] for key in own]
        inside += _given(lengths, [one.values[key] for key in own]).tolist()
        outside += _given(lengths, [failed[key] for key in own]).tolist()
    strata = [group for group, own in kept for _ in own]
    return Pairing(seen, one, spearman(outside, inside, strata, unit="prompts"), len(strata))


def _given(lengths: Sequence[float], values: Sequence[float]) -> NDArray[np.float64]:
    """What is left of the ranks of values once the ranks of lengths are taken out."""
    from scipy.stats import rankdata

    x, y = (rankdata(side) - (len(side) + 1) / 2 for side in (lengths, values))
    slope = float(x @ y) / float(x @ x) if x.any() else 0.0
    return np.round(y - slope * x, 9)


def section(pairings: Sequence[Pairing]) -> Section:
    """The section on pairings; see `view`."""
    found = settled(map(_finding, pairings))
    return Section(
        id="headline",
        title="Does divergence predict what is known and not drawn?",
        lead=(
            "arXiv 2604.10949 explains pictures that miss what the same model can say by text and pictures taking "
            "different ways through it. Then prompts on which they differ more should fail more often, where the model "
            "can draw what is meant."
        ),
        findings=found,
        tables=(_table(pairings),),
        methods=(
            "Failure: of what is drawn right once the answer is spelled out, the share drawn wrong from the prompt, "
            "over questions that take a step of reasoning; so rendering is held equal. Divergence: between the "
            "prompt's entropies in both of its templates, or between what its text reply and its picture owe to it; or "
            "how much the log-odds of its right answer fall once telling goes on from drawing's states of its words; "
            "mean over layers. Prompts of several studies are the same by the digest of what they are.",
            "Spearman's correlation within kinds of prompts, with the ranks of prompt lengths taken out of both; p and "
            "limits by permuting prompts within their kinds. Supported where it is surely above "
            f"{LEAST_RHO}, not supported where it is surely below. Kinds of fewer than {LEAST} prompts are left out. "
            "Fixed before any model was looked at.",
        ),
        caveats=(
            "A correlation over prompts is no cause: what makes a prompt hard may do both.",
            "Which prompts are in is decided by pictures of spelled prompts, which differ by chance.",
            f"Every correlation is about one model. {ALONE}",
        ),
        family=family_of(found),
        study=False,
    )


def _finding(one: Pairing) -> Finding:
    rho = one.found.rho if one.found else None
    nothing = rho is None or math.isnan(rho.estimate)
    p = "" if one.found is None or math.isnan(one.found.p) else f", p = {one.found.p:.3f} of no association at all"
    said = f"only {one.prompts} prompts have both" if rho is None else rho.method if nothing else shown(rho)
    return Finding(
        id=f"headline-{one.divergence.id}-{one.seen.judge}",
        claim=f"Divergence predicts transfer failure: prompts that differ more in {one.divergence.what} fail more.",
        verdict=Verdict.CANNOT_TELL,
        detail=f"{one.prompts} prompts: {said}{p}. Graded by {one.seen.judge}.",
        interval=None if nothing else rho,
        model=one.seen.name,
        preset=one.divergence.preset,
        chance=0.0,
        decision=None if rho is None or nothing else above(rho, LEAST_RHO),
        basis=Basis(table=TABLE, row=(one.seen.name, one.seen.judge, one.divergence.what)),
    )


def _table(pairings: Sequence[Pairing]) -> Table:
    return Table(
        TABLE,
        "Divergence against failure",
        ("model", "graded by", "divergence in", "preset", "prompts", "correlation", "p of none"),
        tuple(
            (
                one.seen.name,
                one.seen.judge,
                one.divergence.what,
                str(one.divergence.preset or "moved"),
                one.prompts,
                _number(one),
                None if one.found is None or math.isnan(one.found.p) else round(one.found.p, 4),
            )
            for one in pairings
        ),
        "Partial rank correlation within kinds of prompts, given their lengths; 95 % intervals over prompts.",
    )


def _number(one: Pairing) -> Interval | None:
    return None if one.found is None or math.isnan(one.found.rho.estimate) else one.found.rho
