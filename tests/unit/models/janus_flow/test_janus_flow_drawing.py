"""Drawing behind prompts that are run once, against whole sequences that are run every time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_janus_flow
from tests.helpers.batch_invariance import same_numbers, same_picture
from unispect.core.encoded import LAST
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.capture import run
from unispect.models.decode.flow import euler, guided, start_noise, times
from unispect.models.janus_flow import drawing
from unispect.models.janus_flow.drawing import PromptedField
from unispect.models.janus_flow.folder import load, start
from unispect.models.janus_flow.model import JanusFlow
from unispect.models.processing.dialogue import Inputs

# Of one to three blocks of cache slots, and one that fills its slots exactly.
TEXTS = ("a", "a red star", "the turquoise circle at the bottom left of it", "", "a red star")
SEEDS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> JanusFlow:
    folder = tiny_janus_flow.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return load(tiny_janus_flow.TINY, folder, device="cpu")


def inputs_of(model: JanusFlow, *texts: str) -> Inputs:
    inputs = model.encode([Prompt.of(text) for text in texts], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def prompts(model: JanusFlow, texts: tuple[str, ...] = TEXTS) -> list[Tensor]:
    return model.prompt_rows(inputs_of(model, *texts))


def sized(model: JanusFlow, grid: tuple[int, int]) -> JanusFlow:
    return JanusFlow(model.card, model.network, model.processor, replace(model.drawing, grid=grid))


def without_cache(model: JanusFlow, prompt: Tensor, pad: Tensor, latents: Tensor, time: float, w: float) -> Tensor:
    """The authors' way for one sample: two whole sequences, pads masked by index, positions 0 to n - 1 in both."""
    rows, map_, embedded = model.picture_rows(latents[None], torch.tensor([time], dtype=torch.float64))
    emptied = torch.cat([prompt[:1], pad.expand(len(prompt) - 1, -1)])
    both = torch.stack([torch.cat([own, rows[0]]) for own in (prompt, emptied)])
    length = both.shape[1]
    mask = torch.ones(length, length, dtype=torch.bool).tril().expand(2, 1, -1, -1).clone()
    mask[1, :, :, 1 : len(prompt)] = False
    states = run(model.backbone, both, mask=mask)[:, len(prompt) + 1 :]
    velocities = model.network.velocity(states, map_.repeat(2, 1, 1, 1), embedded.repeat(2, 1))
    return guided(velocities[0], velocities[1], w)


@pytest.mark.parametrize(
    ("guidance", "grid"), [(1.0, (4, 4)), (2.0, (4, 4)), (5.0, (4, 4)), (1.0, (3, 5)), (0.5, (6, 2)), (7.5, (1, 1))]
)
@torch.no_grad()
def test_a_cache_changes_nothing(model: JanusFlow, guidance: float, grid: tuple[int, int]):
    """Of any size, square or not, as large as pictures that are seen (4 x 4) or not."""
    pad = model.backbone.embed_tokens.weight[model.processor.special.pad]
    noise = start_noise(SEEDS, sized(model, grid).latent_shape)
    for i, prompt in enumerate(prompts(model)):
        cached = euler(PromptedField(model.network, [prompt], guidance), noise[i : i + 1], times(5))
        whole = euler(
            lambda z, t, prompt=prompt: without_cache(model, prompt, pad, z[0], t, guidance)[None],
            noise[i : i + 1],
            times(5),
        )
        for ours, theirs in zip(cached, whole, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_prompts_of_any_length_are_drawn_as_alone(model: JanusFlow, guidance: float):
    encoded = model.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE)
    lengths = [len(ids) for ids in inputs_of(model, *TEXTS).ids]
    assert len({drawing.slots(length) for length in lengths}) > 1
    assert len(set(lengths)) > len({drawing.slots(length) for length in lengths})
    together = model.draw(encoded, ImageSampling(SEEDS, guidance=guidance))
    for text, seed, reply in zip(TEXTS, SEEDS, together, strict=True):
        alone = model.draw(model.encode([Prompt.of(text)], Goal.IMAGE), ImageSampling((seed,), guidance=guidance))[0]
        assert reply.latents is not None
        np.testing.assert_allclose(alone.latents, reply.latents, atol=1e-5, rtol=0)
        assert same_picture(model, reply, alone)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_pictures_of_few_positions_are_drawn_as_alone(tmp_path: Path, guidance: float):
    """A single one makes so few rows that products of matrices would take another path."""
    folder = tiny_janus_flow.write_files(tmp_path)
    sizes = {"block_out_channels": [16] * 3, "down_block_types": ["DownEncoderBlock2D"] * 3}
    content = tiny_janus_flow.autoencoder() | sizes | {"up_block_types": ["UpDecoderBlock2D"] * 3}
    (folder / "sdxl-vae" / "config.json").write_text(json.dumps(content))
    model = start(tiny_janus_flow.TINY, folder, seed=0)
    assert model.card.image_tokens == 4
    noise = start_noise(SEEDS, model.latent_shape)
    together = model.draw_latents(inputs_of(model, *TEXTS), noise, guidance=guidance, steps=3)
    for i, text in enumerate(TEXTS):
        alone = model.draw_latents(inputs_of(model, text), noise[i : i + 1], guidance=guidance, steps=3)
        for ours, all_ in zip(alone, together, strict=True):
            assert same_numbers(model, ours[0], all_[i])


@pytest.mark.parametrize("grid", [(6, 6), (2, 5), (1, 1)])
def test_pictures_of_any_size_are_drawn_and_looked_at(model: JanusFlow, grid: tuple[int, int]):
    """Rows and columns are those of the setting, whatever the tower sees, with states of every step."""
    own = sized(model, grid)
    rows, columns = grid
    encoded = own.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE)
    replies: list[ImageReply] = own.draw(encoded, ImageSampling(SEEDS, steps=3))
    assert {reply.image.size for reply in replies} == {(4 * columns, 4 * rows)}
    alone = own.draw(own.encode([Prompt.of(TEXTS[2])], Goal.IMAGE), ImageSampling(SEEDS[2:3], steps=3))[0]
    np.testing.assert_allclose(alone.latents, replies[2].latents, atol=1e-5, rtol=0)
    inputs = prompts(own)
    for at in (0, 1, LAST):
        final = list(own.states(encoded, replies, at=at))[-1]
        for i, reply in enumerate(replies):
            with torch.no_grad():
                field, noise = PromptedField(own.network, [inputs[i]], 2.0), start_noise([reply.seed], own.latent_shape)
                latents = list(euler(field, noise, times(3)))[2 if at == LAST else at]
                added, _, _ = own.picture_rows(latents, torch.tensor([(2 if at == LAST else at) / 3]).double())
                expected = run(own.backbone, torch.cat([inputs[i], added[0]])[None])[0]
            torch.testing.assert_close(own.backbone.norm(final.rows[i]), expected, rtol=1e-4, atol=1e-4)
            assert len(final.segments[i][-1]) == rows * columns


def test_replies_of_other_sizes_stand_side_by_side(model: JanusFlow):
    encoded = model.encode([Prompt.of("a star"), Prompt.of("a circle")], Goal.IMAGE)
    small = sized(model, (2, 3)).draw(encoded, ImageSampling((1, 2)))
    usual = model.draw(encoded, ImageSampling((1, 2)))
    for at in (0, 2, LAST):
        mixed = model.states(encoded, [small[0], usual[1]], at=at)
        for state, left, right in zip(
            mixed, model.states(encoded, small, at=at), model.states(encoded, usual, at=at), strict=True
        ):
            torch.testing.assert_close(state.rows[0], left.rows[0], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(state.rows[1], right.rows[1], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_steps_are_evaluated_at_even_times(model: JanusFlow, monkeypatch: pytest.MonkeyPatch):
    """n steps ask n times, at k / n; guidance w of the two velocities is v_unc + w (v_cond - v_unc), below 1 too."""
    asked, branches = [], PromptedField.branches

    def kept(field: PromptedField, latents: Tensor, time: float) -> Tensor:
        asked.append((time, latents, branches(field, latents, time)))
        return asked[-1][2]

    monkeypatch.setattr(PromptedField, "branches", kept)
    noise = start_noise((3,), model.latent_shape)
    for steps, weight in ((1, 0.0), (3, 0.5), (7, 4.0)):
        asked.clear()
        _, finished = model.draw_latents(inputs_of(model, "a star"), noise, guidance=weight, steps=steps)
        assert [time for time, _, _ in asked] == [step / steps for step in range(steps)]
        expected = noise
        for _, latents, found in asked:
            torch.testing.assert_close(latents, expected)
            expected = expected + (found[1:] + weight * (found[:1] - found[1:])) / steps
        torch.testing.assert_close(finished, expected)


def test_guidance_of_one_runs_no_other_branch(model: JanusFlow, monkeypatch: pytest.MonkeyPatch):
    seen = []

    def watched(backbone, hidden: Tensor, **how) -> Tensor:
        seen.append(len(hidden))
        return run(backbone, hidden, **how)

    monkeypatch.setattr(drawing, "run", watched)
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    model.draw(encoded, ImageSampling((1,), guidance=1.0, steps=2))
    assert seen == [1, 1, 1]
    model.draw(encoded, ImageSampling((1,), guidance=2.0, steps=2))
    assert seen[3:] == [2, 2, 2]


def test_a_reply_keeps_what_repeats_it(model: JanusFlow):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    reply = model.draw(encoded, ImageSampling((7,)))[0]
    assert reply.replay["guidance"] == tiny_janus_flow.TINY.defaults["guidance"]
    assert reply.replay["steps"] == tiny_janus_flow.TINY.defaults["steps"]
    assert reply.latents is not None
    again = model.pictures(torch.tensor(reply.latents)[None])[0]
    assert again.tobytes() == reply.image.tobytes()
    # The last step starts where the reply says.
    field = PromptedField(model.network, prompts(model, ("a star",)), 2.0)
    with torch.no_grad():
        last = torch.tensor(reply.replay["last_input"])[None]
        torch.testing.assert_close(last + 0.25 * field(last, 0.75), torch.tensor(reply.latents)[None])


def test_temperature_means_nothing_and_steps_do(model: JanusFlow):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    plain, cold, more = (
        model.draw(encoded, ImageSampling((7,), **how))[0] for how in ({}, {"temperature": 0.0}, {"steps": 9})
    )
    assert plain.image.tobytes() == cold.image.tobytes()
    assert more.replay["steps"] == 9
    assert not np.allclose(plain.latents, more.latents)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one step or more"):
        model.draw(encoded, ImageSampling((7,), steps=0))


# States


@pytest.mark.slow
def test_the_states_of_a_step_are_those_it_looked_with(model: JanusFlow):
    encoded = model.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE)
    replies: list[ImageReply] = model.draw(encoded, ImageSampling(SEEDS))
    inputs = prompts(model)
    for at in range(4):
        final = list(model.states(encoded, replies, at=at))[-1]
        assert final.step == at
        for i, reply in enumerate(replies):
            with torch.no_grad():
                path = list(euler(PromptedField(model.network, [inputs[i]], 2.0), noise_of(model, reply), times(4)))
                rows, _, _ = model.picture_rows(path[at], torch.tensor([at / 4], dtype=torch.float64))
                expected = run(model.backbone, torch.cat([inputs[i], rows[0]])[None])[0]
                torch.testing.assert_close(model.backbone.norm(final.rows[i]), expected, rtol=1e-4, atol=1e-4)
    last, also = (list(model.states(encoded, replies, at=at)) for at in (LAST, 3))
    for one, other in zip(last, also, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.rows, other.rows, strict=True))


def noise_of(model: JanusFlow, reply: ImageReply) -> Tensor:
    return start_noise([reply.seed], model.latent_shape)


def test_replies_drawn_in_other_ways_stand_side_by_side(model: JanusFlow):
    encoded = model.encode([Prompt.of("a star"), Prompt.of("a circle")], Goal.IMAGE)
    few = model.draw(encoded, ImageSampling((1, 2), steps=3))
    many = model.draw(encoded, ImageSampling((1, 2), steps=6, guidance=1.0))
    for at in (LAST, 0, 1, 2):
        mixed = list(model.states(encoded, [few[0], many[1]], at=at))
        for state, left, right in zip(
            mixed, model.states(encoded, few, at=at), model.states(encoded, many, at=at), strict=True
        ):
            torch.testing.assert_close(state.rows[0], left.rows[0], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(state.rows[1], right.rows[1], rtol=1e-4, atol=1e-4)


def test_the_time_is_template_and_the_picture_the_response(model: JanusFlow):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    state = next(iter(model.states(encoded, model.draw(encoded, ImageSampling((1,))))))
    length = encoded.length(0)
    time, picture = state.segments[0][-2:]
    assert (time.start, time.stop, time.role) == (length, length + 1, "template")
    assert (picture.start, picture.stop, picture.modality, picture.role) == (
        length + 1,
        length + 17,
        "image",
        "response",
    )


def test_steps_that_were_not_taken_are_refused(model: JanusFlow):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    reply = model.draw(encoded, ImageSampling((1,)))[0]
    with pytest.raises(UsageError, match="at least one row"):
        sized(model, (0, 4)).draw(encoded, ImageSampling((1,)))
    for at in (4, -2):
        with pytest.raises(UsageError, match="no step"):
            list(model.states(encoded, [reply], at=at))
    with pytest.raises(UsageError, match="no step"):
        list(model.states(encoded, at=0))
    with pytest.raises(UsageError, match="not drawn by this model"):
        list(model.states(encoded, [ImageReply(Image.new("RGB", (16, 16)), 1)]))


def test_a_prompt_that_leaves_no_room_for_the_picture_is_refused(model: JanusFlow):
    room = model.backbone.config.max_position_embeddings - 17
    text = "a" * (room - len(inputs_of(model, "a").ids[0]) + 1)
    model.encode([Prompt.of(text)], Goal.IMAGE)
    with pytest.raises(DataError, match="shorten it"):
        model.encode([Prompt.of(f"{text}b")], Goal.IMAGE)


def test_published_settings_are_the_default(tmp_path: Path):
    folder = tiny_janus_flow.write_checkpoint(tmp_path)
    bare = load(replace(tiny_janus_flow.TINY, defaults={}), folder, device="cpu")
    reply = bare.draw(bare.encode([Prompt.of("a star")], Goal.IMAGE), ImageSampling((1,)))[0]
    assert (reply.replay["guidance"], reply.replay["steps"]) == (2.0, 30)
