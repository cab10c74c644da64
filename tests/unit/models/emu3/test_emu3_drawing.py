"""Drawing: the grid of a picture, top-k in any batch, what stands in the prompt, and what is learned of a picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from transformers.generation.logits_process import TopKLogitsWarper

from tests.helpers import tiny_emu3 as tiny
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageSampling
from unispect.models.base import Example
from unispect.models.decode import chance
from unispect.models.emu3.folder import load
from unispect.models.emu3.model import Emu3

TEXTS = ("a red circle", "the turquoise star at the bottom left", "plus")
SEEDS = (3, 4, 5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Emu3:
    folder = tiny.write_checkpoint(tmp_path_factory.mktemp("emu3"))
    return load(tiny.TINY, folder, device="cpu", dtype="float32")


def set_to(model: Emu3, **changes: object) -> Emu3:
    return model.with_settings(drawing=replace(model.drawing, **changes))


def tokens(
    model: Emu3, texts: tuple[str, ...] = TEXTS, seeds: tuple[int, ...] = SEEDS, **how: float
) -> list[list[int]]:
    replies = model.draw(model.encode([Prompt.of(text) for text in texts], Goal.IMAGE), ImageSampling(seeds, **how))
    return [reply.tokens.tolist() for reply in replies if reply.tokens is not None]


@pytest.mark.parametrize("top_k", [1, 2, 5, 39, 40, 0])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_batch_decides_nothing_whatever_is_kept(model: Emu3, top_k: int, guidance: float):
    drawing = set_to(model, top_k=top_k, guidance=guidance, temperature=1.5)
    together = tokens(drawing)
    assert together == [tokens(drawing, (text,), (seed,))[0] for text, seed in zip(TEXTS, SEEDS, strict=True)]


def test_one_token_kept_is_the_most_likely_one(model: Emu3):
    assert tokens(set_to(model, top_k=1)) == tokens(model, temperature=0.0) != tokens(set_to(model, top_k=2))


def test_a_token_at_the_edge_is_decided_alone(model: Emu3, monkeypatch: pytest.MonkeyPatch):
    """However far rounding might move the edge, drawn tokens are those of the batch of one."""
    expected = tokens(set_to(model, top_k=5))
    monkeypatch.setattr("unispect.models.decode.autoregressive.TIE", {torch.float32: 10.0})
    assert tokens(set_to(model, top_k=5)) == expected


def test_what_is_kept_is_what_transformers_keeps():
    logits = torch.randn(4, 30, generator=torch.Generator().manual_seed(0)).round(decimals=1)  # with equal ones
    for top_k in (1, 3, 10, 29):
        kept, unsure = chance.kept(logits, top_k, 0.0)
        warper = TopKLogitsWarper(top_k)
        assert torch.equal(kept, warper(torch.empty(0), logits))
        assert torch.equal(unsure, logits < logits.topk(top_k).values[:, -1:])
        looser, unsure = chance.kept(logits, top_k, 0.15)
        assert (looser.isfinite() >= kept.isfinite()).all()
        assert (unsure | (logits >= logits.topk(top_k).values[:, -1:] + 0.15)).all()


@pytest.mark.parametrize("grid", [(2, 3), (3, 2), (1, 5), (5, 1), (1, 1)])
def test_pictures_of_any_size_are_drawn_and_looked_at(model: Emu3, grid: tuple[int, int]):
    rows, columns = grid
    sized = set_to(model, grid=grid)
    assert sized.card.id != model.card.id
    encoded = sized.encode([Prompt.of("a red circle")], Goal.IMAGE)
    (reply,) = sized.draw(encoded, ImageSampling((1,), steps=rows * columns))
    assert reply.image.size == (columns * 4, rows * 4)
    *_, last = sized.states(encoded, [reply])
    (segments,) = last.segments
    assert len(positions(segments, modality="image", roles=("response",))) == rows * columns
    assert len(positions(segments, modality="image", roles=("template",))) == rows - 1
    with pytest.raises(UsageError, match=f"in exactly {rows * columns} steps"):
        sized.draw(encoded, ImageSampling((1,), steps=rows * columns + 1))


def test_a_prompt_tells_the_grid_and_what_is_put_behind_it(model: Emu3):
    changed = set_to(model, grid=(3, 12), positive=" best quality.")
    (ids,) = changed.encode([Prompt.of("a star")], Goal.IMAGE).inputs.ids  # type: ignore[attr-defined]
    text = tiny.TOKENIZER.decode(ids.tolist(), skip_special_tokens=False)
    assert text == "<|extra_203|>a star best quality.<|image start|>3*12<|image token|>"
    *_, segments = changed.encode([Prompt.of("a star")], Goal.IMAGE).segments
    assert len(positions(segments, roles=("prompt",))) == len("a star")


def test_guidance_leads_away_from_the_negative_prompt(model: Emu3):
    one, two = set_to(model, negative="blurry"), set_to(model, negative="")
    assert tokens(one) != tokens(two)
    assert tokens(one, guidance=1.0) == tokens(two, guidance=1.0)


@pytest.mark.parametrize("wrong", [{"grid": (0, 4)}, {"temperature": -1.0}, {"top_k": -1}])
def test_settings_that_make_no_sense_are_refused(model: Emu3, wrong: dict[str, object]):
    with pytest.raises(UsageError):
        tokens(set_to(model, **wrong))


def test_the_loss_of_a_picture_is_that_of_its_image_tokens_over_the_vocabulary(model: Emu3):
    codes = torch.randint(tiny.CODES, (16,), generator=torch.Generator().manual_seed(0))
    first, end = tiny.VOCABULARY["<|visual token 000000|>"], tiny.VOCABULARY["<|extra_200|>"]
    for unconditional, text in ((False, "a star"), (True, "")):
        loss = model.loss([Example(Prompt.of("a star"), codes, unconditional=unconditional)]).draw
        (ids,) = model.encode([Prompt.of(text)], Goal.IMAGE).inputs.ids  # type: ignore[attr-defined]
        rows = F.pad((codes + first).view(4, 4), (0, 1), value=end).flatten()[:-1]
        logits = model.network(torch.cat([ids, rows[:-1]])[None]).logits[0, len(ids) - 1 :]
        wanted = rows != end
        expected = F.cross_entropy(logits[wanted], rows[wanted])
        assert loss is not None
        torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)


def test_a_picture_is_learned_as_it_is_seen(model: Emu3):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    (targets,) = model.targets([picture])
    shown = model.encode([Prompt.of(picture, "?")], Goal.TEXT).inputs.pixels[0]  # type: ignore[attr-defined]
    assert torch.equal(model.codes(shown[None]).flatten(), targets)
