"""What the reasoning study claims of a model, decided by rules that stand in docs/studies/reasoning.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from unispect.core.findings import Basis, Bearing, Decision, Finding, Verdict
from unispect.studies.decisions import above, given
from unispect.studies.reasoning.moving import LEAST_READ, carried
from unispect.studies.reasoning.observed import DRAW, SPELLED, TELL, THINK, Seen, reasoned
from unispect.studies.reasoning.scores import corrected, eyes, failures, gap, known
from unispect.studies.verdicts import KNOWN, SMALL, percent, shown

CONDITIONS_TABLE, GAPS_TABLE, FAILURES_TABLE, EYES_TABLE = "conditions", "gaps", "failures", "eyes"
MOVED_TABLE = "moved"


def findings(models: Sequence[Seen]) -> Iterator[Finding]:
    """The claims of all models, verdicts not yet settled."""
    for seen in models:
        several = sum(one.reference == seen.reference for one in models) > 1
        suffix = f"-{seen.judge}" if several else ""
        if seen.has(DRAW):
            yield transfer(seen, suffix)
            yield follows(seen, suffix)
        if seen.has(TELL):
            yield knows(seen, suffix)
        if seen.has(SPELLED):
            yield renders(seen, suffix)
        if seen.has(THINK) and seen.has(DRAW):
            yield thinking(seen, suffix)
        if (found := own_eyes(seen, suffix)) is not None:
            yield found
    for seen in {one.reference: one for one in reversed(models)}.values():
        if (found := moved(seen)) is not None:
            yield found


def transfer(seen: Seen, suffix: str = "") -> Finding:
    """That what is known in words, and can be drawn, is not drawn from the prompt."""
    missing = [one for one in (TELL, SPELLED) if not seen.has(one)]
    if not missing and not (seen.has(TELL, other=True) and seen.has(DRAW, other=True)):
        missing = ["other prompts' texts and pictures, by which guessing is known"]
    found, rendered = known(seen), corrected(seen, SPELLED, DRAW, reasoned)
    wrong = failures(seen, reasoned)
    decision = None if missing else transfer_decision(seen)
    by_chance = "" if math.isnan(wrong.again) else f" (in another picture of the spelled prompt {percent(wrong.again)})"
    detail = (
        f"Cannot be told: not asked or not graded: {', '.join(missing)}."
        if missing
        else f"Right once spelled out less right from the prompt, of what it knows: {shown(found.lost)}. "
        f"Known {shown(found.share)}; drawn once spelled out, beyond chance, {shown(rendered)}. Of questions told "
        f"right and drawn right once spelled out, {percent(wrong.lost)} are drawn wrong from the prompt{by_chance}. "
        f"{_counted(seen)}"
    )
    return Finding(
        id=f"transfer{suffix}",
        claim="What it tells right and can draw once it is spelled out, it does not draw from the prompt.",
        verdict=Verdict.CANNOT_TELL,
        detail=detail,
        interval=None if missing else found.lost,
        model=seen.name,
        headline=True,
        chance=0.0,
        seeds=seen.seeds,
        decision=decision,
        bearing={Verdict.SUPPORTED: Bearing.APART, Verdict.NOT_SUPPORTED: Bearing.ONE},
        basis=_basis(seen, FAILURES_TABLE),
    )


def transfer_decision(seen: Seen) -> Decision:
    """That more than `SMALL` of what is known is lost; decided only if it surely knows and draws something."""
    found = known(seen)
    knows_any = above(found.share, SMALL).supported
    draws_any = above(corrected(seen, SPELLED, DRAW, reasoned), SMALL).supported
    return given(knows_any, given(draws_any, above(found.lost, SMALL)))


def follows(seen: Seen, suffix: str = "") -> Finding:
    """That pictures show more of their own prompt than of another."""
    more = gap(seen, DRAW, DRAW, other=True)
    return Finding(
        id=f"follows{suffix}",
        claim="What it draws shows more of what its own prompt asks for than of what another does.",
        verdict=Verdict.CANNOT_TELL,
        detail=f"Right of its own prompt's questions less right of another's: {shown(more)}. {_counted(seen)}",
        interval=more,
        model=seen.name,
        chance=0.0,
        seeds=seen.seeds,
        decision=above(more, 0.0),
        basis=_basis(seen, CONDITIONS_TABLE, DRAW),
    )


def knows(seen: Seen, suffix: str = "") -> Finding:
    """That most of what is asked for is told."""
    found = known(seen).share
    return Finding(
        id=f"knows{suffix}",
        claim="It tells in words most of what the pictures must show.",
        verdict=Verdict.CANNOT_TELL,
        detail=f"Right in words beyond guessing: {shown(found)}. {_counted(seen)}",
        interval=found,
        model=seen.name,
        chance=0.0,
        decision=above(found, KNOWN),
        basis=_basis(seen, CONDITIONS_TABLE, TELL),
    )


def renders(seen: Seen, suffix: str = "") -> Finding:
    """That most of what is spelled out is drawn."""
    found = corrected(seen, SPELLED, DRAW, reasoned)
    return Finding(
        id=f"renders{suffix}",
        claim="It draws most of what is asked for once the answer is spelled out.",
        verdict=Verdict.CANNOT_TELL,
        detail=f"Right beyond chance, from spelled prompts: {shown(found)}. {_counted(seen)}",
        interval=found,
        model=seen.name,
        chance=0.0,
        seeds=seen.seeds,
        decision=above(found, KNOWN),
        basis=_basis(seen, CONDITIONS_TABLE, SPELLED),
    )


def thinking(seen: Seen, suffix: str = "") -> Finding:
    """That writing first helps drawing."""
    more = gap(seen, THINK, DRAW, reasoned)
    return Finding(
        id=f"thinking{suffix}",
        claim="It draws more of what is asked for once it has written what the picture must show.",
        verdict=Verdict.CANNOT_TELL,
        detail=f"Right after writing less right from the prompt alone: {shown(more)}. {_counted(seen)}",
        interval=more,
        model=seen.name,
        chance=0.0,
        seeds=seen.seeds,
        decision=above(more, SMALL),
        basis=_basis(seen, GAPS_TABLE),
    )


def own_eyes(seen: Seen, suffix: str = "") -> Finding | None:
    """That the model sees in pictures what the grader sees; None where it did not look."""
    found = eyes(seen)
    if found is None:
        return None
    return Finding(
        id=f"own-eyes{suffix}",
        claim="Its own eyes see in its pictures what the grader sees.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Yes where the grader says yes, less yes where it says no: {shown(found.beyond)}; equal answers about its "
            f"own pictures {shown(found.agreeing)}, about pictures of other prompts {shown(found.agreeing_others)}; "
            f"it says yes to {percent(found.said_yes)}. {found.n} answers. {_counted(seen)}"
        ),
        interval=found.beyond,
        model=seen.name,
        chance=0.0,
        decision=above(found.beyond, KNOWN),
        basis=_basis(seen, EYES_TABLE),
    )


def moved(seen: Seen) -> Finding | None:
    """That telling goes on from drawing's states of a prompt as from its own; None where nothing was put anywhere.

    It bears on no headline: it was held to planted numbers, and to no model of which the truth is known.
    """
    if (found := carried(seen.moved)) is None:
        return None
    share = None if math.isnan(found.share.estimate) else found.share
    same = sum(one.same for one in seen.moved.values())
    return Finding(
        id="moved",
        claim="Telling goes on from the states that drawing has of a prompt's words as it does from its own.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Of what is told right with its own states and not with another prompt's ({shown(found.read)}, mean over "
            f"layers), drawing's states of the same words keep {'no number' if share is None else shown(share)}. "
            f"{len(seen.moved)} prompts; a prompt's own states, put there, change no likelihood in {same} of them."
        ),
        interval=share,
        model=seen.name,
        chance=0.0,
        decision=None if share is None else given(above(found.read, LEAST_READ).supported, above(share, KNOWN)),
        basis=Basis(table=MOVED_TABLE, row=(seen.name,)),
    )


def _counted(seen: Seen) -> str:
    questions = sum(len(item.checklist) for item in seen.items.values())
    return f"{len(seen.items)} prompts, {questions:,} questions, graded by {seen.judge}."


def _basis(seen: Seen, table: str, *more: str) -> Basis:
    return Basis(table=table, row=(seen.name, seen.judge, *more))
