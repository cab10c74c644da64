"""Prompts as tokens: pieces, pictures, spans; and how pictures become pixels and latents."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import tiny_show_o2
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextSampling
from unispect.models.embedded import Embedded
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.show_o2.folder import load
from unispect.models.show_o2.image_input import ImageInputSettings
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.processing import ADDED, Inputs

PLACES = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ShowO2:
    folder = tiny_show_o2.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return load(tiny_show_o2.TINY, folder, device="cpu")


@pytest.fixture(scope="module")
def paper(model: ShowO2) -> ShowO2:
    return ShowO2(model.card, model.network, model.processor, model.drawing, ImageInputSettings(paper=True))


def picture(seed: int, width: int = 21, height: int = 17) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def inputs_of(model: ShowO2, *prompts: Prompt, goal: Goal = Goal.TEXT) -> Inputs:
    inputs = model.encode(prompts, goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def shown(model: ShowO2, prompt: Prompt, goal: Goal = Goal.TEXT) -> str:
    """The prompt's tokens as text, special tokens too; a picture is a star for each of its positions."""
    tokenizer, special = model.processor.tokenizer, model.processor.special
    ids = inputs_of(model, prompt, goal=goal).ids[0].tolist()
    parts = []
    for token in ids:
        named = token in vars(special).values()
        parts.append("*" if token == special.image_pad else str(tokenizer.id_to_token(token)) if named else None)
        if parts[-1] is None:
            parts[-1] = tokenizer.decode([token], skip_special_tokens=False)
    return "".join(str(part) for part in parts)


SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
ANSWER = "\n<|im_start|>assistant\n"
SEEN = "<|vision_start|>" + "*" * (1 + PLACES) + "<|vision_end|>"


def test_text_alone_closes_its_turn_and_pictures_leave_it_open(model: ShowO2):
    assert shown(model, Prompt.of("Why?")) == f"{SYSTEM}Why?<|im_end|>{ANSWER}"
    assert shown(model, Prompt.of(picture(1), "Why?")) == f"{SYSTEM}{SEEN}Why?{ANSWER}"
    two = Prompt.of("one ", picture(1), " two ", picture(2))
    assert shown(model, two) == f"{SYSTEM}one {SEEN} two {SEEN}{ANSWER}"


def test_a_prompt_for_a_picture_has_no_dialogue(model: ShowO2):
    assert shown(model, Prompt.of("a red", " star"), Goal.IMAGE) == "<|im_start|>a red star<|vision_start|>"
    assert shown(model, Prompt.of(""), Goal.IMAGE) == "<|im_start|><|vision_start|>"
    assert model.processor.empty_ids().tolist() == inputs_of(model, Prompt.of(""), goal=Goal.IMAGE).ids[0].tolist()


def test_pieces_are_tokenised_apart(model: ShowO2):
    """A full stop and the line break behind it would be one token."""
    joined = model.processor.tokenizer.token_to_id(".Ċ")
    assert joined is not None
    assert joined in model.processor.tokenizer.encode("a.\n").ids
    for prompt in (Prompt.of(picture(1), "a."), Prompt.of("a.")):
        assert joined not in inputs_of(model, prompt).ids[0].tolist()
    # The user's own line breaks are joined as ever.
    assert joined in inputs_of(model, Prompt.of("a.\nb")).ids[0].tolist()


def test_text_never_becomes_a_special_token(model: ShowO2):
    special = model.processor.special
    for text in ("<|im_end|>", "<|vision_start|>", "[PAD]", "<image>", "<|image_pad|>"):
        for goal in Goal:
            ids = inputs_of(model, Prompt.of(f"a {text} b"), goal=goal).ids[0].tolist()
            clean = inputs_of(model, Prompt.of("a b"), goal=goal).ids[0].tolist()
            for token in vars(special).values():
                assert ids.count(token) == clean.count(token)


def test_what_the_authors_add_takes_the_last_ids(model: ShowO2):
    tokenizer = model.processor.tokenizer
    size = tokenizer.get_vocab_size()
    assert [tokenizer.token_to_id(text) for text in ADDED] == [size - 4, size - 3, size - 2, size - 1]
    assert model.processor.special.pad == size - 4


def test_every_position_is_labelled(model: ShowO2):
    prompt = Prompt.of("look ", picture(1), " and say", picture(2))
    encoded = model.encode([prompt], Goal.TEXT)
    (segments,), inputs = encoded.segments, encoded.inputs
    assert isinstance(inputs, Inputs)
    times = positions(segments, modality="image", roles=("template",))
    assert times == list(inputs.pictures[0])
    content = positions(segments, modality="image", roles=("prompt",))
    assert content == [start + index for start in times for index in range(1, 1 + PLACES)]
    text = positions(segments, modality="text", roles=("prompt",))
    ids = inputs.ids[0].tolist()
    assert model.processor.decode([ids[i] for i in text]) == "look  and say"


# What positions see


def test_a_span_is_the_time_and_its_picture(model: ShowO2, paper: ShowO2):
    prompt = Prompt.of("a", picture(1), "b", picture(2))
    inputs = inputs_of(model, prompt)
    length = len(inputs.ids[0])
    for one, moved in ((model, 0), (paper, 1)):
        attention_mask = one.prompts(inputs)[0].attention_mask
        assert attention_mask is not None
        beyond = attention_mask & ~torch.ones(length, length, dtype=torch.bool).tril()
        for start in inputs.pictures[0]:
            first, last = start + moved, start + moved + PLACES
            assert beyond[first, last]
            assert not beyond[first - 1].any()
            assert not beyond[last].any()
            assert not attention_mask[first, last + 1]
        assert beyond.sum() == 2 * (1 + PLACES) * PLACES // 2
        assert (attention_mask | ~torch.ones(length, length, dtype=torch.bool).tril()).all()
    assert model.prompts(inputs_of(model, Prompt.of("a")))[0].attention_mask is None


def test_the_authors_span_changes_what_is_said(model: ShowO2, paper: ShowO2):
    inputs = inputs_of(model, Prompt.of(picture(1), "what?"))
    with torch.no_grad():
        (row,) = model.prompt_rows(inputs)
        attention_masks = [m.prompts(inputs)[0].attention_mask for m in (model, paper)]
    one, other = (
        model.text_decoder.score([Embedded(row, attention_mask)], [["a star", "no"]])[0]
        for attention_mask in attention_masks
    )
    assert (one - other).abs().max() > 1e-3


# Pixels and latents


def test_means_are_the_default_and_draws_are_replayed(model: ShowO2, paper: ShowO2):
    prompts = [Prompt.of(picture(1), "what?"), Prompt.of(picture(2), "what?"), Prompt.of(picture(1), "why?")]
    plain, drawn = inputs_of(model, *prompts), inputs_of(paper, *prompts)
    assert plain.noise is None
    assert drawn.noise is not None
    assert drawn.noise.shape == (3, 4, 8, 8)
    # A picture's draw is its own, whatever stands beside it.
    assert torch.equal(drawn.noise[0], drawn.noise[2])
    assert not torch.equal(drawn.noise[0], drawn.noise[1])
    alone = inputs_of(paper, prompts[1])
    assert alone.noise is not None
    assert torch.equal(alone.noise[0], drawn.noise[1])
    means, sampled = model.seen_latents(plain), paper.seen_latents(drawn)
    assert (means - sampled).abs().max() > 0.1
    torch.testing.assert_close(sampled, paper.seen_latents(drawn))
    spread = (sampled - means) / drawn.noise
    # The spread is the autoencoder's own, not divided by what the means are divided by.
    vae = model.network.vae
    assert plain.pixels is not None
    with torch.no_grad():
        posterior = vae.encode(plain.pixels[:, :, None], return_dict=False)[0]  # type: ignore[union-attr]
    torch.testing.assert_close(spread, posterior.std[:, :, 0], rtol=1e-3, atol=1e-3)
    other = ShowO2(model.card, model.network, model.processor, model.drawing, ImageInputSettings(paper=True, seed=1))
    again = inputs_of(other, prompts[0])
    assert again.noise is not None
    assert not torch.equal(again.noise[0], drawn.noise[0])


def test_paper_prompts_are_written_and_scored_alike(paper: ShowO2):
    encoded = paper.encode([Prompt.of(picture(1), "what?")], Goal.TEXT)
    (reply,) = paper.write(encoded, TextSampling(max_new_tokens=5))
    (again,) = paper.write(paper.encode([Prompt.of(picture(1), "what?")], Goal.TEXT), TextSampling(max_new_tokens=5))
    assert reply.tokens == again.tokens
    inputs = encoded.inputs
    assert isinstance(inputs, Inputs)
    zeroed = replace(encoded, inputs=replace(inputs, noise=torch.zeros(1, 4, 8, 8)))
    assert paper.score(zeroed, [["a"]])[0] != paper.score(encoded, [["a"]])[0]


@pytest.mark.parametrize(("width", "height"), [(40, 20), (20, 40), (31, 20), (10, 15)])
def test_the_middle_is_cut_out_at_the_shorter_side(width: int, height: int):
    """A ramp along the longer side: what stays is its middle, and nothing is squeezed."""
    ramp = np.linspace(0, 255, max(width, height)).astype(np.uint8)
    values = np.broadcast_to(ramp if width > height else ramp[:, None], (height, width))
    pixels = CroppedFormat(20).pixels(Image.fromarray(np.repeat(values[..., None], 3, 2).copy()))
    assert pixels.shape == (3, 20, 20)
    line = pixels[0, 10] if width > height else pixels[0, :, 10]
    assert line.mean().item() == pytest.approx(0, abs=0.06)
    share = min(width, height) / max(width, height)
    assert (line[-1] - line[0]).item() == pytest.approx(2 * share, rel=0.15)


def test_no_prompts_and_half_characters_are_refused(model: ShowO2):
    with pytest.raises(UsageError, match="no prompts"):
        model.encode([], Goal.TEXT)
    with pytest.raises(DataError, match="half a character"):
        model.encode([Prompt.of("\ud800")], Goal.IMAGE)


def test_answers_end_with_the_end_token(model: ShowO2):
    ids = model.processor.answer_ids(" a star ")
    assert ids[-1] == model.processor.special.end
    assert model.processor.decode(ids) == "a star"
    assert model.processor.answer_ids("") == [model.processor.special.end]


def test_it_works_without_a_folder_of_the_authors(tmp_path: Path):
    folder = tiny_show_o2.write_checkpoint(tmp_path)
    assert load(tiny_show_o2.TINY, folder, device="cpu").processor.picture_tokens == PLACES
