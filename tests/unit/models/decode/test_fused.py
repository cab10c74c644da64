"""Prepared blocks give the numbers of the stock blocks they are made of, and only such are prepared."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers.activations import NewGELUActivation
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaModel, apply_rotary_pos_emb
from transformers.models.phi.configuration_phi import PhiConfig
from transformers.models.phi.modeling_phi import PhiModel
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from unispect.models.capture import run
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.fused import FusedBlock, FusedPhiBlock, LookedUp, activation, fused, turned

SIZES: dict[str, Any] = {
    "vocab_size": 7,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "attn_implementation": "sdpa",
}
KINDS: dict[str, Any] = {
    "llama": (LlamaModel, LlamaConfig),
    "qwen2": (Qwen2Model, Qwen2Config),
    "phi": (PhiModel, PhiConfig),
}


def backbone(kind: str, few: int = 4) -> Any:
    torch.manual_seed(0)
    sizes = {**SIZES, "num_key_value_heads": few}
    model, config = KINDS[kind]
    made = model(
        config(
            **sizes,
            **(
                {"partial_rotary_factor": 0.5, "hidden_act": "gelu_new", "qk_layernorm": few == 4}
                if kind == "phi"
                else {}
            ),
        )
    )
    for parameter in made.parameters():  # norms and biases too
        parameter.data.add_(torch.randn(parameter.shape) / 4)
    return made.eval()


@pytest.mark.parametrize("few", [4, 2], ids=["heads", "fewer-keys"])
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_a_prompt_and_what_follows_it(kind: str, few: int):
    stock = backbone(kind, few)
    prepared = fused(stock)
    assert all(isinstance(block, FusedPhiBlock if kind == "phi" else FusedBlock) for block in prepared.layers)
    caches = KeyValueCache(20), KeyValueCache(20)
    seen = torch.ones(3, 1, 1, 17, dtype=torch.bool)
    seen[1, ..., :5] = False
    for length, start, mask in ((16, 0, None), (1, 16, seen), (3, 17, None)):
        rows, where = torch.randn(3, length, 64), torch.arange(start, start + length)[None]
        one, other = (
            run(own, rows, positions=where, mask=mask, cache=cache)
            for own, cache in zip((stock, prepared), caches, strict=True)
        )
        assert torch.equal(one, other)


def test_weights_that_learn_are_not_copied():
    stock = backbone("llama")
    assert fused(stock) is stock


@pytest.mark.parametrize("odd", ["half", "adapter", "hook", "large", "eager"])
@torch.inference_mode()
def test_what_is_not_as_it_came_is_left_alone(odd: str, monkeypatch: pytest.MonkeyPatch):
    stock = backbone("llama")
    block = stock.layers[1]
    if odd == "half":
        stock.bfloat16()
    elif odd == "adapter":
        block.self_attn.v_proj = nn.Sequential(block.self_attn.v_proj)
    elif odd == "hook":
        block._hf_hook = object()
    elif odd == "eager":
        stock.config._attn_implementation = "eager"
    else:
        monkeypatch.setattr("unispect.models.decode.fused._LARGEST", 10)
    assert fused(stock) is stock


@torch.inference_mode()
def test_the_gelu_is_the_stock_one():
    rows = torch.randn(3, 100, 512) * 4
    function = activation(NewGELUActivation())
    assert torch.equal(function(rows.clone()), NewGELUActivation()(rows))


@torch.inference_mode()
def test_angles_of_any_positions():
    stock = backbone("llama")
    looked_up = LookedUp(stock.rotary_emb)
    for where in (torch.tensor([[3, 1, 4]]), torch.tensor([[9, 40], [0, 7]]), torch.tensor([[2]])):
        heads = torch.randn(len(where), 4, where.shape[1], 16)
        cos, sin = stock.rotary_emb(heads, where)
        expected, _ = apply_rotary_pos_emb(heads, heads, cos, sin)
        assert torch.equal(turned(heads, looked_up(heads, where)), expected)
