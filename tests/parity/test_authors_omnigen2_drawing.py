"""The authors' conditions, guidance and pictures, reproduced in float32 from their checkpoint layout."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from tests.helpers.omnigen2_case import BRANCHES, GROUPS, Case, latents_before, make_case
from tests.helpers.omnigen2_reference import LATENTS, Fixture, close, read_fixture, read_model, same_bytes, valid
from unispect.models.decode.flow import euler
from unispect.models.omnigen2.drawing import GuidedField
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.pictures import picture
from unispect.models.omnigen2.processing import GivenFormat


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> OmniGen2:
    return read_model(fixture)


@pytest.fixture(params=GROUPS)
def case(request: pytest.FixtureRequest, model: OmniGen2, fixture: Fixture) -> Case:
    return make_case(model, fixture, request.param)


# What is drawn from


@torch.no_grad()
def test_what_the_transformer_hears_is_the_authors(case: Case, fixture: Fixture):
    """Final states of the prompt; in the chat form without the rows of pictures."""
    texts = "edit" if case.name == "edit2" else case.name
    for i, source in enumerate(case.sources):
        for own, name in ((source.prompt, "prompt"), (source.empty, "negative")):
            mask = fixture(f"{texts}.{name}_mask")[i]
            close(f"{case.name}.conditions", own, valid(fixture(f"{texts}.{name}_embeds")[i], mask))
    if case.name == "t2i":
        ids, mask = fixture("t2i.negative_input_ids")[0], fixture("t2i.negative_mask")[0]
        bare = case.model.processor.bare_ids(case.drawing.negative, chat=False)
        assert bare.tolist() == valid(ids, mask).tolist()
        for own, theirs, real in zip(
            case.inputs.ids, fixture("text.input_ids"), fixture("text.attention_mask"), strict=True
        ):
            assert own.tolist() == valid(theirs, real).tolist()


@pytest.mark.parametrize("name", ["edit", "edit2", "chat"])
@torch.no_grad()
def test_given_pictures_are_the_authors(model: OmniGen2, fixture: Fixture, name: str):
    case = make_case(model, fixture, name)
    network, (given,) = case.model.network, case.inputs.given
    for i, pixels in enumerate(given):
        close(f"{name}.vae_input", pixels[None], fixture(f"{name}.ref{i}.vae_input"), 1e-6)
        moments = network.vae.encoder(pixels[None])
        close(f"{name}.moments", moments, fixture(f"{name}.ref{i}.moments"))
        latents = network.encoded(pixels[None], fixture(f"{name}.ref{i}.eps"))[0]
        close(f"{name}.latents", latents, fixture(f"{name}.ref{i}.latents"))
        shift, scale = network.vae.config["shift_factor"], network.vae.config["scaling_factor"]
        mean = (moments.chunk(2, dim=1)[0][0] - shift) * scale
        close(f"{name}.latents", case.model.reference_latents(given)[i], mean)


def test_sizes_are_the_authors(case: Case, fixture: Fixture):
    assert case.model.shapes(case.inputs) == [tuple(own.shape) for own in fixture(f"{case.name}.noise")]


def test_given_pictures_are_made_smaller_as_by_the_authors(fixture: Fixture):
    fixture.need("unit")
    for number in range(100):
        if f"unit.vaeproc.{number}.raw" not in fixture:
            assert number
            return
        info = fixture.cases["tensors"][f"unit.vaeproc.{number}.out"]["what"]
        pixels, side = (int(info.partition(f"{word}=")[2].split(",")[0].rstrip(") ")) for word in ("pixels", "length"))
        ours = GivenFormat(16, pixels, side).pixels(fixture.picture(f"unit.vaeproc.{number}.raw"))
        close("unit.vaeproc", ours[None], fixture(f"unit.vaeproc.{number}.out"), 1e-6)


def test_times_are_the_authors(model: OmniGen2, fixture: Fixture, case: Case):
    shape = fixture(f"{case.name}.noise").shape[2:]
    at = case.drawing.at(shape)
    theirs = [fixture(f"{case.name}.step{i}.t").item() for i in range(case.drawing.steps)]
    assert list(at[:-1]) == pytest.approx(theirs, abs=1e-7)
    assert at[-1] == 1
    for name in fixture.tensors:
        if name.startswith("unit.timesteps."):
            steps, tokens = (part.lstrip("ntokes") for part in name.split(".")[2:])
            shape = (1, 1 if tokens == "None" else int(tokens))
            own = replace(model.drawing, steps=int(steps), moved=tokens != "None").at(shape)
            assert list(own[:-1]) == pytest.approx(fixture(name).tolist(), abs=1e-7)


# Velocities and pictures


@torch.no_grad()
def test_every_branch_and_step_gives_the_authors_velocities(case: Case, fixture: Fixture):
    shape = fixture(f"{case.name}.noise").shape[2:]
    field = GuidedField(case.model.network.transformer, case.sources, (shape[0], shape[1]), case.drawing)
    at = case.drawing.at(shape)
    # Out of order, and twice: nothing of one step may be left for another.
    for step in [*reversed(range(case.drawing.steps)), 0]:
        latents = latents_before(fixture, case.name, step)
        for branch, attribute in BRANCHES.items():
            own = getattr(field, attribute)
            assert (own is not None) == (f"{case.name}.step{step}.{branch}.pred" in fixture)
            if own is not None:
                theirs = fixture(f"{case.name}.step{step}.{branch}.pred")
                close(f"{case.name}.pred", field.velocity(own, latents, at[step]), theirs)
        close(f"{case.name}.guided", field(latents, at[step]), fixture(f"{case.name}.step{step}.guided"))


def test_drawing_gives_the_authors_latents_and_pictures(case: Case, fixture: Fixture):
    model, last = case.model, case.drawing.steps - 1
    before, finished = model.draw_latents(case.sources, list(fixture(f"{case.name}.noise")), case.drawing)
    theirs = fixture(f"{case.name}.step{last}.latents_next")
    close(f"{case.name}.latents", torch.stack(before), latents_before(fixture, case.name, last), LATENTS)
    close(f"{case.name}.latents", torch.stack(finished), theirs, LATENTS)
    pixels = torch.stack([model.decoded(own) for own in finished])
    close(f"{case.name}.decoded", pixels, fixture(f"{case.name}.decoded"), LATENTS)
    exact = torch.stack([model.decoded(own) for own in theirs])
    close(f"{case.name}.decoder", exact, fixture(f"{case.name}.decoded"))
    if f"{case.name}.image_uint8" in fixture:
        for own, bytes_ in zip(pixels, fixture(f"{case.name}.image_uint8"), strict=True):
            same_bytes(picture(own), bytes_)


@torch.no_grad()
def test_the_steps_follow_the_authors_path(case: Case, fixture: Fixture):
    """Euler on their velocities, so that the grid of times and its direction are seen by themselves."""
    noise = fixture(f"{case.name}.noise")
    velocities = (fixture(f"{case.name}.step{i}.guided") for i in range(case.drawing.steps))
    path = euler(lambda *_: next(velocities), noise, case.drawing.at(noise.shape[2:]))
    for step, ours in enumerate(path):
        close(f"{case.name}.path", ours, latents_before(fixture, case.name, step))


@torch.no_grad()
def test_guidance_is_on_in_its_range_alone(model: OmniGen2, fixture: Fixture, monkeypatch: pytest.MonkeyPatch):
    case = make_case(model, fixture, "cfgrange")
    low, high = case.drawing.between
    assert (low, high) != (0.0, 1.0)
    transformer, called = case.model.network.transformer, []
    time = transformer.time
    monkeypatch.setattr(transformer, "time", lambda times: called.append(times.item()) or time(times))
    noise = fixture("cfgrange.noise")
    field = GuidedField(transformer, case.sources, (noise.shape[2], noise.shape[3]), case.drawing)
    path = list(euler(field, noise, case.drawing.at(noise.shape[2:])))[1:]
    assert called == pytest.approx(fixture("cfgrange.predict_t").tolist(), abs=1e-7)
    assert len(called) < 2 * case.drawing.steps
    for ours, theirs in zip(path, fixture("cfgrange.latents"), strict=True):
        close("cfgrange.latents", ours, theirs, LATENTS)
