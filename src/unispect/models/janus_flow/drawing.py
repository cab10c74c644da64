"""The velocity field of a batch of prompts: what Euler's steps follow while a picture is drawn.

Source: docs/sources/janus-flow.md#drawing. Attention is causal and the prompt does not depend on time, so prompts are
run once and their keys and values kept; every step runs the time's row and the picture's rows behind them.

The branch without the prompt sees the first token alone: all others are masked by their index, but count as positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import UsageError
from unispect.models.capture import pad_right, run
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.flow import euler, guided, times
from unispect.models.decode.fused import fused
from unispect.models.decode.mask import causal
from unispect.models.decode.prefix import drawn_together, filled_up, prefix_mask, slots
from unispect.models.edits import Own, RowEdits, drawn_with
from unispect.models.janus_flow.network import JanusFlowNetwork


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        grid: rows and columns of positions; need be neither equal nor those of pictures that are seen.
        guidance: w in v_unc + w (v_cond - v_unc).
        steps: Euler's.
    """

    grid: tuple[int, int]
    guidance: float
    steps: int

    @property
    def places(self) -> int:
        return self.grid[0] * self.grid[1]

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if min(self.grid) < 1:
            raise UsageError(f"a picture has at least one row and column of positions, not {self.grid}")
        if self.steps < 1:
            raise UsageError(f"a picture is drawn in one step or more, not {self.steps}")


class PromptedField:
    """Velocities of latents under prompts and guidance (a `decode.flow.Field`).

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample, the first token's in front; as many `slots` each.
        guidance: w in v_unc + w (v_cond - v_unc); 1 runs no unconditional branch.
        edits: of every prompt and what is drawn behind it, then of the same in the other branch, if that is run.
    """

    def __init__(
        self,
        network: JanusFlowNetwork,
        prompts: Sequence[Tensor],
        guidance: float,
        edits: Sequence[Own] | None = None,
    ) -> None:
        self._network, self._backbone = network, fused(network.backbone)
        self._guidance = guidance
        self._branches = 1 if guidance == 1 else 2
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=prompts[0].device)
        seen = torch.cat([lengths, torch.ones_like(lengths)]) if self._branches == 2 else lengths
        self._lengths, self._seen = lengths, seen
        rows = pad_right([*prompts, *(prompt[:1] for prompt in prompts)][: len(seen)])
        self._room = slots(rows.shape[1])
        # What stands behind a prompt in its slots is run too, but nothing ever looks at it.
        self._rows = F.pad(rows, (0, 0, 0, self._room - rows.shape[1]))
        self._new = 0
        begins = seen.tolist()
        self._prompt_edits = RowEdits.of(edits, columns=map(range, begins))
        self._step_edits = RowEdits.of(edits, begins)

    def _make_room(self, new: int) -> None:
        """Runs the prompts, once for pictures of one size, and keeps room for so many rows behind them."""
        if new == self._new:
            return
        self._new = new
        self._cache = KeyValueCache(self._room + new)
        run(self._backbone, self._rows, cache=self._cache, edits=self._prompt_edits)
        steps = torch.arange(new, device=self._lengths.device)
        self._positions = (self._lengths[:, None] + steps).repeat(self._branches, 1)
        self._mask = prefix_mask(self._seen, self._room, causal(new)).to(self._rows.dtype)

    def __call__(self, latents: Tensor, time: float) -> Tensor:
        """Guided velocities [samples, channels, height, width], float32, at a time in 0..1."""
        found = self.branches(latents, time).float()
        return found if self._branches == 1 else guided(found[: len(latents)], found[len(latents) :], self._guidance)

    def branches(self, latents: Tensor, time: float) -> Tensor:
        """Velocities with the prompts, then those without them."""
        network, both = self._network, self._branches
        # Time is one row for all: a single row is summed in another order than many.
        embedded = network.flow_encoder.time(torch.tensor([time], dtype=torch.float64, device=latents.device))
        map_ = network.flow_encoder(latents.to(embedded.dtype), embedded)
        drawn = network.rows(map_)
        rows = torch.cat([embedded.expand(len(drawn), 1, -1), drawn], dim=1).repeat(both, 1, 1)
        self._make_room(rows.shape[1])
        self._cache.shorten(self._room)
        where = {"positions": self._positions, "mask": self._mask, "cache": self._cache}
        states = run(self._backbone, rows, **where, edits=self._step_edits)
        return network.velocity(states[:, 1:], map_.repeat(both, 1, 1, 1), embedded)


def paths(
    network: JanusFlowNetwork,
    prompts: Sequence[Tensor],
    noise: Tensor,
    *,
    guidance: float,
    steps: int,
    edits: Sequence[Own] | None = None,
) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
    """Samples that are drawn together, and their latents before every step and after the last.

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample.
        noise: latents at time 0 [samples, channels, height, width], float32; as large as the pictures will be.
        guidance: w in v_unc + w (v_cond - v_unc).
        steps: from 0 to 1, evenly spaced.
        edits: see `PromptedField`.
    """
    places = noise.shape[2] * noise.shape[3] // network.config.uvit.patch**2
    rows = places * (1 if guidance == 1 else 2)
    for members in drawn_together([len(prompt) for prompt in prompts], rows, prompts[0].device):
        some = filled_up(members, places)
        changes = drawn_with(edits, len(prompts), members, len(some))
        field = PromptedField(network, [prompts[sample] for sample in some], guidance, changes)
        path = euler(field, noise[some].to(prompts[0].device), times(steps))
        yield members, (latents[: len(members)] for latents in path)
