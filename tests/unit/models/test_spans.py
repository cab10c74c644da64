"""A text is found where its tokens stand, and nowhere else, by every family's tokenizer."""

import re
from functools import cache
from typing import Any

import pytest
from PIL import Image

import unispect
from unispect.core.encoded import Encoded
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.data.concepts.language import choice_question, draw_prompt, meaning_question
from unispect.data.concepts.lexicons import LEXICONS, REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.models.spans import spans
from unispect.organisms.families import SHIPPED

CONCEPTS = load_split().held_out[:4]


@cache
def loaded(name: str) -> Any:
    return unispect.load(name, device="cpu", dtype="float32")


@pytest.fixture(params=[family.organism for family in SHIPPED.values()])
def model(request: pytest.FixtureRequest) -> Any:
    return loaded(request.param)


def said(model: Any, encoded: Encoded, sample: int, part: range) -> str:
    inputs: Any = encoded.inputs
    return model.processor.tokenizer.decode(inputs.ids[sample][part.start : part.stop].tolist())


def prompt_before(model: Any, encoded: Encoded, sample: int, start: int) -> str:
    begin = next(own.start for own in encoded.segments[sample] if own.role == "prompt")
    return said(model, encoded, sample, range(begin, start)).lstrip()


@pytest.mark.parametrize("lexicon", [Lexicon(name) for name in (REAL, *LEXICONS)], ids=str)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_words_of_a_drawing_prompt_and_of_a_question_are_their_own_tokens(model: Any, lexicon: Lexicon, attribute: str):
    words = [lexicon.words(concept)[attribute] for concept in CONCEPTS]
    names = [draw_prompt(lexicon.words(concept)) for concept in CONCEPTS]
    for prompts, goal in ((names, Goal.IMAGE), ([meaning_question(word) for word in words], Goal.TEXT)):
        encoded = model.encode(prompts, goal)
        for sample, ((place,), word) in enumerate(zip(spans(model, encoded, words), words, strict=True)):
            assert said(model, encoded, sample, place).strip() == word
            before = re.split(rf"\b{word}\b", prompts[sample])[0].rstrip()
            assert prompt_before(model, encoded, sample, place.start).rstrip() == before


@pytest.mark.parametrize("text", ["naïve", "Ḝẋ", "🦊", "a🦊b", "鳥", "two words", "-"])
@pytest.mark.parametrize("goal", list(Goal))
def test_a_place_holds_the_text_and_no_token_too_many(model: Any, text: str, goal: Goal):
    encoded = model.encode([f"One é {text} ü end.", f"{text}"], goal)
    for sample, places in enumerate(spans(model, encoded, [text, text])):
        (place,) = places
        assert text in said(model, encoded, sample, place)
        for shorter in (range(place.start + 1, place.stop), range(place.start, place.stop - 1)):
            assert text not in said(model, encoded, sample, shorter)


def test_every_place_counts_and_parts_of_words_only_when_asked_for(model: Any):
    encoded = model.encode(["red checkered circle red circles"], Goal.IMAGE)
    assert [len(own) for own in spans(model, encoded, ["red"])] == [2]
    assert [len(own) for own in spans(model, encoded, ["red"], whole=False)] == [3]
    (first, _), (only,) = spans(model, encoded, ["red"])[0], spans(model, encoded, ["circle"])[0]
    assert first.stop <= only.start
    (options,) = spans(model, model.encode(choice_question("star", VALUES["shape"]), Goal.TEXT), ["star"])
    assert len(options) == 3
    assert list(options) == sorted(options, key=lambda own: own.start)


def test_what_the_template_says_is_no_place(model: Any):
    with pytest.raises(DataError, match=rf"{model.card.id}: prompt 1 of the batch does not hold 'assistant'"):
        spans(model, model.encode(["assistant", "plus"], Goal.TEXT), ["assistant", "assistant"])


def test_texts_that_fit_no_batch_are_refused(model: Any):
    encoded = model.encode(["plus", "star"], Goal.TEXT)
    with pytest.raises(UsageError, match="2 prompts need as many texts to look for, not 1"):
        spans(model, encoded, ["plus"])
    with pytest.raises(UsageError, match="empty text"):
        spans(model, encoded, ["plus", ""])


def test_a_text_behind_a_picture_is_found_and_a_picture_is_none(model: Any):
    encoded = model.encode([Prompt.of("star", Image.new("RGB", (64, 64)), "a plus, a star")], Goal.TEXT)
    (places,) = spans(model, encoded, ["star"])
    assert [said(model, encoded, 0, place).strip() for place in places] == ["star", "star"]


def test_what_is_cut_off_is_said_to_be():
    model = loaded("tiny-show-o")
    with pytest.raises(DataError, match="does not hold 'star', of which the model does not read the last"):
        spans(model, model.encode(["red " * 200 + "star"], Goal.IMAGE), ["star"])
