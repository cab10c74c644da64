"""What the authors' Show-o2 reads, writes and sees, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, cases, points in time, guidance, single or sharded
weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.show_o2_reference import Fixture, close, inputs_of, read_fixture, read_model, vision_stages
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextReply, TextSampling
from unispect.models.decode.mask import with_spans
from unispect.models.embedded import Embedded
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.show_o2.image_input import ImageInputSettings
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.processing import Inputs
from unispect.models.show_o2.vae import decoded, moments


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> ShowO2:
    return read_model(fixture)


# Text


@torch.no_grad()
def test_text_is_read_as_by_the_authors(model: ShowO2, fixture: Fixture):
    fixture.need("text")
    ids, lengths = fixture("text.input_ids"), fixture("text.lengths").tolist()
    # A prompt for a picture begins as the authors' bare text does; its last token opens the picture.
    encoded = model.encode([Prompt.of(text) for text in fixture.cases["texts"]], Goal.IMAGE)
    inputs = inputs_of(encoded)
    theirs = [fixture("text.hidden.embed"), *fixture.layers("text.hidden.llm.layer")]
    states = list(model.states(encoded))
    assert len(states) == len(theirs)
    for i, length in enumerate(lengths):
        assert inputs.ids[i][:-1].tolist() == ids[i, :length].tolist()
        for state, hidden in zip(states, theirs, strict=True):
            close("text.hidden", state.rows[i][:-1], hidden[i, :length])
        norm = model.backbone.norm(states[-1].rows[i][:-1])
        close("text.final_norm", norm, fixture("text.hidden.llm.final_norm")[i, :length])
        close("text.logits", model.network.text_logits(norm), fixture("text.logits")[i, :length])


def check_greedy(model: ShowO2, name: str, reply: TextReply, theirs: list[int], logits: Tensor) -> None:
    """Tokens up to where we, or they, stop; and the log-probabilities of ours under their logits."""
    special = model.processor.special
    common = min(len(reply.tokens), len(theirs))
    assert list(reply.tokens[:common]) == theirs[:common]
    assert len(reply.tokens) == len(theirs) or special.end in theirs or special.picture_start in theirs
    chances = logits.log_softmax(-1)[torch.arange(common), reply.tokens[:common]]
    close(name, torch.tensor(reply.log_probabilities[:common]), chances)


@pytest.mark.parametrize("group", ["text_greedy", "chat_greedy"])
def test_greedy_text_is_the_authors(model: ShowO2, fixture: Fixture, group: str):
    fixture.need(group)
    ids, theirs = fixture(f"{group}.input_ids")[0], fixture(f"{group}.output_ids").tolist()
    how = TextSampling(max_new_tokens=len(theirs))
    if group == "chat_greedy":
        texts = [*fixture.cases["texts"], *fixture.cases["prompts"], fixture.cases["question"]]
        encodings = [model.encode([Prompt.of(text)], Goal.TEXT) for text in texts]
        (encoded,) = [one for one in encodings if inputs_of(one).ids[0].tolist() == ids.tolist()]
        (reply,) = model.write(encoded, how)
    else:
        with torch.no_grad():
            (reply,) = model.text_decoder.write([Embedded(model.backbone.embed_tokens(ids))], how)
    check_greedy(model, f"{group}.log_probabilities", reply, theirs, fixture(f"{group}.step_logits"))


# The pixel autoencoder


@torch.no_grad()
def test_the_autoencoder_is_the_authors(model: ShowO2, fixture: Fixture):
    fixture.need("vae")
    vae, pixels = model.network.vae, fixture("image.pixel_values")
    mean, variance = moments(vae, pixels)
    close("vae.mu", mean, fixture("vae.mu")[:, :, 0])
    close("vae.log_var", variance, fixture("vae.log_var")[:, :, 0].clamp(-30, 20))
    close("vae.encoder_out", vae.encoder(pixels[:, :, None]), fixture("vae.encoder_out"))
    drawn = mean + (0.5 * variance).exp() * fixture("vae.eps")[:, :, 0]
    close("vae.latents", drawn, fixture("vae.latents")[:, :, 0])
    close("vae.dec_out", decoded(vae, fixture("vae.dec_in")[:, :, 0]), fixture("vae.dec_out")[:, :, 0])
    assert torch.equal(fixture("vae.dec_out_unclamped").clamp(-1, 1), fixture("vae.dec_out"))


@torch.no_grad()
def test_a_clip_goes_through_the_stock_autoencoder(model: ShowO2, fixture: Fixture):
    """Keys of the parts that pictures never use have their place too."""
    fixture.need("vae")
    vae = model.network.vae
    centre, spread = (torch.tensor(vae.config[name])[:, None, None, None] for name in ("latents_mean", "latents_std"))
    mean = vae.encode(fixture("vae.video"), return_dict=False)[0].mean
    close("vae.video_mu", (mean - centre) * (1 / spread), fixture("vae.video_mu"))
    clip = vae.decode(fixture("vae.video_mu") / (1 / spread) + centre, return_dict=False)[0]
    close("vae.video_dec", clip, fixture("vae.video_dec").clamp(-1, 1))


@torch.no_grad()
def test_the_trap_of_the_posterior(model: ShowO2, fixture: Fixture):
    """diffusers' own draw scales the spread with the mean; the authors do not."""
    fixture.need("vae")
    vae = model.network.vae
    posterior = vae.encode(fixture("image.pixel_values")[:, :, None], return_dict=False)[0]
    centre, spread = (torch.tensor(vae.config[name])[:, None, None, None] for name in ("latents_mean", "latents_std"))
    stock = (posterior.mean + posterior.std * fixture("vae.eps") - centre) / spread
    assert (stock - fixture("vae.latents")).abs().max() > 0.1


# Understanding


@dataclass(frozen=True)
class Seen:
    """The case of a picture in a prompt, with the authors' draw from the posterior."""

    model: ShowO2
    encoded: Encoded

    @property
    def inputs(self) -> Inputs:
        return inputs_of(self.encoded)


@pytest.fixture
def seen(model: ShowO2, fixture: Fixture) -> Seen:
    fixture.need("mmu")
    paper = ShowO2(model.card, model.network, model.processor, model.drawing, ImageInputSettings(paper=True))
    picture = Image.fromarray(fixture("image.raw_uint8").numpy())
    encoded = paper.encode([Prompt.of(picture, fixture.cases["question"])], Goal.TEXT)
    inputs = inputs_of(encoded)
    assert inputs.noise is not None
    assert inputs.noise.shape == fixture("vae.eps")[:, :, 0].shape
    return Seen(paper, replace(encoded, inputs=replace(inputs, noise=fixture("vae.eps")[:, :, 0])))


def test_a_prompt_with_a_picture_is_the_authors(seen: Seen, fixture: Fixture):
    before, behind = (fixture(f"mmu.text_ids_{part}")[0].tolist() for part in "ab")
    (ids,), (start,) = seen.inputs.ids, *seen.inputs.pictures
    places = fixture("mmu.und_input").shape[1]
    assert ids[: start - 1].tolist() == before
    assert ids[start - 1].item() == behind[0]
    assert set(ids[start : start + 1 + places].tolist()) == {seen.model.processor.special.image_pad}
    assert ids[start + 1 + places :].tolist() == behind[1:]
    assert seen.inputs.pixels is not None
    close("image.pixel_values", seen.inputs.pixels, fixture("image.pixel_values"), 1e-6)
    (segments,) = seen.encoded.segments
    assert positions(segments, modality="image", roles=("template",)) == [start]
    assert positions(segments, modality="image", roles=("prompt",)) == list(range(start + 1, start + 1 + places))


def test_what_the_positions_see_is_the_authors(seen: Seen, fixture: Fixture, model: ShowO2):
    theirs = fixture("mmu.attention_mask")[0, 0] == 0
    ours = seen.model.prompts(seen.inputs)[0].attention_mask
    assert ours is not None
    assert torch.equal(ours, theirs)
    # By default, the span begins one position earlier: at the time, and without the token behind the picture.
    offset, count = fixture("mmu.modality_positions")[0, 0].tolist()
    (start,) = seen.inputs.pictures[0]
    assert offset == start + 1
    expected = with_spans(len(theirs), [(offset - 1, offset - 1 + count)])
    right = model.prompts(seen.inputs)[0].attention_mask
    assert expected is not None
    assert right is not None
    assert torch.equal(right, expected)
    assert not torch.equal(right, theirs)


@torch.no_grad()
def test_a_picture_is_seen_as_by_the_authors(seen: Seen, fixture: Fixture):
    network = seen.model.network
    latents = seen.model.seen_latents(seen.inputs)
    close("vae.latents", latents, fixture("vae.latents")[:, :, 0])
    stages = vision_stages(seen.model, latents)
    for name, own in stages.items():
        close(f"mmu.{name.split('.')[0]}", own, fixture(f"mmu.hidden.{name}"))
    rows, _ = seen.model.picture_rows(latents, torch.ones(1))
    close("mmu.fusion", rows[:, 1:], fixture("mmu.hidden.fusion"))
    close("mmu.time_embed", rows[:, :1], fixture("mmu.time_embed"))
    close("mmu.und_input", stages["und.patch_embed"] + network.positions(network.config.grid), fixture("mmu.und_input"))


@torch.no_grad()
def test_a_prompt_with_a_picture_holds_the_authors_states(seen: Seen, fixture: Fixture):
    theirs = [fixture("mmu.input_embeds"), *fixture.layers("mmu.hidden.llm.layer")]
    states = list(seen.model.states(seen.encoded))
    for state, hidden in zip(states, theirs, strict=True):
        close("mmu.hidden", state.rows[0], hidden[0])
    norm = seen.model.backbone.norm(states[-1].rows[0])
    close("mmu.final_norm", norm, fixture("mmu.hidden.llm.final_norm")[0])
    close("mmu.logits", seen.model.network.text_logits(norm), fixture("mmu.logits")[0])


def test_what_is_said_of_a_picture_is_the_authors(seen: Seen, fixture: Fixture):
    theirs = fixture("mmu.greedy_ids").tolist()
    (reply,) = seen.model.write(seen.encoded, TextSampling(max_new_tokens=len(theirs)))
    check_greedy(seen.model, "mmu.log_probabilities", reply, theirs, fixture("mmu.greedy_step_logits"))


def test_preprocessing_cuts_the_middle_out(model: ShowO2, fixture: Fixture):
    fixture.need("image")
    raw = Image.fromarray(fixture("image.raw_uint8").numpy())
    assert raw.width != raw.height
    assert model.processor.picture == CroppedFormat(model.card.image_size)
    close("image.pixel_values", model.processor.picture.pixels(raw)[None], fixture("image.pixel_values"), 1e-6)
