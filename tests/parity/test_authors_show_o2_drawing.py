"""How the authors' Show-o2 draws, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, cases, points in time, guidance, single or sharded
weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.show_o2_reference import LATENTS, Fixture, close, inputs_of, read_fixture, read_model, vision_stages
from unispect.core.encoded import LAST, Encoded
from unispect.core.errors import CheckpointError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply
from unispect.models.capture import run, stream
from unispect.models.decode.flow import euler, guided
from unispect.models.decode.mask import batched, with_spans
from unispect.models.show_o2.drawing import PromptedField, moved, rounded_noise
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.processing import Inputs

DRAWN = ("t2i", "t2i_nocfg", "t2i_hq")


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> ShowO2:
    return read_model(fixture)


@dataclass(frozen=True)
class Case:
    """A case group of drawing; the authors' rows are the conditional ones, then the unconditional ones."""

    name: str
    model: ShowO2
    encoded: Encoded
    guidance: float
    steps: int

    @property
    def inputs(self) -> Inputs:
        return inputs_of(self.encoded)

    @property
    def rows(self) -> int:
        """The authors', per evaluation."""
        return len(self.encoded) * (1 if self.guidance == 1 else 2)


@pytest.fixture(params=DRAWN)
def case(request: pytest.FixtureRequest, model: ShowO2, fixture: Fixture) -> Case:
    name: str = request.param
    told = fixture.need(name)
    noise, ids = fixture(f"{name}.noise"), fixture(f"{name}.text_tokens")
    patch = model.network.config.patch
    grid = (noise.shape[2] // patch, noise.shape[3] // patch)
    # Without guidance the authors write 0 and run the conditional branch alone; here that is 1.
    guidance = told.get("guidance_scale", 1.0) or 1.0
    steps = told["num_inference_steps"] - 1
    # Told by the case or the demo; no factor leaves times even.
    usual = fixture.demo.get("transport", {}).get("time_shifting_factor", model.drawing.shifting)
    shifting = float(told.get("time_shifting_factor", usual) or 1.0)
    how = {"guidance": guidance, "steps": steps, "shifting": shifting}
    drawing = replace(model.drawing, grid=grid, paper=True, length=ids.shape[1], **how)
    sized = ShowO2(model.card, model.network, model.processor, drawing, model.seeing)
    prompts = [Prompt.of(text) for text in fixture.cases["prompts"][: len(noise)]]
    return Case(name, sized, sized.encode(prompts, Goal.IMAGE), guidance, steps)


def test_prompts_are_the_authors(case: Case, fixture: Fixture):
    """Cut where the authors cut them, with everything that they put behind."""
    tokens, places = fixture(f"{case.name}.text_tokens"), case.model.drawing.image_tokens
    offsets = fixture(f"{case.name}.modality_positions")[:, 0].tolist()
    empty = case.model.processor.empty_ids()
    all_ids = [*case.inputs.ids, *[empty] * len(case.encoded)][: case.rows]
    for ids, theirs, (offset, count) in zip(all_ids, tokens, offsets, strict=True):
        assert len(ids) == offset
        assert count == 1 + places
        behind = case.model.processor.filler_ids(places, len(theirs) - offset)
        assert torch.cat([ids, behind]).tolist() == theirs.tolist()


def test_text_beside_filler_is_told_from_it(case: Case, fixture: Fixture):
    tokens = fixture(f"{case.name}.text_tokens")
    offsets = fixture(f"{case.name}.modality_positions")[:, 0].tolist()
    special = case.model.processor.special
    first = next(iter(case.model.states(case.encoded)))
    for i, rows in enumerate(first.rows):
        start, count = offsets[i]
        assert len(rows) == tokens.shape[1]
        assert torch.equal(rows, case.model.backbone.embed_tokens(tokens[i]).detach())
        slots = positions(first.segments[i], modality="image", roles=("filler",))
        assert slots == list(range(start, start + count))
        padding = positions(first.segments[i], modality="text", roles=("filler",))
        assert padding == (tokens[i] == special.pad).nonzero().flatten().tolist()
        assert positions(first.segments[i], roles=("prompt",)) == list(range(1, start - 1))


def test_times_are_the_authors(case: Case, fixture: Fixture):
    at = torch.tensor(moved(case.steps, case.model.drawing.shifting))
    assert at[-1] == 1
    close(f"{case.name}.t", at[:-1], fixture(f"{case.name}.t"), 1e-6)


def test_noise_is_rounded(fixture: Fixture, case: Case):
    theirs = fixture(f"{case.name}.noise")
    assert torch.equal(theirs, theirs.bfloat16().float())
    ours = rounded_noise([1, 2], case.model.latent_shape)
    assert ours.shape[1:] == theirs.shape[1:]
    assert torch.equal(ours, ours.bfloat16().float())


def whole(case: Case, fixture: Fixture, latents: Tensor, time: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The authors' whole sequences [rows, length, width] made by our parts, their mask, the span, the time."""
    model = case.model
    tokens, spans = fixture(f"{case.name}.text_tokens"), fixture(f"{case.name}.modality_positions")[:, 0]
    rows = model.backbone.embed_tokens(tokens).clone()
    drawn, told = model.picture_rows(latents, torch.full((len(latents),), time))
    for own, new, (offset, count) in zip(rows, drawn, spans.tolist(), strict=True):
        own[offset : offset + count] = new
    length = tokens.shape[1]
    attention_masks = [with_spans(length, [(offset, offset + count)]) for offset, count in spans.tolist()]
    mask = batched(attention_masks, [length] * len(tokens), rows.device)
    assert mask is not None
    places = torch.arange(length)
    inside = (places >= spans[:, :1]) & (places < spans.sum(1, keepdim=True))
    return rows, mask, inside, told


@torch.no_grad()
def test_the_mask_is_the_authors(case: Case, fixture: Fixture):
    _, mask, _, _ = whole(case, fixture, fixture(f"{case.name}.trajectory")[0], 0.0)
    assert torch.equal(mask, fixture(f"{case.name}.attention_mask") == 0)


@torch.no_grad()
def test_the_first_evaluation_is_the_authors_in_every_part(model: ShowO2, case: Case, fixture: Fixture):
    """Their way: no cache, everything run that stands in the sequence."""
    start = f"{case.name}.step0.hidden."
    if f"{start}fusion" not in fixture.tensors:
        pytest.skip(f"{case.name} has no details")
    latents = fixture(f"{case.name}.trajectory")[0]
    time = fixture(f"{case.name}.t")[0].item()
    rows, mask, inside, told = whole(case, fixture, latents, time)
    for name, own in vision_stages(model, latents).items():
        close(f"{case.name}.{name.split('.')[0]}", own, fixture(f"{start}{name}"))
    close(f"{case.name}.fusion", model.network.rows(latents), fixture(f"{start}fusion"))
    close(f"{case.name}.time_embed", told, fixture(f"{start}time_embed"))
    if f"{start}time_embed_proj" in fixture.tensors:
        close(f"{case.name}.time_embed_proj", model.network.time_row(told), fixture(f"{start}time_embed_proj"))
    layers = list(stream(model.backbone, rows, mask=mask))[1:]
    for own, theirs in zip(layers, fixture.layers(f"{start}llm.layer"), strict=True):
        close(f"{case.name}.hidden", own, theirs)
    states = model.backbone.norm(layers[-1])
    close(f"{case.name}.final_norm", states, fixture(f"{start}llm.final_norm"))
    close(f"{case.name}.logits", model.network.text_logits(states), fixture(f"{case.name}.step0.logits"))
    head = model.network.head
    if f"{start}diff_proj" in fixture.tensors:
        close(f"{case.name}.diff_proj", head.entry(states), fixture(f"{start}diff_proj"))
    seen: list[Tensor] = []

    def keep(_: object, __: object, out: Any) -> None:
        seen.append(out)

    hooks = [block.register_forward_hook(keep) for block in head.blocks]
    outputs = head(states, told, inside=inside, mask=mask)
    for hook in hooks:
        hook.remove()
    for own, theirs in zip(seen, fixture.layers(f"{start}head.layer"), strict=True):
        close(f"{case.name}.head", own, theirs)
    close(f"{case.name}.head_final", outputs, fixture(f"{start}head.final"))


@torch.no_grad()
def test_every_evaluation_gives_the_authors_velocities(case: Case, fixture: Fixture):
    """Whole sequences without a cache, and prompts that are run once: the same numbers."""
    model, count = case.model, len(case.encoded)
    field = PromptedField(
        model.network, model.prompt_rows(case.inputs), model.empty_row(), model.drawing.image_tokens, case.guidance
    )
    # Out of order, and twice: nothing of one step may be left for another.
    for step in [*reversed(range(case.steps)), 0]:
        latents, time = fixture(f"{case.name}.trajectory")[step], fixture(f"{case.name}.t")[step].item()
        theirs = fixture(f"{case.name}.v_rows")[step]
        close(f"{case.name}.v_rows", field.branches(latents[:count], time), theirs)
        close(f"{case.name}.v", field(latents[:count], time), fixture(f"{case.name}.v")[step][:count])
        rows, mask, inside, told = whole(case, fixture, latents, time)
        states = run(model.backbone, rows, mask=mask)
        if f"{case.name}.step{step}.hidden.llm.final_norm" in fixture.tensors:
            close(f"{case.name}.final_norm", states, fixture(f"{case.name}.step{step}.hidden.llm.final_norm"))
        outputs = model.network.head(states, told, inside=inside, mask=mask)
        if f"{case.name}.step{step}.hidden.head.final" in fixture.tensors:
            close(f"{case.name}.head_final", outputs, fixture(f"{case.name}.step{step}.hidden.head.final"))
        offsets = fixture(f"{case.name}.modality_positions")[:, 0].tolist()
        seen = torch.stack([own[start + 1 : start + n] for own, (start, n) in zip(outputs, offsets, strict=True)])
        close(f"{case.name}.v_rows", model.network.flat(seen, model.latent_shape[1:]), theirs)


def test_drawing_gives_the_authors_latents_and_pictures(case: Case, fixture: Fixture):
    model, count = case.model, len(case.encoded)
    noise = fixture(f"{case.name}.noise")
    last, finished = model.draw_latents(case.inputs, noise, guidance=case.guidance, steps=case.steps)
    close(f"{case.name}.trajectory", last, fixture(f"{case.name}.trajectory")[-2][:count], LATENTS)
    close(f"{case.name}.latents", finished, fixture(f"{case.name}.latents"), LATENTS)
    close(f"{case.name}.latents", finished, fixture(f"{case.name}.trajectory")[-1][:count], LATENTS)
    pixels = model.decoded(finished)
    close(f"{case.name}.pixels", pixels, fixture(f"{case.name}.pixels"), LATENTS)
    for picture, theirs in zip(model.pictures(finished), fixture(f"{case.name}.uint8").numpy(), strict=True):
        # Cutting off may fall on either side of a value that differs in its last digits.
        difference = np.abs(np.asarray(picture).astype(int) - theirs.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 0.01


def replies_for(case: Case, fixture: Fixture) -> list[ImageReply]:
    """As if our seeds gave the authors' noise; the seed is the row."""
    count = len(case.encoded)
    return [
        ImageReply(
            Image.new("RGB", (1, 1)),
            seed=i,
            latents=fixture(f"{case.name}.latents")[i].numpy(),
            replay={"guidance": case.guidance, "steps": case.steps, "last_input": own.numpy()},
        )
        for i, own in enumerate(fixture(f"{case.name}.trajectory")[-2][:count])
    ]


@torch.no_grad()
def test_any_step_is_drawn_again(case: Case, fixture: Fixture, monkeypatch: pytest.MonkeyPatch):
    noise = fixture(f"{case.name}.noise")
    monkeypatch.setattr(
        "unispect.models.show_o2.model.rounded_noise", lambda seeds, shape: torch.stack([noise[s] for s in seeds])
    )
    replies, offsets = replies_for(case, fixture), fixture(f"{case.name}.modality_positions")[:, 0].tolist()
    for step in range(case.steps):
        latents, time = fixture(f"{case.name}.trajectory")[step], fixture(f"{case.name}.t")[step].item()
        rows, mask, _, _ = whole(case, fixture, latents, time)
        for state, theirs in zip(
            case.model.states(case.encoded, replies, at=step), stream(case.model.backbone, rows, mask=mask), strict=True
        ):
            assert state.step == step
            for i, own in enumerate(state.rows):
                start, count = offsets[i]
                close(f"{case.name}.states", own, theirs[i, : start + count])
                assert positions(state.segments[i], roles=("response",)) == list(range(start + 1, start + count))


@torch.no_grad()
def test_a_finished_picture_is_seen_at_time_one(case: Case, fixture: Fixture):
    (*_, last) = case.model.states(case.encoded, replies_for(case, fixture), at=LAST)
    count = len(case.encoded)
    finished = fixture(f"{case.name}.trajectory")[-1]
    rows, mask, _, _ = whole(case, fixture, finished, 1.0)
    (*_, theirs) = stream(case.model.backbone, rows, mask=mask)
    for i in range(count):
        close(f"{case.name}.finished", last.rows[i], theirs[i, : len(last.rows[i])])


# Traps


@torch.no_grad()
def test_positions_are_stretched_to_the_grid(case: Case, fixture: Fixture):
    name = f"{case.name}.interpolated_position_embedding"
    if name not in fixture.tensors:
        pytest.skip(f"{case.name} has the stored grid")
    close(name, case.model.network.positions(case.model.drawing.grid)[None], fixture(name))


@torch.no_grad()
def test_a_geometric_unpatching_would_be_noticed(case: Case, fixture: Fixture):
    """Outputs are consecutive latents of the raster, though the input's patches are squares."""
    model = case.model
    theirs = fixture(f"{case.name}.v_rows")[0]
    config, (height, width) = model.network.config, theirs.shape[2:]
    outputs = theirs.flatten(2).transpose(1, 2).reshape(len(theirs), -1, config.patch**2 * config.channels)
    assert torch.equal(model.network.flat(outputs, (height, width)), theirs)
    square = outputs.unflatten(1, case.model.drawing.grid).unflatten(3, (config.patch, config.patch, config.channels))
    square = square.permute(0, 5, 1, 3, 2, 4).reshape(theirs.shape)
    assert (square - theirs).abs().max() > 0.5


@torch.no_grad()
def test_the_steps_follow_the_authors_path(case: Case, fixture: Fixture):
    """Euler on their velocities, so that the grid of times and its direction are seen by themselves."""
    path = fixture(f"{case.name}.trajectory")
    velocities = iter(fixture(f"{case.name}.v"))
    for ours, theirs in zip(
        euler(lambda *_: next(velocities), path[0], moved(case.steps, case.model.drawing.shifting)), path, strict=True
    ):
        close(f"{case.name}.trajectory", ours, theirs)


@torch.no_grad()
def test_guidance_is_written_into_both_halves(case: Case, fixture: Fixture):
    if case.guidance == 1:
        pytest.skip(f"{case.name} has one branch")
    with_prompt, without = fixture(f"{case.name}.v_rows").chunk(2, dim=1)
    both = fixture(f"{case.name}.v").chunk(2, dim=1)
    for half in both:
        close(f"{case.name}.v", guided(with_prompt, without, case.guidance), half)


def test_the_other_family_s_name_is_refused(fixture: Fixture):
    from unispect.models.registry import load as by_name

    folder = fixture.folder / fixture.demo["model"]["showo"]["pretrained_model_path"]
    with pytest.raises(CheckpointError):
        by_name("janus-pro-1b", folder, device="cpu")
