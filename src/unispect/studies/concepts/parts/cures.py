"""What might cure aphasia without training: to draw and look before telling, or to be asked to imagine the picture."""

from __future__ import annotations

from collections.abc import Iterator

from unispect.core.typed import read_inputs
from unispect.core.units import Unit
from unispect.data.concepts.language import DESCRIBE, meaning_question, visualise_question
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.aphasia.records import DrawInputs, ScoredInputs, WordInputs
from unispect.studies.concepts.parts.asked import Asked, Part, about
from unispect.studies.concepts.parts.battery import DESCRIBE_TOKENS, likelihoods, named, names_drawn, recalls
from unispect.studies.concepts.records import LookInputs, RelookInputs


def _described(asked: Asked) -> Iterator[Unit]:
    """The battery's own picture, drawn from names alone, is described: that says what its words mean."""
    for drawn in names_drawn(asked):
        own = read_inputs(DrawInputs, drawn)
        inputs = RelookInputs(lexicon=own.lexicon, concept=own.concept, drawing=drawn.id, prompt=DESCRIBE)
        yield asked.unit("relook", inputs, {"max_new_tokens": DESCRIBE_TOKENS}, drawn.seed)


def _asked_beside(asked: Asked) -> Iterator[Unit]:
    """The plain question about each word, with the own picture before it."""
    for seed in asked.seeds:
        for concept in asked.concepts:
            for lexicon in asked.lexicons:
                words = lexicon.words(concept)
                inputs = LookInputs(
                    lexicon=lexicon.name,
                    concept=concept.values,
                    drawing=named(asked, lexicon, concept, seed).id,
                    words=[words[attribute] for attribute in ATTRIBUTES],
                    questions=[meaning_question(words[attribute]) for attribute in ATTRIBUTES],
                    answers=[list(VALUES[attribute]) for attribute in ATTRIBUTES],
                )
                yield asked.unit("look", inputs, {}, seed)


def _visualised(asked: Asked) -> Iterator[Unit]:
    for lexicon, attribute, value, word in asked.words():
        inputs = about(lexicon, attribute, value, word, visualise_question(word))
        yield asked.unit("visualise", ScoredInputs(**inputs, answers=list(VALUES[attribute])), {})


def _visualised_recall(asked: Asked) -> Iterator[Unit]:
    for lexicon, attribute, value, word in asked.words():
        inputs = about(lexicon, attribute, value, word, visualise_question(word))
        yield asked.unit("visualise-recall", WordInputs(**inputs), {"max_new_tokens": DESCRIBE_TOKENS})


PARTS = (
    Part(
        "relook",
        "draw, look, describe",
        ("draw", "write", "see"),
        _described,
        beside=(names_drawn, recalls),
        later=True,
    ),
    Part(
        "look",
        "draw, look, tell by likelihood",
        ("draw", "score", "see"),
        _asked_beside,
        beside=(names_drawn, likelihoods),
        later=True,
    ),
    Part("visualise", "visualise first, tell by likelihood", ("score",), _visualised, beside=(likelihoods,)),
    Part("visualise", "visualise first, tell by free recall", ("write",), _visualised_recall, beside=(recalls,)),
)
