"""Prompts as what a backbone is run on: input embeddings, and what else decides how its blocks see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unispect.models.decode.mask import AttentionMask
from unispect.models.decode.positions import Positions


@dataclass(frozen=True)
class Embedded:
    """A sequence, ready for the backbone.

    Attributes:
        rows: input embeddings [length, width].
        attention_mask: attention mask, for its first rows at least; None for causal attention.
        positions: where its first rows stand at least; None for 0, 1, 2, ...
    """

    rows: Tensor
    attention_mask: AttentionMask = None
    positions: Positions = None

    def __len__(self) -> int:
        return len(self.rows)


def columns(sequences: Sequence[Embedded]) -> tuple[list[Tensor], list[AttentionMask] | None, list[Positions] | None]:
    """Rows, attention masks and positions of some sequences; None where all of them have the usual ones."""
    attention_masks, positions = [own.attention_mask for own in sequences], [own.positions for own in sequences]
    return (
        [own.rows for own in sequences],
        None if all(own is None for own in attention_masks) else attention_masks,
        None if all(own is None for own in positions) else positions,
    )


def embedded_rows(
    embed: Callable[[Tensor], Tensor], ids: Sequence[Tensor], pictures: Tensor, seen: Tensor | None
) -> list[Tensor]:
    """Input embeddings [length_i, width] of every prompt; equal texts share one tensor.

    Args:
        embed: token ids -> embeddings, on the ids' device.
        ids: of every prompt [length_i].
        pictures: True where a token stands for a position of a picture [all lengths]; such a token need not be known.
        seen: what stands there instead, of all prompts in reading order [..., width]; None without pictures.
    """
    whole = torch.cat(list(ids)).to(pictures.device)
    rows = embed(whole.masked_fill(pictures, 0))
    lengths = list(map(len, ids))
    if seen is None:
        return shared_rows(ids, rows.split(lengths))
    return list(rows.masked_scatter(pictures[:, None], seen).split(lengths))


def shared_rows(ids: Sequence[Tensor], rows: Sequence[Tensor]) -> list[Tensor]:
    """The rows of every prompt, where prompts of the same tokens share one tensor, which is run once."""
    distinct: dict[tuple[int, ...], Tensor] = {}
    return [distinct.setdefault(tuple(own.tolist()), row) for own, row in zip(ids, rows, strict=True)]
