"""The velocity field of a batch of prompts: what Euler's steps follow while a picture is drawn.

Source: docs/sources/show-o2.md#layout and #drawing. What stands before a picture is causal and does not depend on time,
so prompts are run once, through backbone and flow head, and their keys and values kept; every step runs the time's row
and the picture's rows behind them, all of which see each other. What the authors put behind a picture sees it but is
not seen; it is left out.
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
from unispect.models.decode.flow import euler, guided, start_noise, times
from unispect.models.decode.fused import fused
from unispect.models.decode.prefix import drawn_together, filled_up, prefix_mask, slots
from unispect.models.edits import Own, RowEdits, drawn_with
from unispect.models.show_o2.head import prepared
from unispect.models.show_o2.network import ShowO2Network

SHIFTING = 3.0
"""The authors' factor f in t -> t / (t + f - f t): above 1, times stay near noise for long; 1 leaves them even."""


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        grid: rows and columns of positions.
        guidance: w in v_unc + w (v_cond - v_unc).
        steps: Euler's.
        paper: prompts as the authors prepare them: too long ones are cut, and their states also hold the slots that
            stand behind them before anything is drawn, as "filler": placeholders for the picture, and padding.
        length: positions of the authors' sequences for a picture; 0 for their settings at 432, 512 and 1024 pixels.
        shifting: how times are moved (see `SHIFTING`).
    """

    grid: tuple[int, int]
    guidance: float
    steps: int
    paper: bool = False
    length: int = 0
    shifting: float = SHIFTING

    @property
    def whole(self) -> int:
        """Positions of the authors' sequences: 1024 for 27 x 27, 1280 and 4352 above."""
        return self.length or (1024 if self.image_tokens == 27 * 27 else self.image_tokens + 256)

    @property
    def most_text(self) -> int:
        """Tokens of text that the authors keep, beside the picture, its time and four special tokens."""
        return self.whole - (self.image_tokens + 1) - 4

    @property
    def image_tokens(self) -> int:
        return self.grid[0] * self.grid[1]

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if self.steps < 1:
            raise UsageError(f"a picture is drawn in one step or more, not {self.steps}")
        if self.shifting <= 0:
            raise UsageError(f"times are moved by a factor above 0, not by {self.shifting}")


def moved(steps: int, shifting: float) -> tuple[float, ...]:
    """The steps + 1 times from 0, noise, to 1."""
    return times(steps, shift=1 / shifting)


def rounded_noise(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Normal noise [seeds, *shape], rounded to bfloat16 as the authors do, in float32."""
    return start_noise(seeds, shape).bfloat16().float()


class PromptedField:
    """Velocities of latents under prompts and guidance (a `decode.flow.Field`).

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample; as many `slots` each.
        empty: those of the branch without the prompt [length, width].
        image_tokens: positions of a picture.
        guidance: w in v_unc + w (v_cond - v_unc); 1 runs no unconditional branch.
        edits: of every prompt and what is drawn behind it, then of the same in the other branch, if that is run.
    """

    def __init__(
        self,
        network: ShowO2Network,
        prompts: Sequence[Tensor],
        empty: Tensor,
        image_tokens: int,
        guidance: float,
        edits: Sequence[Own] | None = None,
    ) -> None:
        self._network, self._backbone, self._head = network, fused(network.llm), prepared(network.head)
        self._guidance = guidance
        both = [*prompts, *([empty] * len(prompts) if guidance != 1 else ())]
        self._branches = len(both) // len(prompts)
        lengths = torch.tensor([len(prompt) for prompt in both], device=empty.device)
        rows = pad_right(both)
        self._room = slots(rows.shape[1])
        new = 1 + image_tokens
        self._caches = KeyValueCache(self._room + new), KeyValueCache(self._room + new)
        # What stands behind a prompt in its slots is run too, but nothing ever looks at it.
        padded = F.pad(rows, (0, 0, 0, self._room - rows.shape[1]))
        changes = RowEdits.of(edits, columns=[range(len(prompt)) for prompt in both])
        self._edits = RowEdits.of(edits, map(len, both))
        states = run(self._backbone, padded, cache=self._caches[0], edits=changes)
        self._head.remember(states, self._caches[1])
        self._positions = lengths[:, None] + torch.arange(new, device=lengths.device)
        self._mask = prefix_mask(lengths, self._room, torch.ones(new, new, dtype=torch.bool)).to(rows.dtype)

    def __call__(self, latents: Tensor, time: float) -> Tensor:
        """Guided velocities [samples, channels, height, width], float32, at a time in 0..1."""
        found = self.branches(latents, time).float()
        return found if self._branches == 1 else guided(found[: len(latents)], found[len(latents) :], self._guidance)

    def branches(self, latents: Tensor, time: float) -> Tensor:
        """Velocities with the prompts, then those without them."""
        network, both = self._network, self._branches
        # Time is one row for all: a single row is summed in another order than many.
        embedded = network.time(torch.tensor([time], device=latents.device))
        drawn = network.rows(latents.to(embedded.dtype))
        first = network.time_row(embedded).expand(len(drawn), 1, -1)
        rows = torch.cat([first, drawn], dim=1).repeat(both, 1, 1)
        for cache in self._caches:
            cache.shorten(self._room)
        where = {"positions": self._positions, "mask": self._mask}
        states = run(self._backbone, rows, cache=self._caches[0], **where, edits=self._edits)
        outputs = self._head(states, embedded, cache=self._caches[1], **where)
        return network.flat(outputs[:, 1:], (latents.shape[2], latents.shape[3]))


def paths(
    network: ShowO2Network,
    prompts: Sequence[Tensor],
    empty: Tensor,
    noise: Tensor,
    *,
    guidance: float,
    steps: int,
    shifting: float = SHIFTING,
    edits: Sequence[Own] | None = None,
) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
    """Samples that are drawn together, and their latents before every step and after the last.

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample.
        empty: those of the branch without the prompt [length, width].
        noise: latents at time 0 [samples, channels, height, width], float32.
        guidance: w in v_unc + w (v_cond - v_unc).
        steps: from 0 to 1.
        shifting: how their times are moved (see `SHIFTING`).
        edits: see `PromptedField`.
    """
    image_tokens = noise.shape[2] * noise.shape[3] // network.config.patch**2
    rows = image_tokens * (1 if guidance == 1 else 2)
    for members in drawn_together([len(prompt) for prompt in prompts], rows, empty.device):
        some = filled_up(members, image_tokens)
        own, changes = [prompts[sample] for sample in some], drawn_with(edits, len(prompts), members, len(some))
        field = PromptedField(network, own, empty, image_tokens, guidance, changes)
        path = euler(field, noise[some].to(empty.device), moved(steps, shifting))
        yield members, (latents[: len(members)] for latents in path)
