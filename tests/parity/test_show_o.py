"""The authors' outputs, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, cases, steps, guidance, schedules, single or sharded
weights. Errors are relative to the largest value of what is compared.
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers.reference import need_reference
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextReply, TextSampling
from unispect.models.capture import run, stream
from unispect.models.decode.confident import OPEN, Uncovered, open_share, uncover
from unispect.models.decode.mask import causal, open_to_all
from unispect.models.show_o.card import CARDS
from unispect.models.show_o.drawing import Canvas, DrawSettings, draw_codes
from unispect.models.show_o.folder import load
from unispect.models.show_o.magvit import codes_of, signs_of
from unispect.models.show_o.model import ShowO
from unispect.models.show_o.processing import Inputs

TOLERANCE = 2e-5
PIXELS = 1e-4
WORST: dict[str, float] = {}
"""Largest relative error by case group and kind."""
CARD = CARDS["show-o"]
DRAWN = pytest.mark.parametrize("group", ["t2i", "t2i_nocfg", "inpaint"])


@dataclass(frozen=True)
class Fixture:
    folder: Path
    notes: dict
    tensors: dict[str, Tensor]

    def need(self, group: str) -> None:
        if group not in self.notes["cases"]:
            pytest.skip(f"{self.folder} has no case group {group!r}")

    def __call__(self, name: str) -> Tensor:
        return self.tensors[name]

    def said(self, name: str) -> str:
        """How a tensor was made."""
        entry = self.notes["tensors"][name]
        return f"{entry['meaning']} {entry.get('how', '')}"


@pytest.fixture(scope="module")
def fixture() -> Fixture:
    folder = need_reference("show_o")
    notes = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    return Fixture(folder, notes, load_file(folder / "cases.safetensors"))


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> ShowO:
    """The model of the demo configuration, which says how many places there are for text."""
    demo = json.loads((fixture.folder / "demo_config.json").read_text(encoding="utf-8"))
    places = demo["dataset"]["preprocessing"]["max_seq_length"] + 1
    return sized(load(CARD, fixture.folder / demo["model"]["showo"]["pretrained_model_path"], device="cpu"), places)


@pytest.fixture(scope="module")
def looker(fixture: Fixture) -> ShowO:
    return load(CARDS["show-o-clip-vit"], fixture.folder / "show-o-w-clip-vit", device="cpu")


def sized(model: ShowO, text_tokens: int) -> ShowO:
    """The same model with other places for text, which the checkpoint's own files do not say."""
    config = replace(model.network.config, text_tokens=text_tokens)
    model.network.config = config
    return ShowO(model.card, model.network, replace(model.processor, config=config), model.drawing)


def close(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    ours = ours.detach()
    assert ours.shape == theirs.shape, name
    error = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-12))
    group = f"{name.split('.')[0]}.{name.split('.')[-1]}"
    WORST[group] = max(WORST.get(group, 0.0), error)
    assert error <= tolerance, f"{name}: {error:.2e}"


def layers_of(fixture: Fixture, start: str) -> list[Tensor]:
    """Layer 0 where it is there, every block's output, and what the final norm makes of the last."""
    found = [key for key in fixture.tensors if re.fullmatch(re.escape(start) + r"hidden\.layer\d+", key)]
    blocks = [fixture(key) for key in sorted(found, key=lambda key: int(key.rpartition("layer")[2]))]
    assert blocks, start
    # An empty stand-in of as many samples, where it is not there.
    first = fixture.tensors.get(f"{start}hidden.embed", blocks[0][..., :0])
    return [first, *blocks, fixture(f"{start}hidden.final_norm")]


def check_layers(group: str, model: ShowO, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Compares all layers [positions, width]; returns the final states."""
    assert len(ours) == len(theirs) - 1
    final = model.backbone.final_layernorm(ours[-1])
    for own, other in zip([*ours, final], theirs, strict=True):
        if other.numel():
            close(f"{group}.hidden", own, other)
    return final


def raw(fixture: Fixture, name: str = "image.raw_uint8") -> Image.Image:
    return Image.fromarray(fixture(name).numpy())


# Tokens and text


def test_special_tokens_have_the_authors_ids(model: ShowO, fixture: Fixture):
    config, ids = model.network.config, fixture.notes["special_token_ids"]
    for name in ("soi", "eoi", "sov", "eov", "t2i", "mmu", "t2v", "v2v", "lvg"):
        assert config.special(name) == ids[f"<|{name}|>"]
    assert config.special("[PAD]") == ids["<|pad|>"]
    assert model.processor.end == ids["<|sot|>"] == ids["<|eot|>"]
    assert config.first_code == fixture.notes["image_token_offset"]
    assert config.mask == fixture.notes["mask_token_id"]


def test_text_is_read_as_by_the_authors(model: ShowO, fixture: Fixture):
    fixture.need("text")
    encoded = model.encode([Prompt.of(text) for text in fixture.notes["texts"]], Goal.TEXT)
    lengths = (fixture("text.input_ids") != model.network.config.special("[PAD]")).sum(1).tolist()
    # Theirs end with the end token, unless they were cut off in front of it.
    ends = []
    for ids, length, own in zip(fixture("text.input_ids").tolist(), lengths, encoded.inputs.ids, strict=True):
        assert own.tolist() == ids[: len(own)]
        assert ids[len(own) : length] in ([], [model.processor.end])
        ends.append(TextReply("", tuple(ids[len(own) : length]), (), finished=True))
    layers = [state.rows for state in model.states(encoded, ends)]
    for sample, length in enumerate(lengths):
        states = [rows[sample] for rows in layers]
        other = [layer[sample, :length] for layer in layers_of(fixture, "text.")]
        final = check_layers("text", model, states, other)
        close("text.logits", model.network.showo.lm_head(final), fixture("text.logits")[sample, :length])
        # What is padded behind changes nothing for what stands before it.
        allowed = fixture("text.attention_mask")[sample, 0, :length] == 0
        assert torch.equal(allowed[:, :length], causal(length))
        assert not allowed[:, length:].any()


@pytest.mark.parametrize(
    ("group", "logits"),
    [("text_greedy", "step_logits"), ("mmu", "greedy_step_logits"), ("mmu_clip", "greedy_step_logits")],
)
def test_greedy_text_is_the_authors(model: ShowO, looker: ShowO, fixture: Fixture, group: str, logits: str):
    """Theirs recomputes everything at every step; ours has a cache."""
    fixture.need(group)
    if group == "text_greedy":
        writer, ids = model, fixture("text_greedy.input_ids")[0]
        inputs = Inputs(Goal.TEXT, (ids,), (None,))
        assert ids[0] == model.processor.end
        encoded = replace(model.encode([Prompt.of("x")], Goal.TEXT), inputs=inputs)
    else:
        writer = model if group == "mmu" else looker
        encoded = question(writer, fixture)
    theirs = fixture(f"{group}.{'output_ids' if group == 'text_greedy' else 'greedy_ids'}").tolist()
    reply = writer.write(encoded, TextSampling(max_new_tokens=len(theirs)))[0]
    assert list(reply.tokens) == theirs[: len(reply.tokens)]
    assert reply.finished or len(reply.tokens) == len(theirs)
    chances = fixture(f"{group}.{logits}").log_softmax(-1)
    own = torch.tensor(reply.log_probabilities)
    close(f"{group}.log_probabilities", own, chances[torch.arange(len(own)), list(reply.tokens)])


# Pictures


def question(model: ShowO, fixture: Fixture) -> Encoded:
    return model.encode([Prompt.of(raw(fixture), fixture.notes["question"])], Goal.TEXT)


def test_pictures_become_the_authors_pixels_and_codes(model: ShowO, fixture: Fixture):
    fixture.need("image")
    names = [name for name in fixture.tensors if name.startswith("image.raw_uint8")]
    pixels = torch.stack([model.processor.drawn.pixels(raw(fixture, name)) for name in sorted(names)])
    close("image.pixel_values", pixels, fixture("image.pixel_values"), 1e-6)
    fixture.need("vq")
    vq = model.network.vq
    with torch.no_grad():
        latents = vq.encoder(fixture("image.pixel_values"))
        close("vq.encoder_out", latents, fixture("vq.encoder_out"))
        codes = codes_of(latents)
        assert torch.equal(codes, fixture("vq.codes"))
        signs = signs_of(codes, vq.bits).transpose(1, 2).reshape(latents.shape)
        close("vq.z_q", signs, fixture("vq.z_q"), 1e-6)
        side = model.network.config.side
        hidden = vq.decoder.mid.block_1(vq.decoder.conv_in(vq.decoder.post_quant_conv(signs)))
        close("vq.decoder_mid_attn", vq.decoder.mid.attn_1(hidden), fixture("vq.decoder_mid_attn"))
        close("vq.decoded", model.decoded(codes), fixture("vq.decoded"), PIXELS)
        rectangle = fixture("vq.rect_codes")
        grid = (rectangle.shape[1] // side, side)
        close("vq.rect_decoded", model.decoded(rectangle, grid), fixture("vq.rect_decoded"), PIXELS)


def test_a_picture_is_seen_through_its_codes_as_by_the_authors(model: ShowO, fixture: Fixture):
    fixture.need("mmu")
    encoded = question(model, fixture)
    (attention_mask,) = encoded.inputs.attention_masks
    assert torch.equal(attention_mask, fixture("mmu.attention_mask")[0, 0] == 0)
    rows = model.prompt_rows(encoded.inputs)[0]
    close("mmu.embed", rows, fixture("mmu.hidden.embed")[0])
    shown = positions(encoded.segments[0], modality="image", roles=("prompt",))
    close("mmu.image_embeds", rows[shown], fixture("mmu.image_embeds")[0])
    given = encoded.inputs.ids[0].clone()
    given[shown] = fixture("vq.codes")[0] + model.network.config.first_code
    assert torch.equal(given, fixture("mmu.input_ids")[0])
    states = [state.rows[0] for state in model.states(encoded)]
    final = check_layers("mmu", model, states, [layer[0] for layer in layers_of(fixture, "mmu.")])
    close("mmu.logits", model.network.showo.lm_head(final), fixture("mmu.logits")[0])


def test_pictures_with_captions_share_a_batch(model: ShowO, fixture: Fixture):
    """The layout that captions are learned in; ours leaves the padding out."""
    fixture.need("mmu_batch")
    ids, config = fixture("mmu_batch.input_ids"), model.network.config
    layers = layers_of(fixture, "mmu_batch.")
    for sample, own in enumerate(ids):
        length = int((own != config.special("[PAD]")).sum())
        eoi = own.tolist().index(config.special("eoi"))
        attention_mask = open_to_all(length, [(0, eoi + 1)])
        theirs = fixture("mmu_batch.attention_mask")[sample, 0] == 0
        assert torch.equal(attention_mask, theirs[:length, :length])
        assert not theirs[:length, length:].any()
        with torch.no_grad():
            rows = model.backbone.embed_tokens(own[:length])[None]
            states = [hidden[0] for hidden in stream(model.backbone, rows, mask=attention_mask[None, None])]
        final = check_layers("mmu_batch", model, states, [layer[sample][:length] for layer in layers])
        close("mmu_batch.logits", model.network.showo.lm_head(final), fixture("mmu_batch.logits")[sample, :length])


def test_a_picture_is_seen_through_clip_as_by_the_authors(looker: ShowO, fixture: Fixture):
    fixture.need("mmu_clip")
    encoded = question(looker, fixture)
    pixels, network = encoded.inputs.pixels, looker.network
    close("mmu_clip.clip_pixel_values", pixels, fixture("mmu_clip.clip_pixel_values"), 1e-6)
    with torch.no_grad():
        features = network.features(pixels)
        close("mmu_clip.vision_features", features, fixture("mmu_clip.vision_features"))
        close("mmu_clip.projected", network.seen(pixels), fixture("mmu_clip.projected"))
    shown = set(positions(encoded.segments[0], modality="image", roles=("prompt",)))
    text = [token for index, token in enumerate(encoded.inputs.ids[0].tolist()) if index not in shown]
    assert text == fixture("mmu_clip.text_ids")[0].tolist()
    close("mmu_clip.input_embeds", looker.prompt_rows(encoded.inputs)[0], fixture("mmu_clip.input_embeds")[0])
    assert torch.equal(encoded.inputs.attention_masks[0], fixture("mmu_clip.attention_mask")[0, 0] == 0)
    states = [state.rows[0] for state in looker.states(encoded)]
    final = check_layers("mmu_clip", looker, states, [layer[0] for layer in layers_of(fixture, "mmu_clip.")])
    close("mmu_clip.logits", network.showo.lm_head(final), fixture("mmu_clip.logits")[0])


# Drawing


def drawing_of(fixture: Fixture, group: str) -> DrawSettings:
    """The settings as the case says them; the authors' guidance g adds g times the difference to the first branch."""
    fixture.need(group)
    said = fixture.said(f"{group}.step_logits")

    def number(name: str) -> float:
        found = re.search(rf"{name}=(-?[\d.]+(?:e-?\d+)?)", said)
        assert found, said
        return float(found[1])

    schedule = re.search(r"noise_schedule='([^']+)'", said)
    assert schedule
    steps = int(number("timesteps"))
    assert len(fixture(f"{group}.step_logits")) == steps
    # Below 0 the authors add nothing.
    return DrawSettings(steps, 1 + max(0.0, number("guidance_scale")), number("temperature"), schedule[1])


def prompts_of(fixture: Fixture, group: str) -> list[str]:
    if group == "t2i":
        return fixture.notes["t2i"]["prompts"]
    found = re.search(r"prompts=(\[.*?\])", fixture.said(f"{group}.input_ids"))
    assert found
    return ast.literal_eval(found[1])


def canvases(model: ShowO, fixture: Fixture, group: str) -> tuple[Encoded, Tensor]:
    """The prompts, with what the case gives of their pictures, and those codes."""
    encoded = model.encode([Prompt.of(text) for text in prompts_of(fixture, group)], Goal.IMAGE)
    config = model.network.config
    ids = fixture(f"{group}.input_ids")
    inside = ids[:, config.text_tokens + 1 : -1]
    known = torch.where(inside == config.mask, OPEN, inside - config.first_code)
    own = [
        model.processor.canvas_ids(text, codes) for text, codes in zip(prompts_of(fixture, group), known, strict=True)
    ]
    assert torch.equal(torch.stack(own), ids)
    return replace(encoded, inputs=replace(encoded.inputs, ids=tuple(own))), known


def draws_of(fixture: Fixture, group: str) -> list[tuple[Tensor, Tensor]]:
    """The recorded draws: E behind the choice of tokens, and Gumbel noise from uniform draws."""
    uniform = fixture(f"{group}.uniform_noise")
    ranks = -torch.log((-torch.log(uniform.clamp_min(1e-20))).clamp_min(1e-20))
    return list(zip(fixture(f"{group}.exp_noise"), ranks, strict=True))


def check_uncovered(model: ShowO, fixture: Fixture, group: str, drawn: Uncovered, known: Tensor) -> None:
    """The tokens, and what every step began with."""
    config = model.network.config
    assert torch.equal(drawn.tokens, fixture(f"{group}.tokens"))
    for step, ids in enumerate(fixture(f"{group}.step_model_input_ids")):
        inside = ids[: len(known), config.text_tokens + 1 : -1]
        ours = torch.where(drawn.canvases[step] == OPEN, config.mask, drawn.canvases[step] + config.first_code)
        assert torch.equal(ours, inside), f"step {step}"


@DRAWN
def test_drawing_gives_the_authors_tokens_and_picture(model: ShowO, fixture: Fixture, group: str):
    drawing = drawing_of(fixture, group)
    encoded, known = canvases(model, fixture, group)
    drawn = draw_codes(
        model.network, encoded.inputs.ids, model.processor.canvas_ids(), known, drawing, draws_of(fixture, group)
    )
    check_uncovered(model, fixture, group, drawn, known)
    decoded = model.decoded(drawn.tokens)
    close(f"{group}.decoded", decoded, fixture(f"{group}.decoded"), PIXELS)
    ours = torch.from_numpy(np.stack([np.asarray(picture) for picture in model.pictures(drawn.tokens)]))
    # Cutting off may fall on either side of a value that differs in its last digits.
    difference = (ours.int() - fixture(f"{group}.uint8").int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() <= 0.01


@DRAWN
def test_the_authors_logits_are_uncovered_to_their_tokens(model: ShowO, fixture: Fixture, group: str):
    """The sampler by itself: the recorded logits of every step in, the recorded choices out."""
    drawing = drawing_of(fixture, group)
    _, known = canvases(model, fixture, group)
    logits = iter(fixture(f"{group}.step_logits"))
    drawn = uncover(
        known,
        lambda _: next(logits),
        steps=drawing.steps,
        draws=draws_of(fixture, group),
        schedule=drawing.schedule,
        temperature=drawing.temperature,
    )
    check_uncovered(model, fixture, group, drawn, known)
    sampled = fixture(f"{group}.step_sampled")
    for step, after in enumerate([*drawn.canvases[1:], drawn.tokens]):
        here = (drawn.canvases[step] == OPEN) & (after != OPEN)
        assert torch.equal(after[here], sampled[step][here])


@DRAWN
def test_every_step_has_the_authors_logits(model: ShowO, fixture: Fixture, group: str):
    """From their tokens at the start of each step, so that errors do not add up."""
    drawing = drawing_of(fixture, group)
    encoded, _ = canvases(model, fixture, group)
    config, samples = model.network.config, len(encoded)
    empty = model.processor.canvas_ids()
    guided = drawing.guidance != 1
    if guided:
        theirs = fixture(f"{group}.uncond_input_ids")[0]
        assert torch.equal(empty[: config.text_tokens + 1], theirs[: config.text_tokens + 1])
    ids = torch.stack([*encoded.inputs.ids, *([empty] * samples if guided else ())])
    masks = torch.stack([model.processor.drawing_mask(own) for own in ids])
    assert torch.equal(masks[:, None], fixture(f"{group}.attention_mask") == 0)
    with torch.inference_mode():
        canvas = Canvas(model.network, ids, config.special("[PAD]"))
        for step, inputs in enumerate(fixture(f"{group}.step_model_input_ids")):
            inside = inputs[:, config.text_tokens + 1 : -1]
            tokens = torch.where(inside == config.mask, OPEN, inside - config.first_code)
            logits = model.network.code_logits(canvas.states(tokens))
            if guided:
                conditional, unconditional = logits.chunk(2)
                logits = drawing.guidance * conditional - (drawing.guidance - 1) * unconditional
            close(f"{group}.step_logits", logits, fixture(f"{group}.step_logits")[step])
            # The cache and the places left out change nothing.
            whole = run(model.backbone, model.backbone.embed_tokens(inputs), mask=masks[:, None])[
                :, config.text_tokens + 1 : -1
            ]
            close(f"{group}.cached_states", canvas.states(tokens), whole)


def test_the_first_step_is_the_authors_layer_by_layer(model: ShowO, fixture: Fixture):
    """Filler included: the states of a prompt are those of the whole input."""
    fixture.need("t2i")
    encoded, _ = canvases(model, fixture, "t2i")
    samples, theirs = len(encoded), layers_of(fixture, "t2i.step0.")
    empty = replace(encoded, inputs=model.encode([Prompt.of("")] * samples, Goal.IMAGE).inputs)
    for start, own in ((0, encoded), (samples, empty)):
        layers = [state.rows for state in model.states(own)]
        for sample in range(samples):
            states = [rows[sample] for rows in layers]
            final = check_layers("t2i", model, states, [layer[start + sample] for layer in theirs])
            logits = model.network.showo.lm_head(final)
            close("t2i.logits_full", logits, fixture("t2i.step0.logits_full")[start + sample])
            inside = model.network.code_logits(final)[model.network.config.text_tokens + 1 : -1]
            name = "cond" if start == 0 else "uncond"
            close(f"t2i.logits_{name}", inside, fixture(f"t2i.step0.logits_{name}")[sample])


def test_schedules_are_the_authors(fixture: Fixture):
    fixture.need("schedule")
    names = [name for name in fixture.tensors if name.startswith("schedule.")]
    assert names
    for name in names:
        theirs = fixture(name)
        ours = open_share(name.removeprefix("schedule."), torch.linspace(1 / len(theirs), 1, len(theirs)))
        close(name, ours, theirs, 1e-6)
