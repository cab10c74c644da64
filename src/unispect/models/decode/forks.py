"""Many edits of few prompts in one pass: what stands below an edit is computed once, for all edits of its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unispect.models.capture import final_norm
from unispect.models.decode.cache import KeyValueCache, kept_in
from unispect.models.edits import Own, RowEdits

if TYPE_CHECKING:
    from unispect.models.capture import Backbone


@dataclass(frozen=True, eq=False)
class Fork:
    """A row that is another one up to the layer of its first edit.

    Attributes:
        trunk: number of the row that it leaves.
        edits: its own; none if it is that row to the end.
    """

    trunk: int
    edits: Own

    @property
    def layer(self) -> int | None:
        """At which it leaves; None if it never does."""
        return min((edit.layer for edit in self.edits), default=None)


def run_forked(
    backbone: Backbone,
    hidden: Tensor,
    forks: Sequence[Fork],
    *,
    first: Sequence[int],
    positions: Tensor,
    mask: Tensor | None,
    cache: KeyValueCache,
) -> Tensor:
    """The final norm's output [forks, length, width]; the cache holds a row for every fork afterwards.

    The batch grows from layer to layer: a fork joins it where its first edit is. Each row is computed as by `run`.

    Args:
        backbone: see `stream`.
        hidden: input embeddings of the trunks [trunks, length, width].
        forks: of the trunks.
        first: position that every trunk has in the first column (`RowEdits`).
        positions: see `stream`.
        mask: see `stream`.
        cache: empty.
    """
    stands = [fork.trunk for fork in forks]  # row of the batch that stands for every fork
    used: list[Tensor] = []  # the same, of every block
    rows: list[Fork] = [Fork(number, ()) for number in range(len(hidden))]
    places, seen, begun = positions, mask, hidden  # where the first block lies; rows may move on to other devices
    for layer, block in enumerate([None, *backbone.layers]):
        if block is not None:
            used.append(torch.tensor(stands))
            rotary = backbone.rotary_emb(begun, places)
            hidden = block(hidden, attention_mask=seen, position_embeddings=rotary, **kept_in(block, cache))
        joining = [number for number, fork in enumerate(forks) if fork.layer == layer]
        if joining:
            come_from = list(range(len(rows))) + [stands[number] for number in joining]
            for number in joining:
                stands[number] = len(rows)
                rows.append(forks[number])
            kept = sorted(set(stands))  # a trunk that all have left goes on no further
            stands = [kept.index(row) for row in stands]
            rows = [rows[row] for row in kept]
            hidden = hidden[[come_from[row] for row in kept]]
            index = [row.trunk for row in rows]
            places = positions if positions.shape[-2] == 1 else positions[..., index, :]
            seen = mask if mask is None or len(mask) == 1 else mask[index]
        changes = RowEdits.of([row.edits for row in rows], [first[row.trunk] for row in rows])
        hidden = changes.at(layer, hidden) if changes else hidden
    cache.spread(used)
    return final_norm(backbone)(hidden)[stands]
