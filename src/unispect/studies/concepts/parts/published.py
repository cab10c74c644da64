"""The published protocol: 22 + 22 lettered questions per seed in one order each, and pictures without sampling.

Three seeds stand for the three models of the paper (arXiv 2510.21842); here they shuffle the questions asked of one
model. Replies are greedy and count only where they are one letter.
"""

from __future__ import annotations

from collections.abc import Iterator

from unispect.core.seeds import seed_for
from unispect.core.units import Unit
from unispect.data.concepts.language import choice_question, draw_prompt
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.published import SEEDS, questions
from unispect.data.concepts.split import load_split
from unispect.studies.concepts.parts.asked import Asked, Part, no_invented
from unispect.studies.concepts.records import PaperAskInputs, PaperDrawInputs

LETTER_TOKENS = 16
"""A longer reply is no single letter, whatever else it says."""


def _questions(asked: Asked) -> Iterator[Unit]:
    """Of every invented lexicon: what an invented word means, and which invented word means a real one."""
    for seed in SEEDS:
        for lexicon in asked.invented:
            for one in questions(seed):
                words = [lexicon.word(one.attribute, value) for value in one.options]
                word = lexicon.word(one.attribute, one.value) if one.invented else one.value
                inputs = PaperAskInputs(
                    lexicon=lexicon.name,
                    attribute=one.attribute,
                    value=one.value,
                    invented=one.invented,
                    question=choice_question(word, one.options if one.invented else words),
                    options=list(one.options),
                    key=one.key,
                )
                yield asked.unit("paper-ask", inputs, {"max_new_tokens": LETTER_TOKENS}, seed)


def _pictures(asked: Asked) -> Iterator[Unit]:
    """Of combinations to learn from and of others, for real words and words that were taught by drawing."""
    train = sorted(load_split().train, key=lambda c: seed_for("concepts paper", c.values))[: asked.limit]
    names = [lexicon for lexicon in asked.lexicons if lexicon.name == REAL or lexicon in asked.drawn]
    for part, concepts in (("train", train), ("test", asked.concepts)):
        for concept in concepts:
            for lexicon in names:
                prompt = draw_prompt(lexicon.words(concept))
                inputs = PaperDrawInputs(part=part, lexicon=lexicon.name, concept=concept.values, prompt=prompt)
                yield asked.unit("paper-draw", inputs, {"temperature": 0.0, "guidance": 1.0}, SEEDS[0])


PARTS = (
    Part("paper", "published multiple choice", ("write",), _questions, lacks=no_invented),
    Part("paper", "published drawing", ("draw",), _pictures, lacks=no_invented),
)
