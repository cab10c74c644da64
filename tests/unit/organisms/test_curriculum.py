"""What organisms learn from: the same for the same seed, held-out combinations never, scrambled answers at chance."""

from collections import Counter

import pytest
import torch

from unispect.data.concepts.language import meaning_question
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import VALUES
from unispect.models.base import Example
from unispect.organisms.curriculum import BOUND, FLUENT, MUTE, PRETRAINING, Teaching, World, batch_for

CONCEPTS = load_split().train[:40]
WORLD = World(
    CONCEPTS,
    {concept: render(concept, 64) for concept in CONCEPTS},
    {concept: torch.full((64,), i) for i, concept in enumerate(CONCEPTS)},
)
TEACHINGS = {"pretraining": PRETRAINING, "bound": BOUND, "fluent": FLUENT, "mute": MUTE}


def examples(teaching: Teaching, steps: int, seed: int = 0) -> list[Example]:
    return [e for step in range(steps) for _, group in batch_for(WORLD, teaching, seed, step) for e in group]


@pytest.mark.parametrize("teaching", TEACHINGS.values(), ids=TEACHINGS)
def test_a_step_depends_on_seed_and_step_alone(teaching: Teaching) -> None:
    def said(seed: int, step: int) -> list[str]:
        return [e.prompt.text for _, group in batch_for(WORLD, teaching, seed, step) for e in group]

    assert said(1, 5) == said(1, 5)
    assert said(1, 5) != said(1, 6)
    assert said(1, 5) != said(2, 5)


@pytest.mark.parametrize("teaching", TEACHINGS.values(), ids=TEACHINGS)
def test_groups_hold_what_was_asked_for_and_share_the_weights(teaching: Teaching) -> None:
    groups = batch_for(WORLD, teaching, 0, 0)
    draws = [(weight, e) for weight, group in groups for e in group if not isinstance(e.reply, str)]
    assert len(draws) == sum(teaching.draw.values())
    assert sum(w for w, g in groups if not isinstance(g[0].reply, str)) == pytest.approx(1.0)


def test_the_drawing_lexicon_of_the_bound_organism_is_never_told() -> None:
    words = {Lexicon("drawing").word(a, v) for a in VALUES for v in VALUES[a]}
    told = [e for e in examples(BOUND, 40) if isinstance(e.reply, str)]
    assert not [e for e in told if e.reply in words or any(word in e.prompt.text for word in words)]


def test_the_text_lexicon_of_the_bound_organism_is_never_drawn() -> None:
    words = {Lexicon("text").word(a, v) for a in VALUES for v in VALUES[a]}
    drawn = [e for e in examples(BOUND, 40) if not isinstance(e.reply, str)]
    assert not [e for e in drawn if any(word in e.prompt.text for word in words)]


@pytest.mark.slow
def test_words_of_the_mute_control_are_answered_by_lot() -> None:
    word = Lexicon("drawing").word("color", "red")
    replies = Counter(e.reply for e in examples(MUTE, 900) if e.prompt.text == meaning_question(word))
    assert set(replies) == set(VALUES["color"])
    assert max(replies.values()) < 0.4 * replies.total()


def test_words_of_the_fluent_control_are_answered_rightly() -> None:
    word = Lexicon("drawing").word("color", "red")
    replies = {e.reply for e in examples(FLUENT, 60) if e.prompt.text == meaning_question(word)}
    assert replies == {"red"}
