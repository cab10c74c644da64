"""Losses against what the model itself says, and gradients against finite differences."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_show_o2
from tests.helpers.finite_differences import check_gradient
from unispect.core.errors import DataError, Unsupported
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.losses import moments_and_noise
from unispect.models.show_o2.drawing import PromptedField, rounded_noise
from unispect.models.show_o2.folder import load
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.processing import Inputs


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ShowO2:
    folder = tiny_show_o2.write_checkpoint(tmp_path_factory.mktemp("tiny"), layers=2, tied=False)
    return load(tiny_show_o2.TINY, folder, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def draw_loss(model: ShowO2, examples: Sequence[Example]) -> Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


def test_the_tell_loss_is_the_mean_score_per_token(model: ShowO2, pictures: list[Image.Image]):
    """Text alone beside pictures, whose positions see each other, of which there may be two."""
    prompts = [
        Prompt.of("what?"),
        Prompt.of(pictures[0], "and this, then?"),
        Prompt.of("one: ", pictures[0], " two: ", pictures[1], "?"),
    ]
    answers = ["a red star", "no", "the other one"]
    with torch.no_grad():
        loss = model.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
    scores = model.score(model.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
    tokens = sum(len(model.processor.answer_ids(answer)) for answer in answers)
    assert loss is not None
    assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-5)


@pytest.mark.parametrize("unconditional", [False, True])
def test_the_draw_loss_is_that_of_the_sampler_s_field(model: ShowO2, pictures: list[Image.Image], unconditional: bool):
    """The branch that learns is the branch that draws, on the straight line from the seed's noise to the picture."""
    prompt, seed = Prompt.of("a red star"), 12
    finished = model.targets(pictures[:1])
    moments, noise = moments_and_noise([seed], model.latent_shape, even=False)
    t = moments.item()
    inputs = model.encode([prompt], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    with torch.no_grad():
        field = PromptedField(model.network, model.prompt_rows(inputs), model.empty_row(), 16, 2.0)
        velocity = field.branches(t * finished + (1 - t) * noise, t)[int(unconditional)]
    expected = (velocity - (finished - noise)[0]).square().mean().item()
    loss = draw_loss(model, [Example(prompt, pictures[0], unconditional, seed)])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_mixed_batch_is_the_mean_of_its_examples(model: ShowO2, pictures: list[Image.Image]):
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


@pytest.mark.parametrize(("even", "middle"), [(True, 0.5), (False, 0.683)])
def test_times_and_noise_come_from_the_seed_alone(even: bool, middle: float):
    """The middle half of the times holds half of those that are even, and 68.3 % of those by a logistic within +-1."""
    moments, noise = moments_and_noise(range(2000), (4, 3, 3), even=even)
    assert moments.min() > 0
    assert moments.max() < 1
    edge = 0.25 if even else 1 / (1 + np.e)
    share = ((moments > edge) & (moments < 1 - edge)).float().mean().item()
    assert share == pytest.approx(middle, abs=0.03)
    assert moments.mean() == pytest.approx(0.5, abs=0.03)
    assert noise.std() == pytest.approx(1, abs=0.02)
    one, own = moments_and_noise([7], (4, 3, 3), even=even)
    assert one.item() == moments[7].item()
    assert torch.equal(own[0], noise[7])
    # Not the noise that drawing with this seed starts from: nothing is learnt by heart for a seed.
    assert not torch.equal(rounded_noise([7], (4, 3, 3)), own.bfloat16().float())


def test_latents_stand_for_their_pictures(model: ShowO2, pictures: list[Image.Image]):
    latents = model.targets(pictures)
    assert latents.shape == (2, *model.latent_shape)
    assert latents.dtype == torch.float32
    prompts = [Prompt.of("one"), Prompt.of("the other")]
    by_picture = draw_loss(model, [Example(p, picture) for p, picture in zip(prompts, pictures, strict=True)])
    mixed = draw_loss(model, [Example(prompts[0], latents[0]), Example(prompts[1], pictures[1])])
    assert by_picture.item() == pytest.approx(mixed.item(), rel=1e-6)


@torch.no_grad()
def test_latents_are_the_normalised_means_of_the_stock_autoencoder(model: ShowO2, pictures: list[Image.Image]):
    pixels = torch.stack([torch.tensor(np.asarray(own)).permute(2, 0, 1) for own in pictures]) / 127.5 - 1
    vae = model.network.vae
    mean = vae.encode(pixels[:, :, None], return_dict=False)[0].mean[:, :, 0]  # type: ignore[union-attr]
    centre, spread = (torch.tensor(vae.config[name])[:, None, None] for name in ("latents_mean", "latents_std"))
    torch.testing.assert_close(model.targets(pictures), (mean - centre) / spread, rtol=1e-5, atol=1e-6)


DRAWN = {"backbone", "token embeddings", "vision encoder", "vision aligner", "image embeddings", "image head"}
TOLD = {"backbone", "token embeddings", "text head"}


def test_gradients_reach_what_each_direction_uses(model: ShowO2, pictures: list[Image.Image]):
    """A picture that is seen and one that is drawn come in through the same parts."""

    def groups_with_gradient(example: Example) -> set[str]:
        model.network.zero_grad(set_to_none=True)
        model.loss([example]).total().backward()
        parameters = dict(model.network.named_parameters())
        return {
            group
            for group, names in model.parameter_groups().items()
            if any(parameters[n].grad is not None for n in names)
        }

    assert groups_with_gradient(Example(Prompt.of("a star"), pictures[0])) == DRAWN
    assert groups_with_gradient(Example(Prompt.of("what?"), "a star")) == TOLD
    seeing = groups_with_gradient(Example(Prompt.of(pictures[0], "what?"), "a star"))
    assert seeing == TOLD | DRAWN - {"image head"}


@pytest.mark.parametrize(
    ("direction", "group"),
    [
        *(("draw", group) for group in sorted(DRAWN)),
        *(("tell", group) for group in sorted(TOLD | DRAWN - {"image head"})),
    ],
)
def test_gradients_are_those_of_finite_differences(
    model: ShowO2, pictures: list[Image.Image], direction: str, group: str
):
    if direction == "draw":
        batch = [
            Example(Prompt.of("a red star"), pictures[0], seed=1),
            Example(Prompt.of("a circle at the left"), pictures[1], unconditional=True, seed=2),
        ]
    else:
        batch = [Example(Prompt.of(pictures[0], "what is it?"), "a star"), Example(Prompt.of("say"), "no")]
    check_gradient(model, batch, group)


def test_a_picture_to_draw_is_square_and_no_prompt_holds_one(model: ShowO2, pictures: list[Image.Image]):
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])
    with pytest.raises(Unsupported, match="cannot draw: from a prompt that holds a picture"):
        model.loss([Example(Prompt.of(pictures[0], "again"), pictures[0])])


def test_half_precision_learns(tmp_path: Path, pictures: list[Image.Image]):
    folder = tiny_show_o2.write_checkpoint(tmp_path)
    half = load(tiny_show_o2.TINY, folder, device="cpu", dtype="bfloat16")
    losses = half.loss([Example(Prompt.of("a star"), pictures[0]), Example(Prompt.of(pictures[1], "what?"), "a star")])
    assert torch.isfinite(losses.total())
    assert half.targets(pictures).dtype == torch.float32
