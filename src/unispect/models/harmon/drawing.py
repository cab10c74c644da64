"""Drawing: latents from prompts, a few positions at a time, each through the diffusion head.

Source: docs/sources/harmon.md#drawing. Prompts of different lengths are padded such that every picture is what it would
be alone; the authors' own padding, which is not, can be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.models.capture import run
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.masked import Iteration, filled, left_open, random_orders, spread
from unispect.models.decode.prefix import BLOCK, slots
from unispect.models.decode.rows import CachedPrompts
from unispect.models.edits import Own, RowEdits
from unispect.models.harmon.diffusion import kept_steps, process, sample
from unispect.models.harmon.mar import Grid
from unispect.models.harmon.network import HarmonNetwork

Guidance = Literal["constant", "linear"]


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn, where the caller does not say otherwise.

    Attributes:
        grid: rows and columns of latents; need not be square.
        iterations: passes through the backbone.
        guidance: weight w in e_unc + w (e_cond - e_unc); 1 runs no unconditional branch.
        temperature: of the noise of the diffusion steps.
        diffusion_steps: a count, or what else `kept_steps` reads.
        schedule: "linear" starts guidance at 1 and grows with the share of known positions.
        paper: pad prompts as the modal-aphasia study did, on the left and without a mask in the first pass: a prompt
            that is shorter than others of its batch is disturbed by it. For reproducing that study only.
    """

    grid: Grid
    iterations: int
    guidance: float
    temperature: float
    diffusion_steps: str
    schedule: Guidance = "constant"
    paper: bool = False

    @property
    def positions(self) -> int:
        return self.grid[0] * self.grid[1]

    def check(self) -> None:
        """Raises `UsageError` when this cannot be drawn."""
        if min(self.grid) < 1:
            raise UsageError(f"a picture has at least one row and column of latents, not {self.grid}")
        if not 1 <= self.iterations <= self.positions:
            raise UsageError(
                f"{self.positions} latents are drawn in 1 to {self.positions} steps, not {self.iterations}"
            )
        if self.temperature < 0:
            raise UsageError(f"the temperature cannot be below 0, as {self.temperature} is")
        if self.schedule not in get_args(Guidance):
            raise UsageError(f"guidance is {' or '.join(get_args(Guidance))}, not {self.schedule!r}")
        try:
            kept_steps(self.diffusion_steps)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def weight(self, left: int) -> float:
        """Guidance of an iteration after which `left` positions stay open."""
        if self.schedule == "constant":
            return self.guidance
        return 1 + (self.guidance - 1) * (self.positions - left) / self.positions


@dataclass(frozen=True)
class Draws:
    """Everything that chance decides.

    Attributes:
        orders: positions of every sample [samples, positions], filled from the end on.
        noise: for every iteration [diffusion steps, samples, chosen, channels], float32.
    """

    orders: Tensor
    noise: Iterator[Tensor]


def seeded_draws(seeds: Sequence[int], drawing: DrawSettings, channels: int) -> Draws:
    """The draws of samples whose generators are seeded with `seeds`: independent of each other and of temperature."""
    generators = [torch.Generator().manual_seed(seed % 2**64) for seed in seeds]
    orders = random_orders(generators, drawing.positions)
    steps = len(process(drawing.diffusion_steps))

    def noise() -> Iterator[Tensor]:
        before = drawing.positions
        for left in (*left_open(drawing.positions, drawing.iterations)[:-1], 0):
            shape = (steps, before - left, channels)
            yield torch.stack([torch.randn(shape, generator=generator) for generator in generators], 1)
            before = left

    return Draws(orders, noise())


@torch.inference_mode()
def draw_latents(
    network: HarmonNetwork,
    prompts: Sequence[Tensor],
    empty: Sequence[Tensor],
    drawing: DrawSettings,
    draws: Draws,
    pad: Tensor,
    edits: Sequence[Own] | None = None,
) -> Tensor:
    """Latents [samples, positions, channels] in the network's dtype.

    Args:
        network: the model.
        prompts: input embeddings [length_i, width] of every sample.
        empty: those of the unconditional branch, of every sample.
        drawing: settings.
        draws: what chance decides.
        pad: embedding [width] of the pad token, for the paper's padding.
        edits: of every prompt and what is drawn behind it, then of the same in the other branch, if that is run.
    """
    device, dtype, samples = prompts[0].device, prompts[0].dtype, len(prompts)
    guided = drawing.guidance != 1
    branches = 1 + guided
    both = [*prompts, *(empty if guided else ())]
    begin = _disturbed_rows if drawing.paper else _rows
    rows = begin(network, both, drawing.positions + network.mar.buffers_count, pad, edits)
    tables, head = process(drawing.diffusion_steps), network.mar.head.prepared()
    channels = network.config.mar.channels

    def fill(iteration: Iteration, known: Tensor) -> Tensor:
        features, read = network.seen(known, iteration.known, drawing.grid)
        positions = iteration.known.repeat(branches, 1)
        states = rows.beyond(read.repeat(branches, 1, 1))
        decoded = network.expected(features.repeat(branches, 1, 1), states, positions, drawing.grid)
        chosen = iteration.chosen.repeat(branches, 1)
        found = decoded.gather(1, spread(chosen, decoded.shape[-1])).unflatten(0, (branches, samples)).flatten(1, 2)
        numbers = torch.arange(max(BLOCK, found.shape[1])) % found.shape[1]  # few rows would be summed in another order
        condition = network.mar.head.condition(found[:, numbers].flatten(0, 1))
        weight = drawing.weight(iteration.left)

        def outputs(x: Tensor, timestep: Tensor) -> Tensor:
            if not guided:
                return head(x, timestep, condition).float()
            with_prompt, without = head(x.repeat(2, 1), timestep, condition).float().chunk(2)
            noise, variance = with_prompt.chunk(2, dim=-1)
            # Each branch would keep its own variance, but the picture is that of the first.
            unguided = without.chunk(2, dim=-1)[0]
            return torch.cat([unguided + weight * (noise - unguided), variance], -1)

        noise = next(draws.noise).to(device).flatten(1, 2)[:, numbers]
        drawn = sample(tables, outputs, noise, temperature=drawing.temperature)
        return drawn[: found.shape[1]].unflatten(0, iteration.chosen.shape)

    left = left_open(drawing.positions, drawing.iterations)
    return filled(draws.orders.to(device), left, fill, channels=channels, dtype=dtype)


def _rows(
    network: HarmonNetwork, prompts: Sequence[Tensor], room: int, _: Tensor, edits: Sequence[Own] | None
) -> CachedPrompts:
    return CachedPrompts.of(network.llm, prompts, room, least=slots(max(map(len, prompts))), edits=edits)


def _disturbed_rows(
    network: HarmonNetwork, prompts: Sequence[Tensor], room: int, pad: Tensor, edits: Sequence[Own] | None
) -> CachedPrompts:
    """Prompts padded on the left, where the first pass takes pads for text and counts them as positions.

    Later passes look past the pads and count positions without them (docs/sources/harmon.md#departures).
    """
    longest = max(map(len, prompts))
    padding = torch.tensor([longest - len(prompt) for prompt in prompts], device=pad.device)
    padded = torch.stack([torch.cat([pad.expand(longest - len(prompt), -1), prompt]) for prompt in prompts])
    cache = KeyValueCache(longest + room)
    run(network.llm, padded, cache=cache, edits=RowEdits.of(edits, (-padding).tolist()))
    real = torch.arange(longest + room, device=pad.device)[None] >= padding[:, None]
    return CachedPrompts(network.llm, cache, padding, real, edits=edits)
