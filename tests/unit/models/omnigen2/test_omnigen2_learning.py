"""Losses against what the model itself says, and gradients against finite differences."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_omnigen2
from tests.helpers.finite_differences import check_gradient
from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.losses import moments_and_noise
from unispect.models.omnigen2.drawing import condition_of
from unispect.models.omnigen2.folder import load
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.processing import Inputs

SIDE = tiny_omnigen2.TINY.image_size


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OmniGen2:
    folder = tiny_omnigen2.write_checkpoint(tmp_path_factory.mktemp("tiny"), layers=2, tied=False)
    return load(tiny_omnigen2.TINY, folder, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def draw_loss(model: OmniGen2, examples: Sequence[Example]) -> Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


def test_the_tell_loss_is_the_mean_score_per_token(model: OmniGen2, pictures: list[Image.Image]):
    """Pictures stand in the prompt at rows and columns of their own, in the loss as in scores."""
    prompts = [Prompt.of("what?"), Prompt.of(pictures[0], "and this, ", pictures[1].resize((90, 60)), "then?")]
    answers = ["a red star", "no"]
    loss = model.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
    scores = model.score(model.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
    tokens = sum(len(model.processor.answer_ids(answer)) for answer in answers)
    assert loss is not None
    assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-5)


@pytest.mark.parametrize("unconditional", [False, True])
@pytest.mark.parametrize("given", [0, 2])
def test_the_draw_loss_is_that_of_the_sampler_s_field(
    model: OmniGen2, pictures: list[Image.Image], unconditional: bool, given: int
):
    """The branch that learns is the branch that draws, on the straight line from the seed's noise to the picture."""
    prompt, seed = Prompt((*pictures[:given], "a red star")), 12
    finished = model.targets(pictures[:1])
    moments, noise = moments_and_noise([seed], finished.shape[1:], even=True)
    inputs = model.encode([prompt], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    (source,) = model.sources(inputs)
    told, seen = (source.empty, ()) if unconditional else (source.prompt, source.references)
    transformer, shape = model.network.transformer, (finished.shape[2], finished.shape[3])
    with torch.no_grad():
        condition = condition_of(transformer, [told], shape, [own[None] for own in seen])
        t = moments[:, None, None, None]
        velocity = transformer(condition, t * finished + (1 - t) * noise, transformer.time(moments))
    expected = (velocity - (finished - noise)).square().mean().item()
    loss = draw_loss(model, [Example(prompt, pictures[0], unconditional, seed)])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_mixed_batch_is_the_mean_of_its_examples(model: OmniGen2, pictures: list[Image.Image]):
    """Prompts of several lengths, with and without given pictures of several sizes, each with its own noise."""
    small = pictures[1].resize((16, 24))
    prompts = [
        Prompt.of("a"),
        Prompt.of(pictures[0], "a red star"),
        Prompt.of("the turquoise circle at the bottom left"),
        Prompt.of(small, "the same ", pictures[0]),
        Prompt.of(pictures[1], "red"),
    ]
    examples = [Example(prompt, pictures[i % 2], i == 2, seed=i) for i, prompt in enumerate(prompts)]
    with torch.no_grad():
        together = draw_loss(model, examples).item()
        alone = [draw_loss(model, [example]).item() for example in examples]
        turned = draw_loss(model, examples[::-1]).item()
    assert together == pytest.approx(np.mean(alone), rel=1e-5)
    assert turned == pytest.approx(together, rel=1e-5)
    assert len({round(loss, 6) for loss in alone}) == len(alone)


def test_latents_stand_for_their_pictures(model: OmniGen2, pictures: list[Image.Image]):
    latents = model.targets(pictures)
    assert latents.shape == (2, *model.latent_shape((SIDE, SIDE)))
    assert latents.dtype == torch.float32
    prompts = [Prompt.of("one"), Prompt.of("the other")]
    by_picture = draw_loss(model, [Example(p, picture) for p, picture in zip(prompts, pictures, strict=True)])
    mixed = draw_loss(model, [Example(prompts[0], latents[0]), Example(prompts[1], pictures[1])])
    assert by_picture.item() == pytest.approx(mixed.item(), rel=1e-6)


def test_latents_are_the_moved_and_scaled_mean_of_the_autoencoder(model: OmniGen2, pictures: list[Image.Image]):
    pixels = torch.stack([torch.tensor(np.asarray(own)).permute(2, 0, 1) for own in pictures]) / 127.5 - 1
    with torch.no_grad():
        posterior = model.network.vae.encode(pixels).latent_dist  # type: ignore[union-attr]
    expected = (posterior.mean - 0.1159) * 0.3611
    torch.testing.assert_close(model.targets(pictures), expected, rtol=1e-5, atol=1e-6)
    back = model.network.decoded(expected)
    torch.testing.assert_close(
        back, model.network.vae.decode(posterior.mean, return_dict=False)[0], rtol=1e-3, atol=1e-4
    )


DRAWN = {"backbone", "token embeddings", "image head"}
TOLD = {"backbone", "token embeddings", "text head"}
SEEING = {"vision encoder", "vision aligner"}


def test_gradients_reach_what_each_direction_uses(model: OmniGen2, pictures: list[Image.Image]):
    """Pictures to draw from reach the transformer alone, unless prompts have the form of the chat."""

    def groups_with_gradient(example: Example, *, chat: bool = False) -> set[str]:
        model.network.zero_grad(set_to_none=True)
        own = OmniGen2(model.card, model.network, model.processor, replace(model.drawing, chat=chat))
        own.loss([example]).total().backward()
        parameters = dict(model.network.named_parameters())
        return {
            group
            for group, names in model.parameter_groups().items()
            if any((grad := parameters[n].grad) is not None and bool(grad.any()) for n in names)
        }

    assert groups_with_gradient(Example(Prompt.of("a star"), pictures[0])) == DRAWN
    assert groups_with_gradient(Example(Prompt.of("what?"), "a star")) == TOLD
    assert groups_with_gradient(Example(Prompt.of(pictures[0], "what?"), "a star")) == TOLD | SEEING
    given = Example(Prompt.of(pictures[1], "again"), pictures[0])
    assert groups_with_gradient(given) == DRAWN
    assert groups_with_gradient(given, chat=True) == DRAWN | SEEING


@pytest.mark.slow
def test_the_language_model_learns_to_be_heard_while_what_draws_stays_as_it_is(
    tmp_path: Path, pictures: list[Image.Image]
):
    """As new words are taught: the error of the picture reaches the language model through a frozen transformer."""
    trainee = load(tiny_omnigen2.TINY, tiny_omnigen2.write_checkpoint(tmp_path, tied=False), device="cpu")
    groups, named = trainee.parameter_groups(), dict(trainee.network.named_parameters())
    for parameter in named.values():
        parameter.requires_grad_(False)
    learning = [named[name] for group in ("backbone", "token embeddings", "text head") for name in groups[group]]
    for parameter in learning:
        parameter.requires_grad_(True)
    before = {name: parameter.clone() for name, parameter in named.items()}
    optimiser = torch.optim.Adam(learning, lr=1e-3)
    batch = [Example(Prompt.of("a wug"), picture, seed=seed) for picture in pictures[:1] for seed in range(4)]
    losses = []
    for _ in range(15):
        loss = draw_loss(trainee, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]
    changed = {name for name, parameter in named.items() if not torch.equal(parameter, before[name])}
    assert changed
    assert changed <= {name for group in ("backbone", "token embeddings") for name in groups[group]}


@pytest.mark.parametrize(
    ("direction", "group"),
    [*(("draw", group) for group in sorted(DRAWN)), *(("tell", group) for group in sorted(TOLD | SEEING))],
)
def test_gradients_are_those_of_finite_differences(
    model: OmniGen2, pictures: list[Image.Image], direction: str, group: str
):
    if direction == "draw":
        batch = [
            Example(Prompt.of("a red star"), pictures[0], seed=1),
            Example(Prompt.of("a circle at the left"), pictures[1], unconditional=True, seed=2),
            Example(Prompt.of(pictures[0], "another"), pictures[1], seed=3),
        ]
    else:
        batch = [Example(Prompt.of(pictures[0], "what is it?"), "a star"), Example(Prompt.of("say"), "no")]
    check_gradient(model, batch, group)


def test_a_picture_to_draw_is_square(model: OmniGen2):
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])


def test_half_precision_learns(tmp_path: Path, pictures: list[Image.Image]):
    folder = tiny_omnigen2.write_checkpoint(tmp_path)
    half = load(tiny_omnigen2.TINY, folder, device="cpu", dtype="bfloat16")
    losses = half.loss([Example(Prompt.of("a star"), pictures[0]), Example(Prompt.of(pictures[1], "what?"), "a star")])
    assert torch.isfinite(losses.total())
    assert half.targets(pictures).dtype == torch.float32
