"""The velocity field of a batch of prompts: what Euler's steps follow while a picture is drawn.

Source: FACTS section 4. Attention is causal and the prompt does not depend on time, so prompts are run once and their
keys and values kept; every step runs the time's row and the picture's rows behind them.

The branch without the prompt sees the first token alone: all others are masked by their index, but count as positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import pad_right, run
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.flow import euler, guided, times
from unispect.models.decode.prefix import drawn_together, filled_up, look, slots
from unispect.models.decode.sight import causal
from unispect.models.janus_flow.network import JanusFlowNetwork


class PromptedField:
    """Velocities of latents under prompts and guidance (a `decode.flow.Field`).

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample, the first token's in front; as many `slots` each.
        guidance: w in v_unc + w (v_cond - v_unc); 1 runs no unconditional branch.
    """

    def __init__(self, network: JanusFlowNetwork, prompts: Sequence[Tensor], guidance: float) -> None:
        self._network = network
        self._guidance = guidance
        self._branches = 1 if guidance == 1 else 2
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=prompts[0].device)
        seen = torch.cat([lengths, torch.ones_like(lengths)]) if self._branches == 2 else lengths
        rows = pad_right([*prompts, *(prompt[:1] for prompt in prompts)][: len(seen)])
        self._room = slots(rows.shape[1])
        new = 1 + network.config.grid**2
        self._cache = KeyValueCache(self._room + new)
        # What stands behind a prompt in its slots is run too, but nothing ever looks at it.
        run(network.trunk, F.pad(rows, (0, 0, 0, self._room - rows.shape[1])), cache=self._cache)
        steps = torch.arange(new, device=lengths.device)
        self._positions = (lengths[:, None] + steps).repeat(self._branches, 1)
        self._mask = look(seen, self._room, causal(new)).to(rows.dtype)

    def __call__(self, latents: Tensor, time: float) -> Tensor:
        """Guided velocities [samples, channels, side, side], float32, at a time in 0..1."""
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
        self._cache.shorten(self._room)
        states = run(network.trunk, rows, positions=self._positions, mask=self._mask, cache=self._cache)
        return network.velocity(states[:, 1:], map_.repeat(both, 1, 1, 1), embedded)


def paths(
    network: JanusFlowNetwork, prompts: Sequence[Tensor], noise: Tensor, *, guidance: float, steps: int
) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
    """Samples that are drawn together, and their latents before every step and after the last.

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample.
        noise: latents at time 0 [samples, channels, side, side], float32.
        guidance: w in v_unc + w (v_cond - v_unc).
        steps: from 0 to 1, evenly spaced.
    """
    places = network.config.grid**2
    rows = places * (1 if guidance == 1 else 2)
    for members in drawn_together([len(prompt) for prompt in prompts], rows, prompts[0].device):
        some = filled_up(members, places)
        field = PromptedField(network, [prompts[sample] for sample in some], guidance)
        path = euler(field, noise[some].to(prompts[0].device), times(steps))
        yield members, (latents[: len(members)] for latents in path)
