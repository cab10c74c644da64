"""Losses against the definition, against finite differences, and against the batch."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import tiny_harmon
from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.capture import run
from unispect.models.harmon import learning
from unispect.models.harmon.diffusion import learning_loss, noised, process
from unispect.models.harmon.folder import load, save, start
from unispect.models.harmon.learning import masked_positions
from unispect.models.harmon.model import Harmon


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Harmon:
    return load(tiny_harmon.TINY, tiny_harmon.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def draw_loss(model: Harmon, *examples: Example) -> torch.Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


@pytest.mark.parametrize("unconditional", [False, True])
def test_the_draw_loss_is_that_of_one_picture_worked_out_alone(model: Harmon, pictures: list, unconditional: bool):
    """No padding, no index: the hidden places of one picture, taken one noise level at a time."""
    prompt, seed = Prompt.of("a red star"), 5
    latents = model.targets(pictures[:1])
    network, config, grid = model.network, model.network.config.mar, model.drawing.grid
    drawn = masked_positions(seed, 16, channels=8, least=config.mask_ratio_min, levels=config.diffusion_batch)
    known = drawn.order[drawn.count :].sort().values[None]
    row = model.empty_row() if unconditional else model.prompt_rows(model.encode([prompt], Goal.IMAGE).inputs)[0]
    with torch.no_grad():
        features, read = network.seen(latents[:, known[0]], known, grid)
        states = run(model.backbone, torch.cat([row, read[0]])[None])[:, len(row) :]
        decoded = network.expected(features, states, known, grid)[0]
        values = []
        for level in range(config.diffusion_batch):
            for i, place in enumerate(drawn.order[: drawn.count].tolist()):
                step, noise = drawn.steps[level, i : i + 1], drawn.noise[level, i : i + 1]
                target = latents[:, place]
                x = noised(target, step, noise)
                output = network.mar.head(x, step, network.mar.head.condition(decoded[place : place + 1]))
                values.append(learning_loss(target, x, step, noise, output).item())
    loss = draw_loss(model, Example(prompt, pictures[0], unconditional, seed=seed))
    assert loss.item() == pytest.approx(np.mean(values), rel=1e-4)


def test_a_loss_is_batch_invariant(model: Harmon, pictures: list):
    texts = ("a star", "a much longer prompt about a red star", "plus")
    examples = [
        Example(Prompt.of(text), picture, seed=seed)
        for seed, (text, picture) in enumerate(zip(texts, pictures, strict=True))
    ]
    with torch.no_grad():
        apart = [draw_loss(model, example).item() for example in examples]
        assert draw_loss(model, *examples).item() == pytest.approx(np.mean(apart), rel=1e-5)
        assert draw_loss(model, *examples[::-1]).item() == pytest.approx(np.mean(apart), rel=1e-5)
    counts = {masked_positions(seed, 16, channels=8, least=0.7, levels=1).count for seed in range(3)}
    assert len(counts) > 1, "the examples hide equally much: padding is not tried"


def test_the_tell_loss_is_the_mean_score_per_token(model: Harmon, pictures: list):
    prompts, answers = [Prompt.of("what?"), Prompt.of(pictures[0], "and this?")], ["a red star", "no"]
    loss = model.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
    scores = model.score(model.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
    tokens = sum(len(model.processor.answer_ids(answer)) for answer in answers)
    assert loss is not None
    assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-5)


def test_latents_stand_for_their_pictures(model: Harmon, pictures: list):
    latents = model.targets(pictures)
    assert latents.shape == (3, 16, 8)
    examples = [Example(Prompt.of("one"), picture, seed=i) for i, picture in enumerate(pictures)]
    kept = [Example(Prompt.of("one"), own, seed=i) for i, own in enumerate(latents)]
    assert draw_loss(model, *examples).item() == draw_loss(model, *kept).item()
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])


@pytest.mark.parametrize("kind", ["draw", "tell", "redraw"])
def test_gradients_are_those_of_finite_differences(
    model: Harmon, pictures: list, kind: str, monkeypatch: pytest.MonkeyPatch
):
    """Along random directions, one per group of parameters, through two blocks of everything.

    What the bound teaches is no gradient of a function, since it holds the mean fixed: a smooth stand-in for it.
    """

    def smooth(start, x, steps, noise, output, *, weight_max):
        predicted, variance = output.chunk(2, dim=-1)
        return (predicted - noise).square().mean(-1) + (variance - 0.3).square().mean(-1)

    monkeypatch.setattr(learning, "learning_loss", smooth)
    batch = {
        "draw": [
            Example(Prompt.of("a star"), pictures[0], seed=1),
            Example(Prompt.of("two"), pictures[1], True, seed=2),
        ],
        "tell": [Example(Prompt.of(pictures[0], "what?"), "a star"), Example(Prompt.of("and?"), "no")],
        "redraw": [Example(Prompt.of(pictures[0], "again"), pictures[0], seed=3)],
    }[kind]
    parameters = dict(model.network.named_parameters())
    model.network.zero_grad(set_to_none=True)
    model.loss(batch).total().backward()
    gradients = {name: parameter.grad for name, parameter in parameters.items()}
    generator = torch.Generator().manual_seed(0)
    checked = 0
    for names in model.parameter_groups().values():
        moved = [name for name in names if gradients[name] is not None]
        if not moved:
            continue
        ways = [torch.randn(parameters[name].shape, generator=generator) for name in moved]
        # Steep enough for float32: half along the gradient.
        ways = [
            way / way.norm() + gradients[n] / max(float(gradients[n].norm()), 1e-12)  # type: ignore[operator]
            for way, n in zip(ways, moved, strict=True)
        ]
        slope = sum(float((gradients[n] * way).sum()) for n, way in zip(moved, ways, strict=True))  # type: ignore[operator]
        values = []
        for side in (1, -1):
            with torch.no_grad():
                for name, way in zip(moved, ways, strict=True):
                    parameters[name].data += side * STEP * way
                values.append(model.loss(batch).total().item())
                for name, way in zip(moved, ways, strict=True):
                    parameters[name].data -= side * STEP * way
        assert (values[0] - values[1]) / (2 * STEP) == pytest.approx(slope, rel=0.03, abs=2e-4), names[0]
        checked += 1
    assert checked >= 3


STEP = 2e-3


def test_gradients_reach_what_each_direction_uses(model: Harmon, pictures: list):
    def groups_with_gradient(example: Example) -> set[str]:
        model.network.zero_grad(set_to_none=True)
        model.loss([example]).total().backward()
        parameters = dict(model.network.named_parameters())
        return {
            group
            for group, names in model.parameter_groups().items()
            if any(parameters[n].grad is not None for n in names)
        }

    # One encoder serves both directions; the token embeddings are the text head too.
    drawing = {"backbone", "token embeddings", "vision encoder", "vision aligner", "image head"}
    assert groups_with_gradient(Example(Prompt.of("a star"), pictures[0])) == drawing
    assert groups_with_gradient(Example(Prompt.of("what?"), "a star")) == {"backbone", "token embeddings"}
    seeing = {"backbone", "token embeddings", "vision encoder", "vision aligner"}
    assert groups_with_gradient(Example(Prompt.of(pictures[0], "what?"), "a star")) == seeing


def test_hidden_shares_follow_the_cut_off_gaussian():
    counts = np.array([masked_positions(seed, 1000, channels=1, least=0.7, levels=1).count for seed in range(2000)])
    assert counts.min() >= 700
    assert counts.max() <= 1000
    # Of a Gaussian around 1 with spread 0.25, cut off to 0.7..1.
    mass = 0.5 - 0.5 * math.erfc(0.3 / 0.25 / math.sqrt(2))
    mean = 1000 * (1 - 0.25 * (1 - math.exp(-((0.3 / 0.25) ** 2) / 2)) / math.sqrt(2 * math.pi) / mass)
    assert counts.mean() == pytest.approx(mean, abs=6)


def test_the_loss_is_least_for_the_noise_and_the_posterior_variance():
    """True noise and the posterior's variance: the squared error is zero, and so is the divergence."""
    generator = torch.Generator().manual_seed(0)
    start, noise = (torch.randn(3, 4, generator=generator) for _ in range(2))
    steps = torch.tensor([1, 10, 100])  # later, variances are all but the same
    x = noised(start, steps, noise)
    perfect = learning_loss(start, x, steps, noise, torch.cat([noise, -torch.ones(3, 4)], 1))
    assert perfect.abs().max() < 1e-3
    for variance in (-0.9, 1.0):
        assert (
            learning_loss(start, x, steps, noise, torch.cat([noise, torch.full((3, 4), variance)], 1)) > perfect
        ).all()
    wrong = learning_loss(start, x, steps, noise, torch.cat([noise + 0.1, -torch.ones(3, 4)], 1))
    assert (wrong > perfect + 0.009).all()


def test_noisy_levels_weigh_more_up_to_the_limit():
    """One over what is left of the latent: 1 at the first step, the limit at the noisiest."""
    start, noise = torch.randn(3, 4), torch.randn(3, 4)
    steps = torch.tensor([1, 500, 999])
    x = noised(start, steps, noise)

    def error(weight_max: float) -> torch.Tensor:
        right, wrong = (torch.cat([noise + by, -torch.ones(3, 4)], 1) for by in (0.0, 0.1))
        bound = learning_loss(start, x, steps, noise, right, weight_max=weight_max)
        return learning_loss(start, x, steps, noise, wrong, weight_max=weight_max) - bound

    added = error(10) - error(1)
    expected = 0.01 * torch.tensor([1 / process().kept[1] - 1, 1 / process().kept[500] - 1, 9])
    torch.testing.assert_close(added, expected.float(), rtol=1e-3, atol=1e-5)


def test_the_bound_teaches_the_variance_alone():
    start, noise = torch.randn(3, 4), torch.randn(3, 4)
    steps = torch.tensor([0, 100, 900])
    output = torch.cat([noise + 0.5, torch.zeros(3, 4)], 1).requires_grad_()
    learning_loss(start, noised(start, steps, noise), steps, noise, output).sum().backward()
    assert output.grad is not None
    # d/de of the mean over four channels of (e - n)^2, and nothing from the bound.
    torch.testing.assert_close(output.grad[:, :4], torch.full((3, 4), 2 * 0.5 / 4))
    assert (output.grad[:, 4:] != 0).all()


def test_noised_latents_have_the_schedules_moments():
    start = torch.full((20000, 1), 3.0)
    noise = torch.randn(20000, 1, generator=torch.Generator().manual_seed(1))
    for step in (0, 500, 999):
        x = noised(start, torch.full((20000,), step), noise)
        kept = process().kept[step]
        assert x.mean().item() == pytest.approx(3 * math.sqrt(kept), abs=0.03)
        assert x.std().item() == pytest.approx(math.sqrt(1 - kept), abs=0.03)


@pytest.mark.slow
def test_starting_is_seeded_and_saving_gives_it_back(tmp_path: Path):
    for tied in (True, False):
        folder = tiny_harmon.write_files(tmp_path / str(tied), tied=tied)
        one, same, other = (start(tiny_harmon.TINY, folder, seed=seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one.network.parameters(), same.network.parameters(), strict=True))
        assert not torch.equal(one.backbone.embed_tokens.weight, other.backbone.embed_tokens.weight)
        assert ("text head" in one.parameter_groups()) is not tied
        save(one, folder / "model.safetensors")
        back = load(tiny_harmon.TINY, folder, device="cpu")
        for (name, ours), theirs in zip(one.network.named_parameters(), back.network.parameters(), strict=True):
            assert torch.equal(ours, theirs), name
