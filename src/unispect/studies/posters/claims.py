"""What the posters study claims, and when the data support it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from unispect.core.findings import ALPHA, Bearing, Decision, Finding, Interval, Verdict
from unispect.data.posters.items import Item
from unispect.metrics.crossed import crossed_mean
from unispect.studies.decisions import below
from unispect.studies.posters.evidence import Everything, Evidence
from unispect.studies.posters.judging.reading import Graded
from unispect.studies.posters.plan import DESCRIBE, DRAW, VISUALISE
from unispect.studies.posters.scoring import Score, Scores
from unispect.studies.verdicts import percent

MARGIN = 0.05
"""Differences of error below this count as none."""
PASSES = 0.2
"""At most this share of the items may go wrong where the reference picture itself is graded ..."""
FITS = 0.5
"""... and at most this share of what is wanted may be found in a reply about another poster."""


def findings(found: Everything) -> Iterator[Finding]:
    """Per model the gap and what picturing first does to it, then the controls."""
    for model in found.models:
        if model.of(DRAW) and model.of(DESCRIBE):
            yield _gap(model)
        if model.of(DESCRIBE) and model.of(VISUALISE):
            yield _cure(model)
    if found.judge:
        yield from (control for control in (_reference(found), _stranger(found)) if control)


def _gap(model: Evidence) -> Finding:
    score = model.plain.gaps.get("error")
    left = model.left_out(DRAW) + model.left_out(DESCRIBE)
    return Finding(
        id=f"{model.name}-gap",
        claim="Told from memory, posters come out wrong more often than drawn from memory.",
        verdict=Verdict.CANNOT_TELL,
        decision=_decision(score, left),
        detail=_sentences(
            _errors(model.plain, "Error of drawings", "of descriptions"), _samples(score), _left(model, DRAW, DESCRIBE)
        ),
        interval=score.over_posters if score else None,
        model=model.name,
        headline=True,
        chance=0.0,
        seeds=model.seeds,
        bearing={Verdict.SUPPORTED: Bearing.APART},
    )


def _cure(model: Evidence) -> Finding:
    score = model.cure.gaps.get("error")
    left = model.left_out(DESCRIBE) + model.left_out(VISUALISE)
    return Finding(
        id=f"{model.name}-pictured-first",
        claim="Asked to picture the poster first, it tells it with fewer errors.",
        verdict=Verdict.CANNOT_TELL,
        decision=_decision(score, left, sign=-1),
        detail=_sentences(
            _errors(model.cure, "Error of plain descriptions", "of those pictured first"),
            _samples(score),
            _left(model, DESCRIBE, VISUALISE),
        ),
        interval=score.over_posters if score else None,
        model=model.name,
        chance=0.0,
        seeds=model.seeds,
    )


def _decision(score: Score | None, left: float, sign: int = 1) -> Decision | None:
    """That a difference in the direction of `sign` is larger than `MARGIN`, whatever was left out would have said."""
    if score is None:
        return None
    own = score.over_posters.mapped(sign)
    return Decision(own.p_above(MARGIN + left), own.p_below(MARGIN - left))


def _errors(scores: Scores, first: str, second: str) -> str:
    if not {"image", "text"} <= scores.totals.keys():
        return "Not graded yet." if not scores.totals else "Only one side was graded."
    one, two = (scores.totals[side]["error"].over_posters for side in ("image", "text"))
    tallies = scores.pooled["text"]
    return (
        f"{first} {percent(one.estimate)}, {second} {percent(two.estimate)}, {len(scores.posters)} posters; of the "
        f"latter's {tallies.items} items {tallies.errors} came out wrong: {tallies.omissions} omissions, "
        f"{tallies.minor} minor and {tallies.severe} severe hallucinations."
    )


def _samples(score: Score | None) -> str:
    if score is None:
        return ""
    own: Interval = score.over_samples
    if own.low != own.low:
        return "One sample of each: nothing is known of how much it varies when asked again."
    low, high = (f"{100 * limit:+.0f}".replace("-", "−") for limit in (own.low, own.high))
    return f"Asked again about these very posters: {low} to {high} points, by {own.clusters} samples."


def _left(model: Evidence, *kinds: str) -> str:
    left = [model.left_out(kind) for kind in kinds]
    if not any(left):
        return ""
    return (
        f"{' and '.join(percent(share) for share in left)} of the items are without a score (refused, ungraded or "
        "unparsed); the verdict counts them against itself."
    )


def _reference(found: Everything) -> Finding | None:
    share = _share(found.controls("reference"), among=lambda item: True, of=lambda item: item.status != "CORRECT")
    return share and _control(
        "control-reference",
        "The reference pictures themselves pass: a rubric's items are found as they are meant.",
        share,
        PASSES,
        f"Share of {share.n} items that came out wrong for the very pictures they are about, mean over posters; at "
        f"most {percent(PASSES)} may.",
    )


def _stranger(found: Everything) -> Finding | None:
    def fits(controls: Sequence[Graded]) -> Interval | None:
        return _share(controls, among=lambda item: item.wanted, of=lambda item: item.status == "CORRECT")

    controls = found.controls("stranger")
    share = fits(controls)
    sides = []
    for modality, word in (("image", "drawings"), ("text", "descriptions")):
        own = fits([one for one in controls if one.modality == modality])
        if own:
            sides.append(f"{word} {percent(own.estimate)}")
    return share and _control(
        "control-stranger",
        "Replies about another poster do not pass.",
        share,
        FITS,
        f"Share of {share.n} wanted items that were found in a reply about another poster ({', '.join(sides)}), mean "
        f"over posters; at most {percent(FITS)} may.",
    )


def _share(gradings: Sequence[Graded], among: Callable[[Item], bool], of: Callable[[Item], bool]) -> Interval | None:
    """Share of items, mean over posters: items of a poster share its pictures and the answers they came in."""
    items = [(one.poster, of(item)) for one in gradings for item in one.readable if among(item)]
    by_poster: dict[str, list[float]] = defaultdict(list)
    for poster, right in items:
        by_poster[poster].append(float(right))
    if not items:
        return None
    shares = [sum(own) / len(own) for own in by_poster.values()]
    return replace(crossed_mean(shares, {"posters": list(by_poster)}), n=len(items))


def _control(name: str, claim: str, share: Interval, limit: float, detail: str) -> Finding:
    """A share that must stay below a limit; not applicable with so few posters that it could not be shown to."""
    needed = math.ceil(math.log(ALPHA / 2) / math.log(1 - limit))
    decision = below(share, limit)
    few = share.clusters < needed and decision.verdict(decision.p) is not Verdict.NOT_SUPPORTED
    if few:
        detail += f" {share.clusters} posters are too few to show it, even without an error: {needed} are needed."
    return Finding(
        id=name,
        claim=claim,
        verdict=Verdict.NOT_APPLICABLE if few else Verdict.CANNOT_TELL,
        detail=detail,
        interval=share,
        control=True,
        decision=None if few else decision,
    )


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)
