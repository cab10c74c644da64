"""Drawing token by token at any temperature, guidance and size, against the formula on whole sequences."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.helpers import tiny_janus
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageSampling
from unispect.models.capture import run
from unispect.models.decode.chance import exponential_draws
from unispect.models.janus_pro.folder import load, start
from unispect.models.janus_pro.model import JanusPro
from unispect.models.processing.dialogue import Inputs

TEXTS = ("a star", "the turquoise circle at the bottom left of it")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> JanusPro:
    folder = tiny_janus.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return load(tiny_janus.TINY, folder, device="cpu", dtype="float32")


def sized(model: JanusPro, grid: tuple[int, int]) -> JanusPro:
    return JanusPro(model.card, model.network, model.processor, replace(model.drawing, grid=grid))


def inputs_of(model: JanusPro) -> Inputs:
    inputs = model.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    return inputs


@torch.no_grad()
def by_the_formula(
    model: JanusPro, inputs: Inputs, sample: int, weight: float, heat: float, draws: Tensor
) -> list[int]:
    """Tokens of one picture, every one from two whole sequences: argmax of softmax(logits / temperature) / E."""
    branches = [model.prompt_rows(inputs)[sample], model.empty_rows(inputs)[sample]]
    found: list[int] = []
    for race in draws[:, sample]:
        fed = model.code_rows(torch.tensor(found, dtype=torch.long))
        states = [run(model.backbone, torch.cat([own, fed])[None])[0, -1] for own in branches]
        with_prompt, without = (model.network.model.generation_head(state).double() for state in states)
        chances = ((without + weight * (with_prompt - without)) / heat).softmax(-1)
        found.append(int((chances / race.double()).argmax()))
    return found


@pytest.mark.parametrize(
    ("weight", "heat", "grid"),
    [(5.0, 1.0, (4, 4)), (1.0, 0.4, (2, 3)), (3.0, 2.5, (3, 2)), (0.0, 0.7, (1, 5)), (0.5, 1.3, (5, 1))],
)
def test_tokens_are_those_of_the_formula(model: JanusPro, weight: float, heat: float, grid: tuple[int, int]):
    own = sized(model, grid)
    inputs, choices = inputs_of(own), own.network.model.generation_embeddings.num_embeddings
    draws = torch.stack(list(exponential_draws((1, 2), own.drawing.places, choices)))
    found = own.draw_codes(inputs, guidance=weight, temperature=heat, draws=draws)
    for sample, tokens in enumerate(found.tolist()):
        assert tokens == by_the_formula(own, inputs, sample, weight, heat, draws)
    seeded = own.draw_codes(inputs, guidance=weight, temperature=heat, seeds=(1, 2))
    assert torch.equal(seeded, found)


def test_the_coldest_temperature_is_the_most_likely_token(model: JanusPro):
    greedy = model.draw_codes(inputs_of(model), guidance=3.0, temperature=0.0)
    cold = model.draw_codes(inputs_of(model), guidance=3.0, temperature=1e-6, seeds=(5, 6))
    assert torch.equal(greedy, cold)


@pytest.mark.parametrize("grid", [(2, 5), (6, 6), (1, 2)])
def test_pictures_of_any_size_are_drawn_and_looked_at(model: JanusPro, grid: tuple[int, int]):
    own = sized(model, grid)
    encoded = own.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE)
    replies = own.draw(encoded, ImageSampling((1, 2)))
    for reply in replies:
        assert reply.image.size == (4 * grid[1], 4 * grid[0])
        assert reply.tokens is not None
        assert reply.tokens.shape == (grid[0] * grid[1],)
    state = next(iter(own.states(encoded, replies)))
    assert len(positions(state.segments[0], roles=("response",))) == grid[0] * grid[1]
    with pytest.raises(UsageError, match=f"exactly {grid[0] * grid[1]} steps"):
        own.draw(encoded, ImageSampling((1, 2), steps=grid[0] * grid[1] + 1))


def test_rows_and_columns_are_told_apart(model: JanusPro):
    """Rows come first: 2 x 3 tokens are wide, 3 x 2 are tall, of patches of 4 pixels."""
    codes = torch.arange(6)[None]
    wide, tall = (sized(model, grid).decoded(codes) for grid in ((2, 3), (3, 2)))
    assert wide.shape[2:] == (8, 12)
    assert tall.shape[2:] == (12, 8)


def test_tokens_need_not_be_as_large_as_patches_of_the_tower(tmp_path: Path):
    """Of 8 pixels, beside patches of 4: a picture of 16 pixels is 2 x 2 tokens."""
    folder = tiny_janus.write_files(tmp_path)
    content = json.loads((folder / "config.json").read_text())
    content["gen_vision_config"]["params"]["ch_mult"] = [1, 1, 1, 1]
    (folder / "config.json").write_text(json.dumps(content))
    model = start(tiny_janus.TINY, folder, seed=0)
    assert (model.card.image_size, model.card.image_tokens) == (16, 4)
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    (reply,) = model.draw(encoded, ImageSampling((1,)))
    assert reply.image.size == (16, 16)
    codes = model.network.model.vqmodel.decode(torch.tensor(reply.tokens)[None])
    torch.testing.assert_close(codes, model.decoded(torch.tensor(reply.tokens)[None]))


def test_settings_that_make_no_sense_are_refused(model: JanusPro):
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    with pytest.raises(UsageError, match="below 0"):
        model.draw(encoded, ImageSampling((1,), temperature=-0.5))
    with pytest.raises(UsageError, match="at least one row"):
        sized(model, (0, 3)).draw(encoded, ImageSampling((1,)))
