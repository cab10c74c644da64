"""The authors' outputs, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, cases, steps, guidance, single or sharded weights.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers.reference import need_reference
from unispect.core.encoded import LAST, Encoded
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, TextSampling
from unispect.models.capture import run, stream
from unispect.models.decode.flow import guided
from unispect.models.janus_flow.card import CARDS
from unispect.models.janus_flow.drawing import PromptedField
from unispect.models.janus_flow.folder import load
from unispect.models.janus_flow.model import JanusFlow
from unispect.models.processing.pictures import PictureFormat

TOLERANCE = 2e-5
LATENTS = 1e-4
TAG = "<image_placeholder>"


@dataclass(frozen=True)
class Fixture:
    folder: Path
    groups: dict
    tensors: dict[str, Tensor]

    def need(self, group: str) -> dict:
        if group not in self.groups:
            pytest.skip(f"{self.folder} has no case group {group!r}")
        return self.groups[group]

    def __call__(self, name: str) -> Tensor:
        return self.tensors[name]

    def numbered(self, start: str) -> dict[int, Tensor]:
        found = {int(name[len(start) :]): tensor for name, tensor in self.tensors.items() if name.startswith(start)}
        return dict(sorted(found.items()))


@pytest.fixture(scope="module")
def fixture() -> Fixture:
    folder = need_reference("janus_flow")
    groups = json.loads((folder / "cases.json").read_text(encoding="utf-8"))["groups"]
    return Fixture(folder, groups, load_file(folder / "cases.safetensors"))


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> JanusFlow:
    loaded = load(CARDS["janusflow-1.3b"], fixture.folder, device="cpu", dtype="float32")
    if "gen" not in fixture.groups:
        return loaded
    height, width = (side // loaded.network.config.uvit.patch for side in fixture("gen.noise").shape[2:])
    return loaded.with_settings(drawing=replace(loaded.drawing, grid=(height, width)))


def close(ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def prompts_of(fixture: Fixture, group: str) -> list[Prompt]:
    """The conversations of a group as prompts, their pictures taken from the fixture in order."""
    raws = fixture.numbered(f"{group}.raw_").values()
    pictures: Iterator[Image.Image] = (Image.fromarray(raw.numpy()) for raw in raws)
    prompts = []
    for conversation in fixture.need(group)["conversations"]:
        texts = conversation[0]["content"].split(TAG)
        parts = [texts[0], *(part for text in texts[1:] for part in (next(pictures), text))]
        prompts.append(Prompt(tuple(part for part in parts if part != "")))
    return prompts


UNDERSTANDING = pytest.mark.parametrize("group", ["text", "image", "multi"])


@UNDERSTANDING
def test_prompts_become_the_authors_tokens_and_pixels(model: JanusFlow, fixture: Fixture, group: str):
    encoded = model.encode(prompts_of(fixture, group), Goal.TEXT)
    masks = fixture(f"{group}.attention_mask").bool()
    for ids, theirs, mask in zip(encoded.inputs.ids, fixture(f"{group}.input_ids"), masks, strict=True):
        assert ids.tolist() == theirs[mask].tolist()
    if f"{group}.pixel_values" not in fixture.tensors:
        return
    used = fixture(f"{group}.images_emb_mask").any(-1)
    close(encoded.inputs.pixels, fixture(f"{group}.pixel_values")[used], 1e-6)
    for segments, theirs, mask in zip(encoded.segments, fixture(f"{group}.images_seq_mask"), masks, strict=True):
        # The learned embedding in front of a picture is template, the picture's tokens are the user's content.
        seen = [segment for segment in segments if segment.modality == "image" and segment.role == "prompt"]
        written = [index for segment in seen for index in range(segment.start - 1, segment.stop)]
        assert written == theirs[mask].nonzero().flatten().tolist()
        template = positions(segments, modality="text", roles=("template",))
        assert all(segment.start - 1 in template for segment in seen)


@UNDERSTANDING
def test_every_layer_holds_the_authors_states(model: JanusFlow, fixture: Fixture, group: str):
    encoded = model.encode(prompts_of(fixture, group), Goal.TEXT)
    hidden, mask = fixture(f"{group}.hidden"), fixture(f"{group}.attention_mask").bool()
    states = list(model.states(encoded))
    assert [state.layer for state in states] == list(range(len(hidden)))
    for state, theirs in zip(states, hidden, strict=True):
        for rows, own, real in zip(state.rows, theirs, mask, strict=True):
            close(rows, own[real])
    for i, rows in enumerate(states[-1].rows):
        norm = model.backbone.norm(rows)
        close(norm, fixture(f"{group}.final_norm")[i][mask[i]])
        close(model.network.language_model.lm_head(norm), fixture(f"{group}.logits")[i][mask[i]])
        close(states[0].rows[i], fixture(f"{group}.inputs_embeds")[i][mask[i]])


@UNDERSTANDING
def test_greedy_text_is_the_authors(model: JanusFlow, fixture: Fixture, group: str):
    prompts = prompts_of(fixture, group)
    theirs = fixture(f"{group}.greedy_tokens")
    replies = model.write(model.encode(prompts, Goal.TEXT), TextSampling(max_new_tokens=theirs.shape[1]))
    for reply, tokens in zip(replies, theirs.tolist(), strict=True):
        assert list(reply.tokens) == tokens[: len(reply.tokens)]
        assert reply.finished == (model.processor.special.eos in tokens)
        assert reply.finished or len(reply.tokens) == len(tokens)


@pytest.mark.parametrize("group", ["image", "multi"])
def test_pictures_are_seen_as_by_the_authors(model: JanusFlow, fixture: Fixture, group: str):
    fixture.need(group)
    pixels = fixture(f"{group}.pixel_values").flatten(0, 1)
    tower = model.network.vision
    with torch.no_grad():
        states = [tower.embeddings(pixels)]
        for block in tower.encoder.layers:
            states.append(block(states[-1], None))
        close(tower(pixels).last_hidden_state, fixture(f"{group}.vision_out"))
        close(model.network.features(pixels), fixture(f"{group}.aligner_out"))
    for state, theirs in zip(states, fixture(f"{group}.vision_hidden"), strict=True):
        close(state, theirs)


def test_preprocessing_cuts_the_resized_side_off(model: JanusFlow, fixture: Fixture):
    fixture.need("image")
    picture = model.processor.picture
    assert picture == PictureFormat(picture.size, picture.min_size)
    pixels = fixture("image.pixel_values").flatten(0, 1)
    for raw, theirs in zip(fixture.numbered("image.raw_").values(), pixels, strict=True):
        close(picture.pixels(Image.fromarray(raw.numpy())), theirs, 1e-6)


# Drawing


@dataclass(frozen=True)
class Drawing:
    """The case group of drawing: B pictures of one prompt; rows 0..B-1 of the authors are conditional."""

    case: dict
    encoded: Encoded
    count: int
    steps: int

    @property
    def weight(self) -> float:
        return self.case["cfg_weight"]


@pytest.fixture
def drawing(model: JanusFlow, fixture: Fixture) -> Drawing:
    case = fixture.need("gen")
    text = case["prompt"].removeprefix("User: ").split("\n\nAssistant:")[0]
    count = case["batchsize"]
    return Drawing(case, model.encode([Prompt.of(text)] * count, Goal.IMAGE), count, case["num_inference_steps"])


def field_of(model: JanusFlow, drawing: Drawing) -> PromptedField:
    return PromptedField(model.network, model.prompt_rows(drawing.encoded.inputs), drawing.weight)


def full_rows(model: JanusFlow, fixture: Fixture, step: int) -> tuple[Tensor, Tensor]:
    """The authors' whole sequences of a step [2B, L - 1 + 1 + n, width], made by our parts, and their mask."""
    z, count = fixture("gen.z_in")[step], len(fixture("gen.noise"))
    moments = fixture("gen.t")[step, :count].double() / 1000
    drawn, _, _ = model.picture_rows(z, moments)
    prompts = model.backbone.embed_tokens(fixture("gen.tokens")[:, :-1])
    rows = torch.cat([prompts, drawn.repeat(2, 1, 1)], dim=1)
    keys = fixture("gen.attention_mask").bool()
    length = rows.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return rows, causal[None, None] & keys[:, None, None]


def test_the_prompt_is_the_authors_without_its_tag(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    tokens, prompt = fixture("gen.tokens"), fixture("gen.prompt_ids")
    for ids in drawing.encoded.inputs.ids:
        assert ids.tolist() == prompt[:-1].tolist() == tokens[0, :-1].tolist()
    special = model.processor.special
    tag = json.loads((fixture.folder / "processor_config.json").read_text()).get("image_gen_tag")
    assert prompt[-1] == model.processor.tokenizer.token_to_id(tag or "<｜begin▁of▁generation｜>")
    unconditional = tokens[drawing.count :, :-1]
    assert (unconditional[:, 0] == special.bos).all()
    assert (unconditional[:, 1:] == special.pad).all()
    masked = fixture("gen.attention_mask")[drawing.count :]
    assert masked.nonzero()[:, 1].tolist() == [0, *range(len(prompt) - 1, masked.shape[1])] * drawing.count


@torch.no_grad()
def test_every_part_gives_the_authors_numbers(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    network, count = model.network, drawing.count
    for step in range(drawing.steps):
        z = fixture("gen.z_in")[step]
        moments = fixture("gen.t")[step].double() / 1000
        assert torch.equal(moments, torch.full_like(moments, moments[0]))
        rows, map_, time = model.picture_rows(torch.cat([z, z]), moments)
        close(time, fixture("gen.t_emb")[step])
        close(map_, fixture("gen.enc_map")[step])
        close(rows[:, 0], fixture("gen.t_emb")[step])
        close(rows[:, 1:], fixture("gen.z_emb")[step])
        states = fixture("gen.image_norm")[step]
        normed = network.flow_norm(states)
        close(normed, fixture("gen.dec_norm")[step])
        close(network.flow_out(normed), fixture("gen.dec_in")[step])
        velocity = network.velocity(states, fixture("gen.enc_map")[step], fixture("gen.t_emb")[step])
        close(velocity, fixture("gen.v")[step])
        close(guided(velocity[:count], velocity[count:], drawing.weight), fixture("gen.v_cfg")[step])


@torch.no_grad()
def test_every_step_gives_the_authors_velocities(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    field = field_of(model, drawing)
    # Out of order, and twice: nothing of one step may be left for another.
    for step in [*range(drawing.steps), 0]:
        z, time = fixture("gen.z_in")[step], step / drawing.steps
        close(field.branches(z, time), fixture("gen.v")[step])
        close(field(z, time), fixture("gen.v_cfg")[step])


@torch.no_grad()
def test_whole_sequences_hold_the_authors_states(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    """Their way: no cache, positions 0 to n - 1 in all rows, pads masked by their index."""
    saved = fixture.numbered("gen.hidden_step")
    assert saved
    for step, hidden in saved.items():
        rows, mask = full_rows(model, fixture, step)
        for state, theirs in zip(stream(model.backbone, rows, mask=mask), hidden, strict=True):
            close(state, theirs)
    places = slice(-drawing.case["latent_tokens"], None)
    for step in range(drawing.steps):
        rows, mask = full_rows(model, fixture, step)
        for state, theirs in zip(
            stream(model.backbone, rows, mask=mask), fixture("gen.image_hidden")[step], strict=True
        ):
            close(state[:, places], theirs)
        close(run(model.backbone, rows, mask=mask)[:, places], fixture("gen.image_norm")[step])


def test_drawing_gives_the_authors_latents_and_pictures(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    last, finished = model.draw_latents(
        drawing.encoded.inputs, fixture("gen.noise"), guidance=drawing.weight, steps=drawing.steps
    )
    close(last, fixture("gen.z_in")[-1], LATENTS)
    close(finished, fixture("gen.z_final"), LATENTS)
    close(finished / model.network.scaling_factor, fixture("gen.vae_input"), LATENTS)
    decoded = model.decoded(finished)
    close(decoded, fixture("gen.decoded"), LATENTS)
    assert (decoded.clamp(-1, 1) * 0.5 + 0.5 - fixture("gen.image01")).abs().max() <= 1 / 255
    for picture, theirs in zip(model.pictures(finished), fixture("gen.image_uint8").numpy(), strict=True):
        # Cutting off may fall on either side of a value that differs in its last digits.
        difference = np.abs(np.asarray(picture).astype(int) - theirs.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 0.01


def test_states_of_a_drawn_picture_are_those_of_drawing_it(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    saved = fixture.numbered("gen.hidden_step")
    last = fixture("gen.z_in")[-1]
    replies = [
        ImageReply(
            Image.new("RGB", (1, 1)),
            seed=0,
            replay={"guidance": drawing.weight, "steps": drawing.steps, "last_input": own.numpy()},
        )
        for own in last
    ]
    latents = drawing.case["latent_tokens"]
    prompt = len(fixture("gen.prompt_ids")) - 1
    for step in {drawing.steps - 1} & set(saved):
        for at in (step, LAST):
            states = list(model.states(drawing.encoded, replies, at=at))
            assert len(states) == len(saved[step])
            for state in states:
                for i, rows in enumerate(state.rows):
                    close(rows, saved[step][state.layer, i])
                    assert state.step == at
                    response = positions(state.segments[i], modality="image", roles=("response",))
                    assert response == list(range(prompt + 1, prompt + 1 + latents))
                    assert prompt in positions(state.segments[i], roles=("template",))


def test_any_step_is_drawn_again(model: JanusFlow, fixture: Fixture, drawing: Drawing, monkeypatch: pytest.MonkeyPatch):
    """The noise of a seed is ours; with theirs in its place, every step's states are theirs."""
    noise = fixture("gen.noise")
    monkeypatch.setattr(
        "unispect.models.janus_flow.model.start_noise", lambda seeds, shape: torch.stack([noise[s] for s in seeds])
    )
    replies = [
        ImageReply(
            Image.new("RGB", (1, 1)),
            seed=i,
            replay={"guidance": drawing.weight, "steps": drawing.steps, "last_input": own.numpy()},
        )
        for i, own in enumerate(fixture("gen.z_in")[-1])
    ]
    latents = drawing.case["latent_tokens"]
    for step in range(drawing.steps):
        theirs = fixture("gen.image_hidden")[step]
        for state in model.states(drawing.encoded, replies, at=step):
            for i, rows in enumerate(state.rows):
                close(rows[-latents:], theirs[state.layer, i])


def test_pictures_become_latents_as_in_the_authors_autoencoder(model: JanusFlow, fixture: Fixture):
    fixture.need("vae_encode")
    with torch.no_grad():
        latents = model.network.encoded(fixture("vae_encode.pixels"))
    close(latents / model.network.scaling_factor, fixture("vae_encode.mean"))


# Traps


@torch.no_grad()
def test_masks_and_positions_of_the_unconditional_rows_matter(model: JanusFlow, fixture: Fixture, drawing: Drawing):
    """What the fixture would notice: pads that are looked at, and positions counted from the mask."""
    rows, mask = full_rows(model, fixture, 0)
    places = slice(-drawing.case["latent_tokens"], None)
    right = run(model.backbone, rows, mask=mask)[drawing.count :, places]
    unmasked = run(model.backbone, rows)[drawing.count :, places]
    counted = (fixture("gen.attention_mask").cumsum(-1) - 1).clamp_min(0)
    moved = run(model.backbone, rows, mask=mask, positions=counted)[drawing.count :, places]
    for wrong in (unmasked, moved):
        assert (wrong - right).abs().max() > 0.1


@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize("post_processor", [True, False])
def test_the_first_token_stands_exactly_once(fixture: Fixture, tmp_path: Path, post_processor: bool, goal: Goal):
    """The trap: whether the tokenizer's file adds it is up to the file."""
    folder = Path(shutil.copytree(fixture.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("cases*", "FACTS*")))
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    if not post_processor:
        content["post_processor"] = None
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    model = load(CARDS["janusflow-1.3b"], folder, device="cpu", dtype="float32")
    for ids in model.encode([Prompt.of("Two cats"), Prompt.of("")], goal).inputs.ids:
        assert ids[0] == model.processor.special.bos
        assert (ids == model.processor.special.bos).sum() == 1
