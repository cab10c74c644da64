"""Every part of one evaluation of the authors' transformer, and what is read inside of it."""

from collections.abc import Iterator

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.helpers.omnigen2_case import BRANCHES, GROUPS, Case, condition, latents_before, make_case
from tests.helpers.omnigen2_reference import LATENTS, Fixture, close, read_fixture, read_model
from unispect.core.encoded import LAST
from unispect.core.errors import Unsupported
from unispect.core.prompts import positions
from unispect.core.replies import ImageReply
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.transformer import Condition


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> OmniGen2:
    return read_model(fixture)


@pytest.fixture(params=GROUPS)
def case(request: pytest.FixtureRequest, model: OmniGen2, fixture: Fixture) -> Case:
    return make_case(model, fixture, request.param)


@pytest.mark.parametrize("branch", list(BRANCHES))
@torch.no_grad()
def test_one_evaluation_is_the_authors_in_every_part(case: Case, fixture: Fixture, branch: str):
    start = f"{case.name}.step1.{branch}."
    if f"{start}layers.0" not in fixture:
        pytest.skip(f"{case.name} has no details of branch {branch}")
    transformer, seen = case.model.network.transformer, {}

    def keep(name: str):
        def hook(_: nn.Module, __: object, out: Tensor) -> None:
            seen.setdefault(name, []).append(out)

        return hook

    embed = transformer.time_caption_embed
    watched = {"temb": embed.timestep_embedder, "caption_embed": embed.caption_embedder}
    watched |= {"x_embed": transformer.x_embedder, "ref_embed": transformer.ref_image_patch_embedder}
    for part in ("context_refiner", "noise_refiner", "ref_image_refiner", "layers"):
        watched |= {f"{part}.{i}": block for i, block in enumerate(getattr(transformer, part))}
    hooks = [module.register_forward_hook(keep(name)) for name, module in watched.items()]
    hooks.append(transformer.norm_out.register_forward_hook(keep("norm_out")))
    latents = latents_before(fixture, case.name, 1)
    told = condition(case, branch, latents.shape[2:])
    time = transformer.time(fixture(f"{case.name}.step1.t")[None])
    rows = next(transformer.stream(told, latents, time))
    seen.clear()
    velocity = transformer(told, latents, time)
    # Outside of the forward pass, as their conditions are kept between steps.
    condition(case, branch, latents.shape[2:])
    seen["temb"] = [transformer.time(fixture(f"{case.name}.step1.t")[None])]
    for hook in hooks:
        hook.remove()
    close(f"{case.name}.pred", velocity, fixture(f"{start}pred"))
    close(f"{case.name}.patches", transformer.patches(latents), fixture(f"{start}patches"), 0.0)
    assert torch.equal(transformer.flat(transformer.patches(latents), grid_of(case, latents)), latents)
    places = fixture(f"{start}patches").shape[1]
    for b in range(len(latents)):
        check_sample(fixture, start, case.name, b, seen, told, rows, places)


def grid_of(case: Case, latents: Tensor) -> tuple[int, int]:
    patch = case.model.network.config.transformer.patch
    return latents.shape[2] // patch, latents.shape[3] // patch


def check_sample(
    fixture: Fixture,
    start: str,
    name: str,
    b: int,
    seen: dict[str, list[Tensor]],
    told: Condition,
    rows: Tensor,
    places: int,
) -> None:
    """Theirs are packed to the left; ours leave room behind the prompt."""
    caption, whole = int(fixture(f"{start}cap_len")[b]), int(fixture(f"{start}seq_len")[b])
    assert fixture(f"{start}joint_mask")[b].sum() == whole == told.seen[b].sum()
    close(f"{name}.joint_in", rows[b][told.seen[b]], fixture(f"{start}joint_in")[b, :whole])
    turns = torch.view_as_real(told.turns[b][told.seen[b]])
    assert (turns - fixture(f"{start}rotary")[b, :whole]).abs().max() < 1e-12
    close(f"{name}.temb", seen["temb"][0][0], fixture(f"{start}temb")[b])
    close(f"{name}.caption_embed", seen["caption_embed"][0][b, :caption], fixture(f"{start}caption_embed")[b, :caption])
    close(f"{name}.x_embed", seen["x_embed"][0][b], fixture(f"{start}x_embed")[b])
    close(f"{name}.norm_out", seen["norm_out"][0][b, -places:], fixture(f"{start}image_tokens.norm_out")[b])
    for part, own in (("context_refiner", slice(0, caption)), ("noise_refiner", slice(None))):
        for i, theirs in enumerate(fixture.layers(f"{start}{part}.")):
            close(f"{name}.{part}", seen[f"{part}.{i}"][0][b, own], theirs[b, own])
    for i, theirs in enumerate(fixture.layers(f"{start}layers.")):
        own = seen[f"layers.{i}"][0][b]
        close(f"{name}.layers", own[told.seen[b]], theirs[b, :whole])
        close(f"{name}.layers", own[-places:], fixture(f"{start}image_tokens.{i}")[b])
    if told.references:
        embedded = torch.cat([own[b] for own in seen["ref_embed"]])
        close(f"{name}.ref_embed", embedded, fixture(f"{start}ref_embed")[b])
        for i, theirs in enumerate(fixture.layers(f"{start}ref_image_refiner.")):
            for j, own in enumerate(seen[f"ref_image_refiner.{i}"]):
                close(f"{name}.ref_image_refiner", own[b], theirs[b * len(told.references) + j, : own.shape[1]])


# Reading the transformer


def replies_for(case: Case, fixture: Fixture) -> list[ImageReply]:
    """As if our seeds gave the authors' noise; the seed is the row."""
    last = case.drawing.steps - 1
    settings = {"guidance": case.drawing.guidance, "steps": case.drawing.steps}
    more = {"image_guidance": case.drawing.image_guidance, "between": list(case.drawing.between)}
    return [
        ImageReply(Image.new("RGB", (1, 1)), seed=i, replay={**settings, **more, "last_input": own.numpy()})
        for i, own in enumerate(latents_before(fixture, case.name, last))
    ]


@pytest.mark.parametrize("at", [1, LAST])
@torch.no_grad()
def test_rows_inside_the_transformer_are_the_authors(
    case: Case, fixture: Fixture, monkeypatch: pytest.MonkeyPatch, at: int
):
    """`at` 1 is the step of which all layers are known; of the last step, the first and the last row."""
    noise = fixture(f"{case.name}.noise")
    monkeypatch.setattr(
        "unispect.models.omnigen2.decoder_states.start_noise", lambda seeds, _: torch.stack([noise[s] for s in seeds])
    )
    monkeypatch.setattr(OmniGen2, "sources", lambda *_, **__: case.sources)
    states = list(case.model.decoder_states(case.encoded, replies_for(case, fixture), at=at))
    if at == LAST and case.drawing.steps != 2:
        assert all(state.step == LAST for state in states)
        return
    theirs = [fixture(f"{case.name}.step1.cond.joint_in"), *fixture.layers(f"{case.name}.step1.cond.layers.")]
    for state, rows in zip(states, theirs, strict=True):
        for i, own in enumerate(state.rows):
            whole = int(fixture(f"{case.name}.step1.cond.seq_len")[i])
            close(f"{case.name}.inside", own, rows[i, :whole], LATENTS)
            caption = int(fixture(f"{case.name}.step1.cond.cap_len")[i])
            response = positions(state.segments[i], roles=("response",))
            assert response == list(range(whole - len(response), whole))
            assert positions(state.segments[i], modality="text", roles=("template", "prompt")) == list(range(caption))


def test_the_language_model_has_no_rows_of_a_picture(case: Case, fixture: Fixture):
    with pytest.raises(Unsupported, match="no rows of them"):
        list(case.model.states(case.encoded, replies_for(case, fixture)))
