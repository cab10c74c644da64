"""Cures of aphasia that need no training, each paired with plain telling of the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.findings import Cell, Decision, Finding, Interval, Table, Verdict
from unispect.metrics.paired import holm
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison, Control
from unispect.studies.aphasia.evidence import LIKELIHOOD, RECALL
from unispect.studies.aphasia.groups import doubts, unasked
from unispect.studies.aphasia.scores import Pairs, Scores
from unispect.studies.concepts.tellings import LOOKED, LOOKED_LIKELIHOOD, VISUALISED, VISUALISED_RECALL
from unispect.studies.verdicts import KNOWN, SMALL, percent

PLAIN: Mapping[str, str] = {
    LOOKED: RECALL,
    LOOKED_LIKELIHOOD: LIKELIHOOD,
    VISUALISED: LIKELIHOOD,
    VISUALISED_RECALL: RECALL,
}
"""Cure -> the plain way of telling that it is paired with."""

SOUND = 0.8
"""That a cure does not help is believed where it surely gets this share of real words right: what is drawn badly or
cannot be described cures nothing, whatever is known."""


@dataclass(frozen=True)
class Cured:
    """One cure on one group of words."""

    one: Comparison
    way: str

    @property
    def plain(self) -> Scores:
        """Of the words that were also told with the cure."""
        return self.one.told(PLAIN[self.way]).among(self.one.told(self.way).words)

    @property
    def told(self) -> Scores:
        return self.one.told(self.way).among(self.plain.words)

    @property
    def gain(self) -> Interval:
        """Chance-corrected share told with the cure minus told plainly, for words that have both."""
        return scores.gap(self.told, self.plain)

    @property
    def pairs(self) -> Pairs:
        return scores.pairs(self.told, self.plain)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the pictures that were looked at; none where nothing is drawn."""
        return self.one.subject.evidence.seeds if self.way in (LOOKED, LOOKED_LIKELIHOOD) else ()

    @property
    def control(self) -> Control:
        return self.one.subject.control(self.way)


def cures(compared: Sequence[Comparison]) -> list[Cured]:
    """Every cure that was tried, with the words it was tried on."""
    found = [Cured(one, way) for one in compared for way in PLAIN]
    return [cured for cured in found if cured.told.words and cured.plain.words]


def cure_table(compared: Sequence[Comparison]) -> Table:
    """Told with each cure against told plainly."""
    found = cures(compared)
    adjusted = holm([cured.pairs.p for cured in found]) if found else ()
    return Table(
        "cures",
        "Cures: does drawing or imagining first help to tell?",
        (
            "model",
            "words",
            "cure",
            "told plainly",
            "told with it",
            "chance",
            "gain",
            "on real words",
            "only with it",
            "only plainly",
            "p",
            "n words",
            "n judged",
            "seeds",
        ),
        tuple(_row(cured, float(p)) for cured, p in zip(found, adjusted, strict=True)),
        "Told: share right, every word counting equally, with 95 % intervals. Plainly: by "
        "likelihood, or by free recall where the cure ends in a written reply. Draw, look: the model sees the "
        "picture that it drew from four words, and describes it or is asked about each word. Visualise first: a "
        "sentence before the question asks to imagine the picture. Gain: chance-corrected. All of words that have "
        "both. Only with it: words told right more often than not with the cure and wrong without; p is the exact "
        "McNemar test of these two columns, Holm-adjusted over the table.",
    )


def _row(cured: Cured, p: float) -> tuple[Cell, ...]:
    cells = cured.pairs
    return (
        cured.one.subject.name,
        cured.one.words,
        cured.way,
        scores.accuracy(cured.plain),
        scores.accuracy(cured.told),
        cured.told.chance,
        cured.gain,
        cured.control.shown,
        cells.only_drawn,
        cells.only_told,
        p,
        cells.words,
        cured.told.asked,
        len(cured.seeds) or None,
    )


def cure_findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """Whether a cure lets words be told that were taught by drawing alone."""
    for cured in cures(compared):
        one = cured.one
        if one.taught != "drawing" or one.subject.card.planted:
            continue
        verdict, decision, why = _decided(cured)
        shares = [percent(scores.accuracy(part).estimate) for part in (cured.plain, cured.told)]
        yield Finding(
            id=f"{one.subject.card.reference}-cure-{cured.way.replace(', ', '-').replace(' ', '-')}",
            claim=f"{_CLAIMS[cured.way]} {one.words} be told.",
            verdict=verdict,
            detail=f"{why}Told right {shares[0]} plainly ({PLAIN[cured.way]}), {shares[1]} with it; chance "
            f"{percent(cured.told.chance)}, {_percent(cured.control)} on real words. Of {cured.pairs.words} words "
            f"{cured.pairs.only_drawn} are told only with it, {cured.pairs.only_told} only without.",
            interval=cured.gain,
            model=one.subject.name,
            chance=0.0,
            seeds=cured.seeds,
            decision=decision,
        )


_CLAIMS = {
    LOOKED: "Drawing them and describing the own picture lets",
    LOOKED_LIKELIHOOD: "Having the own picture before the question lets",
    VISUALISED: "Being asked to imagine the picture first (by likelihood) lets",
    VISUALISED_RECALL: "Being asked to imagine the picture first (by free recall) lets",
}


def _decided(cured: Cured) -> tuple[Verdict, Decision | None, str]:
    """What is decided, or the verdict without a decision and why.

    A gain is believed from any cure; that there is none, where the control surely allows it.
    """
    if found := doubts(cured.one):
        return Verdict.CANNOT_TELL, unasked(cured.one), f"{' '.join(found)} "
    if scores.corrected(cured.plain).low > KNOWN:
        return Verdict.NOT_APPLICABLE, None, "They are told without it: there is nothing to cure. "
    gain, sound = cured.gain, cured.control.share.low > SOUND
    why = (
        ""
        if sound
        else f"Its control does not surely get {100 * SOUND:.0f} % of real words right: no help would say nothing. "
    )
    decision = Decision(gain.p_above(SMALL), gain.p_below(SMALL) if sound else 1.0)
    return Verdict.CANNOT_TELL, decision, why


def _percent(control: Control) -> str:
    return percent(control.share.estimate) if control.asked else "not asked"
