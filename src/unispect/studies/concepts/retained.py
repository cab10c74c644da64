"""Retention: whether a model that learned new words still draws real ones and knows text as its base does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unispect.core.findings import Cell, Finding, Interval, Table, Verdict
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.means import Means
from unispect.metrics.student import through
from unispect.studies.concepts import scores
from unispect.studies.concepts.comparison import Subject
from unispect.studies.verdicts import SMALL

LOST = 0.2
"""Nats per word by which text may become less likely: a perplexity a fifth higher."""

DRAWN = "real words drawn"


@dataclass(frozen=True)
class Text:
    """One text: what kind, its likelihood in nats, and its words."""

    what: str
    key: str
    nats: float
    words: int


Kept = Sequence[Text]


def kept_of(entries: Iterable[Entry]) -> Kept:
    """The texts that one model scored."""
    kept = []
    for entry in entries:
        if entry.record.status == "done" and entry.unit.kind in ("retain", "retain-seen"):
            inputs: Mapping[str, Any] = entry.unit.inputs
            payload: Mapping[str, Any] = entry.record.payload
            (answer,), (nats,) = inputs["answers"], payload["scores"]
            key = f"{inputs['question']} {answer} {inputs.get('concept', '')}"
            kept.append(Text(inputs["what"], key, -nats, len(answer.split())))
    return kept


@dataclass(frozen=True)
class Loss:
    """What one model lost against its base.

    Attributes:
        before: of the base: share of real words drawn right, or perplexity per word.
        after: of the model.
        lost: chance-corrected share, or nats per word; above 0 for a loss.
        allowed: a loss below this counts as none.
    """

    subject: Subject
    base: Subject
    what: str
    before: float
    after: Interval
    lost: Interval
    allowed: float


def retention(left: Sequence[tuple[Subject, Kept]]) -> tuple[Table, tuple[Finding, ...]]:
    """The table of all losses and a finding per model; both empty where no model stands beside its base.

    A base is the first model of the same family and name (or whose name begins the other's) that was taught no words.
    """
    losses = [loss for model in left if (base := _base(model[0], left)) for loss in _losses(model, base)]
    rows: list[tuple[Cell, ...]] = []
    for loss in losses:
        name, base = loss.subject.name, loss.base.name
        rows.append((name, base, loss.what, loss.before, loss.after, loss.lost, loss.allowed, loss.lost.n))
    table = Table(
        "retention",
        "Retention: what learning new words cost",
        ("model", "base", "what", "before", "after", "lost", "allowed", "n"),
        tuple(rows),
        "Real words drawn: share right; lost is the chance-corrected share, with 95 % intervals over "
        "words. Text, by kind: perplexity per word of answers about real words, of descriptions continued from their "
        "first sentence, and of descriptions of shown pictures, for combinations that were not learned from; lost is "
        "nats per word, with intervals over texts. Model and base are paired by word or text.",
    )
    return table, tuple(_findings(losses))


def _base(model: Subject, left: Sequence[tuple[Subject, Kept]]) -> tuple[Subject, Kept] | None:
    card = model.card
    if not card.taught:
        return None
    for other, kept in left:
        same = card.family == other.card.family and not other.card.taught
        if same and (card.id == other.card.id or card.id.startswith(f"{other.card.id}-")):
            return other, kept
    return None


def _losses(model: tuple[Subject, Kept], base: tuple[Subject, Kept]) -> Iterator[Loss]:
    (subject, kept), (other, known) = model, base
    if not (kept and known):
        return
    drawn, before = (scores.draw_scores(one.evidence.drawn(REAL)) for one in (subject, other))
    if set(drawn.words) & set(before.words):
        share = scores.accuracy(before.among(drawn.words)).estimate
        yield Loss(subject, other, DRAWN, share, scores.accuracy(drawn), scores.gap(before, drawn), SMALL)
    for what in dict.fromkeys(text.what for text in kept):
        now, then = ({text.key: text for text in texts if text.what == what} for texts in (kept, known))
        both = [key for key in now if key in then]
        if both:
            totals = np.array([[now[key].nats, then[key].nats, now[key].words] for key in both])
            texts = Means.of([("", key, row) for key, row in zip(both, totals, strict=True)], unit="texts")
            after = through(texts.smooth(lambda x: x[..., 0, 0] / x[..., 0, 2]), math.exp)
            lost = texts.smooth(lambda x: (x[..., 0, 0] - x[..., 0, 1]) / x[..., 0, 2])
            before_it = float(np.exp(totals[:, 1].sum() / totals[:, 2].sum()))
            yield Loss(subject, other, what, before_it, after, lost, LOST)


def _findings(losses: Sequence[Loss]) -> Iterator[Finding]:
    for subject in dict.fromkeys(loss.subject.card.reference for loss in losses):
        own = [loss for loss in losses if loss.subject.card.reference == subject]
        if any(loss.lost.low > loss.allowed for loss in own):
            verdict = Verdict.NOT_SUPPORTED
        elif all(loss.lost.high < loss.allowed for loss in own):
            verdict = Verdict.SUPPORTED
        else:
            verdict = Verdict.CANNOT_TELL
        worst = max(own, key=lambda loss: loss.lost.estimate / loss.allowed)
        shown = "; ".join(f"{loss.what} {loss.lost.estimate:+.2f} (allowed {loss.allowed})" for loss in own)
        yield Finding(
            id=f"{subject}-retention",
            claim=f"Learning new words cost little of what {worst.base.name} could do.",
            verdict=verdict,
            detail=f"Lost: {shown}. The interval is of what was lost most: {worst.what}.",
            interval=worst.lost,
            model=worst.subject.name,
            chance=0.0,
            seeds=worst.subject.evidence.seeds,
        )
