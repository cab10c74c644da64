"""A decoder-only backbone, run block by block, so that every layer can be seen and none has to be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unispect.models.decode import positions as position_ids
from unispect.models.decode.cache import KeyValueCache, kept_in
from unispect.models.decode.fused import hooked
from unispect.models.decode.mask import AttentionMask, batched
from unispect.models.decode.positions import Positions
from unispect.models.decode.prefix import slots
from unispect.models.edits import Own, RowEdits

if TYPE_CHECKING:
    from transformers.models.emu3.modeling_emu3 import Emu3TextModel
    from transformers.models.llama.modeling_llama import LlamaModel
    from transformers.models.phi.modeling_phi import PhiModel
    from transformers.models.qwen2.modeling_qwen2 import Qwen2Model
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLTextModel

    Backbone = Emu3TextModel | LlamaModel | Qwen2Model | PhiModel | Qwen2_5_VLTextModel


def stream(
    backbone: Backbone,
    hidden: Tensor,
    *,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
    cache: KeyValueCache | None = None,
    edits: RowEdits | None = None,
) -> Iterator[Tensor]:
    """The backbone's input, then the raw output of every block: what the stock backbone computes, before its final
    norm.

    Args:
        backbone: a stock Llama-like backbone (`layers`, `rotary_emb`, a final norm).
        hidden: input embeddings [batch, length, width].
        positions: position of every row [batch or 1, length], or [axes, batch, length] where the backbone's rotary
            positions have several axes; default 0, 1, 2, ...
        mask: True where a row may look [batch, 1, length, keys]; None means causal (or everything, for one new row
            after a cache).
        cache: keys and values of earlier positions, extended in place.
        edits: of the rows; a layer is yielded as it is after them.
    """
    edited = edits.at if edits else _as_it_is
    if positions is None:
        positions = torch.arange(hidden.shape[1], device=hidden.device)[None]
    length = hidden.shape[1]
    if cache is None and hidden.device.type == "cpu" and not torch.is_grad_enabled():
        # GEMM and SDPA reduce in a shape-dependent order; rows are padded to a multiple of 16 so that states are
        # batch-invariant.
        hidden, positions, mask = _roomy(hidden, positions, mask)
    hidden = edited(0, hidden)
    yield hidden[:, :length]
    rotary = backbone.rotary_emb(hidden, positions)
    for layer, block in enumerate(backbone.layers, 1):
        hidden = edited(layer, block(hidden, attention_mask=mask, position_embeddings=rotary, **kept_in(block, cache)))
        yield hidden[:, :length]


def _as_it_is(layer: int, hidden: Tensor) -> Tensor:
    return hidden


def _roomy(hidden: Tensor, positions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The same with rows of padding behind, up to a whole number of blocks; they see themselves alone."""
    length = hidden.shape[1]
    more = slots(length) - length
    if not more:
        return hidden, positions, mask
    if mask is not None:
        grown = torch.eye(length + more, dtype=torch.bool, device=mask.device).repeat(len(mask), 1, 1, 1)
        grown[..., :length, :length] = mask
        mask = grown
    return F.pad(hidden, (0, 0, 0, more)), F.pad(positions, (0, more)), mask


def run(
    backbone: Backbone,
    hidden: Tensor,
    *,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
    cache: KeyValueCache | None = None,
    edits: RowEdits | None = None,
) -> Tensor:
    """The final norm's output [batch, length, width], through the same blocks as `stream`."""
    for state in stream(backbone, hidden, positions=positions, mask=mask, cache=cache, edits=edits):
        hidden = state
    return final_norm(backbone)(hidden)


def run_at(
    backbone: Backbone,
    hidden: Tensor,
    wanted: Tensor,
    *,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """What `run` gives at some positions [positions, width], for a loss that needs no others.

    What the last block does to each row by itself is done to those alone: of a letter that answers a question of a
    hundred tokens, it is an eighth of the work of five blocks.

    Args:
        backbone: see `stream`.
        hidden: input embeddings [batch, length, width].
        wanted: True where a state is [batch, length].
        positions: see `stream`.
        mask: see `stream`.
    """
    index = wanted.flatten().nonzero().flatten()

    def pick(rows: Tensor) -> Tensor:
        return rows.flatten(0, 1)[index]

    *before, last = backbone.layers
    ends = _ENDS.get(type(last).__name__)
    if ends is None or not torch.is_grad_enabled() or hooked(last):
        return pick(run(backbone, hidden, positions=positions, mask=mask))
    if positions is None:
        positions = torch.arange(hidden.shape[1], device=hidden.device)[None]
    rotary = backbone.rotary_emb(hidden, positions)
    for block in before:
        hidden = block(hidden, attention_mask=mask, position_embeddings=rotary)
    ended: Any = partial(ends, last)
    if getattr(last, "gradient_checkpointing", False) and last.training:  # as calling the block would do it
        ended = partial(cast(Any, last)._gradient_checkpointing_func, ended)
    return final_norm(backbone)(ended(hidden, mask, rotary, pick))


def _stock_end(
    block: Any, hidden: Tensor, mask: Tensor | None, rotary: Any, pick: Callable[[Tensor], Tensor]
) -> Tensor:
    found, *_ = block.self_attn(block.input_layernorm(hidden), attention_mask=mask, position_embeddings=rotary)
    rows = pick(hidden + found)
    return rows + block.mlp(block.post_attention_layernorm(rows))


def _phi_end(block: Any, hidden: Tensor, mask: Tensor | None, rotary: Any, pick: Callable[[Tensor], Tensor]) -> Tensor:
    normed = block.input_layernorm(hidden)
    found, *_ = block.self_attn(normed, attention_mask=mask, position_embeddings=rotary)
    dropped = block.resid_dropout
    return dropped(pick(found)) + dropped(block.mlp(pick(normed))) + pick(hidden)


def _two_sets_end(
    block: Any, hidden: Tensor, mask: Tensor | None, rotary: Any, pick: Callable[[Tensor], Tensor]
) -> Tensor:
    return block.rows_at(hidden, mask, rotary, pick)


_ENDS: Mapping[str, Callable[..., Tensor]] = {
    "LlamaDecoderLayer": _stock_end,
    "Qwen2DecoderLayer": _stock_end,
    "Qwen2_5_VLDecoderLayer": _stock_end,
    "PhiDecoderLayer": _phi_end,
    "MotLayer": _two_sets_end,
}
"""Kind of block -> what it makes of the rows that are picked."""


def final_norm(backbone: Backbone) -> nn.Module:
    """What a backbone puts behind its last block."""
    return (
        backbone.final_layernorm if isinstance(getattr(backbone, "final_layernorm", None), nn.Module) else backbone.norm
    )  # pyright: ignore


def stream_each(
    backbone: Backbone,
    rows: Sequence[Tensor],
    attention_masks: Sequence[AttentionMask] | None = None,
    positions: Sequence[Positions] | None = None,
    edits: Sequence[Own] | None = None,
) -> Iterator[tuple[Tensor, ...]]:
    """As `stream`, for sequences [length_i, width]; one tensor [length_i, width] of each, layer by layer.

    Args:
        backbone: see `stream`.
        rows: input embeddings of every sequence.
        attention_masks: attention mask of every sequence; default: causal.
        positions: where the rows of every sequence stand; default: 0, 1, 2, ...
        edits: of every sequence.
    """
    device = rows[0].device

    def together(some: Sequence[int]) -> Iterator[Tensor]:
        lengths = [len(rows[i]) for i in some]
        mask = batched([attention_masks[i] for i in some], lengths, device) if attention_masks else None
        where = position_ids.batched([positions[i] for i in some], lengths, device) if positions else None
        changes = RowEdits.of([edits[i] for i in some], columns=map(range, lengths)) if edits else None
        return stream(backbone, pad_right([rows[i] for i in some]), positions=where, mask=mask, edits=changes)

    return single_rows(together, list(map(len, rows)), device)


def single_rows(
    together: Callable[[Sequence[int]], Iterator[Tensor]], lengths: Sequence[int], device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """The layers of some sequences, one tensor [length_i, width] of each, as if each had been run by itself.

    So it is on the CPU, where kernels choose how they sum by how much there is to do, so that last digits would depend
    on the batch. Elsewhere the sequences are run in one batch.

    Args:
        together: runs the sequences of these numbers as one batch [sequences, longest, width], layer by layer.
        lengths: of all sequences.
        device: that they are run on.
    """
    everybody = range(len(lengths))
    groups = [[i] for i in everybody] if device.type == "cpu" else [list(everybody)]
    for layers in zip(*map(together, groups), strict=True):
        states = (own for layer in layers for own in layer)
        yield tuple(own[:length] for own, length in zip(states, lengths, strict=True))


def pad_right(rows: Sequence[Tensor]) -> Tensor:
    """Sequences [length_i, width] as one batch [batch, longest, width], zeros behind the shorter ones.

    Under causal attention no row of a sequence sees what stands behind it, so no mask is needed.
    """
    longest = max(map(len, rows))
    # pad_sequence writes into slices, and the gradient of each copies the whole batch.
    return torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
