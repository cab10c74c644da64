"""The velocity field of a batch of prompts: what Euler's steps follow while a picture is drawn.

Source: docs/sources/bagel.md#drawing. Contexts do not depend on time, so they are run once and their keys and values
kept; every step runs the picture's block behind them: two markers and the latents between them, all of which see each
other. Up to three contexts guide a picture: its prompt, the prompt without its last text, and the prompt without its
pictures.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import UsageError
from unispect.models.bagel.backbone import Sorted, can_be_sorted, routed
from unispect.models.bagel.context import Context, Contexts, drawn_of
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.layout import MARKERS
from unispect.models.bagel.network import BagelNetwork
from unispect.models.capture import pad_right, run
from unispect.models.decode import positions as places_of
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.flow import euler, start_noise, times
from unispect.models.decode.mask import batched
from unispect.models.decode.prefix import drawn_together, filled_up, prefix_mask, slots
from unispect.models.edits import RowEdits


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        grid: rows and columns of positions, where the prompt holds no picture; else the last one's size is kept.
        steps: Euler's; the authors count points in time, one more.
        shift: s in t -> s t / (1 + (s - 1) t), by which times stay near noise.
        guidance: by what is left of a prompt.
    """

    grid: tuple[int, int]
    steps: int = 49
    shift: float = 3.0
    guidance: Guidance = field(default_factory=Guidance)

    @property
    def times(self) -> tuple[float, ...]:
        """From 1, noise, to 0; one more than there are steps."""
        return times(self.steps, start=1.0, stop=0.0, shift=self.shift)

    @property
    def guided(self) -> frozenset[float]:
        """Those of the times at which there is guidance.

        Counted in single precision, as the authors' are: at an end of the interval the last digit decides.
        """
        even = torch.linspace(1, 0, self.steps + 1)
        single = self.shift * even / (1 + (self.shift - 1) * even)
        return frozenset(time for time, own in zip(self.times, single[:-1], strict=False) if self.guidance.at(own))

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if self.steps < 1 or self.shift <= 0:
            raise UsageError(
                f"a picture is drawn in one step or more, with a shift above 0; not in {self.steps} with {self.shift}"
            )
        self.guidance.check()

    def told(self) -> dict[str, Any]:
        """The settings as a reply keeps them, apart from size, guidance by text and steps."""
        own = self.guidance
        return {
            "shift": self.shift,
            "image_guidance": own.image,
            "interval": list(own.interval),
            "renorm": own.renorm,
            "renorm_min": own.renorm_min,
        }

    def as_told(self, told: Mapping[str, Any]) -> DrawSettings:
        """These settings, with those that a reply keeps in their place."""
        low, high = told["interval"]
        guidance = Guidance(
            text=float(told["guidance"]),
            image=float(told["image_guidance"]),
            interval=(float(low), float(high)),
            renorm=told["renorm"],
            renorm_min=float(told["renorm_min"]),
        )
        return replace(self, steps=int(told["steps"]), shift=float(told["shift"]), guidance=guidance)


class GuidedField:
    """Velocities of latents under guidance by contexts (a `decode.flow.Field`).

    Args:
        network: filled.
        contexts: of every sample; those of the whole prompts have as many `slots` each.
        markers: input rows [2, width] around a picture.
        grid: rows and columns of positions.
        guidance: of the contexts.
        guided: times at which there is any; default: those of the interval.
    """

    def __init__(
        self,
        network: BagelNetwork,
        contexts: Sequence[Contexts],
        markers: Tensor,
        grid: tuple[int, int],
        guidance: Guidance,
        guided: Container[float] | None = None,
    ) -> None:
        self._guided = guided
        self._network = network
        self._markers = markers
        self._grid = grid
        self._guidance = guidance
        self._samples = len(contexts)
        # Without pictures in any prompt, the third branch is the first.
        kinds = guidance.branches
        if kinds == 3 and all(own.pictureless is own.whole for own in contexts):
            kinds = 2
        branches = [
            context for branch in zip(*(own.first(kinds) for own in contexts), strict=True) for context in branch
        ]
        layouts = [context.layout for context in branches]
        lengths = torch.tensor(list(map(len, layouts)), device=markers.device)
        self._room = slots(max(map(len, layouts)))
        places = grid[0] * grid[1]
        new = places + MARKERS
        self._cache = KeyValueCache(self._room + new)
        self._remember(branches)
        positions = torch.tensor([own.following for own in layouts], device=markers.device)[:, None].expand(-1, new)
        mask = prefix_mask(lengths, self._room, torch.ones(new, new, dtype=torch.bool)).to(markers.dtype)
        drawn = F.pad(torch.ones(places, dtype=torch.bool, device=markers.device), (1, 1))
        begins, edits = lengths.tolist(), [context.edits for context in branches]
        edited = any(edit.positions[-1] >= begin for begin, own in zip(begins, edits, strict=True) for edit in own)
        # Rows that are sorted stand in other columns than their positions say.
        prepared = Sorted if can_be_sorted(network.llm) and not edited else routed
        # One branch alone, or all of them.
        self._passes = {
            count: (
                prepared(network.llm, drawn.expand(count, -1)),
                {
                    "positions": positions[:count],
                    "mask": mask[:count],
                    "edits": RowEdits.of(edits[:count], begins[:count]) if edited else None,
                },
            )
            for count in {self._samples, len(branches)}
        }
        self._all = len(branches)

    def __call__(self, latents: Tensor, time: float) -> Tensor:
        """Guided velocities [samples, channels, height, width], float32, at a time in 0..1."""
        tokens = self._network.tokens(latents)
        if not (self._guidance.at(time) if self._guided is None else time in self._guided):
            return self._network.latents(self.branches(tokens, time, guided=False)[0], self._grid)
        whole, textless, *others = self.branches(tokens, time)
        pictureless = others[0] if others else whole
        return self._network.latents(self._guidance.combined(whole, textless, pictureless), self._grid)

    def branches(self, tokens: Tensor, time: float, *, guided: bool = True) -> Sequence[Tensor]:
        """Velocities [samples, positions, numbers], float32, of every branch, or of the first alone.

        Args:
            tokens: latents [samples, positions, numbers].
            time: in 0..1.
            guided: run the other branches too.
        """
        count = self._all if guided else self._samples
        block = self.rows(tokens, time).repeat(count // self._samples, 1, 1)
        backbone, where = self._passes[count]
        if isinstance(backbone, Sorted):
            found = run(cast(Any, backbone), backbone.sorted(block), cache=self._cache.first(count), **where)
            states = found.unflatten(0, (count, -1))
        else:
            states = run(backbone, block, cache=self._cache.first(count), **where)[:, 1:-1]
        return self._network.exit(states).float().split(self._samples)

    def rows(self, tokens: Tensor, time: float) -> Tensor:
        """The backbone's input rows [samples, positions + 2, width] of latents between their markers."""
        when = torch.tensor([time], device=tokens.device)
        drawn = self._network.drawn_rows(tokens.to(self._markers.dtype), when, self._grid)
        start, end = (marker.expand(len(drawn), 1, -1) for marker in self._markers)
        return torch.cat([start, drawn, end], dim=1)

    def _remember(self, contexts: Sequence[Context]) -> None:
        """Puts contexts into the cache; what stands behind one in its slots is run too, but never looked at."""
        lengths = [len(context.layout) for context in contexts]
        if not any(lengths):
            self._room = 0
            return
        device = self._markers.device
        rows = pad_right([context.rows for context in contexts])
        rows = F.pad(rows, (0, 0, 0, self._room - rows.shape[1]))
        mask = batched([context.layout.attention_mask for context in contexts], lengths, device)
        if mask is not None:
            # Rows of padding see themselves alone.
            more = self._room - mask.shape[2]
            itself = torch.eye(self._room, dtype=torch.bool, device=device)
            mask = F.pad(mask, (0, more, 0, more)) | itself
        positions = places_of.batched([context.layout.positions for context in contexts], lengths, device)
        if positions is not None:
            positions = F.pad(positions, (0, self._room - positions.shape[1]))
        run(
            routed(self._network.llm, drawn_of(contexts, self._room)),
            rows,
            positions=positions,
            mask=mask,
            cache=self._cache,
            edits=RowEdits.of([context.edits for context in contexts], columns=map(range, lengths)),
        )


def token_noise(network: BagelNetwork, seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Normal noise [seeds, channels, height, width], float32 on the CPU, drawn position by position as the authors do.

    Args:
        network: whose latents they are.
        seeds: row i comes from a generator seeded with `seeds[i]`.
        shape: channels, height and width.
    """
    grid = (shape[1] // network.config.patch, shape[2] // network.config.patch)
    return network.latents(start_noise(seeds, (grid[0] * grid[1], network.config.numbers)), grid)


def paths(
    network: BagelNetwork, contexts: Sequence[Contexts], markers: Tensor, noise: Tensor, drawing: DrawSettings
) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
    """Samples that are drawn together, and their latents before every step and after the last.

    Args:
        network: filled.
        contexts: of every sample.
        markers: input rows [2, width] around a picture.
        noise: latents at time 1 [samples, channels, height, width], float32.
        drawing: its settings; the size is that of the noise.
    """
    patch = network.config.patch
    grid = (noise.shape[2] // patch, noise.shape[3] // patch)
    places = grid[0] * grid[1]
    rows = (places + MARKERS) * drawing.guidance.branches
    lengths = [len(own.whole.layout) for own in contexts]
    for members in drawn_together(lengths, rows, markers.device):
        some = filled_up(members, places)
        own = [contexts[sample] for sample in members]
        own += [contexts[sample].unedited() for sample in some[len(members) :]]
        field = GuidedField(network, own, markers, grid, drawing.guidance, drawing.guided)
        path = euler(cast(Any, field), noise[some].to(markers.device), drawing.times)
        yield members, (latents[: len(members)] for latents in path)
