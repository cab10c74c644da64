"""Drawing against telling, for the words of one model that were taught in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.paired import holm
from unispect.metrics.sums import difference
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.evidence import (
    CALIBRATED,
    CHOICE,
    LEARNED,
    LIKELIHOOD,
    RAW_CHOICE,
    RECALL,
    REVERSE,
    DrawnPicture,
    Evidence,
    Telling,
)
from unispect.studies.aphasia.pictures import Pictures
from unispect.studies.aphasia.scores import Pairs, Scores
from unispect.studies.aphasia.world import World

NEVER = "never"

TELLING = (LIKELIHOOD, CALIBRATED, CHOICE, RECALL, REVERSE)
"""Ways of telling that are weighed in claims; raw lettered options are not, since a liked letter is in them."""

READABLE, LEAST = 0.95, 0.8
"""What is said of failing in some format is read where the format surely gets more than `LEAST` of real words right,
and not surely less than `READABLE`."""

_CONTROL_OF = {RAW_CHOICE: CHOICE}


@dataclass(frozen=True)
class Control:
    """What a format gets right where the answer is surely known: its control.

    Attributes:
        share: of real words told right; of no observations where it was not asked.
        chance: level of guessing.
    """

    share: Interval
    chance: float

    @property
    def asked(self) -> bool:
        return self.share.n > 0

    @property
    def reads(self) -> Verdict:
        """Whether not telling in this format may be read as not knowing."""
        if self.share.high < READABLE:
            return Verdict.NOT_SUPPORTED
        return Verdict.SUPPORTED if self.share.low > LEAST else Verdict.CANNOT_TELL

    @property
    def word(self) -> str:
        """The same in a table."""
        return {Verdict.SUPPORTED: "yes", Verdict.NOT_SUPPORTED: "no"}.get(self.reads, "cannot tell")

    @property
    def shown(self) -> Interval | None:
        """The share as a table's cell."""
        return self.share if self.asked else None

    @property
    def loss(self) -> Interval:
        """Chance-corrected share of what is known that the format loses."""
        return self.share.mapped(-1 / (1 - self.chance), 1 / (1 - self.chance))


@dataclass(frozen=True)
class Subject:
    """A model with everything it left.

    Attributes:
        world: that it was asked about.
        shown: name to show, where its id is not enough to tell it from others.
    """

    card: ModelCard
    evidence: Evidence
    world: World
    shown: str = ""

    @property
    def name(self) -> str:
        return self.shown or self.card.id

    def control(self, way: str) -> Control:
        """Real words told in the format of `way`."""
        told = self.told((REAL,), _CONTROL_OF.get(way, way))
        return Control(scores.accuracy(told), told.chance)

    def told(self, lexicons: tuple[str, ...], way: str) -> Scores:
        """What it told of the words of some lexicons."""
        return self.evidence.once(
            ("told", lexicons, way), lambda: scores.tell_scores(self._tellings(lexicons, way), self.world)
        )

    def drawn(self, lexicons: tuple[str, ...], task: str) -> Scores:
        """What it drew in the words of some lexicons, from one kind of prompt."""
        return self.evidence.once(
            ("drawn", lexicons, task), lambda: scores.draw_scores(self.drawings(lexicons, task), self.world)
        )

    def pictures(self, lexicons: tuple[str, ...], task: str) -> Pictures:
        """The same as whole pictures."""
        return self.evidence.once(("pictures", lexicons, task), lambda: Pictures.of(self.drawings(lexicons, task)))

    def drawings(self, lexicons: tuple[str, ...], task: str) -> tuple[DrawnPicture, ...]:
        """The drawings themselves."""
        return tuple(drawing for name in lexicons for drawing in self.evidence.drawn(name, task))

    def _tellings(self, lexicons: tuple[str, ...], way: str) -> Iterator[Telling]:
        return (telling for name in lexicons for telling in self.evidence.told(name, way))


@dataclass(frozen=True)
class Comparison:
    """The words that one model was taught in one way (`taught`: "drawing", "text", "both", "never", or "real").

    Attributes:
        called: the words in words, if not as their world calls them.
        p: exact McNemar test of the pairs, Holm-adjusted over all comparisons of the report.
    """

    subject: Subject
    taught: str
    lexicons: tuple[str, ...]
    p: float = float("nan")
    called: str = ""

    @property
    def world(self) -> World:
        """That the words are of."""
        return self.subject.world

    @property
    def drawn(self) -> Scores:
        """Of new combinations."""
        return self.subject.drawn(self.lexicons, "name")

    @property
    def pictures(self) -> Pictures:
        """Whole pictures of new combinations."""
        return self.subject.pictures(self.lexicons, "name")

    @property
    def learned(self) -> Pictures:
        """The same of combinations that were learned from."""
        return self.subject.pictures(self.lexicons, LEARNED)

    def told(self, way: str = LIKELIHOOD) -> Scores:
        return self.subject.told(self.lexicons, way)

    def telling(self, way: str = LIKELIHOOD) -> Interval:
        """Chance-corrected share told."""
        if way not in self.world.chances:
            return scores.corrected(self.told(way))
        return scores.beyond(scores.accuracy(self.told(way)), self.world.chances[way])

    def gap(self, way: str = LIKELIHOOD) -> Interval:
        """Chance-corrected share drawn minus told."""
        if way in self.world.chances:
            return difference(scores.corrected(self.drawn), self.telling(way))
        return scores.gap(self.drawn, self.told(way))

    @cached_property
    def ways(self) -> tuple[str, ...]:
        """The ways in which these words were told."""
        return tuple(way for way in TELLING if self.told(way).words)

    @property
    def way(self) -> str:
        """The first of them, on whose control it depends whether telling can be read; empty if there is none."""
        return self.ways[0] if self.ways else ""

    @cached_property
    def pairs(self) -> Pairs:
        return scores.pairs(self.drawn, self.told())

    @property
    def words(self) -> str:
        """The words in words."""
        return self.called or self.world.called[self.taught]

    @property
    def heading(self) -> str:
        """Of pictures that were drawn in these words."""
        return f"{self.subject.name}: {self.words}"

    def drawings(self, task: str) -> tuple[DrawnPicture, ...]:
        """What was drawn in these words, from one kind of prompt."""
        return self.subject.drawings(self.lexicons, task)


def with_p(compared: Sequence[Comparison], tested: Callable[[Comparison], bool]) -> list[Comparison]:
    """The comparisons, with p values adjusted over those that are `tested` where both directions were asked."""
    raw = [one.pairs.p if tested(one) and one.pairs.words else np.nan for one in compared]
    adjusted = holm(raw).tolist() if raw else []
    return [replace(one, p=p) for one, p in zip(compared, adjusted, strict=True)]
