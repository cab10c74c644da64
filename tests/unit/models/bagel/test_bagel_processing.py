"""Prompts as blocks of tokens; sizes and pixels of pictures; patches; thoughts that are read again."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.helpers import tiny_bagel
from tests.helpers.tiny_bagel import picture_of
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.models.bagel.chain_of_thought import SYSTEM, ChainOfThought
from unispect.models.bagel.folder import load
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.network import numbers_of, patches
from unispect.models.bagel.processing import Inputs, Shown
from unispect.models.bagel.resize import BUDGET, Resize, opaque


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Bagel:
    folder = tiny_bagel.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return load(tiny_bagel.TINY, folder, device="cpu")


def encoded(model: Bagel, prompt: Prompt, goal: Goal = Goal.TEXT, **settings: object) -> Inputs:
    inputs, _ = model.processor.encode([prompt], goal, **{"shown": Shown(), "thinking": None, **settings})  # type: ignore[arg-type]
    return inputs


def shown(model: Bagel, prompt: Prompt, goal: Goal = Goal.TEXT, **settings: object) -> str:
    """Blocks as text: markers as < and >, in pictures [ and ], a star for a patch and a dot for a latent."""
    inputs = encoded(model, prompt, goal, **settings)
    special = model.processor.special
    marks = {special.start: "<", special.end: ">", special.picture_start: "[", special.picture_end: "]"}
    parts = []
    for block in inputs.blocks[0]:
        ids = inputs.ids[0][block.start : block.stop].tolist()
        if block.kind == "text":
            inner = [token for token in ids if token not in marks]
            decoded = model.processor.tokenizer.decode(inner)
            parts.append(
                "".join(marks.get(token, "") for token in ids[:1]) + decoded + marks.get(ids[-1], "") * (len(ids) > 1)
            )
        else:
            places = ("*" if block.kind == "seen" else ".") * (len(ids) - 2)
            parts.append(marks[ids[0]] + places + marks[ids[-1]])
            assert block.grid[0] * block.grid[1] == len(ids) - 2
    return "".join(parts)


SQUARE = picture_of(1, 8, 8)


def test_every_part_is_a_block_and_an_answer_begins_alone(model: Bagel):
    assert shown(model, Prompt.of("Why?")) == "<Why?><"
    assert shown(model, Prompt.of("Why?"), Goal.IMAGE) == "<Why?>"
    assert shown(model, Prompt.of("")) == "<><"
    assert shown(model, Prompt.of("a", " b", "", "c"), Goal.IMAGE) == "<a bc>"
    assert shown(model, Prompt.of(SQUARE, "Why?")) == "[****]<Why?><"
    assert shown(model, Prompt.of("", SQUARE)) == "[****]<"
    assert shown(model, Prompt.of("one ", SQUARE, " two ", SQUARE)) == "<one >[****]< two >[****]<"


def test_a_picture_to_be_redrawn_is_shown_twice(model: Bagel):
    prompt = Prompt.of(SQUARE, "red")
    assert shown(model, prompt, Goal.IMAGE) == "[....][****]<red>"
    assert shown(model, prompt, Goal.IMAGE, shown=Shown(kept=False)) == "[****]<red>"
    assert encoded(model, prompt, Goal.IMAGE).grids == ((2, 2),)
    assert encoded(model, prompt, Goal.TEXT).grids == (None,)


def test_what_it_is_told_for_thinking_stands_in_front(model: Bagel):
    for goal, end in ((Goal.TEXT, "<"), (Goal.IMAGE, "")):
        text = shown(model, Prompt.of("Why?"), goal, thinking=ChainOfThought())
        assert text == f"<{SYSTEM[goal]}><Why?>{end}"
    assert SYSTEM[Goal.TEXT] != SYSTEM[Goal.IMAGE]
    assert ". \n" in SYSTEM[Goal.TEXT]


def test_text_never_becomes_a_special_token(model: Bagel):
    special = model.processor.special
    for text in tiny_bagel.SPECIAL:
        for goal in Goal:
            ids = encoded(model, Prompt.of(f"a {text} b"), goal).ids[0].tolist()
            clean = encoded(model, Prompt.of("a b"), goal).ids[0].tolist()
            for token in vars(special).values():
                assert ids.count(token) == clean.count(token)


def test_thoughts_are_read_again_with_their_special_tokens(model: Bagel):
    processor = model.processor
    special = processor.special
    plain = processor.tokenizer.encode("red").ids
    assert processor.thought([*plain, special.end, *plain]) == "red"
    assert processor.thought([*plain, special.start, *plain]) == "red"
    with_marker = [*plain, special.picture_start]
    assert processor.thought(with_marker) == "red<|vision_start|>"
    assert processor.thought_ids("red<|vision_start|>") == [special.start, *with_marker, special.end]
    # Ids may change: "r" and "ed", written apart, are read as one.
    apart = [processor.tokenizer.token_to_id(text) for text in ("r", "ed")]
    assert processor.thought_ids(processor.thought(apart)) == [special.start, *plain, special.end] != apart


def test_every_position_is_labelled(model: Bagel):
    prompt = Prompt.of("look ", SQUARE, " and say")
    found = model.encode([prompt], Goal.TEXT)
    (segments,), inputs = found.segments, found.inputs
    assert isinstance(inputs, Inputs)
    block = next(block for block in inputs.blocks[0] if block.kind == "seen")
    assert positions(segments, modality="image", roles=("prompt",)) == list(range(block.start + 1, block.stop - 1))
    said = positions(segments, modality="text", roles=("prompt",))
    assert model.processor.tokenizer.decode([inputs.ids[0][i].item() for i in said]) == "look  and say"
    assert len(inputs.ids[0]) == segments[-1].stop


def test_there_must_be_prompts(model: Bagel):
    with pytest.raises(UsageError, match="no prompts"):
        model.encode([], Goal.TEXT)
    with pytest.raises(DataError, match="half a character"):
        model.encode([Prompt.of("a\ud83d")], Goal.TEXT)


# Pictures

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.sampled_from([Resize(1024, 512, 16), Resize(980, 224, 14), Resize(980, 378, 14, 2_007_040)]))
def test_sizes_are_within_their_bounds(width: int, height: int, resize: Resize):
    found = resize.size(width, height)
    assert all(side % resize.stride == 0 and side >= resize.stride for side in found)
    assert max(found) <= resize.longest
    # The budget's ratio of areas is applied to lengths and so overshoots; it never undershoots.
    assert found[0] * found[1] <= max(resize.budget, resize.longest**2)


@given(st.integers(1, 400))
def test_squares_stay_square_and_small_ones_grow(side: int):
    width, height = Resize(1024, 512, 16).size(side, side)
    assert width == height == 512


def test_halves_go_to_the_even_multiple():
    """1000 pixels are 62.5 strides of 16."""
    assert Resize(1024, 512, 16).size(1000, 1000) == (992, 992)
    assert Resize(1024, 512, 16).size(1000, 984) == (992, 992)


def test_the_budget_shortens_sides_by_the_ratio_of_areas():
    roomy, tight = Resize(4000, 16, 16, 10**9), Resize(4000, 16, 16, BUDGET)
    assert roomy.size(2000, 2000) == (2000, 2000)
    expected = round(2000 * BUDGET / 2000**2)
    assert tight.size(2000, 2000) == (16 * round(expected / 16),) * 2


def test_transparent_pictures_stand_on_white():
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert np.asarray(opaque(picture)).min() == 255
    half = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert tuple(np.asarray(opaque(half))[0, 0]) == (255, 127, 127)
    grey = Image.new("L", (4, 4), 7)
    assert tuple(np.asarray(opaque(grey))[0, 0]) == (7, 7, 7)


def test_a_picture_is_resized_twice_unless_told_otherwise(model: Bagel):
    """Also where latents are never made of it."""
    prompt = Prompt.of(picture_of(1, 33, 21), "what?")
    twice = encoded(model, prompt).pictures[0]
    once = encoded(model, prompt, shown=Shown(twice=False)).pictures[0]
    processor = model.processor
    resized = processor.kept.resized(prompt.images[0])
    assert torch.equal(twice, processor.seen.pixels(resized))
    assert torch.equal(once, processor.seen.pixels(prompt.images[0]))
    assert twice.shape != once.shape


def test_patches_run_over_rows_columns_and_channels():
    maps = torch.arange(2 * 4 * 6.0).view(1, 2, 4, 6)
    squares = patches(maps, 2)
    assert squares.shape == (1, 6, 8)
    # The fourth square: rows 2 and 3, columns 0 and 1.
    expected = [maps[0, c, 2 + r, s] for r in range(2) for s in range(2) for c in range(2)]
    assert squares[0, 3].tolist() == expected


def test_latents_come_back_from_their_positions(model: Bagel):
    latents = torch.randn(2, 4, 6, 10)
    tokens = model.network.tokens(latents)
    assert tokens.shape == (2, 15, 16)
    assert torch.equal(model.network.latents(tokens, (3, 5)), latents)


def test_places_are_counted_by_the_width_of_the_table():
    """Not by that of the picture."""
    assert numbers_of((2, 3), 70).tolist() == [0, 1, 2, 70, 71, 72]


@torch.no_grad()
def test_pictures_of_one_size_may_be_seen_together(model: Bagel):
    from unispect.models.bagel.context import prompts_of

    prompts = [Prompt.of(picture_of(seed, 16, 16), "what?") for seed in range(3)] + [Prompt.of(picture_of(9), "and?")]
    inputs = model.encode(prompts, Goal.TEXT).inputs
    assert isinstance(inputs, Inputs)
    apart, together = prompts_of(model.network, inputs), prompts_of(model.network, inputs, together=True)
    for one, other in zip(apart, together, strict=True):
        torch.testing.assert_close(one.rows, other.rows, rtol=1e-5, atol=1e-5)
