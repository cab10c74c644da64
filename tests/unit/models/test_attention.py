"""Attention that is read out is the one that the model computes: transformers' eager one, or a softmax by hand."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.contract_models import MODELS
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageSampling, TextSampling
from unispect.models.attention import Group, LayerAttention, Looks
from unispect.models.base import Attends
from unispect.models.cosmos3.drawing import positions_of

CLOSE = 1e-5
STOCK = ("janus-pro", "janus-flow", "harmon", "show-o", "show-o2", "omnigen2", "emu3")
"""Backbones of Llama, Qwen2, Phi, Qwen2.5-VL and Emu3."""
PROMPTS = [Prompt.of("a red circle"), Prompt.of("the turquoise star at the bottom left")]
SHOWN = [Prompt.of(Image.new("RGB", (21, 17), "red"), "Describe the picture."), Prompt.of("plus")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Any] = {}

    def of(name: str) -> Any:
        if name not in made:
            folder: Path = tmp_path_factory.mktemp(name) / "checkpoint"
            made[name] = MODELS[name](folder, "float32")
        return made[name]

    return of


def cases(model: Any) -> list[tuple[Any, Any]]:
    """Prompts of both goals, with a picture, and with the replies that follow."""
    write, draw = model.encode(PROMPTS, Goal.TEXT), model.encode(PROMPTS, Goal.IMAGE)
    found = [(write, None), (draw, None), (model.encode(SHOWN, Goal.TEXT), None)]
    found.append((write, model.write(write, TextSampling((1, 2), max_new_tokens=5, temperature=1.0))))
    if Goal.IMAGE not in model.card.no_states:
        found.append((draw, model.draw(draw, ImageSampling((1, 2)))))
    return found


def given(mass: Tensor | None) -> Tensor:
    assert mass is not None
    return mass


def additive(mask: Tensor | None, length: int) -> Tensor:
    allowed = torch.ones(length, length, dtype=torch.bool).tril()
    if mask is not None:
        allowed[: len(mask), : len(mask)] = mask
    return torch.zeros(1, 1, length, length).masked_fill(~allowed, float("-inf"))


def eager(model: Any, sequence: Any) -> tuple[Tensor, ...]:
    """What the stock backbone says of itself."""
    backbone = copy.deepcopy(model.backbone)
    backbone.set_attn_implementation("eager")
    length = len(sequence.rows)
    where = sequence.positions
    if where is None:
        where = torch.arange(length)
    elif where.shape[-1] < length:
        more = torch.arange(length - where.shape[-1]) + int(where.max()) + 1
        where = torch.cat([where, more.expand(*where.shape[:-1], -1)], -1)
    where = where[None] if where.ndim == 1 else where[:, None]
    with torch.no_grad():
        found = backbone(
            inputs_embeds=sequence.rows[None],
            attention_mask=additive(sequence.attention_mask, length),
            position_ids=where,
            output_attentions=True,
            use_cache=False,
        )
    return tuple(own[0] for own in found.attentions)


@pytest.mark.parametrize("name", STOCK)
def test_stock_backbones_say_the_same_when_run_eagerly(models: Any, name: str):
    model = models(name)
    for encoded, replies in cases(model):
        sequences, segments = model._run_on(encoded, replies, -1)
        layers: list[LayerAttention] = list(model.attention(encoded, replies))
        assert [own.layer for own in layers] == list(range(1, len(model.backbone.layers) + 1))
        for sample, sequence in enumerate(sequences):
            for own, expected in zip(layers, eager(model, sequence), strict=True):
                assert own.segments == segments
                assert torch.allclose(own.probabilities(sample), expected, rtol=0, atol=CLOSE)


def softmax_by_hand(query: Tensor, key: Tensor, allowed: Tensor) -> Tensor:
    """[heads, rows, rows] of queries [rows, heads, width] and keys [rows, few, width], row by row."""
    rows, heads, width = query.shape
    found = torch.zeros(heads, rows, rows)
    for head in range(heads):
        own = key[:, head * key.shape[1] // heads]
        for row in range(rows):
            seen = allowed[row].nonzero().flatten()
            scores = own[seen] @ query[row, head] / width**0.5
            weights = (scores - scores.max()).exp()
            found[head, row, seen] = weights / weights.sum()
    return found


def turned_by_hand(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions of [rows, heads, width], pair by pair."""
    half = heads.shape[-1] // 2
    first, second = heads[..., :half], heads[..., half:]
    cos, sin = cos[:, None, :half], sin[:, None, :half]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def test_bagel_attends_over_rows_of_both_sets_of_weights(models: Any):
    model = models("bagel")
    for encoded, replies in cases(model):
        sequences, _ = model._run_on(encoded, replies, -1)
        layers = list(model.attention(encoded, replies))
        states = list(model.states(encoded, replies))
        for sample, context in enumerate(sequences):
            cos, sin = (own[0] for own in model.backbone.rotary_emb(context.rows[None], context.layout.positions[None]))
            allowed = additive(context.layout.attention_mask, len(context.rows))[0, 0] == 0
            for own, state, layer in zip(layers, states, model.network.llm.layers, strict=False):
                heads = []
                for row, drawn in zip(state.rows[sample], context.layout.drawn, strict=True):
                    expert = layer.gen if drawn else layer.und
                    normed = expert.input_layernorm(row)
                    query, key = (
                        made.unflatten(-1, (-1, expert.head)) for made in (expert.q_proj(normed), expert.k_proj(normed))
                    )
                    heads.append((expert.q_norm(query), expert.k_norm(key)))
                query, key = (turned_by_hand(torch.stack(rows), cos, sin) for rows in zip(*heads, strict=True))
                expected = softmax_by_hand(query, key, allowed)
                assert torch.allclose(own.probabilities(sample), expected, rtol=0, atol=CLOSE)


def test_cosmos_lets_the_picture_hear_the_prompt_and_never_the_reverse(models: Any):
    model = models("cosmos3")
    encoded = model.encode(PROMPTS, Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1, 2)))
    drawn, _ = model._run_on(encoded, replies, -1)
    states = list(model.states(encoded, replies))
    for own, state, layer in zip(model.attention(encoded, replies), states, model.network.llm.layers, strict=False):
        for sample, sequence in enumerate(drawn):
            length, total = len(sequence.prompt), len(sequence)
            heads = []
            for half, rows in ((layer.und, state.rows[sample][:length]), (layer.gen, state.rows[sample][length:])):
                attention = half.self_attn
                normed = half.input_layernorm(rows)
                query = attention.q_norm(attention.q_proj(normed).unflatten(-1, (-1, attention.head_dim)))
                key = attention.k_norm(attention.k_proj(normed).unflatten(-1, (-1, attention.head_dim)))
                heads.append((query, key))
            where = torch.cat(
                [
                    torch.arange(length).expand(3, 1, -1),
                    positions_of(model.network, sequence.grid, [length], torch.device("cpu")),
                ],
                -1,
            )
            cos, sin = (part[0] for part in model.network.llm.rotary_emb(sequence.rows[None], where))
            query, key = (turned_by_hand(torch.cat(rows), cos, sin) for rows in zip(*heads, strict=True))
            allowed = torch.ones(total, total, dtype=torch.bool).tril()
            allowed[length:] = True
            expected = softmax_by_hand(query, key, allowed)
            assert torch.allclose(own.probabilities(sample), expected, rtol=0, atol=CLOSE)
            mass = own.mass(sample)
            assert float(given(mass.between(TEXT, PICTURE)).max()) == 0
            assert float(given(mass.between(PICTURE, TEXT)).min()) > 0


def test_cosmos_adds_what_its_tower_sees_before_it_attends(models: Any):
    model = models("cosmos3")
    encoded = model.encode(SHOWN[:1], Goal.TEXT)
    (sequence,), _ = model._run_on(encoded, None, -1)
    hidden, width = sequence.rows[None], model.network.config.text.hidden_size
    deep = [part[0] for part in hidden.split(width, -1)][1:]
    assert any(bool(part.any()) for part in deep)
    states = list(model.states(encoded))
    where = sequence.positions[:, None] if sequence.positions is not None else torch.arange(len(sequence.rows))[None]
    cos, sin = (part[0] for part in model.network.llm.rotary_emb(hidden, where))
    for number, (own, layer) in enumerate(zip(model.attention(encoded), model.network.llm.layers, strict=True)):
        rows = states[number].rows[0]
        if 0 < number <= len(deep):
            rows = rows + deep[number - 1]
        attention = layer.und.self_attn
        normed = layer.und.input_layernorm(rows)
        query = attention.q_norm(attention.q_proj(normed).unflatten(-1, (-1, attention.head_dim)))
        key = attention.k_norm(attention.k_proj(normed).unflatten(-1, (-1, attention.head_dim)))
        causal = torch.ones(len(rows), len(rows), dtype=torch.bool).tril()
        expected = softmax_by_hand(turned_by_hand(query, cos, sin), turned_by_hand(key, cos, sin), causal)
        assert torch.allclose(own.probabilities(0), expected, rtol=0, atol=CLOSE)


TEXT: Group = ("text", "prompt")
PICTURE: Group = ("image", "response")
SEGMENTS = (Segment(0, 2, "text", "prompt"), Segment(2, 5, "image", "response"), Segment(5, 6, "text", "prompt"))


def hand_made(seen: int, sharp: float = 40.0) -> Looks:
    """Three heads of six rows: the first looks at one position, the second at itself, the third evenly."""
    keys = torch.eye(6)
    towards = torch.zeros(6, 6)
    towards[:, seen] = sharp
    queries = torch.stack([towards, sharp * torch.eye(6), torch.zeros(6, 6)])
    return Looks(queries, keys.expand(3, -1, -1), 1.0, torch.ones(6, 6, dtype=torch.bool))


@pytest.mark.parametrize("seen", range(6))
def test_a_head_that_looks_at_a_known_place_is_found_there(seen: int):
    mass = hand_made(seen).mass(SEGMENTS)
    text, picture = TEXT, PICTURE
    assert mass.groups == (text, picture)
    target = picture if 2 <= seen < 5 else text
    for group in (text, picture):
        to = {at: given(mass.between(group, at)) for at in (text, picture)}
        assert float(to[target][0]) == pytest.approx(1.0, abs=1e-6)
        assert float(to[group][1]) == pytest.approx(1.0, abs=1e-6)
        assert float(to[text][2]) == pytest.approx(0.5)
    assert torch.allclose(mass.even, torch.full((2, 2), 0.5))
    assert mass.between(text, ("text", "template")) is None


def test_mass_is_what_probabilities_add_up_to(monkeypatch: pytest.MonkeyPatch):
    generator = torch.Generator().manual_seed(1)
    looks = Looks(torch.randn(4, 6, 8, generator=generator), torch.randn(2, 6, 8, generator=generator), 0.3)
    whole = looks.probabilities()
    assert float(whole.triu(1).abs().max()) == 0
    by_hand = torch.stack([whole[0, [0, 1, 5]][:, cols].sum(-1).mean() for cols in ([0, 1, 5], [2, 3, 4])])
    for rows in (256, 4, 1):
        monkeypatch.setattr("unispect.models.attention._ROWS", rows)
        mass = looks.mass(SEGMENTS)
        assert torch.allclose(mass.values[0, 0], by_hand)
        assert torch.allclose(mass.values.sum(-1), torch.ones(4, 2))
        # of causal rows 0, 1 and 5: 1, 1 and half of what they may see is text
        assert float(mass.even[0, 0]) == pytest.approx((1 + 1 + 0.5) / 3)


def test_queries_share_neighbouring_keys():
    looks = Looks(torch.ones(4, 1, 2), torch.ones(2, 1, 2), 1.0)
    assert looks.probabilities().shape == (4, 1, 1)
    keys = torch.stack([torch.eye(2), torch.eye(2).flip(0)])
    looks = Looks(torch.tensor([[[50.0, 0.0]] * 2] * 4), keys, 1.0, torch.ones(2, 2, dtype=torch.bool))
    assert looks.probabilities()[:, 0].argmax(-1).tolist() == [0, 0, 1, 1]


def test_models_that_cannot_say_so(models: Any):
    model = copy.copy(models("janus-pro"))
    assert isinstance(models("janus-pro"), Attends)
    encoded = model.encode(PROMPTS, Goal.TEXT)
    with pytest.raises(UsageError, match="no step 3 here"):
        model.attention(encoded, at=3)
    model.card = replace(model.card, capabilities=model.card.capabilities - {"attend"})
    with pytest.raises(Unsupported):
        model.attention(encoded)
