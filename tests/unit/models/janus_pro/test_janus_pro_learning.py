"""Losses against what the model itself says about the same tokens."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import tiny_janus
from unispect.core.errors import DataError, Unsupported
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.capture import run
from unispect.models.janus_pro.folder import load, save, start
from unispect.models.janus_pro.model import JanusPro


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> JanusPro:
    return load(tiny_janus.TINY, tiny_janus.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def test_the_tell_loss_is_the_mean_score_per_token(model: JanusPro):
    prompts, answers = [Prompt.of("what?"), Prompt.of("and this, then?")], ["a red star", "no"]
    loss = model.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
    scores = model.score(model.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
    tokens = sum(len(model.processor.answer_ids(answer)) for answer in answers)
    assert loss is not None
    assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-5)


@pytest.mark.parametrize("unconditional", [False, True])
def test_the_draw_loss_is_that_of_the_branch(model: JanusPro, pictures: list[Image.Image], unconditional: bool):
    prompt = Prompt.of("a red star")
    codes = model.targets(pictures[:1])
    loss = model.loss([Example(prompt, pictures[0], unconditional)]).draw
    inputs = model.encode([prompt], Goal.IMAGE).inputs
    rows = (model.empty_rows if unconditional else model.prompt_rows)(inputs)[0]
    with torch.no_grad():
        states = run(model.backbone, torch.cat([rows, model.code_rows(codes[0, :-1])])[None])[0, len(rows) - 1 :]
        expected = torch.nn.functional.cross_entropy(model.network.model.generation_head(states), codes[0])
    assert loss is not None
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_codes_stand_for_their_pictures(model: JanusPro, pictures: list[Image.Image]):
    codes = model.targets(pictures)
    assert codes.shape == (2, 16)
    assert codes.dtype == torch.int64
    prompts = [Prompt.of("one"), Prompt.of("the other")]
    by_picture = model.loss([Example(p, picture) for p, picture in zip(prompts, pictures, strict=True)]).draw
    mixed = model.loss([Example(prompts[0], codes[0]), Example(prompts[1], pictures[1])]).draw
    assert by_picture is not None
    assert mixed is not None
    assert by_picture.item() == mixed.item()


def test_labels_come_from_unit_vectors(model: JanusPro, pictures: list[Image.Image]):
    """Scaling the codebook must not change which code a picture gets: only directions count."""
    codes = model.targets(pictures)
    weight = model.network.model.vqmodel.quantize.embedding.weight
    before = weight.data.clone()
    try:
        weight.data *= torch.linspace(0.1, 10, len(weight))[:, None]
        assert torch.equal(model.targets(pictures), codes)
    finally:
        weight.data = before


def test_gradients_reach_what_each_direction_uses(model: JanusPro, pictures: list[Image.Image]):
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


def test_a_picture_to_draw_is_square_and_no_prompt_holds_one(model: JanusPro, pictures: list[Image.Image]):
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])
    with pytest.raises(Unsupported, match="cannot draw: from a prompt that holds a picture"):
        model.loss([Example(Prompt.of(pictures[0], "again"), pictures[0])])


def test_a_prompt_longer_than_the_model_is_refused(model: JanusPro):
    with pytest.raises(DataError, match="512; shorten it"):
        model.encode([Prompt.of("short"), Prompt.of("long " * 300)], Goal.TEXT)


def test_starting_is_seeded_and_saving_gives_it_back(tmp_path: Path):
    folder = tiny_janus.write_files(tmp_path)
    one, same, other = (start(tiny_janus.TINY, folder, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.network.parameters(), same.network.parameters(), strict=True))
    assert not torch.equal(one.network.lm_head.weight, other.network.lm_head.weight)
    # Tied by the stock default, one would be learnt through the other.
    assert one.network.lm_head.weight is not one.backbone.embed_tokens.weight
    assert not torch.equal(one.network.lm_head.weight, one.backbone.embed_tokens.weight)
    save(one, folder / "model.safetensors")
    back = load(tiny_janus.TINY, folder, device="cpu")
    for (name, ours), theirs in zip(one.network.named_parameters(), back.network.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
