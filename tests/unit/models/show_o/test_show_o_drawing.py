"""Drawing, completing and looking at pictures while they are drawn, beyond the contract."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers import tiny_show_o
from tests.helpers.batch_invariance import same_picture
from unispect.core.encoded import LAST
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, ImageSampling, TextSampling
from unispect.metrics.entropy import renyi_entropy
from unispect.models.capture import run, stream
from unispect.models.show_o import drawing
from unispect.models.show_o.drawing import Canvas
from unispect.models.show_o.folder import load
from unispect.models.show_o.model import ShowO
from unispect.models.show_o.processing import Inputs

TEXTS = ("a star", "a longer prompt", "", "plus", "much too long a prompt to find a place")
SEEDS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module", params=[False, True], ids=["codes", "clip"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ShowO:
    folder = tiny_show_o.write_checkpoint(tmp_path_factory.mktemp("tiny"), clip=request.param)
    return load(tiny_show_o.TINY, folder, device="cpu", dtype="float32")


def prompts(*texts: str) -> list[Prompt]:
    return [Prompt.of(text) for text in texts or TEXTS]


def drawn(model: ShowO, given: list[Prompt], seeds: tuple[int, ...], **how: float) -> list[ImageReply]:
    return model.draw(model.encode(given, Goal.IMAGE), ImageSampling(seeds, **how))


def inputs_of(model: ShowO, *given: Prompt, goal: Goal = Goal.IMAGE) -> Inputs:
    inputs = model.encode(given, goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def half_of(picture: Image.Image) -> Image.Image:
    """The left half, the right one transparent."""
    given = picture.convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (picture.width // 2, 0, picture.width, picture.height))
    given.putalpha(alpha)
    return given


def noise(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8))


# Cache, company, chance


@torch.inference_mode()
def test_a_cache_and_places_left_out_change_nothing(model: ShowO):
    config = model.network.config
    ids = torch.stack(inputs_of(model, *prompts()).ids)
    canvas = Canvas(model.network, ids[[0, 1, 3]], config.special("[PAD]"))
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        tokens = torch.randint(-1, config.codes, (3, config.image_tokens), generator=generator)
        whole = ids[[0, 1, 3]].clone()
        whole[:, config.text_tokens + 1 : -1] = torch.where(tokens < 0, config.mask, tokens + config.first_code)
        mask = torch.stack([model.processor.drawing_mask(own) for own in whole])[:, None]
        theirs = run(model.backbone, model.backbone.embed_tokens(whole), mask=mask)[:, config.text_tokens + 1 : -1]
        torch.testing.assert_close(canvas.states(tokens), theirs, rtol=1e-5, atol=2e-5)


@torch.inference_mode()
def test_text_is_written_with_a_cache_as_without(model: ShowO):
    given = [Prompt.of(noise(), "What is it?"), Prompt.of("a star"), Prompt.of("two", noise(1), "and", noise(2))]
    encoded = model.encode(given, Goal.TEXT)
    rows, attention_masks = model.prompt_rows(encoded.inputs), encoded.inputs.attention_masks
    for reply, row, attention_mask in zip(
        model.write(encoded, TextSampling(max_new_tokens=12)), rows, attention_masks, strict=True
    ):
        for count, token in enumerate(reply.tokens):
            own = torch.cat([row, model.backbone.embed_tokens(torch.tensor(reply.tokens[:count], dtype=torch.long))])
            mask = torch.ones(len(own), len(own), dtype=torch.bool).tril()
            if attention_mask is not None:
                mask[: len(row), : len(row)] = attention_mask
            logits = model.network.showo.lm_head(run(model.backbone, own[None], mask=mask[None, None])[0, -1])
            assert int(logits.argmax()) == token
            assert logits.log_softmax(-1)[token].item() == pytest.approx(reply.log_probabilities[count], abs=1e-4)


@pytest.mark.parametrize("how", [{}, {"guidance": 1.0}, {"guidance": 6.0, "steps": 16}, {"temperature": 0.0}])
@pytest.mark.parametrize("tie", [None, 0.5])
def test_batch_and_close_calls_do_not_change_a_picture(
    model: ShowO, how: dict[str, float], tie: float | None, monkeypatch: pytest.MonkeyPatch
):
    """With a wide tie nearly every step is decided by the pass in a batch of one, and nothing changes."""
    right = drawn(model, prompts(), SEEDS, **how)
    if tie is not None:
        monkeypatch.setattr(drawing, "TIE", {torch.float32: tie})
    together = drawn(model, prompts(), SEEDS, **how)
    for text, seed, one, reply in zip(TEXTS, SEEDS, right, together, strict=True):
        alone = drawn(model, prompts(text), (seed,), **how)[0]
        assert np.array_equal(one.tokens, reply.tokens)
        assert np.array_equal(one.tokens, alone.tokens)
        assert np.array_equal(one.replay["found"], alone.replay["found"])
        assert same_picture(model, one, alone)


def test_guidance_of_one_runs_no_other_branch(model: ShowO, monkeypatch: pytest.MonkeyPatch):
    seen = []

    def watched(backbone, hidden: Tensor, **how) -> Tensor:
        seen.append(len(hidden))
        return run(backbone, hidden, **how)

    monkeypatch.setattr(drawing, "run", watched)
    monkeypatch.setattr(drawing, "TIE", {})
    drawn(model, prompts("a star"), (1,), guidance=1.0, steps=3)
    assert seen == [1, 1, 1, 1]
    drawn(model, prompts("a star"), (1,), guidance=2.0, steps=3)
    assert seen[4:] == [2, 2, 2, 2]


def test_guidance_is_the_authors_and_one(model: ShowO):
    """l_unc + w (l_cond - l_unc) is (1 + g) l_cond - g l_unc for w = 1 + g: extremes of w follow the difference."""
    config = model.network.config
    ids = torch.stack([inputs_of(model, Prompt.of("a star")).ids[0], model.processor.canvas_ids()])
    with torch.inference_mode():
        blank = torch.full((2, config.image_tokens), -1)
        own, other = model.network.code_logits(Canvas(model.network, ids, config.special("[PAD]")).states(blank))
    for weight in (-1e4, 1e4):
        replies = drawn(model, prompts("a star"), (1,), guidance=weight, steps=1, temperature=0.0)
        assert replies[0].tokens.tolist() == (math.copysign(1, weight) * (own - other)).argmax(-1).tolist()


def test_the_temperature_orders_places_and_a_call_for_none_is_greedy(model: ShowO):
    """One step has no order, so temperature changes nothing; 0 in a call takes the most likely."""
    prompt, seed = prompts("a star"), (7,)
    one, hot, greedy = (drawn(model, prompt, seed, steps=1, temperature=t)[0] for t in (1.0, 3.0, 0.0))
    assert np.array_equal(one.tokens, hot.tokens)
    assert not np.array_equal(one.tokens, greedy.tokens)
    assert np.array_equal(greedy.tokens, drawn(model, prompt, (8,), steps=1, temperature=0.0)[0].tokens)
    assert greedy.replay["greedy"] is True
    assert "greedy" not in one.replay
    cold = ShowO(model.card, model.network, model.processor, replace(model.drawing, steps=1, temperature=0.0))
    assert np.array_equal(drawn(cold, prompt, seed)[0].tokens, one.tokens)


@torch.no_grad()
def test_a_canvas_that_lost_tokens_can_be_looked_at_again(model: ShowO):
    """At 600 the noise of the order outweighs tokens that are there, so places alone no longer tell a step's canvas."""
    encoded = model.encode(prompts("a star", "plus"), Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1, 2), steps=6, temperature=600.0))
    reply = replies[0]
    assert "found" not in reply.replay
    canvases = reply.replay["canvases"]
    assert canvases.shape == (6, len(reply.tokens))
    assert (canvases[0] == -1).all()
    begin = encoded.length(0)
    for at in (2, 5):
        state = next(model.states(encoded, replies, at=at))
        known = [place - begin - 1 for place in positions(state.segments[0], roles=("response",))]
        assert known == np.flatnonzero(canvases[at] >= 0).tolist()
        rows = model.code_rows(torch.from_numpy(canvases[at][known]))
        assert torch.equal(state.rows[0][[begin + 1 + place for place in known]], rows)


def test_what_cannot_be_drawn_is_refused(model: ShowO):
    for how, message in (({"steps": 0}, "at least one step"), ({"temperature": -1.0}, "below 0")):
        with pytest.raises(UsageError, match=message):
            drawn(model, prompts("a star"), (1,), **how)


# Completing pictures


def test_what_is_given_of_a_picture_stays(model: ShowO):
    pictures = [noise(1), noise(2)]
    codes = model.targets(pictures).view(2, 4, 4)
    given = [
        Prompt.of(half_of(pictures[0]), "again"),
        Prompt.of("a star"),
        Prompt.of(half_of(pictures[1]), "once more"),
    ]
    replies = drawn(model, given, (1, 2, 3), steps=5)
    for reply, own in ((replies[0], codes[0]), (replies[2], codes[1])):
        tokens, found = reply.tokens.reshape(4, 4), reply.replay["found"].reshape(4, 4)
        assert np.array_equal(tokens[:, :2], own[:, :2].numpy())
        assert (found[:, :2] == -1).all()
        assert (found[:, 2:] >= 0).all()
    assert (replies[1].replay["found"] >= 0).all()
    alone = drawn(model, given[2:], (3,), steps=5)[0]
    assert np.array_equal(alone.tokens, replies[2].tokens)


def test_a_wide_picture_is_decoded_from_its_codes(model: ShowO):
    """Extrapolation: the right half given, the next half drawn, and the codes of all put side by side."""
    codes = model.targets([noise(3)]).view(4, 4)
    right = Image.new("RGBA", (16, 16))
    right.paste(model.pictures(codes.flatten()[None])[0].crop((8, 0, 16, 16)), (0, 0))
    reply = drawn(model, [Prompt.of(right, "further")], (1,), steps=4)[0]
    wide = torch.cat([codes, torch.from_numpy(reply.tokens).view(4, 4)[:, 2:]], 1)
    assert model.pictures(wide.flatten()[None], (4, 6))[0].size == (24, 16)


def test_only_one_picture_is_completed_and_only_by_models_that_can(model: ShowO):
    picture = half_of(noise())
    with pytest.raises(Unsupported, match="several pictures"):
        model.encode([Prompt.of(picture, picture, "again")], Goal.IMAGE)
    with pytest.raises(UsageError, match="transparent"):
        model.encode([Prompt.of(noise(), "again")], Goal.IMAGE)


# States


@torch.no_grad()
def test_states_are_those_of_the_canvas_at_its_step(model: ShowO):
    encoded = model.encode(prompts("a star", "a longer prompt"), Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1, 2), steps=5))
    config = model.network.config
    begin = encoded.length(0)
    for at in (0, 2, 4, LAST):
        states = list(model.states(encoded, replies, at=at))
        assert {state.step for state in states} == {at}
        for sample, reply in enumerate(replies):
            known = torch.from_numpy(reply.tokens).clone()
            if at != LAST:
                known[torch.from_numpy(reply.replay["found"]) >= at] = -1
            text = ("a star", "a longer prompt")[sample]
            ids = model.processor.canvas_ids(text, known)
            mask = model.processor.drawing_mask(ids)[None, None]
            for state, whole in zip(
                states, stream(model.backbone, model.backbone.embed_tokens(ids)[None], mask=mask), strict=True
            ):
                torch.testing.assert_close(
                    state.rows[sample][begin:], whole[0, config.text_tokens :], rtol=1e-4, atol=1e-4
                )
            segments = states[0].segments[sample]
            told = [place - begin - 1 for place in positions(segments, roles=("response",))]
            assert told == (known >= 0).nonzero().flatten().tolist()
            open_ = [p for p in positions(segments, modality="image", roles=("filler",)) if p >= begin]
            assert len(open_) == int((known < 0).sum())


def test_steps_that_never_were_are_refused(model: ShowO):
    encoded = model.encode(prompts("a star"), Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1,), steps=3))
    with pytest.raises(UsageError, match="no step 3"):
        next(model.states(encoded, replies, at=3))
    with pytest.raises(UsageError, match="no step 0 here"):
        next(model.states(encoded, at=0))
    bare = [ImageReply(replies[0].image, 1, tokens=replies[0].tokens)]
    assert next(model.states(encoded, bare)).step == LAST
    with pytest.raises(UsageError, match="only at=LAST"):
        next(model.states(encoded, bare, at=1))


@pytest.mark.parametrize("text", TEXTS[::4])
def test_filler_decides_the_entropy_of_the_whole_input(model: ShowO, text: str):
    """With a kernel so narrow that only equal rows are alike, entropy at layer 0 is that of the ids' histogram."""
    encoded = model.encode(prompts(text), Goal.IMAGE)
    rows, ids = next(model.states(encoded)).rows[0], encoded.inputs.ids[0]
    segments = encoded.segments[0]
    content, filler = (positions(segments, roles=(role,)) for role in ("prompt", "filler"))
    found = []
    for chosen in (list(range(len(ids))), content):
        counts = ids[chosen].unique(return_counts=True)[1].double()
        shares = counts / counts.sum()
        found.append(renyi_entropy(rows[chosen], sigma=1e-3).value)
        assert found[-1] == pytest.approx(math.log2(float(shares.pow(1.01).sum())) / -0.01, abs=1e-3)
    whole, own = (value / math.log2(n) for value, n in zip(found, (len(ids), len(content)), strict=True))
    assert len(filler) / len(ids) > 0.35
    assert whole < own


def test_a_picture_whose_codes_all_differ_has_the_entropy_of_their_number(model: ShowO):
    encoded = model.encode([Prompt.of(noise(5), "what?")], Goal.TEXT)
    shown = positions(encoded.segments[0], modality="image", roles=("prompt",))
    rows = next(model.states(encoded)).rows[0][shown]
    distinct = len({tuple(row) for row in rows.tolist()})
    value = renyi_entropy(rows, sigma=1e-3).value
    assert value <= math.log2(len(shown)) + 1e-6
    if distinct == len(shown):
        assert value == pytest.approx(math.log2(len(shown)), abs=1e-4)
    else:
        assert model.network.clip is None  # codes repeat, features of a tower do not
