"""Prompts that are run once against whole sequences, company, sizes, steps, and the states of them all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_show_o2
from tests.helpers.batch_invariance import same_picture
from unispect.core.encoded import LAST
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.capture import run
from unispect.models.decode.flow import euler, guided
from unispect.models.decode.mask import with_spans
from unispect.models.decode.prefix import slots
from unispect.models.show_o2 import drawing
from unispect.models.show_o2.drawing import SHIFTING, DrawSettings, PromptedField, moved, rounded_noise
from unispect.models.show_o2.folder import load
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.processing import Inputs

# Of one to three blocks of cache slots.
TEXTS = ("a", "a red star", "the turquoise circle at the bottom left of it", "", "a red star")
SEEDS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ShowO2:
    folder = tiny_show_o2.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return load(tiny_show_o2.TINY, folder, device="cpu")


def sized(model: ShowO2, rows: int, columns: int, **changes: object) -> ShowO2:
    """The same model, drawing another grid."""
    how = replace(model.drawing, grid=(rows, columns), **changes)  # type: ignore[arg-type]
    return ShowO2(model.card, model.network, model.processor, how, model.seeing)


def inputs_of(model: ShowO2, *texts: str) -> Inputs:
    inputs = model.encode([Prompt.of(text) for text in texts], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def prompts(model: ShowO2, texts: tuple[str, ...] = TEXTS) -> list[Tensor]:
    return model.prompt_rows(inputs_of(model, *texts))


def without_cache(model: ShowO2, prompt: Tensor, latents: Tensor, time: float) -> Tensor:
    """The authors' way for one branch: everything run anew, with what they put behind the picture."""
    drawn, told = model.picture_rows(latents[None], torch.tensor([time]))
    special = model.processor.special
    behind = model.backbone.embed_tokens(torch.tensor([special.picture_end, special.end, special.pad]))
    rows = torch.cat([prompt, drawn[0], behind])[None]
    start, stop = len(prompt), len(prompt) + drawn.shape[1]
    attention_mask = with_spans(rows.shape[1], [(start, stop)])
    assert attention_mask is not None
    mask = attention_mask[None, None]
    places = torch.arange(rows.shape[1])
    inside = ((places >= start) & (places < stop))[None]
    outputs = model.network.head(run(model.backbone, rows, mask=mask), told, inside=inside, mask=mask)
    return model.network.flat(outputs[:, start + 1 : stop], (latents.shape[1], latents.shape[2]))[0]


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("grid", [(4, 4), (6, 3)])
@torch.no_grad()
def test_a_cache_changes_nothing(model: ShowO2, guidance: float, grid: tuple[int, int]):
    model = sized(model, *grid)
    noise, empty = rounded_noise(SEEDS, model.latent_shape), model.empty_row()
    for i, prompt in enumerate(prompts(model)):
        field = PromptedField(model.network, [prompt], empty, model.drawing.image_tokens, guidance)

        def whole(z: Tensor, t: float, prompt: Tensor = prompt) -> Tensor:
            with_prompt, without = (without_cache(model, own, z[0], t) for own in (prompt, empty))
            return guided(with_prompt, without, guidance)[None]

        at = moved(4, SHIFTING)
        for ours, theirs in zip(euler(field, noise[i : i + 1], at), euler(whole, noise[i : i + 1], at), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (1, 1), (5, 8)])
def test_prompts_of_any_length_are_drawn_as_alone(model: ShowO2, guidance: float, grid: tuple[int, int]):
    """To the last bit, in grids of any size: single positions too, whose products would take another path."""
    model = sized(model, *grid)
    lengths = [len(ids) for ids in inputs_of(model, *TEXTS).ids]
    assert len({slots(length) for length in lengths}) > 1
    assert len(set(lengths)) > len({slots(length) for length in lengths})
    encoded = model.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE)
    together = model.draw(encoded, ImageSampling(SEEDS, guidance=guidance))
    for text, seed, reply in zip(TEXTS, SEEDS, together, strict=True):
        alone = model.draw(model.encode([Prompt.of(text)], Goal.IMAGE), ImageSampling((seed,), guidance=guidance))[0]
        assert reply.latents is not None
        assert alone.latents is not None
        np.testing.assert_allclose(alone.latents, reply.latents, atol=1e-5, rtol=0)
        assert same_picture(model, reply, alone)
        assert reply.image.size == (grid[1] * 4, grid[0] * 4)


def test_guidance_of_one_runs_no_other_branch(model: ShowO2, monkeypatch: pytest.MonkeyPatch):
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


@pytest.mark.parametrize("factor", [SHIFTING, 1.0, 0.5, 6.0])
@pytest.mark.parametrize("steps", [1, 4, 49])
def test_points_are_one_more_than_steps(steps: int, factor: float):
    """The authors' grid: evenly spaced points, then t / (t + f - f t)."""
    points = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    expected = points / (points + factor - factor * points)
    torch.testing.assert_close(torch.tensor(moved(steps, factor), dtype=torch.float64), expected)


@torch.no_grad()
def test_the_path_is_that_of_the_formula(model: ShowO2, monkeypatch: pytest.MonkeyPatch):
    """n steps ask n times, at the moved times; guidance w is v_unc + w (v_cond - v_unc), below 1 too."""
    asked, branches = [], PromptedField.branches

    def kept(field: PromptedField, latents: Tensor, time: float) -> Tensor:
        asked.append((time, branches(field, latents, time)))
        return asked[-1][1]

    monkeypatch.setattr(PromptedField, "branches", kept)
    for steps, weight, factor in ((1, 0.0, 1.0), (3, 0.5, 6.0), (5, 7.5, 0.5)):
        asked.clear()
        own = ShowO2(model.card, model.network, model.processor, replace(model.drawing, shifting=factor), model.seeing)
        encoded = own.encode([Prompt.of("a star")], Goal.IMAGE)
        (reply,) = own.draw(encoded, ImageSampling((3,), guidance=weight, steps=steps))
        at, expected = moved(steps, factor), rounded_noise((3,), own.latent_shape)
        assert [time for time, _ in asked] == list(at[:-1])
        for step, (_, found) in enumerate(asked):
            velocity = found[1:] + weight * (found[:1] - found[1:])
            expected = expected + (at[step + 1] - at[step]) * velocity
        torch.testing.assert_close(torch.tensor(reply.latents)[None], expected, rtol=1e-4, atol=1e-4)
        assert reply.replay.get("shifting", 3.0) == factor


def test_replies_whose_times_were_moved_otherwise_stand_side_by_side(model: ShowO2):
    encoded = model.encode([Prompt.of("a star"), Prompt.of("a circle")], Goal.IMAGE)
    even = ShowO2(model.card, model.network, model.processor, replace(model.drawing, shifting=1.0), model.seeing)
    one, other = even.draw(encoded, ImageSampling((1, 2))), model.draw(encoded, ImageSampling((1, 2)))
    mixed = [one[0], other[1]]
    for state, left, right in zip(
        model.states(encoded, mixed, at=2),
        even.states(encoded, one, at=2),
        model.states(encoded, other, at=2),
        strict=True,
    ):
        torch.testing.assert_close(state.rows[0], left.rows[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(state.rows[1], right.rows[1], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_outputs_are_consecutive_latents_of_the_raster(model: ShowO2):
    """Not the squares that the same positions read."""
    channels = model.network.config.channels
    latents = torch.arange(channels * 4 * 6.0).reshape(1, channels, 4, 6)
    outputs = latents.flatten(2).transpose(1, 2).reshape(1, 6, 4 * channels)
    assert torch.equal(model.network.flat(outputs, (4, 6)), latents)
    # Position 1 gives the last two of the first row and the first two of the second.
    marked = torch.zeros(1, 6, 4 * channels)
    marked[0, 1] = 1
    where = model.network.flat(marked, (4, 6))[0, 0].nonzero().tolist()
    assert where == [[0, 4], [0, 5], [1, 0], [1, 1]]


@torch.no_grad()
def test_the_table_of_positions_fits_any_grid(model: ShowO2):
    network = model.network
    table = network.seen_positions.weight
    assert network.positions((4, 4)) is table
    for grid in ((8, 8), (3, 5), (16, 2)):
        assert network.positions(grid).shape == (grid[0] * grid[1], table.shape[1])
    # As many rows as the table has, but of another shape: stretched all the same.
    assert not torch.equal(network.positions((2, 8)), table)
    ramp = torch.arange(4.0)[:, None].expand(4, 4).flatten()
    before = table.clone()
    table.copy_(ramp[:, None].expand_as(table))
    try:
        tall = network.positions((8, 4)).unflatten(0, (8, 4))
    finally:
        table.copy_(before)
    assert (tall[1:] - tall[:-1] > -0.1).all()
    assert torch.allclose(tall, tall[:, :1])


@torch.no_grad()
def test_positions_of_a_picture_see_each_other_and_not_what_follows(model: ShowO2):
    """The first position changes when only the last latent does; text behind a picture does not change it."""
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    reply = model.draw(encoded, ImageSampling((1,)))[0]
    assert reply.latents is not None
    changed = reply.latents.copy()
    changed[:, -1, -1] += 1
    one, other = (
        list(model.states(encoded, [replace(reply, latents=latents)]))[-1].rows[0]
        for latents in (reply.latents, changed)
    )
    length = encoded.length(0)
    assert torch.equal(one[:length], other[:length])
    assert (one[length] - other[length]).abs().max() > 1e-4


def test_noise_is_rounded_to_bfloat16():
    noise = rounded_noise([1, 2], (4, 3, 3))
    assert torch.equal(noise, noise.bfloat16().float())
    assert noise.dtype == torch.float32
    assert torch.equal(noise[1:], rounded_noise([2], (4, 3, 3)))


def test_a_reply_keeps_what_repeats_it(model: ShowO2):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    reply = model.draw(encoded, ImageSampling((7,)))[0]
    assert reply.replay["guidance"] == tiny_show_o2.TINY.defaults["guidance"]
    assert reply.replay["steps"] == tiny_show_o2.TINY.defaults["steps"]
    assert reply.latents is not None
    again = model.pictures(torch.tensor(reply.latents)[None])[0]
    assert again.tobytes() == reply.image.tobytes()
    with torch.no_grad():
        field = PromptedField(model.network, prompts(model, ("a star",)), model.empty_row(), 16, 2.0)
        last = torch.tensor(reply.replay["last_input"])[None]
        before, end = moved(4, SHIFTING)[-2:]
        torch.testing.assert_close(last + (end - before) * field(last, before), torch.tensor(reply.latents)[None])


def test_temperature_means_nothing_and_steps_do(model: ShowO2):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    plain, cold, more = (
        model.draw(encoded, ImageSampling((7,), **how))[0]  # type: ignore[arg-type]
        for how in ({}, {"temperature": 0.0}, {"steps": 9})
    )
    assert plain.image.tobytes() == cold.image.tobytes()
    assert more.replay["steps"] == 9
    assert not np.allclose(plain.latents, more.latents)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one step or more"):
        model.draw(encoded, ImageSampling((7,), steps=0))


# States


@pytest.mark.slow
@torch.no_grad()
def test_the_states_of_a_step_are_those_it_looked_with(model: ShowO2):
    encoded = model.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling(SEEDS))
    inputs, empty = prompts(model), model.empty_row()
    at_times = moved(4, SHIFTING)
    for at in range(4):
        final = list(model.states(encoded, replies, at=at))[-1]
        assert final.step == at
        for i, reply in enumerate(replies):
            field = PromptedField(model.network, [inputs[i]], empty, 16, 2.0)
            path = list(euler(field, rounded_noise([reply.seed], model.latent_shape), at_times))
            rows, _ = model.picture_rows(path[at], torch.tensor([at_times[at]]))
            whole = torch.cat([inputs[i], rows[0]])
            attention_mask = with_spans(len(whole), [(len(inputs[i]), len(whole))])
            assert attention_mask is not None
            expected = run(model.backbone, whole[None], mask=attention_mask[None, None])[0]
            torch.testing.assert_close(model.backbone.norm(final.rows[i]), expected, rtol=1e-4, atol=1e-4)


def test_replies_drawn_in_other_ways_stand_side_by_side(model: ShowO2):
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


def test_the_time_is_template_and_the_picture_the_response(model: ShowO2):
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


def test_filler_stands_behind_prompts_on_request_only(model: ShowO2):
    paper = sized(model, 4, 4, paper=True, length=60)
    texts = [Prompt.of("a star"), Prompt.of("the turquoise star at the left of it")]
    plain, filled = (list(one.states(one.encode(texts, Goal.IMAGE))) for one in (model, paper))
    special = model.processor.special
    for state in filled:
        for i, rows in enumerate(state.rows):
            length = len(plain[0].rows[i])
            assert len(rows) == 60
            # What stands behind a prompt never changes it.
            torch.testing.assert_close(rows[:length], plain[state.layer].rows[i], rtol=1e-4, atol=1e-4)
            slots_of = positions(state.segments[i], modality="image", roles=("filler",))
            assert slots_of == list(range(length, length + 17))
            assert positions(state.segments[i], modality="text", roles=("filler",)) == list(range(length + 19, 60))
    pad = model.backbone.embed_tokens.weight[special.pad]
    assert torch.equal(filled[0].rows[0][-1], pad.detach())
    # Replies take the place of filler.
    encoded = paper.encode(texts, Goal.IMAGE)
    replies = paper.draw(encoded, ImageSampling((1, 2)))
    state = next(iter(paper.states(encoded, replies)))
    assert not positions(state.segments[0], roles=("filler",))


def test_the_authors_cut_long_prompts(model: ShowO2):
    paper = sized(model, 4, 4, paper=True, length=40)
    assert paper.drawing.most_text == 19
    ids = inputs_of(paper, "a" * 50).ids[0]
    assert len(ids) == 1 + 19 + 1
    assert ids[-1] == model.processor.special.picture_start
    assert len(inputs_of(model, "a" * 50).ids[0]) == 1 + 50 + 1


@pytest.mark.parametrize(
    ("grid", "whole", "text"), [((27, 27), 1024, 290), ((32, 32), 1280, 251), ((64, 64), 4352, 251)]
)
def test_published_sequences_are_as_long_as_said(grid: tuple[int, int], whole: int, text: int):
    how = DrawSettings(grid, guidance=1.0, steps=1)
    assert (how.whole, how.most_text) == (whole, text)


def test_steps_that_were_not_taken_are_refused(model: ShowO2):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    reply = model.draw(encoded, ImageSampling((1,)))[0]
    for at in (4, -2):
        with pytest.raises(UsageError, match="no step"):
            list(model.states(encoded, [reply], at=at))
    with pytest.raises(UsageError, match="no step"):
        list(model.states(encoded, at=0))
    for at in (LAST, 0):
        with pytest.raises(UsageError, match="not drawn by"):
            list(model.states(encoded, [ImageReply(Image.new("RGB", (16, 16)), 1)], at=at))


def test_a_prompt_that_leaves_no_room_for_the_picture_is_refused(model: ShowO2):
    room = int(model.backbone.config.max_position_embeddings) - 17
    text = "a" * (room - len(inputs_of(model, "a").ids[0]) + 1)
    model.encode([Prompt.of(text)], Goal.IMAGE)
    with pytest.raises(DataError, match="shorten it"):
        model.encode([Prompt.of(f"{text}b")], Goal.IMAGE)


def test_published_settings_are_the_default(tmp_path: Path):
    folder = tiny_show_o2.write_checkpoint(tmp_path)
    bare = load(replace(tiny_show_o2.TINY, defaults={}), folder, device="cpu")
    assert (bare.drawing.guidance, bare.drawing.steps) == (7.5, 49)
    high = load(replace(tiny_show_o2.TINY, defaults={"image_size": 32}), folder, device="cpu")
    reply = high.draw(high.encode([Prompt.of("a star")], Goal.IMAGE), ImageSampling((1,), steps=2))[0]
    assert reply.image.size == (high.card.image_size, high.card.image_size) == (32, 32)
    assert high.card.image_tokens == 64
    # Pictures are seen at the size of the configuration.
    assert high.processor.picture.size == 16
