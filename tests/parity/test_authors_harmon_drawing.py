"""How the authors' Harmon draws, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, cases, steps, guidance, single or sharded weights.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.harmon_reference import (
    DRAW,
    LATENTS,
    PIXELS,
    Fixture,
    check_encoder,
    check_states,
    close,
    read_fixture,
    read_model,
)
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply
from unispect.models.capture import run, stream
from unispect.models.decode.masked import Iteration, iterations, left_open, spread
from unispect.models.harmon.diffusion import posterior, process, sample
from unispect.models.harmon.drawing import Draws, DrawSettings
from unispect.models.harmon.model import Harmon
from unispect.models.harmon.vae import picture_bytes

GROUPS = ("gen_cfg", "gen_linear", "gen_nocfg_t0", "gen_plain_steps", "recon")
DRAWING = pytest.mark.parametrize("group", [*GROUPS, "gen_leftpad"])


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> Harmon:
    return read_model(fixture)


def drawing_of(fixture: Fixture, group: str) -> DrawSettings:
    case = fixture.need(group)
    how = {**case["args"], **case.get("effective", {})}
    return DrawSettings(
        grid=tuple(how["image_shape"]),
        iterations=how["num_iter"],
        guidance=how["cfg"],
        temperature=how["temperature"],
        diffusion_steps=case["num_sampling_steps"],
        schedule=how["cfg_schedule"],
        paper=group == "gen_leftpad",
    )


def draws_of(fixture: Fixture, group: str, samples: int) -> Draws:
    """The fixture's draws, as far as they belong to rows that have a prompt."""

    def noise() -> Iterator[Tensor]:
        for i in fixture.iterations(group):
            start, steps = (fixture(f"{group}.it{i}.{name}") for name in ("init_noise", "step_noise"))
            yield torch.cat([start[None], steps[:-1, : len(start)]]).unflatten(1, (samples, -1))

    return Draws(fixture(f"{group}.orders")[:samples], noise())


def drawing_prompts(fixture: Fixture, group: str) -> list[Prompt]:
    texts = [text for text in fixture.texts(group) if text != "Generate an image."]
    if group == "recon":
        return [Prompt.of(Image.new("RGB", (8, 8)), text) for text in texts]
    assert all(text.startswith(DRAW) for text in texts)
    return [Prompt.of(text.removeprefix(DRAW)) for text in texts]


def drawing_inputs(model: Harmon, fixture: Fixture, group: str) -> Encoded:
    encoded = model.encode(drawing_prompts(fixture, group), Goal.IMAGE)
    if group == "recon":
        return replace(encoded, inputs=replace(encoded.inputs, pixels=fixture("recon.pixel_values")))
    for own, ids, mask in zip(
        encoded.inputs.ids, fixture(f"{group}.input_ids"), fixture(f"{group}.attention_mask").bool(), strict=False
    ):
        assert own.tolist() == ids[mask].tolist()
    return encoded


def pad_of(fixture: Fixture, group: str) -> int | None:
    if group != "gen_leftpad":
        return None
    pads = fixture(f"{group}.input_ids")[~fixture(f"{group}.attention_mask").bool()]
    return int(pads[0]) if len(pads) else None


@DRAWING
def test_drawing_gives_the_authors_latents_and_picture(model: Harmon, fixture: Fixture, group: str):
    drawing = drawing_of(fixture, group)
    encoded = drawing_inputs(model, fixture, group)
    samples = len(encoded)
    latents = model.draw_latents(encoded.inputs, drawing, draws_of(fixture, group, samples), pad=pad_of(fixture, group))
    close(f"{group}.latents", latents, fixture(f"{group}.latents")[:samples], LATENTS)
    pixels = model.decoded(latents, drawing.grid)
    if f"{group}.pixels" in fixture.tensors:
        close(f"{group}.pixels", pixels, fixture(f"{group}.pixels"), PIXELS)
    # Cutting off may fall on either side of a value that differs in its last digits.
    difference = (picture_bytes(pixels).int() - fixture(f"{group}.pixels_uint8").int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() <= 0.01


@DRAWING
def test_every_iteration_fills_the_authors_places(fixture: Fixture, group: str):
    drawing = drawing_of(fixture, group)
    orders = fixture(f"{group}.orders")
    left = left_open(drawing.positions, drawing.iterations)
    found = list(iterations(orders, left))
    assert len(found) == len(fixture.iterations(group))
    for i, iteration in enumerate(found):
        start = f"{group}.it{i}."
        assert iteration.left == fixture(start + "mask_len").item()
        assert drawing.weight(iteration.left) == pytest.approx(fixture(start + "cfg_iter").item(), rel=1e-6)
        for own, mask, filled in (
            (iteration.known, fixture(start + "mask_in"), 0),
            (iteration.chosen, fixture(start + "mask_to_pred"), 1),
        ):
            assert own.tolist() == [row.nonzero().flatten().tolist() for row in mask == filled]


@pytest.mark.parametrize("group", GROUPS)  # the prompts of the other disturb each other: see its latents
def test_every_iteration_expects_and_samples_what_the_authors_do(model: Harmon, fixture: Fixture, group: str):
    """From their latents at the start of each iteration, so that errors do not add up."""
    drawing = drawing_of(fixture, group)
    encoded = drawing_inputs(model, fixture, group)
    samples, guided = len(encoded), drawing.guidance != 1
    network, tables = model.network, process(drawing.diffusion_steps)
    assert tables.timesteps.tolist() == fixture.need(group)["diffusion_timesteps"]
    left = left_open(drawing.positions, drawing.iterations)
    with torch.no_grad():
        prompts = [*model.prompt_rows(encoded.inputs), *([model.empty_row()] * samples if guided else [])]
        for iteration in iterations(fixture(f"{group}.orders"), left):
            start = f"{group}.it{iteration.index}."
            tokens = fixture(start + "tokens_in")
            known = tokens.gather(1, spread(iteration.known, tokens.shape[-1]))
            features, read = network.seen(known, iteration.known, drawing.grid)
            states = torch.stack(
                [
                    run(model.backbone, torch.cat([prompt, own])[None])[0, len(prompt) :]
                    for prompt, own in zip(prompts, read, strict=True)
                ]
            )
            decoded = network.expected(features, states, iteration.known, drawing.grid)
            rows = decoded.gather(1, spread(iteration.chosen, decoded.shape[-1])).flatten(0, 1)
            close(start + "z_rows", rows, fixture(start + "z_rows"))
            condition = network.mar.head.condition(rows)
            noise = fixture(start + "init_noise")
            noise = torch.cat([noise[None], fixture(start + "step_noise")[:-1, : len(noise)]])
            weight = fixture(start + "cfg_iter").item()

            def outputs(x: Tensor, told: Tensor, condition: Tensor = condition, weight: float = weight) -> Tensor:
                if not guided:
                    return network.mar.head(x, told, condition)
                mine, other = network.mar.head(x.repeat(2, 1), told, condition).chunk(2)
                (eps, variance), (plain, _) = mine.chunk(2, -1), other.chunk(2, -1)
                return torch.cat([plain + weight * (eps - plain), variance], -1)

            sampled = sample(tables, outputs, noise, temperature=drawing.temperature)
            close(start + "sampled", sampled, fixture(start + "sampled")[: len(sampled)], LATENTS)


def test_every_part_of_an_iteration_is_the_authors(model: Harmon, fixture: Fixture):
    group = "gen_cfg"
    drawing, encoded = drawing_of(fixture, group), drawing_inputs(model, fixture, group)
    with torch.no_grad():
        prompts = [*model.prompt_rows(encoded.inputs), *([model.empty_row()] * len(encoded))]
        for row, prompt in enumerate(prompts):
            states = [*stream(model.backbone, prompt[None])]
            for own, theirs in zip(
                [*states, model.backbone.norm(states[-1])], fixture(f"{group}.prefix_hidden"), strict=True
            ):
                close(f"{group}.prefix_hidden", own[0], theirs[row, : len(prompt)])
        for iteration in iterations(fixture(f"{group}.orders"), left_open(drawing.positions, drawing.iterations)):
            check_parts(model, fixture, prompts, drawing, iteration)


def check_parts(
    model: Harmon, fixture: Fixture, prompts: list[Tensor], drawing: DrawSettings, iteration: Iteration
) -> None:
    """Every part of one iteration that the fixture holds; the first holds most."""
    network, grid, mar = model.network, drawing.grid, model.network.mar
    start = f"gen_cfg.it{iteration.index}."

    def check(name: str, own: list[Tensor] | Tensor) -> None:
        if start + name in fixture.tensors:
            theirs = fixture(start + name)
            close(start + name, torch.stack(own) if isinstance(own, list) else own, theirs)

    tokens = fixture(start + "tokens_in")
    known = tokens.gather(1, spread(iteration.known, tokens.shape[-1]))
    if start + "mar_enc_hidden" in fixture.tensors:
        check_encoder(start[:-1], model, known, iteration.known, grid, fixture(start + "mar_enc_hidden"))
    features, read = network.seen(known, iteration.known, grid)
    check("z_enc", read)
    rows = []
    for row, prompt in enumerate(prompts):
        begin = len(prompt)
        if start + "position_ids" in fixture.tensors:
            assert fixture(start + "position_ids")[row].tolist() == list(range(begin, begin + read.shape[1]))
        states = [*stream(model.backbone, torch.cat([prompt, read[row]])[None])]
        rows.append(torch.cat([*states, model.backbone.norm(states[-1])])[:, begin:])
    hidden = torch.stack(rows, 1)
    check("llm_hidden", hidden)
    joined = features + network.proj_out(network.buffers_first(hidden[-1]))
    check("x_enc_res", joined)
    decoder = [mar.decoder_input(joined, iteration.known, grid)]
    for block in mar.decoder_blocks:
        decoder.append(block(decoder[-1]))
    check("mar_dec_hidden", [*decoder, mar.decoder_norm(decoder[-1])])
    check("z_dec", mar.decode(joined, iteration.known, grid))
    if start + "diff_x" not in fixture.tensors:
        return
    tables = process(drawing.diffusion_steps)
    condition = mar.head.condition(fixture(start + "z_rows"))
    half = len(condition) // 2
    told = fixture(start + "diff_t")
    assert told.tolist() == tables.timesteps[::-1].tolist()
    outputs = [mar.head(x, t[None], condition) for x, t in zip(fixture(start + "diff_x"), told, strict=True)]
    check("diff_net_out", outputs)
    noise = [output.chunk(2, -1)[0] for output in outputs]
    check("diff_eps_cfg", [own[half:] + drawing.guidance * (own[:half] - own[half:]) for own in noise])


# States of a drawn picture


def drawn(fixture: Fixture, group: str, drawing: DrawSettings, row: int) -> ImageReply:
    latents = fixture(f"{group}.latents")[row].unflatten(0, drawing.grid).numpy()
    order = {"order": fixture(f"{group}.orders")[row].numpy(), "iterations": drawing.iterations}
    return ImageReply(Image.new("RGB", (1, 1)), seed=0, latents=latents, replay=order)


def test_one_pass_gives_the_states_of_the_finished_picture(model: Harmon, fixture: Fixture):
    fixture.need("gen_response")
    drawing, encoded = drawing_of(fixture, "gen_cfg"), drawing_inputs(model, fixture, "gen_cfg")
    replies = [drawn(fixture, "gen_cfg", drawing, row) for row in range(len(encoded))]
    hidden, mask = fixture("gen_response.joint_hidden"), fixture("gen_cfg.attention_mask").bool()
    added = torch.ones(len(mask), hidden.shape[2] - mask.shape[1], dtype=torch.bool)
    check_states("gen_response", model, encoded, hidden, torch.cat([mask, added], 1), replies=replies)
    for state in model.states(encoded, replies):
        for i, segments in enumerate(state.segments):
            begin = encoded.length(i)
            places = positions(segments, modality="image", roles=("response",))
            assert places == list(range(begin, begin + drawing.positions))
            assert segments[-1].role == "template"
            assert len(segments[-1]) == model.network.mar.buffers_count


def test_states_of_a_step_are_those_of_drawing_it(model: Harmon, fixture: Fixture):
    drawing, encoded = drawing_of(fixture, "gen_cfg"), drawing_inputs(model, fixture, "gen_cfg")
    replies = [drawn(fixture, "gen_cfg", drawing, row) for row in range(len(encoded))]
    steps = [step for step in range(drawing.iterations) if f"gen_cfg.it{step}.llm_hidden" in fixture.tensors]
    assert steps
    for step in steps:
        theirs = fixture(f"gen_cfg.it{step}.llm_hidden")
        for state in model.states(encoded, replies, at=step):
            assert state.step == step
            for row, own in enumerate(state.rows):
                close("gen_cfg.states_at_step", own[encoded.length(row) :], theirs[state.layer, row])


def test_a_picture_to_redraw_stands_behind_the_role(model: Harmon, fixture: Fixture):
    fixture.need("recon")
    encoded = drawing_inputs(model, fixture, "recon")
    embeds, mask = fixture("recon.inputs_embeds"), fixture("recon.attention_mask").bool()
    with torch.no_grad():
        close("recon.inputs_embeds", model.prompt_rows(encoded.inputs)[0], embeds[0][mask[0]])
        close("recon.inputs_embeds", model.empty_row(), embeds[1][mask[1]])


# The diffusion head and its process


def test_the_process_is_the_authors(fixture: Fixture):
    case = fixture.need("diffloss")
    spacing = case["entry_point"].split('"')[1]
    tables = process(spacing)
    assert tables.timesteps.tolist() == fixture("diffloss.timestep_map").tolist()
    for name, own in {
        "betas": tables.betas,
        "alphas_cumprod": tables.kept,
        "alphas_cumprod_prev": tables.kept_before,
        "posterior_log_variance_clipped": tables.posterior_log_variance,
        "posterior_mean_coef1": tables.mean_factors[0],
        "posterior_mean_coef2": tables.mean_factors[1],
        "sqrt_recip_alphas_cumprod": tables.start_factors[0],
        "sqrt_recipm1_alphas_cumprod": tables.start_factors[1],
    }.items():
        theirs = fixture(f"diffloss.table_{name}").numpy()
        np.testing.assert_allclose(own, theirs, rtol=1e-9, err_msg=name)


def test_the_head_and_its_steps_are_the_authors(model: Harmon, fixture: Fixture):
    case = fixture.need("diffloss")
    tables, head = process(case["entry_point"].split('"')[1]), model.network.mar.head
    weight = case["args"]["cfg"]
    with torch.no_grad():
        condition = head.condition(fixture("diffloss.z"))
        output = head(fixture("diffloss.x"), fixture("diffloss.t"), condition)
        close("diffloss.net_out", output, fixture("diffloss.net_out"))
        rows = len(condition) // 2

        def guided(x: Tensor, told: Tensor, weight: float = weight) -> Tensor:
            """Noise after guidance and the variance of each branch [2 * rows, 2 * channels]."""
            output = head(x.repeat(2, 1), told, condition)
            noise, variance = output.chunk(2, -1)
            mixed = noise[rows:] + weight * (noise[:rows] - noise[rows:])
            return torch.cat([mixed.repeat(2, 1), variance], -1)

        first = fixture("diffloss.x")[:rows]
        told = re.search(r"t=(\d+),z,([\d.]+)\)", case["tensors"]["net_out_cfg"]["meaning"])
        assert told
        mixed = guided(first, torch.tensor([int(told[1])]), float(told[2]))
        close("diffloss.net_out_cfg", mixed, fixture("diffloss.net_out_cfg"))
        for i, place in enumerate(fixture("diffloss.traj_steps").tolist()):
            step = len(tables) - 1 - place
            x = fixture("diffloss.traj_x_t")[i]
            output = guided(x[:rows], torch.tensor([int(tables.timesteps[step])]))
            found = posterior(tables, step, x, *output.chunk(2, -1))
            close("diffloss.traj_mean", found.mean, fixture("diffloss.traj_mean")[i], LATENTS)
            close("diffloss.traj_log_variance", found.log_variance, fixture("diffloss.traj_log_variance")[i])
            close("diffloss.traj_pred_xstart", found.start, fixture("diffloss.traj_pred_xstart")[i], LATENTS)
        noise = torch.cat([fixture("diffloss.init_noise")[None], fixture("diffloss.step_noise")[:-1, :rows]])
        sampled = sample(tables, lambda x, t: guided(x, t)[:rows], noise, temperature=case["args"]["temperature"])
        close("diffloss.sampled", sampled, fixture("diffloss.sampled")[:rows], LATENTS)


def test_published_grids_are_filled_in_the_authors_counts(fixture: Fixture):
    fixture.need("schedule")
    lists = [name for name in fixture.tensors if name.startswith("schedule.mask_len_")]
    assert lists
    for name in lists:
        places, steps = map(int, name.split("_")[-2:])
        assert list(left_open(places, steps)) == fixture(name).int().tolist()
