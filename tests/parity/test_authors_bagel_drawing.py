"""What the authors' BAGEL draws and redraws, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, steps, guidance, the cases that are there.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.bagel_reference import (
    LATENTS,
    Fixture,
    Group,
    all_states,
    close,
    context_of,
    drawing_of,
    guidance_of,
    inputs_of,
    read_fixture,
    read_model,
    set_apart,
    with_noise,
)
from unispect.core.encoded import LAST, Encoded
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.bagel.chain_of_thought import ChainOfThought
from unispect.models.bagel.context import Context, Contexts, contexts_of, picture_blocks
from unispect.models.bagel.drawing import DrawSettings, GuidedField, paths
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.network import numbers_of
from unispect.models.bagel.processing import Shown
from unispect.models.parts.flux import latents_of, moments, pixels_of

BRANCHES = ("cond", "uncond_text", "uncond_img")
FULL = ("t2i_full", "t2i_full_default_img_cfg", "t2i_think", "edit_full")


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> Bagel:
    return read_model(fixture)


def grid_of(model: Bagel, height: int, width: int) -> tuple[int, int]:
    cell = model.network.config.cell
    return height // cell, width // cell


def following(model: Bagel, context: Context, tokens: Tensor, time: float, grid: tuple[int, int]) -> Context:
    """A context with the picture's block behind it."""
    latents = model.network.latents(tokens[None], grid)
    rows, kind, grid = picture_blocks(model.network, model.markers(), latents, torch.tensor([time]))
    return context.followed_by(rows[0], kind, grid)


@torch.no_grad()
def check_branches(
    model: Bagel, group: Group, contexts: Sequence[Contexts], grids: Sequence[tuple[int, int]], time: float
) -> list[Tensor]:
    """Rows, positions, states and velocities of every branch, in one pass and behind kept keys; the velocities."""
    network = model.network
    places = [rows * columns for rows, columns in grids]
    sizes = [count + 2 for count in places]
    x = group("x_t").split(places)
    embeds = group("inputs_embeds").split(sizes)
    assert group("query_lens").tolist() == sizes
    numbers = torch.cat([numbers_of(grid, network.config.drawn_table) for grid in grids])
    assert numbers.tolist() == group("packed_vae_position_ids").tolist()
    close("time_embed", network.embedded(group("timestep")[:1]), group("time_embed")[:1])
    found: list[list[Tensor]] = []
    for i, (own, grid) in enumerate(zip(contexts, grids, strict=True)):
        guidance = Guidance(text=2.0, image=2.0)
        field = GuidedField(network, [own], model.markers(), grid, guidance)
        velocities = [velocity[0] for velocity in field.branches(x[i][None], time)]
        found.append(velocities)
        for name, context, velocity in zip(BRANCHES, own.first(len(BRANCHES)), velocities, strict=False):
            if f"{group.name}/{name}.v" not in group.tensors:
                continue
            start = sum(sizes[:i])
            whole = following(model, context, x[i], time, grid)
            close(f"{group.name}.inputs_embeds", whole.rows[-sizes[i] :], embeds[i])
            stands = whole.layout.positions[-sizes[i] :]
            assert stands.tolist() == group(f"{name}.position_ids")[start : start + sizes[i]].tolist()
            assert len(context.rows) == group(f"{name}.key_values_lens")[i]
            states = all_states(model, whole)[:, -sizes[i] :]
            close(f"{group.name}.hidden_states", states, group(f"{name}.hidden_states").split(sizes, 1)[i])
            norms = torch.cat([network.llm.norm(states[-1, :1]), network.llm.norm_gen(states[-1, 1:-1])])
            norms = torch.cat([norms, network.llm.norm(states[-1, -1:])])
            close(f"{group.name}.final_norm", norms, group(f"{name}.final_norm").split(sizes)[i])
            theirs = group(f"{name}.v").split(places)[i]
            close(f"{group.name}.velocity", network.exit(norms[1:-1]), theirs)
            close(f"{group.name}.velocity_behind_kept_keys", velocity, theirs)
    branches = min(map(len, found))
    return [torch.cat([own[branch] for own in found]) for branch in range(branches)]


def check_variants(group: Group, velocities: Sequence[Tensor]) -> None:
    """Every way of guiding; the authors' "global" counts all samples of a call as one."""
    whole, textless, *others = (own[None] for own in velocities)
    pictureless = others[0] if others else whole
    for name, args in group.args["variants"].items():
        guidance = guidance_of(args)
        at = guidance.at(float(group.args["t"]))
        ours = guidance.combined(whole, textless, pictureless) if at else whole
        close(f"{group.name}.v_{name}", ours[0], group(f"v_{name}"))


@pytest.mark.slow
@torch.no_grad()
def test_a_step_of_drawing_is_the_authors(model: Bagel, fixture: Fixture):
    group = fixture.need("t2i_step")
    encoded = model.encode([Prompt.of(group.args["prompt"])], Goal.IMAGE)
    assert inputs_of(encoded).ids[0].tolist() == group("prompt_ids").tolist()
    assert torch.equal(group("x_t"), group("draw_0"))
    grid = grid_of(model, *group.args["image_shape_hw"])
    contexts = contexts_of(context_of(model, encoded))
    assert contexts.pictureless is contexts.whole
    assert len(contexts.textless.rows) == 0
    check_variants(group, check_branches(model, group, [contexts], [grid], group.args["t"]))


@torch.no_grad()
def test_a_step_of_a_batch_is_the_authors(model: Bagel, fixture: Fixture):
    group = fixture.need("t2i_step_batch")
    encodings = [model.encode([Prompt.of(text)], Goal.IMAGE) for text in group.args["prompts"]]
    ids = [inputs_of(encoded).ids[0] for encoded in encodings]
    assert torch.cat(ids).tolist() == group("prompt_ids").tolist()
    assert list(map(len, ids)) == group("prompt_lens").tolist()
    grids = [grid_of(model, *shape) for shape in group.args["image_shapes_hw"]]
    contexts = [contexts_of(context_of(model, encoded)) for encoded in encodings]
    check_variants(group, check_branches(model, group, contexts, grids, group.args["t"]))


# Whole pictures


def case_of(model: Bagel, fixture: Fixture, name: str) -> tuple[Group, Bagel, Encoded, Tensor, DrawSettings]:
    """A case with the model as it is set there, its prompt, its noise in token layout, and how it is drawn."""
    group = fixture.need(name)
    args = group.args
    thinking = ChainOfThought(args["max_think_token_n"] - 1) if "max_think_token_n" in args else None
    own = set_apart(model, shown=Shown(drawn=True), thinking=thinking)
    parts = [fixture.picture(args["image"])] if "image" in args else []
    encoded = own.encode([Prompt.of(*parts, args["text"])], Goal.IMAGE)
    grid = grid_of(model, *args["image_shapes"]) if not parts else inputs_of(encoded).grids[0]
    assert grid is not None
    noise = group("draw_0")
    if parts:
        drawn, noise = noise, group("draw_1")
        # What is drawn for the latents of a prompt's picture has the shape of the authors'.
        (posterior, _) = inputs_of(encoded).noise
        assert posterior is not None
        assert posterior.shape == drawn[0].shape
        encoded = with_noise(encoded, drawn[0])
    return group, own, encoded, noise, drawing_of(args, grid)


@pytest.mark.parametrize("name", FULL)
@torch.no_grad()
def test_a_picture_is_the_authors(model: Bagel, fixture: Fixture, name: str):
    group, own, encoded, noise, drawing = case_of(model, fixture, name)
    thoughts, contexts = own.contexts(inputs_of(encoded), [0])
    if "think_block_input_ids" in {key.rpartition("/")[2] for key in group.tensors if key.startswith(f"{name}/")}:
        check_thoughts(own, group, encoded, thoughts)
    network = model.network
    start = network.latents(noise[None], drawing.grid)
    ((_, path),) = paths(network, contexts, model.markers(), start, drawing)
    latents = [network.tokens(step)[0] for step in path]
    theirs, velocities = group("x_t"), group("v")
    assert len(latents) == len(theirs) + 1
    for i, ((before, after), (now, then)) in enumerate(zip(pairwise(latents), pairwise(drawing.times), strict=True)):
        assert now == pytest.approx(group("t")[i].item(), abs=1e-6)
        guided = now in drawing.guided
        assert (drawing.guidance.text if guided else 1.0) == group("cfg_text_scale_used")[i]
        assert (drawing.guidance.image if guided else 1.0) == group("cfg_img_scale_used")[i]
        close(f"{name}.x_t", before, theirs[i], LATENTS)
        close(f"{name}.v", (after - before) / (then - now), velocities[i], LATENTS)
    finished = network.latents(latents[-1][None], drawing.grid)
    close(f"{name}.latents", finished, group("latent_nchw"), LATENTS)
    config = network.config.autoencoder
    close(f"{name}.vae_decoder_input", finished / config.scale + config.shift, group("vae_decoder_input"), LATENTS)
    close(f"{name}.pixels", model.decoded(finished), group("pixels_raw"), LATENTS)
    (picture,) = model.pictures(finished)
    difference = np.abs(np.asarray(picture, np.int16) - group("image_uint8").numpy().astype(np.int16))
    assert difference.max() <= 1


def check_thoughts(model: Bagel, group: Group, encoded: Encoded, thoughts: list[str]) -> None:
    """What it is told to think, what it then thinks, and how that is read again."""
    (ids,), (blocks,) = inputs_of(encoded).ids, inputs_of(encoded).blocks
    assert ids[: blocks[0].stop].tolist() == group("system_block_input_ids").tolist()
    (thought,) = thoughts
    assert model.processor.thought_ids(thought) == group("think_block_input_ids").tolist()
    written = group("think_step_argmax")[:-1, 0].tolist()
    assert model.processor.thought(written) == thought


@pytest.mark.parametrize("name", FULL)
@torch.no_grad()
def test_states_of_a_picture_are_those_that_drew_it(model: Bagel, fixture: Fixture, name: str):
    """The conditional velocity of a step, from the states of one pass over prompt and picture."""
    _, own, encoded, noise, drawing = case_of(model, fixture, name)
    own = own.with_settings(drawing=drawing, redrawing=drawing)
    (reply,) = own.draw(encoded, ImageSampling((5,)))
    (again,) = contexts_of_reply(own, encoded, reply)
    field = GuidedField(own.network, [again], own.markers(), drawing.grid, drawing.guidance)
    ((_, path),) = paths(own.network, [again], own.markers(), noise_of(own, reply), drawing)
    looked = list(path)
    for at in (*{0, drawing.steps // 2, drawing.steps - 1}, LAST):
        *_, last = own.states(encoded, [reply], at=at)
        places = drawing.grid[0] * drawing.grid[1]
        velocity = own.network.exit(own.network.llm.norm_gen(last.rows[0][-1 - places : -1]))
        step = drawing.steps - 1 if at == LAST else at
        tokens = own.network.tokens(looked[step])
        theirs = field.branches(tokens, drawing.times[step], guided=False)[0][0]
        close(f"{name}.states", velocity, theirs)
    *_, last = own.states(encoded, [reply], at=drawing.steps)
    assert torch.isfinite(last.rows[0]).all()
    assert noise.shape == own.network.tokens(looked[0])[0].shape


def contexts_of_reply(model: Bagel, encoded: Encoded, reply: ImageReply) -> list[Contexts]:
    return model.contexts(inputs_of(encoded), [reply.seed])[1]


def noise_of(model: Bagel, reply: ImageReply) -> Tensor:
    """What drawing starts from: the authors' shape, drawn position by position."""
    assert reply.latents is not None
    channels, height, width = reply.latents.shape
    patch = model.network.config.patch
    generator = torch.Generator().manual_seed(reply.seed)
    grid = (height // patch, width // patch)
    tokens = torch.randn(grid[0] * grid[1], channels * patch**2, generator=generator)
    return model.network.latents(tokens[None], grid)


# Redrawing


@torch.no_grad()
def test_a_picture_to_be_changed_is_shown_as_by_the_authors(model: Bagel, fixture: Fixture):
    group = fixture.need("edit_context")
    picture = fixture.picture("image_a")
    resized = model.processor.kept.resized(picture)
    assert torch.equal(torch.from_numpy(np.array(resized)), group("resized_image"))
    own = set_apart(model, shown=Shown(drawn=True))
    encoded = with_noise(own.encode([Prompt.of(picture, group.args["text"])], Goal.IMAGE), group("draw_0")[0])
    inputs = inputs_of(encoded)
    close("edit_context.vae_pixels", inputs.pictures[0][None], group("vae_pixels"), 1e-6)
    mean, variance = moments(model.network.vae, inputs.pictures[0][None])
    close("edit_context.vae_moments", torch.cat([mean, variance], 1), group("vae_moments"))
    drawn = latents_of(model.network.vae, inputs.pictures[0][None], group("draw_0"))
    close("edit_context.vae_latent", drawn, group("vae_latent"))
    context = context_of(own, encoded)
    contexts = contexts_of(context)
    names = ("vae_block", "vit_block", "text_block")
    check_context(own, group, context, names, [group.meta["kv_lens"][0], group.meta["ropes"][0]])
    textless = group.meta["uncond_text"]
    check_context(own, group, contexts.textless, names[:2], [textless["kv_lens"][0], textless["ropes"][0]])
    pictureless = group.meta["uncond_img"]
    left = [pictureless["kv_lens"][0], pictureless["ropes"][0]]
    check_context(own, group, contexts.pictureless, ("text_only_block",), left)


def check_context(model: Bagel, group: Group, context: Context, names: Sequence[str], left: list[int]) -> None:
    assert [len(context.rows), context.layout.following] == left
    states = all_states(model, context)
    close("edit_context.hidden_states", states, torch.cat([group(f"{name}.hidden_states") for name in names], 1))
    places = torch.cat([group(f"{name}.position_ids") for name in names])
    assert context.layout.positions.tolist() == places.tolist()
    drawn = context.layout.drawn[:, None]
    norms = torch.where(drawn, model.network.llm.norm_gen(states[-1]), model.network.llm.norm(states[-1]))
    close("edit_context.final_norm", norms, torch.cat([group(f"{name}.final_norm") for name in names]))


@torch.no_grad()
def test_a_step_of_redrawing_is_the_authors(model: Bagel, fixture: Fixture):
    context, group = fixture.need("edit_context"), fixture.need("edit_step")
    own = set_apart(model, shown=Shown(drawn=True))
    prompt = Prompt.of(fixture.picture("image_a"), context.args["text"])
    encoded = with_noise(own.encode([prompt], Goal.IMAGE), context("draw_0")[0])
    (grid,) = inputs_of(encoded).grids
    assert grid is not None
    contexts = contexts_of(context_of(own, encoded))
    velocities = check_branches(own, group, [contexts], [grid], group.args["t"])
    assert len(velocities) == len(BRANCHES)
    check_variants(group, velocities)


# The pixel autoencoder


@torch.no_grad()
def test_the_autoencoder_is_the_authors(model: Bagel, fixture: Fixture):
    group, vae = fixture.need("vae"), model.network.vae
    pixels = model.processor.kept.pixels(fixture.picture("image_b"))[None]
    close("vae.pixels", pixels, group("pixels"), 1e-6)
    close("vae.moments", torch.cat(moments(vae, pixels), 1), group("moments"))
    latent = latents_of(vae, pixels, group("draw_0"))
    close("vae.latent", latent, group("latent"))
    config = model.network.config.autoencoder
    close("vae.decoder_input", latent / config.scale + config.shift, group("decoder_input"))
    close("vae.reconstruction", pixels_of(vae, latent), group("reconstruction"))
