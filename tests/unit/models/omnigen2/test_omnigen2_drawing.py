"""Drawing from prompts, negative prompts and given pictures: branches, sizes, company, and what replies keep."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_omnigen2
from unispect.core.encoded import LAST
from unispect.core.errors import DataError, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, ImageSampling, TextReply, TextSampling
from unispect.models.decode.flow import start_noise
from unispect.models.decode.prefix import slots
from unispect.models.omnigen2.drawing import DrawSettings, GuidedField, condition_of
from unispect.models.omnigen2.folder import load
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.processing import Inputs
from unispect.models.omnigen2.transformer import positions_of, rotations

SIDE = tiny_omnigen2.TINY.image_size


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OmniGen2:
    return load(tiny_omnigen2.TINY, tiny_omnigen2.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


def picture(seed: int, width: int = 24, height: int = 16) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def drawing(model: OmniGen2, **how: object) -> OmniGen2:
    return OmniGen2(model.card, model.network, model.processor, replace(model.drawing, **how), model.writing)  # type: ignore[arg-type]


def draw(model: OmniGen2, prompts: Sequence[Prompt], seeds: Sequence[int], **how: float) -> list[ImageReply]:
    return model.draw(model.encode(prompts, Goal.IMAGE), ImageSampling(tuple(seeds), **how))  # type: ignore[arg-type]


def inputs_of(model: OmniGen2, *prompts: Prompt, goal: Goal = Goal.IMAGE) -> Inputs:
    inputs = model.encode(prompts, goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs


MIXED = (
    Prompt.of("a"),
    Prompt.of(picture(1), "make it red"),
    Prompt.of("the turquoise circle at the bottom left of it"),
    Prompt.of(picture(2), picture(3, 16, 32), " both, please"),
    Prompt.of(picture(4), "and this one too"),
    Prompt.of("a"),
)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"image_guidance": 1.5}, {"chat": True}, {"align": False, "image_guidance": 2.0}])
def test_prompts_with_and_without_pictures_are_drawn_as_alone(model: OmniGen2, how: dict):
    own = drawing(model, **how)
    seeds = range(10, 10 + len(MIXED))
    lengths = {len(ids) for ids in inputs_of(own, *MIXED).ids}
    assert len({slots(length) for length in lengths}) > 1
    together = draw(own, MIXED, seeds, guidance=3.0)
    for prompt, seed, reply in zip(MIXED, seeds, together, strict=True):
        (alone,) = draw(own, [prompt], [seed], guidance=3.0)
        assert reply.latents is not None
        assert alone.latents is not None
        np.testing.assert_allclose(alone.latents, reply.latents, atol=1e-5, rtol=0)
        assert alone.image.size == reply.image.size


# Branches


@pytest.mark.parametrize(
    ("prompt", "how", "evaluations"),
    [
        (Prompt.of("a star"), {"guidance": 1.0}, 1),
        (Prompt.of("a star"), {"guidance": 0.5}, 1),
        (Prompt.of("a star"), {"guidance": 2.0, "image_guidance": 2.0}, 2),
        (Prompt.of(picture(1), "a star"), {"guidance": 2.0}, 2),
        (Prompt.of(picture(1), "a star"), {"guidance": 2.0, "image_guidance": 1.5}, 3),
        (Prompt.of(picture(1), "a star"), {"guidance": 1.0, "image_guidance": 1.5}, 1),
    ],
)
def test_no_branch_runs_that_does_not_count(
    model: OmniGen2, monkeypatch: pytest.MonkeyPatch, prompt: Prompt, how: dict, evaluations: int
):
    transformer, seen = model.network.transformer, []
    velocity = transformer.forward
    monkeypatch.setattr(transformer, "forward", lambda *given: seen.append(1) or velocity(*given))
    draw(drawing(model, **how), [prompt], [1], steps=3)
    assert len(seen) == 3 * evaluations


def test_guidance_counts_in_its_share_of_the_steps():
    own = DrawSettings(64, 64, guidance=4.0, steps=5)
    at = own.at((40, 40))
    assert at == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert len(own.guided_at(at)) == 5
    assert own.guided_at(replace(own, between=(0.2, 0.6)).at((40, 40))) >= {at[1]}
    assert replace(own, between=(0.2, 0.6)).guided_at(at) == {at[1], at[2], at[3]}
    assert not replace(own, between=(0.9, 1.0)).guided_at(at)


def test_larger_pictures_stay_near_noise_for_longer():
    own = DrawSettings(64, 64, guidance=4.0, steps=4)
    small, native, large = (own.at((side, side))[2] for side in (8, 40, 128))
    assert small > native == 0.5 > large
    assert large == pytest.approx(0.5 / (3.2 - 3.2 * 0.5 + 0.5))


@pytest.mark.parametrize("steps", [1, 3, 28])
@pytest.mark.parametrize("shape", [(8, 12), (40, 40), (96, 30)])
def test_times_are_those_of_the_formula(steps: int, shape: tuple[int, int]):
    """t / (m - m t + t) with m = sqrt(height x width) / 40 in latents; even ones where the scheduler moves none."""
    own, m = DrawSettings(64, 64, guidance=4.0, steps=steps), (shape[0] * shape[1]) ** 0.5 / 40
    even = [step / steps for step in range(steps + 1)]
    assert own.at(shape) == pytest.approx([t / (m - m * t + t) for t in even], abs=1e-7)
    assert replace(own, moved=False).at(shape) == pytest.approx(even, abs=1e-7)


@pytest.mark.parametrize(
    ("text", "image", "between", "moved"),
    [
        (3.7, 2.2, (0.3, 0.8), True),
        (1.5, 1.0, (0.0, 0.4), False),
        (6.0, 0.5, (0.0, 1.0), True),
        (0.8, 3.0, (0.0, 1.0), True),
    ],
)
@torch.no_grad()
def test_the_path_is_that_of_the_formula(
    model: OmniGen2, text: float, image: float, between: tuple[float, float], moved: bool
):
    """Euler over u + i (r - u) + t (c - r), or u + t (c - u) without guidance by pictures, or c outside the range."""
    own = drawing(model, guidance=text, image_guidance=image, between=between, moved=moved, steps=5)
    inputs = inputs_of(own, Prompt.of(picture(1), "make it red"))
    sources, (channels, height, width) = own.sources(inputs), own.shapes(inputs)[0]
    assert height != width
    latents = start_noise([4], (channels, height, width))
    _, (finished,) = own.draw_latents(sources, list(latents), own.drawing)
    states, pictures = [own.prompt for own in sources], [own.references[0][None] for own in sources]
    empty = [own.empty for own in sources]
    conditions = [
        condition_of(own.network.transformer, said, (height, width), given)
        for said, given in ((states, pictures), (empty, pictures), (empty, []))
    ]
    field = GuidedField(own.network.transformer, sources, (height, width), own.drawing)
    at = own.drawing.at((height, width))
    for step in range(5):
        c, r, u = (field.velocity(condition, latents, at[step]) for condition in conditions)
        if text <= 1 or not between[0] <= step / 5 <= between[1]:
            velocity = c
        elif image > 1:
            velocity = u + image * (r - u) + text * (c - r)
        else:
            velocity = u + text * (c - u)
        latents = latents + (at[step + 1] - at[step]) * velocity
    torch.testing.assert_close(finished[None], latents, rtol=1e-4, atol=1e-4)


def test_times_are_told_in_single_precision_whatever_the_dtype(tmp_path: Path):
    half = load(tiny_omnigen2.TINY, tiny_omnigen2.write_checkpoint(tmp_path / "half"), device="cpu", dtype="bfloat16")
    time = torch.tensor([0.80325])
    told = half.network.transformer.time(time)
    assert told.dtype == torch.bfloat16
    # bfloat16 knows no number between these two times.
    assert not torch.equal(told, half.network.transformer.time(time.bfloat16().float()))
    assert all(isinstance(t, float) for t in half.drawing.at((8, 8)))


# Given pictures and sizes


def test_given_pictures_and_their_order_matter(model: OmniGen2):
    one, two = picture(1, 32, 32), picture(2, 32, 32)
    replies = [
        draw(model, [prompt], [5])[0].latents
        for prompt in (Prompt.of("x"), Prompt.of(one, two, "x"), Prompt.of(two, one, "x"), Prompt.of(one, "x"))
    ]
    for i, first in enumerate(replies):
        for other in replies[:i]:
            assert first is not None
            assert other is not None
            assert np.abs(first - other).max() > 1e-3


def test_without_the_chat_the_language_model_sees_no_picture(model: OmniGen2):
    prompt = Prompt.of(picture(1), "red")
    bare, seen = inputs_of(model, prompt), inputs_of(drawing(model, chat=True), prompt)
    assert bare.ids[0].tolist() == inputs_of(model, Prompt.of("red")).ids[0].tolist()
    assert bare.grids is None
    place = model.processor.special.image_pad
    count = int((seen.ids[0] == place).sum())
    assert count > 0
    (source,) = drawing(model, chat=True).sources(seen)
    assert len(source.prompt) == len(seen.ids[0]) - count
    (other,) = drawing(model, chat=True).sources(inputs_of(drawing(model, chat=True), Prompt.of(picture(9), "red")))
    # Rows of text that stand behind a picture have seen it.
    assert source.prompt.shape == other.prompt.shape
    assert (source.prompt - other.prompt).abs().max() > 1e-4
    assert len(source.empty) > len(model.sources(bare)[0].empty)


def test_the_negative_prompt_stands_in_the_other_branches(model: OmniGen2):
    said = drawing(model, negative="blurry")
    plain, negative = (draw(own, [Prompt.of("a star")], [1], guidance=3.0)[0] for own in (model, said))
    assert not np.allclose(plain.latents, negative.latents, atol=1e-3)  # type: ignore[arg-type]
    unguided = [draw(own, [Prompt.of("a star")], [1], guidance=1.0)[0].latents for own in (model, said)]
    assert np.array_equal(unguided[0], unguided[1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "how", "drawn", "shown"),
    [
        (Prompt.of("x"), {}, (32, 32), (32, 32)),
        (Prompt.of("x"), {"height": 30, "width": 41}, (24, 40), (41, 30)),
        (Prompt.of("x"), {"height": 64, "width": 32, "max_pixels": 500}, (24, 8), (32, 64)),
        (Prompt.of(picture(1, 25, 17), "x"), {}, (16, 24), (24, 16)),
        (Prompt.of(picture(1, 25, 17), "x"), {"align": False}, (32, 32), (32, 32)),
        (Prompt.of(picture(1, 25, 17), picture(2), "x"), {}, (32, 32), (32, 32)),
        (Prompt.of(picture(1, 48, 48), "x"), {"max_pixels": 600}, (24, 24), (24, 24)),
    ],
)
def test_sizes_follow_the_request_or_the_one_given_picture(
    model: OmniGen2, prompt: Prompt, how: dict, drawn: tuple[int, int], shown: tuple[int, int]
):
    """Cut to whole positions of 8 pixels; what was made smaller to be drawn is enlarged again."""
    (reply,) = draw(drawing(model, **how), [prompt], [1], steps=1)
    assert reply.latents is not None
    assert reply.latents.shape[1:] == (drawn[0] // 4, drawn[1] // 4)
    assert reply.image.size == shown


def test_what_cannot_be_drawn_is_refused(model: OmniGen2):
    with pytest.raises(UsageError, match="5 pictures at most"):
        model.encode([Prompt((*(picture(i) for i in range(6)), "x"))], Goal.IMAGE)
    with pytest.raises(DataError, match="7 x 40 pixels cannot be drawn from"):
        model.encode([Prompt.of(picture(1, 7, 40), "x")], Goal.IMAGE)
    with pytest.raises(UsageError, match="one step or more"):
        draw(model, [Prompt.of("x")], [1], steps=0)
    with pytest.raises(UsageError, match="at least 8 pixels"):
        draw(drawing(model, height=4), [Prompt.of("x")], [1])
    blind = OmniGen2(
        replace(model.card, capabilities=model.card.capabilities - {"redraw"}),
        model.network,
        model.processor,
        model.drawing,
    )
    with pytest.raises(Unsupported, match="which no one trained it to do"):
        blind.encode([Prompt.of(picture(1), "x")], Goal.IMAGE)
    assert draw(model, [Prompt((*(picture(i) for i in range(5)), "x"))], [1], steps=1)


def test_latents_of_given_pictures_are_means_unless_drawn_by_the_seed(model: OmniGen2):
    (given,) = inputs_of(model, Prompt.of(picture(1), "x")).given
    drawn = drawing(model, sampled=True)
    (mean,), (again,) = model.reference_latents(given), model.reference_latents(given, 3)
    one, same, other = (drawn.reference_latents(given, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(mean, again)
    assert torch.equal(one, same)
    assert (one - mean).abs().max() > 1e-3
    assert (one - other).abs().max() > 1e-3


# The chat


def test_an_answer_that_begins_with_the_request_is_a_picture(model: OmniGen2, monkeypatch: pytest.MonkeyPatch):
    prompts = [Prompt.of(picture(1), "draw it again"), Prompt.of("what?"), Prompt.of("a star")]
    special = model.processor.special
    said = [
        TextReply("", (special.draw,), (-0.1,), True),
        TextReply("no", (9, special.draw), (-0.1, -0.1), True),
        TextReply("", (special.draw,), (-0.1,), True),
    ]
    monkeypatch.setattr(OmniGen2, "write", lambda *_: said)
    replies = model.answer(prompts, TextSampling(), ImageSampling((1, 2, 3)))
    monkeypatch.undo()
    assert replies[1] is said[1]
    chat = drawing(model, chat=True)
    for place, seed in ((0, 1), (2, 3)):
        reply, (expected,) = replies[place], draw(chat, [prompts[place]], [seed])
        assert isinstance(reply, ImageReply)
        np.testing.assert_allclose(reply.latents, expected.latents, atol=1e-5, rtol=0)  # type: ignore[arg-type]
    assert not model.drawing.chat
    with pytest.raises(UsageError, match="3 samples"):
        model.answer(prompts, TextSampling(), ImageSampling((1,)))


# What replies keep


@pytest.mark.slow
def test_the_states_of_a_step_are_those_it_looked_with(model: OmniGen2):
    """The last step, from what the reply keeps, and the same one drawn again; in a run, pairs are kept as lists."""
    own = drawing(model, image_guidance=1.5, between=(0.0, 0.5))
    encoded = own.encode(MIXED, Goal.IMAGE)
    replies = own.draw(encoded, ImageSampling(tuple(range(len(MIXED))), guidance=2.5))
    assert all(reply.replay["between"] == [0.0, 0.5] for reply in replies)
    last, also = (list(own.decoder_states(encoded, replies, at=at)) for at in (LAST, own.drawing.steps - 1))
    assert len(last) == 1 + len(own.network.transformer.layers)
    for one, other in zip(last, also, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.rows, other.rows, strict=True))
    # From step to step: the rows of a step lead to what the next one looked at.
    for at in range(own.drawing.steps):
        (*_, final) = own.decoder_states(encoded, replies, at=at)
        for i, rows in enumerate(final.rows):
            shape = own.shapes(inputs_of(own, *MIXED))[i]
            places = shape[1] * shape[2] // 4
            assert positions(final.segments[i], roles=("response",)) == list(range(len(rows) - places, len(rows)))


def test_unguided_steps_can_be_followed_by_their_states(model: OmniGen2):
    """The last block's rows give the velocity that the step moved by."""
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((4,), guidance=1.0, steps=3))
    transformer, shape = model.network.transformer, model.latent_shape((SIDE, SIDE))
    at = replace(model.drawing, steps=3).at(shape[1:])
    latents: Tensor = start_noise([4], shape)
    for step in range(3):
        (*_, final) = model.decoder_states(encoded, replies, at=step)
        rows = final.rows[0][None, -16:]
        with torch.no_grad():
            outputs = transformer.norm_out(rows, transformer.time(torch.tensor([at[step]])))
            latents = latents + (at[step + 1] - at[step]) * transformer.flat(outputs, (4, 4))
    torch.testing.assert_close(latents[0], torch.tensor(replies[0].latents), rtol=1e-4, atol=1e-5)


def test_replies_of_another_model_are_refused(model: OmniGen2):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    with pytest.raises(UsageError, match="not drawn by this model"):
        list(model.decoder_states(encoded, [ImageReply(Image.new("RGB", (8, 8)), 1)]))
    with pytest.raises(UsageError, match="no step"):
        list(model.states(model.encode([Prompt.of("a")], Goal.TEXT), at=0))


# Coordinates


def test_coordinates_follow_text_and_pictures():
    found = positions_of(torch.tensor([2, 3]), 4, [(1, 3), (2, 1)])
    assert found.shape == (2, 4 + 3 + 2, 3)
    assert found[0, :4].tolist() == [[i] * 3 for i in range(4)]
    assert found[0, 4:7].tolist() == [[2, 0, 0], [2, 0, 1], [2, 0, 2]]
    # The first picture's longer side is three columns.
    assert found[0, 7:].tolist() == [[5, 0, 0], [5, 1, 0]]
    assert found[1, 7:].tolist() == [[6, 0, 0], [6, 1, 0]]


def test_turns_are_those_of_the_stock_table():
    from diffusers.models.embeddings import get_1d_rotary_pos_embed

    coordinates = torch.tensor([[3, 0, 7], [1, 2, 5]])
    stock = [get_1d_rotary_pos_embed(d, 10, theta=10000, freqs_dtype=torch.float64) for d in (4, 6, 6)]
    expected = torch.cat([table[coordinates[:, axis]] for axis, table in enumerate(stock)], dim=-1)  # type: ignore[index]
    assert (rotations(coordinates, (4, 6, 6)) - expected).abs().max() < 1e-12
