"""What units and records of the study hold, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.encoded import Cut
from unispect.core.prompts import Goal

WORDS, START = "words", "start"
PLACES = (WORDS, START)
"""Mean over the word's own tokens (of a user's text: over all of it); the row from which the reply is generated."""
CKA, KNN = "cka", "knn"
MEASURES = (CKA, KNN)
PICTURE_AT_PROMPT, REPLY_AT_PICTURE = "picture at prompt", "reply at picture"
QUESTION_AT_PICTURE, REPLY_AT_PROMPT = "question at picture", "reply at prompt"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Inputs of `compare`: what is drawn and told.

    Attributes:
        lexicon: of the words; empty where the user gave texts.
        contexts: held-out combinations, in whose names a word is drawn in the place of the one that is there.
        texts: of the user.
    """

    lexicon: str = ""
    contexts: int = 0
    texts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class How:
    """Settings of `compare`: neighbours that count, permutations."""

    k: int
    permutations: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How alike two spaces are, by layer; None where one of them does not vary.

    Attributes:
        value: as it is.
        chance: mean over all permutations of items within their groups.
        without: [layers][items], the chance-corrected value without each item.
    """

    value: Sequence[float | None]
    chance: Sequence[float | None]
    without: Sequence[Sequence[float | None]]


@dataclass(frozen=True, kw_only=True)
class Likenesses:
    """Of one place by one measure.

    Attributes:
        place: of `PLACES`.
        measure: of `MEASURES`.
        across: between goals, mean over wordings.
        drawn: between two wordings of what is drawn; None where there is one.
        told: between two wordings of the question.
        p: of `across`, by permutation of items within groups, by layer.
        corrected: the same for all layers of the place together.
        quantile: what 95 % of the permutations keep below.
    """

    place: str
    measure: str
    across: Curve
    p: Sequence[float | None]
    corrected: Sequence[float | None]
    quantile: Sequence[float | None]
    drawn: Curve | None = None
    told: Curve | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What `compare` leaves.

    Attributes:
        items: names of words or texts, in the order of `Curve.without`.
        left_out: items that the model does not read whole.
        likenesses: of every place and measure.
    """

    items: Sequence[str]
    likenesses: Sequence[Likenesses]
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Attending:
    """Settings of `attend`: what the reply is, and how long a text may be."""

    goal: Goal
    max_new_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Between:
    """Attention between two kinds of positions.

    Attributes:
        what: of the four.
        heads: [layers][heads], the share that a row of the one gives to all of the other, mean over rows.
        even: [layers], the same if every row looked evenly at all that it may look at.
    """

    what: str
    heads: Sequence[Sequence[float]]
    even: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Attended:
    """What `attend` leaves; the text that was written, where one was."""

    between: Sequence[Between]
    text: str = ""
    cut: Cut | None = None
