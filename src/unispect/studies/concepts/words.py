"""Word by word: how often it was drawn right, and whether it was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.core.cards import ModelCard
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.aphasia.comparison import NEVER
from unispect.studies.aphasia.evidence import CHOICE, LIKELIHOOD, RECALL, Evidence, Telling, Word
from unispect.studies.concepts.left import left_of_each
from unispect.studies.names import names_of


@dataclass(frozen=True)
class WordLine:
    """One word of one model.

    Attributes:
        model: name to show.
        lexicon: that the word is of.
        taught: how it was taught ("drawing", "text", "both", "never"), or "real".
        attribute: that it names a value of.
        meaning: that value.
        word: as it stands in prompts.
        drawings: of held-out combinations that were asked for by this word.
        drawn: share of them in which the attribute is right; None where there are none.
        likely: credit for the answer of highest likelihood; None where it was not asked.
        chosen: mean credit over orders of lettered options; None where it was not asked.
        recalled: 1 if the written reply names the meaning and no other; None where it was not asked.
        reply: the written reply.
        chance: of guessing the value.
    """

    model: str
    lexicon: str
    taught: str
    attribute: str
    meaning: str
    word: str
    drawings: int
    drawn: float | None
    likely: float | None
    chosen: float | None
    recalled: float | None
    reply: str
    chance: float


def word_lines(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> list[WordLine]:
    """Every word that models were asked about, in the order of lexicons and attributes."""
    names = names_of(entries, cards)
    return [
        line
        for reference, left in left_of_each(entries).items()
        for line in _lines(names[reference], cards[reference], left.battery)
    ]


def _lines(model: str, card: ModelCard, evidence: Evidence) -> list[WordLine]:
    drawn: dict[Word, list[bool]] = defaultdict(list)
    for lexicon in evidence.lexicons:
        for drawing in evidence.drawn(lexicon):
            for attribute in drawing.truth:
                drawn[drawing.word(attribute)].append(drawing.right(attribute))
    told = {way: _by_word(evidence, way) for way in (LIKELIHOOD, CHOICE, RECALL)}
    found = []
    for lexicon in evidence.lexicons:
        for attribute in ATTRIBUTES:
            for value in VALUES[attribute]:
                word = Word(lexicon, attribute, value)
                right, recalled = drawn[word], told[RECALL].get(word)
                found.append(
                    WordLine(
                        model=model,
                        lexicon=lexicon,
                        taught="real" if lexicon == REAL else card.taught.get(lexicon, NEVER),
                        attribute=attribute,
                        meaning=value,
                        word=Lexicon(lexicon).word(attribute, value),
                        drawings=len(right),
                        drawn=sum(right) / len(right) if right else None,
                        likely=_credit(told[LIKELIHOOD].get(word)),
                        chosen=_credit(told[CHOICE].get(word)),
                        recalled=_credit(recalled),
                        reply=recalled.reply if recalled else "",
                        chance=1 / len(VALUES[attribute]),
                    )
                )
    return found


def _by_word(evidence: Evidence, way: str) -> dict[Word, Telling]:
    return {telling.word: telling for lexicon in evidence.lexicons for telling in evidence.told(lexicon, way)}


def _credit(telling: Telling | None) -> float | None:
    return None if telling is None else telling.credit
