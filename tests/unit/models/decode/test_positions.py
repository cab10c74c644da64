"""Sequences whose rows do not stand at 0, 1, 2, ...: continued, padded, and run as alone."""

import pytest
import torch
from torch import Tensor
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.models.capture import run
from unispect.models.decode.positions import ahead, batched, extended
from unispect.models.decode.rows import CachedPrompts

CPU = torch.device("cpu")
SHARED = torch.tensor([0, 1, 1, 1, 2])
"""Three rows share a position."""
GRID = torch.tensor([[0, 1, 1, 1, 1, 3], [0, 1, 1, 2, 2, 3], [0, 1, 2, 1, 2, 3]])
"""Three axes; four rows are a square."""


def test_what_follows_counts_up_on_all_axes():
    assert ahead(None, 5) == 0
    assert ahead(SHARED, 5) == -2
    assert extended(SHARED, 8).tolist() == [0, 1, 1, 1, 2, 3, 4, 5]
    assert extended(GRID, 8)[:, 6:].tolist() == [[4, 5]] * 3


def test_padding_stands_at_zero_on_its_side():
    assert batched(None, [3], CPU) is None
    assert batched([None, None], [3, 2], CPU) is None
    behind = batched([SHARED, None], [6, 2], CPU)
    assert behind is not None
    assert behind.tolist() == [[0, 1, 1, 1, 2, 3], [0, 1, 0, 0, 0, 0]]
    before = batched([GRID, None], [6, 2], CPU, left=True)
    assert before is not None
    assert before.shape == (3, 2, 6)
    assert before[:, 1].tolist() == [[0, 0, 0, 0, 0, 1]] * 3
    assert torch.equal(before[:, 0], GRID)


@pytest.fixture(scope="module")
def backbone() -> LlamaModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    made = LlamaModel(LlamaConfig(vocab_size=8, **sizes)).eval()
    for layer in made.layers:  # sharp, so that it matters where rows stand
        layer.self_attn.q_proj.weight.data *= 20
        layer.self_attn.k_proj.weight.data *= 20
        layer.self_attn.o_proj.weight.data *= 20
    return made


@torch.no_grad()
def test_rows_go_on_where_their_prompts_end(backbone: LlamaModel):
    generator = torch.Generator().manual_seed(1)
    prompts: list[Tensor] = [torch.randn(n, 16, generator=generator) for n in (5, 3, 5)]
    new = torch.randn(3, 2, 16, generator=generator)
    positions = [SHARED, None, torch.tensor([0, 4, 4, 5, 9])]
    found = CachedPrompts.of(backbone, prompts, 2, positions=positions).extend(new)
    for own, prompt, where, behind in zip(found, prompts, positions, new, strict=True):
        whole = torch.cat([prompt, behind])
        alone = run(backbone, whole[None], positions=batched([where], [len(whole)], CPU))[0, -2:]
        torch.testing.assert_close(own, alone, rtol=1e-4, atol=1e-5)
        plain = run(backbone, whole[None])[0, -2:]
        assert torch.allclose(alone, plain, atol=1e-3) == (where is None)
