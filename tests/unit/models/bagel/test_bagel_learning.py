"""Losses against what the model itself says, and gradients against finite differences."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_bagel
from tests.helpers.finite_differences import check_gradient
from tests.helpers.tiny_bagel import picture_of
from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt
from unispect.models.bagel.context import contexts_of, prompts_of
from unispect.models.bagel.drawing import GuidedField, token_noise
from unispect.models.bagel.folder import load
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.processing import Inputs
from unispect.models.base import Example
from unispect.models.decode.flow import shifted
from unispect.models.losses import moments_and_noise

SIDE = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Bagel:
    folder = tiny_bagel.write_checkpoint(tmp_path_factory.mktemp("tiny"), layers=2)
    return load(tiny_bagel.TINY, folder, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [picture_of(seed, SIDE, SIDE) for seed in range(2)]


def draw_loss(model: Bagel, examples: Sequence[Example]) -> Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


def test_the_tell_loss_is_the_mean_score_per_token(model: Bagel, pictures: list[Image.Image]):
    """Text alone beside pictures, whose positions are one, of which there may be two."""
    prompts = [
        Prompt.of("what?"),
        Prompt.of(pictures[0], "and this, then?"),
        Prompt.of("one: ", pictures[0], " two: ", picture_of(5, 9, 14), "?"),
    ]
    answers = ["a red star", "no", "the other one"]
    with torch.no_grad():
        loss = model.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
    scores = model.score(model.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
    tokens = sum(len(model.processor.answer_ids(answer)) for answer in answers)
    assert loss is not None
    assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-4)


@pytest.mark.parametrize("branch", ["whole", "textless", "redrawn"])
def test_the_draw_loss_is_the_error_of_the_velocity(model: Bagel, pictures: list[Image.Image], branch: str):
    """The branch that learns is the branch that draws, on the straight line from the picture to the seed's noise."""
    prompt = Prompt.of(pictures[1], "a red star") if branch == "redrawn" else Prompt.of("a red star")
    seed, finished = 12, model.targets(pictures[:1])
    moments, noise = moments_and_noise([seed], finished.shape[1:], even=False)
    t = moments.item()
    inputs = model.encode([prompt], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    network = model.network
    with torch.no_grad():
        contexts = [contexts_of(own) for own in prompts_of(network, inputs)]
        field = GuidedField(network, contexts, model.markers(), model.drawing.grid, Guidance(2.0))
        tokens = network.tokens((1 - t) * finished + t * noise)
        velocity = field.branches(tokens, t)[int(branch == "textless")]
    expected = (velocity - network.tokens(noise - finished)).square().mean().item()
    loss = draw_loss(model, [Example(prompt, pictures[0], branch == "textless", seed)])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_mixed_batch_is_the_mean_of_its_examples(model: Bagel, pictures: list[Image.Image]):
    """Prompts of several lengths, with and without text and pictures, each with its own time and noise."""
    prompts = (
        Prompt.of("a"),
        Prompt.of("a red star"),
        Prompt.of(pictures[1], "of this, at the bottom left"),
        Prompt.of("a red star"),
    )
    examples = [Example(prompt, pictures[i % 2], i % 2 == 1, seed=i) for i, prompt in enumerate(prompts)]
    with torch.no_grad():
        together = draw_loss(model, examples).item()
        alone = [draw_loss(model, [example]).item() for example in examples]
        turned = draw_loss(model, examples[::-1]).item()
    assert together == pytest.approx(np.mean(alone), rel=1e-5)
    assert turned == pytest.approx(together, rel=1e-5)
    assert len({round(loss, 6) for loss in alone}) == len(alone)


def test_learning_does_not_see_the_noise_that_drawing_starts_from(model: Bagel):
    """Nothing is learnt by heart for a seed."""
    _, noise = moments_and_noise([7], (4, 8, 8), even=False)
    assert not torch.allclose(token_noise(model.network, [7], (4, 8, 8)), noise)


def test_times_are_shifted_towards_noise():
    times = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert torch.equal(shifted(times, 1.0), times)
    torch.testing.assert_close(shifted(times, 3.0), torch.tensor([0.0, 0.5, 0.75, 1.0]))


def test_latents_stand_for_their_pictures(model: Bagel, pictures: list[Image.Image]):
    latents = model.targets(pictures)
    assert latents.shape == (2, *model.latent_shape(model.drawing.grid))
    assert latents.dtype == torch.float32
    prompts = [Prompt.of("one"), Prompt.of("the other")]
    by_picture = draw_loss(model, [Example(p, picture) for p, picture in zip(prompts, pictures, strict=True)])
    mixed = draw_loss(model, [Example(prompts[0], latents[0]), Example(prompts[1], pictures[1])])
    assert by_picture.item() == pytest.approx(mixed.item(), rel=1e-6)


@torch.no_grad()
def test_latents_are_the_shifted_and_scaled_means_of_the_stock_autoencoder(model: Bagel, pictures: list[Image.Image]):
    pixels = torch.stack([torch.tensor(np.asarray(own)).permute(2, 0, 1) for own in pictures]) / 127.5 - 1
    vae = model.network.vae
    mean = vae.encode(pixels, return_dict=False)[0].mean  # type: ignore[union-attr]
    torch.testing.assert_close(model.targets(pictures), 0.3611 * (mean - 0.1159), rtol=1e-5, atol=1e-6)
    back = vae.decode(model.targets(pictures) / 0.3611 + 0.1159, return_dict=False)[0]
    torch.testing.assert_close(model.decoded(model.targets(pictures)), back, rtol=1e-4, atol=1e-5)


DRAWN = {"backbone", "token embeddings", "image embeddings", "image head"}
TOLD = {"backbone", "token embeddings", "text head"}
SEEN = {"vision encoder", "vision aligner"}


def touched(model: Bagel, example: Example) -> set[str]:
    """Names of parameters that have a gradient other than zero."""
    model.network.zero_grad(set_to_none=True)
    model.loss([example]).total().backward()
    named = model.network.named_parameters()
    return {name for name, parameter in named if parameter.grad is not None and parameter.grad.any()}


def test_gradients_reach_what_each_direction_uses(model: Bagel, pictures: list[Image.Image]):
    def groups(example: Example) -> set[str]:
        names = touched(model, example)
        return {group for group, own in model.parameter_groups().items() if names & set(own)}

    assert groups(Example(Prompt.of("a star"), pictures[0])) == DRAWN
    assert groups(Example(Prompt.of("what?"), "a star")) == TOLD
    assert groups(Example(Prompt.of(pictures[0], "what?"), "a star")) == TOLD | SEEN
    assert groups(Example(Prompt.of(pictures[0], "again"), pictures[1])) == DRAWN | SEEN


def test_telling_never_touches_what_draws(model: Bagel, pictures: list[Image.Image]):
    """Nothing that is told passes through the weights of latents; what is drawn learns to listen to the others too."""
    told = touched(model, Example(Prompt.of(pictures[0], "what?"), "a star"))
    assert not [name for name in told if ".gen." in name]
    drawn = touched(model, Example(Prompt.of("a star"), pictures[0]))
    assert any(".gen.mlp" in name for name in drawn)
    assert any(".und.k_proj" in name for name in drawn)


@pytest.mark.parametrize(
    ("direction", "group"),
    [
        *(("draw", group) for group in sorted(DRAWN)),
        *(("redraw", group) for group in sorted(DRAWN | SEEN)),
        *(("tell", group) for group in sorted(TOLD | SEEN)),
    ],
)
def test_gradients_are_those_of_finite_differences(
    model: Bagel, pictures: list[Image.Image], direction: str, group: str
):
    batches = {
        "draw": [
            Example(Prompt.of("a red star"), pictures[0], seed=1),
            Example(Prompt.of("a circle at the left"), pictures[1], unconditional=True, seed=2),
        ],
        "redraw": [Example(Prompt.of(pictures[1], "a red star"), pictures[0], seed=1)],
        "tell": [Example(Prompt.of(pictures[0], "what is it?"), "a star"), Example(Prompt.of("say"), "no")],
    }
    check_gradient(model, batches[direction], group)


def test_a_picture_to_draw_is_square(model: Bagel):
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])


def test_half_precision_learns(tmp_path: Path, pictures: list[Image.Image]):
    folder = tiny_bagel.write_checkpoint(tmp_path)
    half = load(tiny_bagel.TINY, folder, device="cpu", dtype="bfloat16")
    losses = half.loss([Example(Prompt.of("a star"), pictures[0]), Example(Prompt.of(pictures[1], "what?"), "a star")])
    assert torch.isfinite(losses.total())
    assert half.targets(pictures).dtype == torch.float32
