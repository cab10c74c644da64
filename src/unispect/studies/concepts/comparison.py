"""Drawing against telling, for the words of one model that were taught in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.data.concepts.lexicons import LEXICONS, REAL
from unispect.metrics.paired import holm
from unispect.studies.concepts import scores
from unispect.studies.concepts.evidence import CALIBRATED, CHOICE, LIKELIHOOD, RAW_CHOICE, RECALL, Evidence
from unispect.studies.concepts.scores import Pairs, Scores

NEVER = "never"
READABLE = 0.95
"""A way of telling is read only if it gets this share of real words right: its format control."""

_CONTROL_OF = {LIKELIHOOD: LIKELIHOOD, CALIBRATED: LIKELIHOOD, CHOICE: CHOICE, RAW_CHOICE: CHOICE, RECALL: RECALL}


@dataclass(frozen=True)
class Subject:
    """A model with everything it left.

    Attributes:
        shown: name to show, where its id is not enough to tell it from others.
    """

    card: ModelCard
    evidence: Evidence
    shown: str = ""

    @property
    def name(self) -> str:
        return self.shown or self.card.id

    def control(self, way: str) -> float:
        """Share of real words told right in the format of `way`; NaN where it was not asked."""
        told = scores.tell_scores(self.evidence.told(REAL, _CONTROL_OF.get(way, way)))
        return scores.accuracy(told).estimate

    def readable(self, way: str) -> bool:
        return self.control(way) >= READABLE


@dataclass(frozen=True)
class Comparison:
    """The words that one model was taught in one way (`taught`: "drawing", "text", "both", "never", or "real").

    Attributes:
        called: the words in words, if they are not the words of a lexicon.
        p: exact McNemar test of the pairs, Holm-adjusted over all comparisons of the report.
    """

    subject: Subject
    taught: str
    lexicons: tuple[str, ...]
    p: float = float("nan")
    called: str = ""

    @cached_property
    def drawn(self) -> Scores:
        return scores.draw_scores(d for name in self.lexicons for d in self.subject.evidence.drawn(name))

    def told(self, way: str = LIKELIHOOD) -> Scores:
        return scores.tell_scores(t for name in self.lexicons for t in self.subject.evidence.told(name, way))

    def gap(self, way: str = LIKELIHOOD) -> Interval:
        return scores.gap(self.drawn, self.told(way))

    @cached_property
    def pairs(self) -> Pairs:
        return scores.pairs(self.drawn, self.told())

    @property
    def pictures(self) -> int:
        return sum(len(self.subject.evidence.drawn(name)) for name in self.lexicons)

    @property
    def words(self) -> str:
        """The words in words."""
        return self.called or _WORDS[self.taught]


_WORDS = {
    "drawing": "words taught by drawing",
    "text": "words taught by text",
    "both": "words taught both ways",
    NEVER: "words never taught",
    REAL: "real words",
}


def comparisons(subjects: Iterable[Subject]) -> list[Comparison]:
    """All groups of words of all models, taught ones first, with adjusted p values where both directions were asked."""
    found = [Comparison(subject, taught, names) for subject in subjects for taught, names in _groups(subject).items()]
    tested = [one for one in found if one.taught != REAL]
    raw = [one.pairs.p if one.pairs.words else np.nan for one in tested]
    adjusted = dict(zip(map(id, tested), holm(raw).tolist(), strict=True)) if tested else {}
    return [replace(one, p=adjusted.get(id(one), float("nan"))) for one in found]


def _groups(subject: Subject) -> Mapping[str, tuple[str, ...]]:
    """How words were taught -> the lexicons that were asked about and taught so."""
    asked = subject.evidence.lexicons
    ways: Sequence[tuple[str, str]] = [
        (subject.card.taught.get(name, NEVER), name) for name in LEXICONS if name in asked
    ]
    groups = {way: tuple(name for taught, name in ways if taught == way) for way in ("drawing", "text", "both", NEVER)}
    groups[REAL] = (REAL,) if REAL in asked else ()
    return {way: names for way, names in groups.items() if names}
