"""Rows in a batch against the stock backbone run on each of them alone."""

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaModel

from unispect.models.capture import pad_right, run, stream
from unispect.models.decode.mask import batched
from unispect.models.decode.prefix import BLOCK
from unispect.models.decode.rows import CachedPrompts

WIDTH = 32


@pytest.fixture(scope="module")
def backbone() -> LlamaModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaModel(
            LlamaConfig(
                vocab_size=10,
                hidden_size=WIDTH,
                intermediate_size=48,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                attn_implementation="sdpa",
            )
        ).eval()
    for parameter in model.parameters():
        parameter.data *= 5 if parameter.ndim == 2 else 1
    return model


@pytest.fixture
def sequences() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, WIDTH, generator=generator) for length in (5, 9, 1, 9)]


def alone(backbone: LlamaModel, rows: Tensor) -> Tensor:
    with torch.no_grad():
        return backbone(inputs_embeds=rows[None]).last_hidden_state[0]


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_blocks_give_the_stock_trunks_states(backbone: LlamaModel, sequences: list[Tensor]):
    rows = torch.cat([sequences[1], sequences[3][: BLOCK - 9]])[None]
    with torch.no_grad():
        stock = backbone(inputs_embeds=rows, output_hidden_states=True)
        ours = list(stream(backbone, rows))
        assert len(ours) == len(backbone.layers) + 1
        for own, theirs in zip(ours[:-1], stock.hidden_states, strict=False):
            assert torch.equal(own, theirs)
        # The stock class gives its last state only after the final norm.
        assert torch.equal(backbone.norm(ours[-1]), stock.last_hidden_state)
        assert torch.equal(run(backbone, rows), stock.last_hidden_state)
        close(run(backbone, rows[:, :9])[0], alone(backbone, rows[0, :9]))


@pytest.mark.parametrize("masked", [False, True])
def test_states_of_a_sequence_are_those_without_company(backbone: LlamaModel, masked: bool):
    generator = torch.Generator().manual_seed(4)
    rows = [torch.randn(length, WIDTH, generator=generator) for length in (1, 3, 15, 16, 17, 31, 33, 47, 60)]
    attention_masks = [torch.ones(len(own), len(own), dtype=torch.bool) if masked else None for own in rows]

    def states(members: list[int]) -> list[Tensor]:
        mask = batched([attention_masks[i] for i in members], [len(rows[i]) for i in members], torch.device("cpu"))
        return list(stream(backbone, pad_right([rows[i] for i in members]), mask=mask))

    with torch.no_grad():
        together = states(list(range(len(rows))))
        for i, own in enumerate(rows):
            for layer, state in enumerate(states([i])):
                close(state[0], together[layer][i, : len(own)])


def test_right_padding_needs_no_mask(backbone: LlamaModel, sequences: list[Tensor]):
    with torch.no_grad():
        batch = run(backbone, pad_right(sequences))
    for own, rows in zip(batch, sequences, strict=True):
        close(own[: len(rows)], alone(backbone, rows))


@pytest.mark.parametrize("picks", [[0, 1, 2, 3], [1, 3], [2]])
def test_rows_grow_as_if_alone(backbone: LlamaModel, sequences: list[Tensor], picks: list[int]):
    chosen = [sequences[i] for i in picks]
    new = torch.randn(3, len(picks), WIDTH, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        rows = CachedPrompts.of(backbone, chosen, room=4)
        for i, own in enumerate(chosen):
            close(rows.state[i], alone(backbone, own)[-1])
        close(rows.extend(new[0][:, None])[:, 0], rows.state)
        out = rows.extend(new[1:].transpose(0, 1))
        for i, own in enumerate(chosen):
            whole = alone(backbone, torch.cat([own, new[:, i]]))
            close(out[i], whole[-2:])
            close(rows.state[i], whole[-1])


def test_picked_rows_go_on_by_themselves(backbone: LlamaModel, sequences: list[Tensor]):
    new = torch.randn(3, 1, WIDTH, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        rows = CachedPrompts.of(backbone, sequences, room=2)
        picked = rows.picked(torch.tensor([2, 0, 0]))
        picked.extend(new)
        rows.extend(torch.zeros(4, 1, WIDTH))
        for state, source, own in zip(picked.state, (2, 0, 0), new, strict=True):
            close(state, alone(backbone, torch.cat([sequences[source], own]))[-1])


def test_one_tensor_given_twice_is_run_once(
    backbone: LlamaModel, sequences: list[Tensor], monkeypatch: pytest.MonkeyPatch
):
    a, b = sequences[:2]
    seen = []
    extend = CachedPrompts.extend
    monkeypatch.setattr(
        CachedPrompts, "extend", lambda self, new, *more: (seen.append(len(new)), extend(self, new, *more))[1]
    )
    with torch.no_grad():
        rows = CachedPrompts.of(backbone, [a, b, a, a], room=1)
    assert seen == [2]
    for state, own in zip(rows.state, (a, b, a, a), strict=True):
        close(state, alone(backbone, own)[-1])
