"""Losses against the definition, against finite differences, and against the batch."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from tests.helpers import tiny_show_o
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.models.base import Example
from unispect.models.capture import run
from unispect.models.show_o.folder import load, save, start
from unispect.models.show_o.learning import masked_positions
from unispect.models.show_o.model import ShowO


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ShowO:
    return load(tiny_show_o.TINY, tiny_show_o.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


@pytest.fixture(scope="module")
def looker(tmp_path_factory: pytest.TempPathFactory) -> ShowO:
    folder = tiny_show_o.write_checkpoint(tmp_path_factory.mktemp("clip"), clip=True)
    return load(tiny_show_o.TINY, folder, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    values = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(own) for own in values]


def draw_loss(model: ShowO, *examples: Example) -> torch.Tensor:
    loss = model.loss(examples).draw
    assert loss is not None
    return loss


@pytest.mark.parametrize("unconditional", [False, True])
def test_the_draw_loss_is_that_of_one_picture_worked_out_alone(model: ShowO, pictures: list, unconditional: bool):
    """The whole canvas with its unused places, no index over a batch."""
    prompt, seed, config = Prompt.of("a red star"), 5, model.network.config
    codes = model.targets(pictures[:1])[0]
    hidden = masked_positions(seed, config.image_tokens)
    known = torch.where(hidden, -1, codes)
    ids = model.processor.canvas_ids("" if unconditional else prompt.text, known)
    attention_mask = model.processor.drawing_mask(ids)
    with torch.no_grad():
        states = run(model.backbone, model.backbone.embed_tokens(ids)[None], mask=attention_mask[None, None])[0]
        logits = model.network.showo.lm_head(states)[config.text_tokens + 1 : -1]
    values = [
        F.cross_entropy(logits[place], codes[place] + config.first_code).item()
        for place in hidden.nonzero().flatten().tolist()
    ]
    loss = draw_loss(model, Example(prompt, pictures[0], unconditional, seed=seed))
    assert loss.item() == pytest.approx(np.mean(values), rel=1e-5)


def test_a_loss_is_batch_invariant(model: ShowO, pictures: list):
    texts = ("a star", "a much longer prompt", "plus")
    examples = [
        Example(Prompt.of(text), picture, seed=seed)
        for seed, (text, picture) in enumerate(zip(texts, pictures, strict=True))
    ]
    with torch.no_grad():
        apart = [draw_loss(model, example).item() for example in examples]
        assert draw_loss(model, *examples).item() == pytest.approx(np.mean(apart), rel=1e-5)
        assert draw_loss(model, *examples[::-1]).item() == pytest.approx(np.mean(apart), rel=1e-5)
    counts = {int(masked_positions(seed, 16).sum()) for seed in range(3)}
    assert len(counts) > 1, "the examples hide equally much: weighting is not tried"


def test_a_seed_hides_the_same_places_and_another_does_not(model: ShowO, pictures: list):
    one, same, other = (draw_loss(model, Example(Prompt.of("a"), pictures[0], seed=seed)).item() for seed in (1, 1, 2))
    assert one == same != other


def test_the_tell_loss_is_the_mean_score_per_token(model: ShowO, looker: ShowO, pictures: list):
    prompts, answers = [Prompt.of("what?"), Prompt.of(pictures[0], "and this?")], ["a red star", "no"]
    for own in (model, looker):
        loss = own.loss([Example(p, a) for p, a in zip(prompts, answers, strict=True)]).tell
        scores = own.score(own.encode(prompts, Goal.TEXT), [[answer] for answer in answers])
        tokens = sum(len(own.processor.answer_ids(answer)) for answer in answers)
        assert loss is not None
        assert loss.item() == pytest.approx(-sum(score.item() for score in scores) / tokens, rel=1e-5)


def test_codes_stand_for_their_pictures(model: ShowO, pictures: list):
    codes = model.targets(pictures)
    assert codes.shape == (3, 16)
    assert codes.dtype == torch.int64
    examples = [Example(Prompt.of("one"), picture, seed=i) for i, picture in enumerate(pictures)]
    kept = [Example(Prompt.of("one"), own, seed=i) for i, own in enumerate(codes)]
    assert draw_loss(model, *examples).item() == draw_loss(model, *kept).item()
    with pytest.raises(DataError, match="20 x 10"):
        model.targets([Image.new("RGB", (20, 10))])


def test_a_picture_to_be_completed_teaches_its_transparent_part(model: ShowO, pictures: list):
    given = pictures[0].convert("RGBA")
    given.putalpha(Image.new("L", (16, 16), 255))
    with pytest.raises(UsageError, match="transparent"):
        draw_loss(model, Example(Prompt.of(given, "again"), pictures[0]))
    alpha = Image.new("L", (16, 16), 255)
    alpha.paste(0, (0, 0, 4, 8))  # two places, one over the other
    given.putalpha(alpha)
    codes = model.targets(pictures[:1])[0]
    config = model.network.config
    known = codes.clone()
    known[[0, 4]] = -1
    ids = model.processor.canvas_ids("again", known)
    with torch.no_grad():
        mask = model.processor.drawing_mask(ids)[None, None]
        states = run(model.backbone, model.backbone.embed_tokens(ids)[None], mask=mask)[0, config.text_tokens + 1 : -1]
        expected = F.cross_entropy(model.network.showo.lm_head(states[[0, 4]]), codes[[0, 4]] + config.first_code)
    for seed in (0, 1):
        loss = draw_loss(model, Example(Prompt.of(given, "again"), pictures[0], seed=seed))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


STEP = 2e-3


@pytest.mark.parametrize("kind", ["draw", "tell", "see"])
def test_gradients_are_those_of_finite_differences(model: ShowO, looker: ShowO, pictures: list, kind: str):
    """Along random directions, one per group of parameters, through two blocks."""
    batch = {
        "draw": [
            Example(Prompt.of("a star"), model.targets(pictures[:1])[0], seed=1),
            Example(Prompt.of("two"), model.targets(pictures[1:2])[0], True, seed=2),
        ],
        "tell": [Example(Prompt.of(pictures[0], "what?"), "a star"), Example(Prompt.of("and?"), "no")],
    }
    batch["see"] = batch["tell"]
    own = looker if kind == "see" else model
    parameters = dict(own.network.named_parameters())
    own.network.zero_grad(set_to_none=True)
    own.loss(batch[kind]).total().backward()
    gradients = {name: parameter.grad for name, parameter in parameters.items() if parameter.grad is not None}
    generator = torch.Generator().manual_seed(0)
    checked = []
    for group, names in own.parameter_groups().items():
        moved = [name for name in names if name in gradients]
        if not moved:
            continue
        ways = [torch.randn(parameters[name].shape, generator=generator) for name in moved]
        # Steep enough for float32: half along the gradient.
        ways = [
            way / way.norm() + gradients[name] / max(float(gradients[name].norm()), 1e-12)
            for way, name in zip(ways, moved, strict=True)
        ]
        scale = STEP / math.sqrt(len(moved))
        slope = sum(float((gradients[name] * way).sum()) for name, way in zip(moved, ways, strict=True))
        values = []
        for side in (1, -1):
            with torch.no_grad():
                for name, way in zip(moved, ways, strict=True):
                    parameters[name].data += side * scale * way
                values.append(own.loss(batch[kind]).total().item())
                for name, way in zip(moved, ways, strict=True):
                    parameters[name].data -= side * scale * way
        assert (values[0] - values[1]) / (2 * scale) == pytest.approx(slope, rel=0.03, abs=2e-3), group
        checked.append(group)
    expected = ["backbone", "token embeddings", "text head"]
    assert checked == [*expected, *(["vision encoder", "vision aligner"] if kind == "see" else [])]


def test_hidden_shares_follow_the_cosine():
    counts = np.array([int(masked_positions(seed, 1000).sum()) for seed in range(2000)])
    assert counts.min() >= 1
    # The mean of cos(pi/2 u) over even u.
    assert counts.mean() == pytest.approx(1000 * 2 / math.pi, abs=20)
    assert np.mean(counts > 1000 * math.cos(math.pi / 4)) == pytest.approx(0.5, abs=0.04)


def test_everything_is_hidden_as_often_as_asked():
    whole = [bool(masked_positions(seed, 100, 0.3).all()) for seed in range(2000)]
    usual = [bool(masked_positions(seed, 100).all()) for seed in range(2000)]
    assert np.mean(whole) == pytest.approx(0.3 + 0.7 * np.mean(usual), abs=0.04)


def test_starting_is_seeded_and_saving_gives_it_back(tmp_path: Path):
    for clip in (True, False):
        folder = tiny_show_o.write_files(tmp_path / str(clip), clip=clip)
        one, same, other = (start(tiny_show_o.TINY, folder, seed=seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one.network.parameters(), same.network.parameters(), strict=True))
        assert not torch.equal(one.backbone.embed_tokens.weight, other.backbone.embed_tokens.weight)
        assert ("vision encoder" in one.parameter_groups()) is clip
        save(one, folder / "model.safetensors")
        back = load(tiny_show_o.TINY, folder, device="cpu")
        for (name, ours), theirs in zip(one.network.named_parameters(), back.network.parameters(), strict=True):
            assert torch.equal(ours, theirs), name
