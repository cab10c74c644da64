"""What the image transformer is conditioned on: the language model's states behind its final norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import pad_right, run
from unispect.models.decode import positions as position_ids
from unispect.models.decode.positions import Positions
from unispect.models.decode.prefix import slots
from unispect.models.edits import Own, RowEdits

if TYPE_CHECKING:
    from unispect.models.capture import Backbone


def final_states(
    backbone: Backbone,
    rows: Sequence[Tensor],
    positions: Sequence[Positions] | None = None,
    *,
    together: bool = False,
    edits: Sequence[Own] | None = None,
) -> list[Tensor]:
    """The final norm's output [length_i, width] of prompts.

    Args:
        backbone: of the language model.
        rows: input embeddings [length_i, width] of every prompt.
        positions: where they stand; default: 0, 1, 2, ...
        together: run all at once. By default only prompts that take as many `slots` are: then every sum has as many
            terms as when a prompt is run alone.
        edits: of every prompt.
    """
    where = positions or [None] * len(rows)
    groups: dict[int, list[int]] = {}
    for sample, own in enumerate(rows):
        groups.setdefault(0 if together else slots(len(own)), []).append(sample)
    found = list(rows)
    for room, members in groups.items():
        padded = pad_right([rows[i] for i in members])
        padded = F.pad(padded, (0, 0, 0, max(0, room - padded.shape[1])))
        lengths = [padded.shape[1]] * len(members)
        own = position_ids.batched([where[i] for i in members], lengths, padded.device)
        changes = None
        if edits is not None:
            changes = RowEdits.of([edits[i] for i in members], columns=[range(len(rows[i])) for i in members])
        for i, states in zip(members, run(backbone, padded, positions=own, edits=changes), strict=True):
            found[i] = states[: len(rows[i])]
    return found
