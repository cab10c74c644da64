"""Retention: whether a model that learned new words still draws real ones and knows text as its base does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unispect.core.findings import Cell, Finding, Interval, Table, Verdict
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import VALUES
from unispect.metrics.means import Means
from unispect.metrics.student import through
from unispect.studies.answers import Scores
from unispect.studies.aphasia.comparison import Subject
from unispect.studies.aphasia.pictures import WHOLE, Pictures, lost, lost_of_words
from unispect.studies.concepts.records import RetainInputs
from unispect.studies.decisions import below, power
from unispect.studies.verdicts import SMALL, percent
from unispect.studies.weighing import Part, weighed

LOST = 0.2
"""Nats per word by which text may become less likely: a perplexity a fifth higher."""

DRAWN = "real words drawn"

_ABOUT = {answer: attribute for attribute, values in VALUES.items() for answer in (attribute, *values)}
"""What a short answer is about: losses of one attribute must not drown in the mean over all."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text: what kind, its likelihood in nats, and its words."""

    what: str
    key: str
    nats: float
    words: int


Kept = Sequence[Text]


def text_of(entry: Entry) -> Text | None:
    """The text that a record scores; None where it is of another kind."""
    if entry.record.status != "done" or entry.unit.kind not in ("retain", "retain-seen"):
        return None
    asked = read_inputs(RetainInputs, entry.unit)
    (answer,), (nats,) = asked.answers, read_payload(Scores, entry.record).scores
    key = f"{asked.question} {answer} {asked.concept or ''}"
    about = _ABOUT.get(answer, "")
    return Text(f"{asked.what} ({about})" if about else asked.what, key, -nats, len(answer.split()))


@dataclass(frozen=True)
class Loss:
    """What one model lost against its base.

    Attributes:
        before: of the base: share of real words drawn right, or perplexity per word.
        after: of the model.
        lost: chance-corrected share, or nats per word; above 0 for a loss.
        allowed: a loss below this counts as none.
        shown: stands in the table only, since it says nothing that others do not.
    """

    subject: Subject
    base: Subject
    what: str
    before: float
    after: Interval
    lost: Interval
    allowed: float
    shown: bool = False


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
        "Real words drawn: share of pictures right in an attribute, and in all of them; lost is the chance-corrected "
        "share, with 95 % intervals over combinations. Text, by kind: perplexity per word of answers about real words, "
        "of descriptions continued from their first sentence, and of descriptions of shown pictures, for combinations "
        "that were not learned from; lost is nats per word, with intervals over texts. Model and base are paired by "
        "combination and seed, or by text.",
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
    after, before = (one.evidence.drawn(REAL) for one in (subject, other))
    drawn, drew = Pictures.of(after), Pictures.of(before)
    for attribute, loss in lost(before, after).items():
        whole = attribute == WHOLE
        then, now = (one.whole if whole else one.share(attribute) for one in (drew, drawn))
        chance = 0.0 if whole else subject.world.chance(attribute)
        corrected = loss.mapped(1 / (1 - chance))
        yield Loss(subject, other, f"{DRAWN}: {attribute}", then.estimate, now, corrected, SMALL, shown=whole)
    for what in dict.fromkeys(text.what for text in kept):
        now, then = ({text.key: text for text in texts if text.what == what} for texts in (kept, known))
        both = [key for key in now if key in then]
        if both:
            rows = [(what, key, (now[key].nats, then[key].nats, now[key].words)) for key in both]
            means = Means.of(rows, unit="texts")
            perplexity = through(means.smooth(lambda sums: sums[..., 0, 0] / sums[..., 0, 2]), math.exp)
            loss = means.smooth(lambda sums: (sums[..., 0, 0] - sums[..., 0, 1]) / sums[..., 0, 2])
            nats, words = means.whole[0, 1:]
            yield Loss(subject, other, what, float(np.exp(nats / words)), perplexity, loss, LOST)


def _findings(losses: Sequence[Loss]) -> Iterator[Finding]:
    for reference in dict.fromkeys(loss.subject.card.reference for loss in losses):
        own = [loss for loss in losses if loss.subject.card.reference == reference and not loss.shown]
        subject, base = own[0].subject, own[0].base
        required = [Part(loss.what, below(loss.lost, loss.allowed), loss.lost) for loss in own]
        found = weighed(required, _lost_words(subject, base))
        shown = "; ".join(f"{loss.what} {loss.lost.estimate:+.2f} (allowed {loss.allowed})" for loss in own)
        whole = [loss for loss in losses if loss.subject is subject and loss.shown]
        pictures = "".join(
            f" Whole pictures right: {percent(loss.before)} before, {percent(loss.after.estimate)} after."
            for loss in whole
        )
        yield Finding(
            id=f"{reference}-retention",
            claim=f"Learning new words cost little of what {base.name} could do, in every attribute of real "
            "words drawn and every kind of text.",
            verdict=Verdict.CANNOT_TELL,
            detail=" ".join([f"Lost: {shown}.{pictures}", *found.words]),
            interval=found.interval,
            model=subject.name,
            chance=0.0,
            seeds=subject.evidence.seeds,
            decision=found.decision,
            power=min((power(loss.lost, loss.allowed) for loss in own), default=math.nan),
        )


def _lost_words(subject: Subject, base: Subject) -> Iterator[str]:
    """Single words that are surely no longer drawn. Too few pictures show one to ask that each is kept."""
    for word, loss in lost_of_words(base.evidence.drawn(REAL), subject.evidence.drawn(REAL)).items():
        if loss.low > SMALL * (1 - subject.world.chance(word.attribute)):
            yield f"{DRAWN}: {word.value}"
