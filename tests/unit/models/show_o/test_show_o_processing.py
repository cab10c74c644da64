"""Templates, who sees whom, and the pictures' two formats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import tiny_show_o
from unispect.core.errors import CheckpointError, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.models.checkpoint import files_in
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.show_o.config import SYSTEM_PROMPT, network_config
from unispect.models.show_o.processing import PICTURE, Processor, load_processor


def processor(folder: Path, *, clip: bool = False) -> Processor:
    files = files_in(tiny_show_o.write_files(folder, clip=clip))
    return load_processor(files, network_config(files.json("config.json")))


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Processor:
    """Sees pictures through image codes."""
    return processor(tmp_path_factory.mktemp("codes"))


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Processor:
    """Sees pictures through CLIP."""
    return processor(tmp_path_factory.mktemp("tower"), clip=True)


def picture(width: int = 16, height: int = 16, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def ids(processor: Processor, text: str) -> list[int]:
    return processor.tokenizer.encode(text, add_special_tokens=False).ids


def encoded(
    processor: Processor, *parts: str | Image.Image, goal: Goal = Goal.TEXT
) -> tuple[list[int], torch.Tensor | None]:
    inputs, _ = processor.encode([Prompt.of(*parts)], goal)
    return inputs.ids[0].tolist(), inputs.attention_masks[0]


# Prompts for text


def test_text_stands_behind_the_token_that_begins_it(codes: Processor, tower: Processor):
    for own in (codes, tower):
        found, attention_mask = encoded(own, "a red", " star")
        assert found == [own.end, *ids(own, "a red star")]
        assert attention_mask is None


def test_a_picture_stands_in_front_of_the_question(codes: Processor):
    found, attention_mask = encoded(codes, picture(), "What?")
    special = codes.config.special
    front = [special("mmu"), special("soi"), *[PICTURE] * 16, special("eoi")]
    assert found == [*front, codes.end, *ids(codes, "USER: \nWhat? ASSISTANT:")]
    assert attention_mask is not None
    # Everything up to the end of the picture is seen from everywhere, also by what stands before the picture.
    assert attention_mask[:, : len(front)].all()
    rest = torch.ones(len(found), len(found), dtype=torch.bool).tril()
    assert torch.equal(attention_mask[:, len(front) :], rest[:, len(front) :])


def test_clip_has_a_system_prompt_and_only_the_picture_is_open(tower: Processor):
    found, attention_mask = encoded(tower, picture(), "What?")
    special = tower.config.special
    front = [special("mmu"), *ids(tower, SYSTEM_PROMPT), special("soi")]
    question = ids(tower, "USER: What? ASSISTANT:")
    assert found == [*front, *[PICTURE] * 9, special("eoi"), *question]
    assert tower.end not in found
    assert attention_mask is not None
    shown = slice(len(front), len(front) + 9)
    assert attention_mask[:, shown].all()
    closed = attention_mask.clone()
    closed[:, shown] = False
    expected = torch.ones_like(attention_mask).tril()
    expected[:, shown] = False
    assert torch.equal(closed, expected)


def test_pictures_keep_their_place_in_the_reading_order(codes: Processor):
    found, attention_mask = encoded(codes, picture(), picture(seed=1), "one", picture(seed=2), "two")
    special = codes.config.special
    block = [special("soi"), *[PICTURE] * 16, special("eoi")]
    front = [special("mmu"), *block, *block]
    assert found == [
        *front, codes.end, *ids(codes, "USER: \none"), *block, *ids(codes, "two ASSISTANT:"),
    ]  # fmt: skip
    assert attention_mask is not None
    later = found.index(special("soi"), len(front))
    open_to_all = [column for column in range(len(found)) if attention_mask[:, column].all()]
    assert open_to_all == [*range(len(front)), *range(later, later + 18)]


def test_a_picture_behind_text_leaves_the_text_causal(codes: Processor):
    found, attention_mask = encoded(codes, "look", picture())
    assert attention_mask is not None
    start = found.index(codes.config.special("soi"))
    assert torch.equal(attention_mask[:start, :start], torch.ones(start, start, dtype=torch.bool).tril())
    assert attention_mask[:, start : start + 18].all()


def test_segments_tell_content_from_template(codes: Processor, tower: Processor):
    for own, places in ((codes, 16), (tower, 9)):
        inputs, (segments,) = own.encode([Prompt.of(picture(), "What is it?")], Goal.TEXT)
        text = positions(segments, modality="text", roles=("prompt",))
        assert own.decode(inputs.ids[0][text].tolist()) == "What is it?"
        assert len(positions(segments, modality="image", roles=("prompt",))) == places
        assert not positions(segments, roles=("filler", "response"))


def test_text_never_becomes_a_special_token(codes: Processor):
    found, _ = encoded(codes, "<|endoftext|> <|soi|> [PAD]")
    assert found.count(codes.end) == 1
    assert max(found) < codes.config.words


def test_answers_begin_with_a_space_and_end_with_the_end(codes: Processor):
    assert codes.answer_ids(" red ") == [*ids(codes, " red"), codes.end]
    assert codes.answer_ids("  ") == [codes.end]
    assert codes.decode([*ids(codes, " red"), codes.end, codes.config.first_code + 3, codes.config.mask]) == "red"


# Prompts for pictures


def test_text_stands_at_the_end_of_its_places(codes: Processor):
    config, special = codes.config, codes.config.special
    found, attention_mask = encoded(codes, "a red", goal=Goal.IMAGE)
    text = [special("t2i"), codes.end, *ids(codes, "a red"), codes.end]
    pads = config.text_tokens - len(text)
    assert found == [
        *[special("[PAD]")] * pads, *text, special("soi"), *[config.mask] * 16, special("eoi"),
    ]  # fmt: skip
    assert attention_mask is not None
    real = torch.arange(len(found)) >= pads
    assert not attention_mask[real][:, ~real].any()
    text_rows = slice(pads, config.text_tokens)
    assert torch.equal(attention_mask[text_rows, text_rows], torch.ones(len(text), len(text), dtype=torch.bool).tril())
    assert not attention_mask[text_rows, config.text_tokens :].any()
    assert attention_mask[config.text_tokens :, real].all()
    assert torch.equal(attention_mask[:pads, :pads], torch.ones(pads, pads, dtype=torch.bool).tril())
    assert not attention_mask[:pads, pads:].any()


def test_filler_is_told_from_content(codes: Processor):
    inputs, (segments,) = codes.encode([Prompt.of("a red star")], Goal.IMAGE)
    config, found = codes.config, inputs.ids[0]
    pads = positions(segments, modality="text", roles=("filler",))
    masks = positions(segments, modality="image", roles=("filler",))
    assert set(found[pads].tolist()) == {config.special("[PAD]")}
    assert set(found[masks].tolist()) == {config.mask}
    assert len(masks) == config.image_tokens
    assert codes.decode(found[positions(segments, roles=("prompt",))].tolist()) == "a red star"


def test_too_long_a_text_is_cut_and_still_ends(codes: Processor):
    found, _ = encoded(codes, "x" * 100, goal=Goal.IMAGE)
    places = codes.config.text_tokens
    assert found[:places] == [codes.config.special("t2i"), codes.end, *ids(codes, "x" * 100)[: places - 3], codes.end]
    assert len(found) == places + 18


def test_the_unconditional_text_is_empty(codes: Processor):
    empty = codes.canvas_ids()
    places = codes.config.text_tokens
    assert empty[:places].tolist() == [codes.config.special("[PAD]")] * (places - 3) + [
        codes.config.special("t2i"), codes.end, codes.end,
    ]  # fmt: skip


def test_the_transparent_part_of_a_picture_is_drawn(codes: Processor):
    given = picture().convert("RGBA")
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[:5, :9] = 0  # touches the first three places of the first two rows
    given.putalpha(Image.fromarray(alpha))
    inputs, (segments,) = codes.encode([Prompt.of(given, "again")], Goal.IMAGE)
    places = inputs.ids[0][codes.config.text_tokens + 1 : -1].view(4, 4)
    opened = torch.zeros(4, 4, dtype=torch.bool)
    opened[:2, :3] = True
    assert torch.equal(places == codes.config.mask, opened)
    assert (places[~opened] == PICTURE).all()
    assert torch.equal(inputs.shown[0].view(4, 4), ~opened)
    assert len(positions(segments, modality="image", roles=("prompt",))) == 10
    assert len(positions(segments, modality="image", roles=("filler",))) == 6


def test_nothing_transparent_leaves_nothing_to_draw(codes: Processor):
    with pytest.raises(UsageError, match="transparent"):
        codes.encode([Prompt.of(picture(), "again")], Goal.IMAGE)


# Pictures as pixels


@pytest.mark.parametrize("size", [(20, 31), (31, 20), (16, 16), (5, 90)])
def test_the_middle_of_a_picture_is_seen(size: tuple[int, int]):
    for floored in (False, True):
        assert CroppedFormat(16, floored=floored).pixels(picture(*size)).shape == (3, 16, 16)


def test_odd_pixels_are_cut_where_each_tower_cuts_them():
    """19 columns for 16: a half to even gives 2, its floor 1."""
    columns = np.zeros((16, 19, 3), np.uint8)
    columns[..., :] = np.arange(19, dtype=np.uint8)[None, :, None] * 10
    wide = Image.fromarray(columns)
    for floored, first in ((False, 2), (True, 1)):
        pixels = CroppedFormat(16, (0.0,) * 3, (1.0,) * 3, floored).pixels(wide)
        assert pixels[0, 0, 0].item() * 255 == pytest.approx(10 * first)


def test_a_tokenizer_of_another_size_is_refused(codes: Processor, tmp_path: Path):
    files = files_in(tiny_show_o.write_files(tmp_path, words=300))
    with pytest.raises(CheckpointError, match=r"has 262 tokens, but config\.json says llm_vocab_size 300"):
        load_processor(files, replace(codes.config, words=300))
