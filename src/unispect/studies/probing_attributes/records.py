"""What units and records of the study hold, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.core.prompts import Goal

WORD, LAST, TEMPLATE, START = "word", "last of the prompt", "template behind it", "where the reply starts"
PLACES = (WORD, LAST, TEMPLATE, START)
"""Groups of positions, in the order in which they are shown.

The last token of the word; the last row of the user's text; the mean over rows of the template behind it; the row from
which the reply is generated. A model whose template ends with the user's text has no third one.
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Inputs: the same for all attributes of a goal, so that a model runs its prompts once.

    Attributes:
        goal: whose states the probe learns from.
        read: goals in whose states it reads.
        lexicons: whose words it reads.
        learned: combinations of real words that a probe of drawing learns from.
        tested: combinations that nobody learned from, drawn in the words of every lexicon.
    """

    goal: Goal
    read: Sequence[str]
    lexicons: Sequence[str]
    learned: int
    tested: int


@dataclass(frozen=True, kw_only=True)
class How:
    """Settings: what is read, and with how many control tasks."""

    attribute: str
    controls: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a probe reads at a place of the prompts of one lexicon.

    Attributes:
        place: of `PLACES`.
        goal: that the prompts are encoded for.
        lexicon: of their words.
        read: [layers][observations], the number of the value among the attribute's.
        margins: [layers][words], the mean score of the word's own value less the largest of another.
        controls: [layers][control tasks], mean over words of the share that a control's probe reads as its label.
    """

    place: str
    goal: Goal
    lexicon: str
    read: Sequence[Sequence[int]]
    margins: Sequence[Sequence[float]]
    controls: Sequence[Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What `probe` leaves.

    Attributes:
        layers: that were probed, the input of the first block counted.
        examples: that a probe learned from.
        strengths: place -> the penalty chosen at every layer.
        folds: place -> the share read right of examples in other folds, at every layer.
        readings: of every place, goal and lexicon.
    """

    layers: int
    examples: int
    strengths: Mapping[str, Sequence[float]]
    folds: Mapping[str, Sequence[float]]
    readings: Sequence[Reading]
