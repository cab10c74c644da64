"""Prepared blocks give the numbers of the stock blocks they are made of, and only such are prepared."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaModel
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from unispect.models.capture import run
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.fused import FusedBlock, fused

SIZES: dict[str, Any] = {
    "vocab_size": 7,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "attn_implementation": "sdpa",
}


def backbone(kind: str, few: int = 4) -> Any:
    torch.manual_seed(0)
    sizes = {**SIZES, "num_key_value_heads": few}
    made = LlamaModel(LlamaConfig(**sizes)) if kind == "llama" else Qwen2Model(Qwen2Config(**sizes))
    for parameter in made.parameters():  # norms and biases too
        parameter.data.add_(torch.randn(parameter.shape) / 4)
    return made.eval()


@pytest.mark.parametrize("few", [4, 2], ids=["heads", "fewer-keys"])
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@torch.inference_mode()
def test_a_prompt_and_what_follows_it(kind: str, few: int):
    stock = backbone(kind, few)
    prepared = fused(stock)
    assert all(isinstance(block, FusedBlock) for block in prepared.layers)
    caches = KeyValueCache(20), KeyValueCache(20)
    seen = torch.ones(3, 1, 1, 17, dtype=torch.bool)
    seen[1, ..., :5] = False
    for length, start, mask in ((16, 0, None), (1, 16, seen), (3, 17, None)):
        rows, where = torch.randn(3, length, 48), torch.arange(start, start + length)[None]
        one, other = (
            run(own, rows, positions=where, mask=mask, cache=cache)
            for own, cache in zip((stock, prepared), caches, strict=True)
        )
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


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
