"""What the authors' Harmon reads, writes and sees, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, cases, steps, guidance, single or sharded weights.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from PIL import Image

from tests.helpers.harmon_reference import Fixture, check_encoder, check_states, close, read_fixture, read_model, sized
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextReply, TextSampling
from unispect.models.capture import run
from unispect.models.harmon.model import Harmon
from unispect.models.harmon.vae import latents_to_pixels, moments, pixels_to_latents


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> Harmon:
    return read_model(fixture)


# Text and understanding


@pytest.mark.parametrize("group", ["text_single", "text_batch"])
def test_text_is_read_as_by_the_authors(model: Harmon, fixture: Fixture, group: str):
    encoded = model.encode([Prompt.of(text) for text in fixture.texts(group)], Goal.TEXT)
    theirs = fixture(f"{group}.input_ids")
    masks = fixture.tensors.get(f"{group}.attention_mask", torch.ones_like(theirs)).bool()
    for own, ids, mask in zip(encoded.inputs.ids, theirs, masks, strict=True):
        assert own.tolist() == ids[mask].tolist()
    check_states(group, model, encoded, fixture(f"{group}.hidden_states"), masks)
    *_, last = model.states(encoded)
    for rows, logits, mask in zip(last.rows, fixture(f"{group}.logits"), masks, strict=True):
        close(f"{group}.logits", model.network.text_logits(model.backbone.norm(rows)).detach(), logits[mask])


def seen_prompts(fixture: Fixture, group: str, pictures: list[Image.Image]) -> list[Prompt]:
    texts = [text.removeprefix("<image>\n") for text in fixture.texts(group)]
    return [Prompt.of(picture, text) for picture, text in zip(pictures, texts, strict=True)]


def looking(model: Harmon, fixture: Fixture) -> tuple[Harmon, Encoded]:
    """The model at the size of the case of one picture, and the prompt that holds it."""
    case = fixture.need("image_und")
    looker = sized(model, case["image_size"])
    raw = Image.fromarray(fixture("image_und.raw_image").numpy())
    return looker, looker.encode(seen_prompts(fixture, "image_und", [raw]), Goal.TEXT)


def test_a_picture_is_seen_as_by_the_authors(model: Harmon, fixture: Fixture):
    looker, encoded = looking(model, fixture)
    pixels = encoded.inputs.pixels
    close("image_und.pixel_values", pixels, fixture("image_und.pixel_values"), 1e-6)
    network = model.network
    with torch.no_grad():
        close("image_und.vae_moments", moments(network.vae, pixels), fixture("image_und.vae_moments"))
        latents = pixels_to_latents(network.vae, pixels)
        theirs = fixture("image_und.latents")
        grid = (theirs.shape[1], theirs.shape[2])
        close("image_und.latents", latents, theirs.flatten(1, 2))
        places = torch.arange(grid[0] * grid[1])[None]
        check_encoder("image_und", model, latents, places, grid, fixture("image_und.mar_enc_hidden"))
        features, read = network.seen(latents, places, grid)
        close("image_und.x_enc", features, fixture("image_und.x_enc"))
        close("image_und.z_enc", read, fixture("image_und.z_enc"))
        assert encoded.inputs.ids[0].tolist() == fixture("image_und.input_ids")[0].tolist()
        close("image_und.inputs_embeds", looker.prompt_rows(encoded.inputs)[0], fixture("image_und.inputs_embeds")[0])
        shown = positions(encoded.segments[0], modality="image", roles=("prompt", "template"))
        assert len(shown) == fixture.need("image_und")["n_image_positions"]
        hidden = fixture("image_und.hidden_states")
        check_states("image_und", looker, encoded, hidden, torch.ones(hidden.shape[1:3]))
        final = run(model.backbone, looker.prompt_rows(encoded.inputs)[0][None])
        close("image_und.logits", network.text_logits(final), fixture("image_und.logits"))


def test_pictures_of_different_questions_share_a_batch(model: Harmon, fixture: Fixture):
    group = "image_und_batch"
    fixture.need(group)
    pixels = fixture(f"{group}.pixel_values")
    looker = sized(model, pixels.shape[-1])
    blank = Image.new("RGB", (pixels.shape[-1],) * 2)
    encoded = looker.encode(seen_prompts(fixture, group, [blank] * len(pixels)), Goal.TEXT)
    encoded = replace(encoded, inputs=replace(encoded.inputs, pixels=pixels))
    masks = fixture(f"{group}.attention_mask").bool()
    for own, ids, mask in zip(encoded.inputs.ids, fixture(f"{group}.input_ids"), masks, strict=True):
        assert own.tolist() == ids[mask].tolist()
    with torch.no_grad():
        latents, theirs = pixels_to_latents(model.network.vae, pixels), fixture(f"{group}.latents")
        close(f"{group}.latents", latents, theirs.flatten(1, 2))
        places = torch.arange(latents.shape[1]).expand(len(latents), -1)
        features, read = model.network.seen(latents, places, tuple(theirs.shape[1:3]))
        close(f"{group}.x_enc", features, fixture(f"{group}.x_enc"))
        close(f"{group}.z_enc", read, fixture(f"{group}.z_enc"))
        check_states(group, looker, encoded, fixture(f"{group}.hidden_states"), masks)
        *_, last = looker.states(encoded)
        for rows, logits, mask in zip(last.rows, fixture(f"{group}.logits"), masks, strict=True):
            close(f"{group}.logits", model.network.text_logits(model.backbone.norm(rows)), logits[mask])


@pytest.mark.parametrize("group", ["text_gen", "image_gen_text"])
def test_greedy_text_and_its_states_are_the_authors(model: Harmon, fixture: Fixture, group: str):
    fixture.need(group)
    if group == "text_gen":
        model, encoded = model, model.encode([Prompt.of(*fixture.texts("text_single"))], Goal.TEXT)
    else:
        model, encoded = looking(model, fixture)
    theirs = fixture(f"{group}.generated_ids")[0].tolist()
    reply = model.write(encoded, TextSampling(max_new_tokens=len(theirs)))[0]
    assert list(reply.tokens) == theirs[: len(reply.tokens)]
    assert reply.finished or len(reply.tokens) == len(theirs)
    chances = fixture(f"{group}.scores")[0].log_softmax(-1)
    own = torch.tensor(reply.log_probabilities)
    close(f"{group}.scores", own, chances[torch.arange(len(own)), list(reply.tokens)])
    hidden = fixture(f"{group}.joint_hidden")
    full = TextReply("", tuple(theirs), (), finished=False)
    check_states(group, model, encoded, hidden, torch.ones(hidden.shape[1:3]), replies=[full])


def test_the_autoencoder_is_the_authors(model: Harmon, fixture: Fixture):
    fixture.need("vae")
    z = fixture("vae.z")
    with torch.no_grad():
        decoded = latents_to_pixels(model.network.vae, z.flatten(2).transpose(1, 2) * 0.2325, tuple(z.shape[2:]))
    close("vae.decoded", decoded, fixture("vae.decoded"))
