"""Prompts as what a backbone is run on: input embeddings, and what else decides how its blocks see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from unispect.core.prompts import Segment
from unispect.models.decode.mask import AttentionMask
from unispect.models.decode.positions import Positions
from unispect.models.edits import Asked, Own


@dataclass(frozen=True)
class Embedded:
    """A sequence, ready for the backbone.

    Attributes:
        rows: input embeddings [length, width].
        attention_mask: attention mask, for its first rows at least; None for causal attention.
        positions: where its first rows stand at least; None for 0, 1, 2, ...
        edits: of its states while it is run, and of what follows it.
    """

    rows: Tensor
    attention_mask: AttentionMask = None
    positions: Positions = None
    edits: Own = ()

    def __len__(self) -> int:
        return len(self.rows)


def edited(prompts: Sequence[Embedded], edits: Sequence[Own] | None) -> Sequence[Embedded]:
    """The prompts with their edits. Rows that several share are run once, so an edited prompt gets a view of them."""
    if edits is None:
        return prompts
    return [
        replace(prompt, rows=prompt.rows.view_as(prompt.rows), edits=own) if own else prompt
        for prompt, own in zip(prompts, edits, strict=True)
    ]


def branch_rows(
    rows: Sequence[Tensor],
    edits: Asked | None,
    branch: Literal["conditional", "unconditional"],
    segments: Sequence[tuple[Segment, ...]] | None = None,
) -> tuple[list[Tensor], list[Own]]:
    """The rows [length_i, width] that a branch of guidance reads, and the edits of each, as `edited` pairs them.

    Args:
        rows: of every sample.
        edits: of the batch.
        branch: that reads the rows.
        segments: what the rows are, where they are not the prompts'.
    """
    own = None if edits is None else edits.of(branch, segments=segments)
    found = edited([Embedded(row) for row in rows], own)
    return [one.rows for one in found], [one.edits for one in found]


def columns(
    sequences: Sequence[Embedded],
) -> tuple[list[Tensor], list[AttentionMask] | None, list[Positions] | None, list[Own] | None]:
    """Rows, attention masks, positions and edits of some sequences; None where all of them have the usual ones."""
    attention_masks, positions = [own.attention_mask for own in sequences], [own.positions for own in sequences]
    edits = [own.edits for own in sequences]
    return (
        [own.rows for own in sequences],
        None if all(own is None for own in attention_masks) else attention_masks,
        None if all(own is None for own in positions) else positions,
        edits if any(edits) else None,
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
