"""The velocity field of a batch of prompts, and the multistep solver that follows it while a picture is drawn.

Source: docs/sources/cosmos3.md#drawing. Prompts do not hear what is drawn, so they are run once and their keys and
values kept; every step runs the positions of the picture behind them, all of which see each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import UsageError
from unispect.models.capture import pad_right, run
from unispect.models.cosmos3.backbone import Kept, places_of
from unispect.models.cosmos3.network import Cosmos3Network
from unispect.models.cosmos3.processing import SYSTEM, Wording
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.finite import require_finite
from unispect.models.decode.prefix import drawn_together, filled_up, prefix_mask, slots
from unispect.models.edits import Own, RowEdits, drawn_with

THOUSANDTHS = 1000
"""The time of noise, as the network is told it."""
SCHEDULE: Mapping[str, Any] = {
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "use_karras_sigmas": True,
    "sigma_max": 200.0,
    "sigma_min": 0.147,
}
"""Arguments of the solver, where no file gives them: the published ones."""


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        height: of a picture in pixels.
        width: of a picture in pixels.
        guidance: w in v_unc + w (v_cond - v_unc); 1 runs no unconditional branch.
        steps: of the solver.
        negative: what the branch without the prompt says instead.
        system: system line of both branches; empty for none.
        tell_size: prompts end in a sentence about the size, and the other branch in its contrary.
        native: noise levels are even, and moved by the solver's own shift; else the solver sets them.
        solver: arguments of `UniPCMultistepScheduler`.
    """

    height: int
    width: int
    guidance: float
    steps: int
    negative: str = ""
    system: str = SYSTEM
    tell_size: bool = True
    native: bool = False
    solver: Mapping[str, Any] = field(default_factory=lambda: dict(SCHEDULE))

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if self.steps < 1:
            raise UsageError(f"a picture is drawn in one step or more, not {self.steps}")

    def latents(self, stride: int) -> tuple[int, int]:
        """Height and width in latents of so many pixels a side.

        Raises:
            UsageError: the picture is no whole number of them.
        """
        if min(self.height, self.width) < stride or self.height % stride or self.width % stride:
            raise UsageError(
                f"sides of a picture are multiples of {stride} pixels, but {self.width} x {self.height} were asked for"
            )
        return self.height // stride, self.width // stride

    def wording(self, *, negated: bool = False) -> Wording:
        """What stands around a prompt, or around what stands in its place."""
        return Wording(self.system, (self.height, self.width) if self.tell_size else None, negated)

    def solvers(self, count: int) -> list[UniPCMultistepScheduler]:
        """As many solvers at their first step, each of which remembers the steps of one picture."""
        made = [UniPCMultistepScheduler(**self.solver) for _ in range(count)]
        for solver in made:
            if self.native:
                levels = np.linspace(1 - 1 / cast(Any, solver.config).num_train_timesteps, 0, self.steps + 1)[:-1]
                solver.set_timesteps(self.steps, device="cpu", sigmas=cast(Any, levels))
            else:
                solver.set_timesteps(self.steps, device="cpu")
        return made

    def times(self) -> list[float]:
        """What the network is told at every step, in thousandths."""
        return [float(time) for time in self.solvers(1)[0].timesteps]


class PromptedField:
    """Velocities of latents under prompts and guidance (a `decode.flow.Field`).

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample; as many `slots` each.
        empty: those of the branch without the prompt [length, width].
        shape: height and width of the latents.
        guidance: see `DrawSettings`.
        learning: gradients go through the prompts, which are then as long as the longest.
        edits: of every prompt and what is drawn behind it, then of the same in the other branch, if that is run.
    """

    def __init__(
        self,
        network: Cosmos3Network,
        prompts: Sequence[Tensor],
        empty: Tensor | None,
        shape: tuple[int, int],
        guidance: float,
        *,
        learning: bool = False,
        edits: Sequence[Own] | None = None,
    ) -> None:
        self._network, self._shape, self._guidance = network, shape, guidance
        both = [*prompts, *([] if empty is None or guidance == 1 else [empty] * len(prompts))]
        self._branches = len(both) // len(prompts)
        lengths = [len(prompt) for prompt in both]
        rows = pad_right(both)
        self._room = rows.shape[1] if learning else slots(rows.shape[1])
        grid = network.config.grid_of(shape)
        new = grid[0] * grid[1]
        self._cache = cast(KeyValueCache, Kept()) if learning else KeyValueCache(self._room + new)
        # What stands behind a prompt in its slots is run too, but nothing ever looks at it.
        padded = F.pad(rows, (0, 0, 0, self._room - rows.shape[1]))
        changes = RowEdits.of(edits, columns=map(range, lengths))
        self._edits = RowEdits.of(edits, lengths)
        run(cast(Any, network.understanding), padded, cache=self._cache, edits=changes)
        self._positions = positions_of(network, grid, lengths, rows.device)
        seen = torch.tensor(lengths, device=rows.device)
        self._mask = prefix_mask(seen, self._room, torch.ones(new, new, dtype=torch.bool)).to(rows.dtype)

    def __call__(self, latents: Tensor, time: float) -> Tensor:
        """Guided velocities [samples, channels, height, width], float32, at a time in thousandths."""
        found = self.branches(latents, torch.tensor([time], device=latents.device))
        if self._branches == 1:
            return found
        conditional, unconditional = found.chunk(2)
        return unconditional + self._guidance * (conditional - unconditional)

    def branches(self, latents: Tensor, times: Tensor) -> Tensor:
        """Velocities with the prompts, then those without them; `times` of every sample, or one for all."""
        rows = self._network.rows(latents, times).repeat(self._branches, 1, 1)
        if isinstance(self._cache, KeyValueCache):
            self._cache.shorten(self._room)
        generation = cast(Any, self._network.generation)
        where = {"positions": self._positions, "mask": self._mask, "cache": self._cache}
        states = run(generation, rows, **where, edits=self._edits)
        return self._network.latents(states, self._shape).float()


def positions_of(
    network: Cosmos3Network, grid: tuple[int, int], lengths: Sequence[int], device: torch.device
) -> Tensor:
    """Where the positions of pictures behind prompts of these lengths stand [3, pictures, positions]."""
    config = network.config
    moments = [length + config.margin for length in lengths]
    found = places_of(grid, moments, device)
    if not config.at_corner:
        found[1:] += torch.tensor(moments, device=device)[:, None]
    return found


def paths(
    network: Cosmos3Network,
    prompts: Sequence[Tensor],
    empty: Tensor,
    noise: Tensor,
    drawing: DrawSettings,
    edits: Sequence[Own] | None = None,
) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
    """Samples that are drawn together, and their latents before every step and after the last.

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample.
        empty: those of the branch without the prompt [length, width].
        noise: latents of every sample at the first step [samples, channels, height, width], float32.
        drawing: settings.
        edits: see `PromptedField`.
    """
    shape = (noise.shape[2], noise.shape[3])
    rows, columns = network.config.grid_of(shape)
    image_tokens = rows * columns
    branches = 1 if drawing.guidance == 1 else 2
    for members in drawn_together([len(prompt) for prompt in prompts], image_tokens * branches, empty.device):
        some = filled_up(members, image_tokens)
        own, changes = [prompts[sample] for sample in some], drawn_with(edits, len(prompts), members, len(some))
        field = PromptedField(network, own, empty, shape, drawing.guidance, edits=changes)
        path = followed(field, noise[some].to(empty.device), drawing)
        yield members, (latents[: len(members)] for latents in path)


def followed(field: PromptedField, latents: Tensor, drawing: DrawSettings) -> Iterator[Tensor]:
    """The latents before every step and after the last, each picture with a solver of its own."""
    solvers = drawing.solvers(len(latents))
    yield latents
    for step, time in enumerate(solvers[0].timesteps):
        velocities = field(latents, float(time))
        moved = [
            solver.step(cast(Any, velocity[None]), time, cast(Any, own[None]), return_dict=False)[0][0]
            for solver, velocity, own in zip(solvers, velocities, latents, strict=True)
        ]
        latents = require_finite(torch.stack(moved), "latents of a picture", step)
        yield latents
