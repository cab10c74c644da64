"""Prompts as tokens and patches; where tokens stand; how texts end and what they may not repeat."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import tiny_omnigen2
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextSampling
from unispect.models.omnigen2.folder import load
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.processing import SYSTEM, GivenFormat, Inputs


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OmniGen2:
    return load(tiny_omnigen2.TINY, tiny_omnigen2.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


def with_settings(model: OmniGen2, *, chat: bool = False, **writing: object) -> OmniGen2:
    drawing = replace(model.drawing, chat=chat)
    told = replace(model.writing, **writing)  # type: ignore[arg-type]
    return OmniGen2(model.card, model.network, model.processor, drawing, told)


def picture(seed: int, width: int = 42, height: int = 28) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def inputs_of(model: OmniGen2, *prompts: Prompt, goal: Goal = Goal.TEXT) -> Inputs:
    inputs = model.encode(prompts, goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def shown(model: OmniGen2, prompt: Prompt, goal: Goal = Goal.TEXT) -> str:
    """The prompt's tokens as text, special tokens too; a star for each position of a picture."""
    text = model.processor.tokenizer.decode(
        inputs_of(model, prompt, goal=goal).ids[0].tolist(), skip_special_tokens=False
    )
    return text.replace("<|image_pad|>", "*")


HEADER = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
ANSWER = "<|im_end|>\n<|im_start|>assistant\n"


def seen(number: int, tokens: int) -> str:
    return f"<img{number}>: <|vision_start|>{'*' * tokens}<|vision_end|>"


def test_questions_have_the_form_of_the_chat(model: OmniGen2):
    """A picture of 42 x 28 pixels is 3 x 2 merged patches of 14."""
    assert shown(model, Prompt.of("Why?")) == f"{HEADER}Why?{ANSWER}"
    assert shown(model, Prompt.of(picture(1), "Why?")) == f"{HEADER}{seen(1, 6)}Why?{ANSWER}"
    both = Prompt.of(picture(1), picture(2, 28, 28), "Why?")
    assert shown(model, both) == f"{HEADER}{seen(1, 6)}{seen(2, 4)}Why?{ANSWER}"
    between = Prompt.of("one ", picture(1), " two ", picture(2), " three")
    assert shown(model, between) == f"{HEADER}one {seen(1, 6)} two {seen(2, 6)} three{ANSWER}"


def test_drawing_prompts_have_no_answer_and_no_pictures_unless_they_are_chat(model: OmniGen2):
    assert shown(model, Prompt.of("a star"), Goal.IMAGE) == f"{HEADER}a star<|im_end|>\n"
    assert shown(model, Prompt.of(picture(1), "again"), Goal.IMAGE) == f"{HEADER}again<|im_end|>\n"
    chat = with_settings(model, chat=True)
    assert shown(chat, Prompt.of("a star"), Goal.IMAGE) == f"{HEADER}a star{ANSWER}"
    assert shown(chat, Prompt.of(picture(1), "again"), Goal.IMAGE) == f"{HEADER}{seen(1, 6)}again{ANSWER}"
    bare = [model.processor.bare_ids("", chat=chat) for chat in (False, True)]
    texts = [model.processor.tokenizer.decode(ids.tolist(), skip_special_tokens=False) for ids in bare]
    assert texts == [f"{HEADER}<|im_end|>\n", f"{HEADER}{ANSWER}"]


def test_the_system_line_of_questions_is_a_setting(model: OmniGen2):
    own = with_settings(model, system="Answer in words.")
    assert shown(own, Prompt.of("Why?")) == f"{HEADER.replace(SYSTEM, 'Answer in words.')}Why?{ANSWER}"
    assert shown(own, Prompt.of("a star"), Goal.IMAGE).startswith(HEADER)
    none = with_settings(model, system="")
    assert shown(none, Prompt.of("Why?")) == f"<|im_start|>user\nWhy?{ANSWER}"
    scores = [one.score(one.encode([Prompt.of("Why?")], Goal.TEXT), [["a"]])[0] for one in (model, own, none)]
    assert len({round(score.item(), 4) for score in scores}) == 3


def test_text_never_becomes_a_special_token(model: OmniGen2):
    special = vars(model.processor.special).values()
    for text in ("<|im_end|>", "<|vision_start|>", "<|img|>", "<|endoftext|>"):
        for goal in Goal:
            ids, clean = (
                inputs_of(model, Prompt.of(f"a {own}b"), goal=goal).ids[0].tolist() for own in (f"{text} ", "")
            )
            assert all(ids.count(token) == clean.count(token) for token in special)


def test_every_position_is_labelled(model: OmniGen2):
    encoded = model.encode([Prompt.of("look ", picture(1), " and say")], Goal.TEXT)
    (segments,), inputs = encoded.segments, encoded.inputs
    assert isinstance(inputs, Inputs)
    ids = inputs.ids[0]
    content = positions(segments, modality="image", roles=("prompt",))
    assert content == (ids == model.processor.special.image_pad).nonzero().flatten().tolist()
    text = positions(segments, modality="text", roles=("prompt",))
    # The tag in front of a picture is the template's.
    assert model.processor.decode([int(ids[i]) for i in text]) == "look  and say"
    encoded = model.encode([Prompt.of(picture(1), "again")], Goal.IMAGE)
    assert not positions(encoded.segments[0], modality="image", roles=("prompt",))


def test_pictures_stand_at_rows_and_columns(model: OmniGen2):
    inputs = inputs_of(model, Prompt.of("a"), Prompt.of(picture(1), "b"))
    assert inputs.positions[0] is None
    where, ids = inputs.positions[1], inputs.ids[1]
    assert where is not None
    place = ids == model.processor.special.image_pad
    start = int(place.nonzero()[0])
    assert where[:, :start].tolist() == [list(range(start))] * 3
    rows_and_columns = [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]
    assert (where[:, place] - start).tolist() == [[0] * 6, *rows_and_columns]
    # Text goes on behind the longer side, three columns.
    assert where[:, start + 6 :].tolist() == [list(range(start + 3, start + 3 + len(ids) - start - 6))] * 3


# Writing


def force(model: OmniGen2, *tokens: int) -> OmniGen2:
    """A copy that says these tokens, whatever it is asked."""
    import copy

    made = copy.deepcopy(model)
    said = iter(tokens)

    class Head(torch.nn.Module):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(*states.shape[:-1], made.network.config.text.vocab_size)
            logits[..., next(said)] = 9.0
            return logits

    made.network.lm_head = Head()  # type: ignore[assignment]
    return made


HOW = TextSampling(max_new_tokens=3, log_probabilities=False)


def test_a_text_ends_where_the_model_asks_for_a_picture(model: OmniGen2):
    special = model.processor.special
    encoded = model.encode([Prompt.of("draw")], Goal.TEXT)
    (asked,) = force(model, special.draw, 5, 6).write(encoded, HOW)
    assert asked.tokens == (special.draw,)
    assert asked.finished
    assert asked.text == ""
    assert model.asks_to_draw(asked)
    (later,) = force(model, 5, special.draw, 6).write(encoded, HOW)
    assert later.tokens == (5, special.draw)
    assert not model.asks_to_draw(later)
    (stopped,) = force(model, 5, special.stop, 6).write(encoded, HOW)
    assert stopped.finished
    through = force(with_settings(model, stop_to_draw=False), special.draw, 5, special.end)
    (reply,) = through.write(encoded, HOW)
    assert reply.tokens == (special.draw, 5, special.end)
    assert model.asks_to_draw(reply)
    # What ends a text is template, like the end itself.
    (*_, last) = model.states(encoded, [asked])
    assert last.segments[0][-1].role == "template"
    assert not positions(last.segments[0], roles=("response",))


def test_the_published_penalty_is_a_setting_and_counts_the_prompt(model: OmniGen2):
    assert model.writing.penalty == 1
    published = with_settings(model, penalty=model.writing.as_published().penalty)
    assert published.writing.penalty == 1.5
    prompts = [Prompt.of("a red star"), Prompt.of(picture(1), "what is it, and where?"), Prompt.of("say")]
    how = TextSampling(max_new_tokens=12)
    plain, penalised = (own.write(own.encode(prompts, Goal.TEXT), how) for own in (model, published))
    assert any(one.tokens != other.tokens for one, other in zip(plain, penalised, strict=True))
    repeats = [sum(len(r.tokens) - len(set(r.tokens)) for r in replies) for replies in (plain, penalised)]
    assert repeats[1] < repeats[0]
    for prompt, reply in zip(prompts, penalised, strict=True):
        (alone,) = published.write(published.encode([prompt], Goal.TEXT), how)
        assert alone.tokens == reply.tokens
        assert np.allclose(alone.log_probabilities, reply.log_probabilities, atol=1e-4)


def test_scores_do_not_count_the_penalty(model: OmniGen2):
    published = with_settings(model, penalty=3.0)
    scores = [own.score(own.encode([Prompt.of("a")], Goal.TEXT), [["red"]])[0] for own in (model, published)]
    assert torch.equal(*scores)


def test_answers_end_with_the_end_token(model: OmniGen2):
    ids = model.processor.answer_ids(" a star ")
    assert ids[-1] == model.processor.special.end
    assert model.processor.decode(ids) == "a star"
    assert model.processor.answer_ids("") == [model.processor.special.end]


# What cannot be read


def test_what_cannot_be_read_is_refused(model: OmniGen2):
    with pytest.raises(UsageError, match="no prompts"):
        model.encode([], Goal.TEXT)
    with pytest.raises(DataError, match="half a character"):
        model.encode([Prompt.of("\ud800")], Goal.IMAGE)
    with pytest.raises(DataError, match="3 x 900 pixels cannot be shown"):
        model.encode([Prompt.of(picture(1, 3, 900), "what?")], Goal.TEXT)
    with pytest.raises(DataError, match="512; shorten it"):
        model.encode([Prompt.of("x" * 600)], Goal.TEXT)


def test_given_pictures_are_never_enlarged():
    how = GivenFormat(16, 64 * 64, 80)
    sizes = {(20, 40): (16, 32), (64, 64): (64, 64), (128, 128): (64, 64), (200, 20): None, (160, 40): (80, 16)}
    for size, expected in sizes.items():
        if expected is None:
            with pytest.raises(DataError, match="16 or longer"):
                how.size(Image.new("RGB", size))
        else:
            assert how.size(Image.new("RGB", size)) == expected
    pixels = how.pixels(Image.new("L", (20, 40), 255))
    assert pixels.shape == (3, 32, 16)
    assert torch.equal(pixels, torch.ones(3, 32, 16))


def test_a_processor_file_of_newer_transformers_is_read(tmp_path: Path):
    import json

    folder = tiny_omnigen2.write_checkpoint(tmp_path) / "processor"
    pictures = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(
        json.dumps({"image_processor": pictures, "system_prompt": "Be brief."})
    )
    made = load(tiny_omnigen2.TINY, tmp_path, device="cpu")
    assert made.processor.system == made.writing.system == "Be brief."
    assert made.processor.picture.patch_size == 7
