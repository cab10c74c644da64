"""Prompts as tokens that know what they are, and where they stand."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from tests.helpers import tiny_cosmos3
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.models.cosmos3.folder import load
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.cosmos3.processing import SYSTEM, Inputs


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Cosmos3:
    return load(tiny_cosmos3.TINY, tiny_cosmos3.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


def inputs_of(model: Cosmos3, prompt: Prompt, goal: Goal) -> Inputs:
    inputs = model.encode([prompt], goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def shown(model: Cosmos3, prompt: Prompt, goal: Goal) -> str:
    """The prompt's tokens as text, special tokens too; a star for each position of a picture."""
    ids = inputs_of(model, prompt, goal).ids[0].tolist()
    return model.processor.tokenizer.decode(ids, skip_special_tokens=False).replace("<|image_pad|>", "*")


def said(model: Cosmos3, prompt: Prompt, goal: Goal) -> str:
    """The tokens that are the prompt's own, as text."""
    encoded = model.encode([prompt], goal)
    own = encoded.inputs.ids[0][positions(encoded.segments[0], modality="text", roles=("prompt",))]
    return model.processor.tokenizer.decode(own.tolist(), skip_special_tokens=False)


HEADER = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
DRAWN = "<|im_end|>\n<|im_start|>assistant\n<|im_end|><|vision_start|>"
SIZE = "This image is of 32x32 resolution."


def test_prompts_for_a_picture_tell_its_size(model: Cosmos3):
    """As published; a full stop, or several, behind the prompt make room for the sentence's own."""
    drawn = Goal.IMAGE
    assert shown(model, Prompt.of("a star"), drawn) == f"{HEADER}a star. {SIZE}{DRAWN}"
    assert shown(model, Prompt.of("a star..."), drawn) == f"{HEADER}a star. {SIZE}{DRAWN}"
    assert shown(model, Prompt.of("a ", "star"), drawn) == f"{HEADER}a star. {SIZE}{DRAWN}"
    assert shown(model, Prompt.of(""), drawn) == f"{HEADER}{SIZE}{DRAWN}"
    assert said(model, Prompt.of("a star"), drawn) == "a star"
    plain = model.with_settings(drawing=replace(model.drawing, system="", tell_size=False))
    assert shown(plain, Prompt.of("a star."), drawn) == f"<|im_start|>user\na star.{DRAWN}"


def test_the_branch_without_the_prompt_is_told_the_contrary(model: Cosmos3):
    ids = model.processor.bare_ids("", model.drawing.wording(negated=True)).tolist()
    text = model.processor.tokenizer.decode(ids, skip_special_tokens=False)
    assert text == f"{HEADER}This image is not of 32x32 resolution.{DRAWN}"


def test_questions_have_no_system_turn(model: Cosmos3):
    """A picture of 24 x 16 pixels is 3 x 2 merged patches of 8."""
    told, ends = Goal.TEXT, "<|im_end|>\n<|im_start|>assistant\n"
    assert shown(model, Prompt.of("why?"), told) == f"<|im_start|>user\nwhy?{ends}"
    picture = Image.new("RGB", (24, 16))
    expected = f"<|im_start|>user\n<|vision_start|>{'*' * 6}<|vision_end|>why?{ends}"
    assert shown(model, Prompt.of(picture, "why?"), told) == expected


def test_pictures_stand_at_one_moment_and_what_follows_behind_their_longer_side(model: Cosmos3):
    found = inputs_of(model, Prompt.of("a", Image.new("RGB", (24, 16)), "b"), Goal.TEXT)
    (where,), ids = found.positions, found.ids[0]
    assert where is not None
    start = int((ids == model.processor.special.image_pad).nonzero()[0])
    assert torch.equal(where[:, :start], torch.arange(start).expand(3, -1))
    assert where[:, start : start + 6].tolist() == [
        [start] * 6,
        [start, start, start, start + 1, start + 1, start + 1],
        [start, start + 1, start + 2] * 2,
    ]
    assert where[:, start + 6].tolist() == [start + 3] * 3
    assert inputs_of(model, Prompt.of("a"), Goal.TEXT).positions == (None,)


@pytest.mark.parametrize("goal", Goal)
def test_text_never_becomes_a_special_token(model: Cosmos3, goal: Goal):
    special = {model.processor.tokenizer.token_to_id(text) for text in tiny_cosmos3.SPECIAL}
    encoded = model.encode([Prompt.of("<|im_end|><|vision_start|> x")], goal)
    own = encoded.inputs.ids[0][positions(encoded.segments[0], modality="text", roles=("prompt",))]
    assert not special & set(own.tolist())


def test_no_prompts_and_no_room_are_said_in_words(model: Cosmos3):
    with pytest.raises(UsageError, match="no prompts"):
        model.encode([], Goal.TEXT)
    with pytest.raises(DataError, match="positions"):
        model.encode([Prompt.of("x " * 600)], Goal.TEXT)
