"""Losses against what the model itself says, and gradients against finite differences."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_cosmos3
from tests.helpers.finite_differences import check_gradient
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.cosmos3.drawing import PromptedField
from unispect.models.cosmos3.folder import load, start
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.losses import moments_and_noise


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Cosmos3:
    return load(tiny_cosmos3.TINY, tiny_cosmos3.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def draw_loss(model: Cosmos3, examples: Sequence[Example]) -> Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


def test_the_tell_loss_is_the_mean_score_per_token(model: Cosmos3, pictures: list[Image.Image]):
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
def test_the_draw_loss_is_that_of_the_sampler_s_field(model: Cosmos3, pictures: list[Image.Image], unconditional: bool):
    """The branch that learns is the branch that draws, on the straight line from the picture to the seed's noise."""
    prompt, seed = Prompt.of("a red star"), 12
    finished = model.targets(pictures[:1])
    moments, noise = moments_and_noise([seed], model.latent_shape, even=True)
    t = moments.item()
    rows = model._narrow(model.prompt_rows(model.encode([prompt], Goal.IMAGE).inputs))
    with torch.no_grad():
        field = PromptedField(model.network, rows, model.empty_row(), (8, 8), 2.0)
        velocity = field.branches((1 - t) * finished + t * noise, torch.tensor([1000 * t]))[int(unconditional)]
    expected = (velocity - (noise - finished)[0]).square().mean().item()
    loss = draw_loss(model, [Example(prompt, pictures[0], unconditional, seed)])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_mixed_batch_is_the_mean_of_its_examples(model: Cosmos3, pictures: list[Image.Image]):
    texts = ("a", "a red star", "the turquoise circle at the bottom left", "a red star")
    examples = [Example(Prompt.of(text), pictures[i % 2], i % 2 == 1, seed=i) for i, text in enumerate(texts)]
    with torch.no_grad():
        together = draw_loss(model, examples).item()
        alone = [draw_loss(model, [example]).item() for example in examples]
    assert together == pytest.approx(np.mean(alone), rel=1e-5)
    assert len({round(loss, 6) for loss in alone}) == len(alone)


def test_latents_stand_for_their_pictures(model: Cosmos3, pictures: list[Image.Image]):
    """They are means, brought to mean 0 and spread 1 by the channels' own numbers."""
    latents = model.targets(pictures)
    assert latents.shape == (2, *model.latent_shape)
    pixels = torch.stack([torch.tensor(np.asarray(own)).permute(2, 0, 1) for own in pictures]) / 127.5 - 1
    mean = model.network.vae.encode(pixels[:, :, None], return_dict=False)[0].mean[:, :, 0]  # type: ignore[union-attr]
    content = tiny_cosmos3.files()["vae/config.json"]
    centre, spread = (torch.tensor(content[name])[:, None, None] for name in ("latents_mean", "latents_std"))
    torch.testing.assert_close(latents, (mean - centre) / spread, rtol=1e-5, atol=1e-6)


def test_gradients_reach_what_each_direction_uses(model: Cosmos3, pictures: list[Image.Image]):
    """Drawing teaches both sets of weights, telling the one that understands alone."""

    def reached(example: Example) -> set[str]:
        model.network.zero_grad(set_to_none=True)
        model.loss([example]).total().backward()
        moved = {name for name, own in model.network.named_parameters() if own.grad is not None and own.grad.any()}
        model.network.zero_grad(set_to_none=True)
        return moved

    drawn = reached(Example(Prompt.of("a star"), pictures[0]))
    told = reached(Example(Prompt.of(pictures[0], "what?"), "a star"))
    halves = {half: {name for name in drawn if f".{half}." in name} for half in ("und", "gen")}
    # What the last layer's `und` makes of its rows, nobody hears but the text head.
    assert {name.split(".")[2] for name in halves["und"]} == {"0", "1", "2"}
    assert not any(name.startswith("llm.layers.2.und.mlp") for name in halves["und"])
    assert {name.split(".")[2] for name in halves["gen"]} == {"0", "1", "2"}
    assert {"proj_in.weight", "proj_out.weight", "time_embedder.linear_1.weight", "llm.norm_gen.weight"} <= drawn
    assert not any(name.startswith(("lm_head", "visual", "vae", "llm.norm.")) for name in drawn)
    assert not any(".gen." in name or name.startswith(("proj_", "time_", "vae", "llm.norm_gen")) for name in told)
    assert {"lm_head.weight", "llm.norm.weight", "visual.deepstack_merger_list.1.linear_fc2.weight"} <= told


@pytest.mark.parametrize("group", ["backbone", "image embeddings", "image head"])
def test_the_draw_gradient_is_the_slope_of_the_loss(model: Cosmos3, pictures: list[Image.Image], group: str):
    prompts = [Prompt.of("a red star"), Prompt.of("plus")]
    batch = [Example(own, picture, seed=3) for own, picture in zip(prompts, pictures, strict=True)]
    check_gradient(model, batch, group)


@pytest.mark.parametrize("group", ["vision encoder", "vision aligner"])
def test_the_tell_gradient_is_the_slope_of_the_loss(pictures: list[Image.Image], tmp_path: Path, group: str):
    """Of first weights as they are drawn, with which losses curve less."""
    model = start(tiny_cosmos3.TINY, tiny_cosmos3.write_files(tmp_path), seed=0)
    check_gradient(model, [Example(Prompt.of(pictures[0], "what is it?"), "a star")], group)
