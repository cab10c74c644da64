"""Drawing and probing: branches, sizes, company, and what a prompt does and does not hear."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import tiny_cosmos3
from unispect.core.encoded import LAST
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.cosmos3.drawing import SCHEDULE
from unispect.models.cosmos3.folder import load
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.decode.prefix import slots

PROMPTS = tuple(map(Prompt.of, ("a", "the turquoise circle at the bottom left of it", "a red star", "a")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Cosmos3:
    return load(tiny_cosmos3.TINY, tiny_cosmos3.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


def drawing(model: Cosmos3, **how: object) -> Cosmos3:
    return model.with_settings(drawing=replace(model.drawing, **how))  # type: ignore[arg-type]


def draw(model: Cosmos3, prompts: Sequence[Prompt], seeds: Sequence[int], **how: float) -> list[ImageReply]:
    return model.draw(model.encode(prompts, Goal.IMAGE), ImageSampling(tuple(seeds), **how))  # type: ignore[arg-type]


def test_prompts_of_several_lengths_are_drawn_as_alone(model: Cosmos3):
    own = drawing(model, system="")
    lengths = {len(ids) for ids in own.encode(PROMPTS, Goal.IMAGE).inputs.ids}
    assert len({slots(length) for length in lengths}) > 1
    for prompt, seed, reply in zip(PROMPTS, range(4), draw(own, PROMPTS, range(4)), strict=True):
        (alone,) = draw(own, [prompt], [seed])
        np.testing.assert_array_equal(np.asarray(alone.latents), np.asarray(reply.latents))


@pytest.mark.parametrize(("guidance", "passes"), [(1.0, 1), (0.0, 2), (3.0, 2)])
def test_no_branch_runs_that_does_not_count(
    model: Cosmos3, monkeypatch: pytest.MonkeyPatch, guidance: float, passes: int
):
    rows = []
    forward = model.network.proj_out.forward
    monkeypatch.setattr(model.network.proj_out, "forward", lambda states: rows.append(len(states)) or forward(states))
    draw(model, PROMPTS[:1], [1], guidance=guidance, steps=3)
    assert rows == [passes] * 3


@pytest.mark.parametrize("size", [(32, 32), (12, 40), (48, 20), (4, 4)])
def test_pictures_of_any_size_are_drawn_and_looked_at(model: Cosmos3, size: tuple[int, int]):
    """Sides of latents that are odd are filled up to whole positions."""
    own = drawing(model, height=size[0], width=size[1])
    encoded = own.encode(PROMPTS[:2], Goal.IMAGE)
    replies = own.draw(encoded, ImageSampling((1, 2)))
    shape = (4, size[0] // 4, size[1] // 4)
    places = -(-shape[1] // 2) * -(-shape[2] // 2)
    assert all(reply.image.size == (size[1], size[0]) for reply in replies)
    assert all(np.asarray(reply.latents).shape == shape for reply in replies)
    for state in own.states(encoded, replies):
        assert [len(positions(parts, modality="image", roles=("response",))) for parts in state.segments] == [
            places
        ] * 2


def test_sizes_that_are_no_whole_latents_are_refused(model: Cosmos3):
    own = drawing(model, height=30)
    with pytest.raises(UsageError, match="multiples of 4 pixels"):
        draw(own, PROMPTS[:1], [1])


def test_a_reply_of_another_size_or_step_is_refused(model: Cosmos3):
    encoded = model.encode(PROMPTS[:1], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1,)))
    with pytest.raises(UsageError, match="no step 4"):
        list(model.states(encoded, replies, at=4))
    other = drawing(model, height=40)
    with pytest.raises(UsageError, match="as it is set"):
        list(other.states(other.encode(PROMPTS[:1], Goal.IMAGE), replies))


@pytest.mark.parametrize("how", [{}, {"steps": 3, "guidance": 1.0}])
def test_a_step_that_was_not_kept_is_drawn_again_from_the_seed(model: Cosmos3, how: dict[str, float]):
    """Step by step the rows of the picture change, and the last are what `LAST` means; those of the prompt stay."""
    encoded = model.encode(PROMPTS[:2], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1, 2), **how))  # type: ignore[arg-type]
    steps = int(how.get("steps", model.drawing.steps))
    found = [[state.rows for state in model.states(encoded, replies, at=at)] for at in (*range(steps), LAST)]
    length = len(encoded.inputs.ids[0])
    for layer in range(len(found[0])):
        rows = [states[layer][0] for states in found]
        assert torch.equal(rows[-1], rows[-2])
        assert all(torch.equal(own[:length], rows[0][:length]) for own in rows)
        assert all(not torch.equal(one[length:], other[length:]) for one, other in itertools.pairwise(rows[:-1]))


def test_rows_of_a_prompt_are_those_without_a_picture(model: Cosmos3):
    encoded = model.encode(PROMPTS, Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1, 2, 3, 4)))
    for bare, behind in zip(model.states(encoded), model.states(encoded, replies), strict=True):
        for one, other in zip(bare.rows, behind.rows, strict=True):
            torch.testing.assert_close(one, other[: len(one)], atol=1e-5, rtol=1e-5)


def test_weights_that_draw_say_nothing_of_texts(model: Cosmos3):
    """The natural experiment: what is read and told is the same whatever the weights that draw are."""
    told = [Prompt.of(Image.new("RGB", (20, 12), "red"), "what is it"), *PROMPTS]
    encoded = model.encode(told, Goal.TEXT)
    before = [state.rows for state in model.states(encoded)]
    (picture,) = draw(model, PROMPTS[:1], [1])
    kept = {name: own.clone() for name, own in model.network.named_parameters() if ".gen." in name or "_gen" in name}
    assert kept
    with torch.no_grad():
        for name, own in model.network.named_parameters():
            if name in kept:
                own.mul_(1.5)
        after = [state.rows for state in model.states(encoded)]
        (other,) = draw(model, PROMPTS[:1], [1])
        for name, own in model.network.named_parameters():
            if name in kept:
                own.copy_(kept[name])
    assert all(torch.equal(*pair) for rows in zip(before, after, strict=True) for pair in zip(*rows, strict=True))
    assert not np.array_equal(np.asarray(picture.latents), np.asarray(other.latents))


def test_a_prompt_for_a_picture_holds_text_only(model: Cosmos3):
    with pytest.raises(Unsupported, match="draw"):
        model.encode([Prompt.of(Image.new("RGB", (8, 8)), "make it red")], Goal.IMAGE)


@pytest.mark.parametrize(
    "how", [{"negative": "blurry"}, {"system": ""}, {"tell_size": False}, {"solver": {**SCHEDULE, "sigma_max": 80.0}}]
)
def test_other_settings_are_another_model_and_another_picture(model: Cosmos3, how: dict[str, object]):
    own = drawing(model, **how)
    assert own.card.id != model.card.id
    pictures = [np.asarray(draw(one, PROMPTS[:1], [1])[0].latents) for one in (own, model)]
    assert not np.array_equal(*pictures)


def test_steps_must_be_one_or_more(model: Cosmos3):
    with pytest.raises(UsageError, match="one step or more"):
        draw(model, PROMPTS[:1], [1], steps=0)
