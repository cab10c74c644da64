"""What the posters study claims, and when the data support it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Finding, Interval, Verdict
from unispect.data.posters.items import Item
from unispect.metrics.intervals import wilson
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
        verdict=_verdict(score, left),
        detail=_sentences(
            _errors(model.plain, "Error of drawings", "of descriptions"), _samples(score), _left(model, DRAW, DESCRIBE)
        ),
        interval=score.over_posters if score else None,
        model=model.name,
        headline=True,
        chance=0.0,
        seeds=model.seeds,
    )


def _cure(model: Evidence) -> Finding:
    score = model.cure.gaps.get("error")
    left = model.left_out(DESCRIBE) + model.left_out(VISUALISE)
    return Finding(
        id=f"{model.name}-pictured-first",
        claim="Asked to picture the poster first, it tells it with fewer errors.",
        verdict=_verdict(score, left, sign=-1),
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


def _verdict(score: Score | None, left: float, sign: int = 1) -> Verdict:
    """Whether a difference in the direction of `sign` is surely larger than `MARGIN`, whatever was left out said."""
    if score is None:
        return Verdict.CANNOT_TELL
    low, high = sorted((sign * score.over_posters.low, sign * score.over_posters.high))
    if low - left > MARGIN:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if high + left < MARGIN else Verdict.CANNOT_TELL


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
    items = _readable(found.controls("reference"))
    if not items:
        return None
    share = wilson(sum(item.status != "CORRECT" for item in items), len(items))
    return Finding(
        id="control-reference",
        claim="The reference pictures themselves pass: a rubric's items are found as they are meant.",
        verdict=_below(share, PASSES),
        detail=f"Share of {len(items)} items that came out wrong for the very pictures they are about; at most "
        f"{percent(PASSES)} may.",
        interval=share,
        control=True,
    )


def _stranger(found: Everything) -> Finding | None:
    controls = found.controls("stranger")
    items = [item for item in _readable(controls) if item.wanted]
    if not items:
        return None
    share = wilson(sum(item.status == "CORRECT" for item in items), len(items))
    sides = []
    for modality, word in (("image", "drawings"), ("text", "descriptions")):
        own = [item for item in _readable([one for one in controls if one.modality == modality]) if item.wanted]
        if own:
            sides.append(f"{word} {percent(sum(item.status == 'CORRECT' for item in own) / len(own))}")
    return Finding(
        id="control-stranger",
        claim="Replies about another poster do not pass.",
        verdict=_below(share, FITS),
        detail=f"Share of {len(items)} wanted items that were found in a reply about another poster "
        f"({', '.join(sides)}); at most {percent(FITS)} may.",
        interval=share,
        control=True,
    )


def _readable(gradings: Sequence[Graded]) -> list[Item]:
    return [item for one in gradings for item in one.readable]


def _below(share: Interval, limit: float) -> Verdict:
    if share.high < limit:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if share.low > limit else Verdict.CANNOT_TELL


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)
