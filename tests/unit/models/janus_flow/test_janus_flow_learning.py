"""Losses against what the model itself says, and gradients against finite differences."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_janus_flow
from tests.helpers.finite_differences import check_gradient
from unispect.core.errors import DataError, Unsupported
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.decode.flow import start_noise
from unispect.models.janus_flow.drawing import PromptedField
from unispect.models.janus_flow.folder import load
from unispect.models.janus_flow.model import JanusFlow, moments_and_noise
from unispect.models.processing.dialogue import Inputs


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> JanusFlow:
    folder = tiny_janus_flow.write_checkpoint(tmp_path_factory.mktemp("tiny"), layers=2)
    return load(tiny_janus_flow.TINY, folder, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def draw_loss(model: JanusFlow, examples: Sequence[Example]) -> Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


def test_the_tell_loss_is_the_mean_score_per_token(model: JanusFlow):
    prompts, answers = [Prompt.of("what?"), Prompt.of("and this, then?")], ["a red star", "no"]
    loss = model.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
    scores = model.score(model.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
    tokens = sum(len(model.processor.answer_ids(answer)) for answer in answers)
    assert loss is not None
    assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-5)


@pytest.mark.parametrize("unconditional", [False, True])
def test_the_draw_loss_is_that_of_the_sampler_s_field(
    model: JanusFlow, pictures: list[Image.Image], unconditional: bool
):
    """The branch that learns is the branch that draws, on the straight line from the seed's noise to the picture."""
    prompt, seed = Prompt.of("a red star"), 12
    finished = model.targets(pictures[:1])
    moments, noise = moments_and_noise([seed], model.latent_shape)
    t = moments.item()
    inputs = model.encode([prompt], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    field = PromptedField(model.network, model.prompt_rows(inputs), 2.0)
    with torch.no_grad():
        velocity = field.branches(t * finished + (1 - t) * noise, t)[int(unconditional)]
    expected = (velocity - (finished - noise)[0]).square().mean().item()
    loss = draw_loss(model, [Example(prompt, pictures[0], unconditional, seed)])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_mixed_batch_is_the_mean_of_its_examples(model: JanusFlow, pictures: list[Image.Image]):
    """Prompts of several lengths, with and without them, each with its own time and noise."""
    texts = ("a", "a red star", "the turquoise circle at the bottom left", "a red star")
    examples = [Example(Prompt.of(text), pictures[i % 2], i % 2 == 1, seed=i) for i, text in enumerate(texts)]
    with torch.no_grad():
        together = draw_loss(model, examples).item()
        alone = [draw_loss(model, [example]).item() for example in examples]
        turned = draw_loss(model, examples[::-1]).item()
    assert together == pytest.approx(np.mean(alone), rel=1e-5)
    assert turned == pytest.approx(together, rel=1e-5)
    assert len({round(loss, 6) for loss in alone}) == len(alone)


def test_times_and_noise_come_from_the_seed_alone():
    moments, noise = moments_and_noise(range(400), (4, 3, 3))
    assert moments.min() >= 0
    assert moments.max() < 1
    assert moments.mean() == pytest.approx(0.5, abs=0.05)
    assert moments.std() == pytest.approx(12**-0.5, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    one, own = moments_and_noise([7], (4, 3, 3))
    assert one.item() == moments[7].item()
    assert torch.equal(own[0], noise[7])
    # Not the noise that drawing with this seed starts from: nothing is learnt by heart for a seed.
    assert not torch.equal(start_noise([7], (4, 3, 3)), own)


def test_latents_stand_for_their_pictures(model: JanusFlow, pictures: list[Image.Image]):
    latents = model.targets(pictures)
    assert latents.shape == (2, *model.latent_shape)
    assert latents.dtype == torch.float32
    prompts = [Prompt.of("one"), Prompt.of("the other")]
    by_picture = draw_loss(model, [Example(p, picture) for p, picture in zip(prompts, pictures, strict=True)])
    mixed = draw_loss(model, [Example(prompts[0], latents[0]), Example(prompts[1], pictures[1])])
    assert by_picture.item() == pytest.approx(mixed.item(), rel=1e-6)


def test_latents_are_the_scaled_mean_of_the_autoencoder(model: JanusFlow, pictures: list[Image.Image]):
    pixels = torch.stack([torch.tensor(np.asarray(own)).permute(2, 0, 1) for own in pictures]) / 127.5 - 1
    with torch.no_grad():
        posterior = model.network.vae.encode(pixels).latent_dist  # type: ignore[union-attr]
    torch.testing.assert_close(model.targets(pictures), 0.13025 * posterior.mean, rtol=1e-5, atol=1e-6)


def test_gradients_reach_what_each_direction_uses(model: JanusFlow, pictures: list[Image.Image]):
    def groups_with_gradient(example: Example) -> set[str]:
        model.network.zero_grad(set_to_none=True)
        model.loss([example]).total().backward()
        parameters = dict(model.network.named_parameters())
        return {
            group
            for group, names in model.parameter_groups().items()
            if any(parameters[n].grad is not None for n in names)
        }

    drawing = {"backbone", "token embeddings", "image embeddings", "image head"}
    assert groups_with_gradient(Example(Prompt.of("a star"), pictures[0])) == drawing
    telling = {"backbone", "token embeddings", "text head"}
    assert groups_with_gradient(Example(Prompt.of("what?"), "a star")) == telling
    seeing = {*telling, "vision encoder", "vision aligner"}
    assert groups_with_gradient(Example(Prompt.of(pictures[0], "what?"), "a star")) == seeing
    begin = model.network.begin_of_picture.grad
    assert begin is not None
    assert begin.abs().max() > 0


DRAWN = ("backbone", "token embeddings", "image embeddings", "image head")
TOLD = ("backbone", "token embeddings", "text head", "vision encoder", "vision aligner")


@pytest.mark.parametrize(
    ("direction", "group"), [*(("draw", group) for group in DRAWN), *(("tell", group) for group in TOLD)]
)
def test_gradients_are_those_of_finite_differences(
    model: JanusFlow, pictures: list[Image.Image], direction: str, group: str
):
    if direction == "draw":
        batch = [
            Example(Prompt.of("a red star"), pictures[0], seed=1),
            Example(Prompt.of("a circle at the left"), pictures[1], unconditional=True, seed=2),
        ]
    else:
        batch = [Example(Prompt.of(pictures[0], "what is it?"), "a star"), Example(Prompt.of("say"), "no")]
    check_gradient(model, batch, group)


def test_a_silent_channel_has_a_gradient(model: JanusFlow):
    """The norm over a channel of zeros has none, and would turn the whole gradient into NaN."""
    norm = model.network.flow_encoder.blocks[0].channelwise_norm
    hidden = torch.zeros(1, 2, 2, 96, requires_grad=True)
    norm(hidden).sum().backward()
    assert hidden.grad is not None
    assert torch.isfinite(hidden.grad).all()


def test_a_picture_to_draw_is_square_and_no_prompt_holds_one(model: JanusFlow, pictures: list[Image.Image]):
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])
    with pytest.raises(Unsupported, match="cannot draw: from a prompt that holds a picture"):
        model.loss([Example(Prompt.of(pictures[0], "again"), pictures[0])])


def test_half_precision_learns(tmp_path: Path, pictures: list[Image.Image]):
    folder = tiny_janus_flow.write_checkpoint(tmp_path)
    half = load(tiny_janus_flow.TINY, folder, device="cpu", dtype="bfloat16")
    losses = half.loss([Example(Prompt.of("a star"), pictures[0]), Example(Prompt.of("what?"), "a star")])
    assert torch.isfinite(losses.total())
    assert half.targets(pictures).dtype == torch.float32
