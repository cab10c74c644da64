"""The velocity field of a batch of prompts: what Euler's steps follow while a picture is drawn.

Source: docs/sources/omnigen2.md#drawing. What a prompt says is refined once; every step then runs prompt, given
pictures and the picture so far through all joint blocks, once for every branch of guidance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import UsageError
from unispect.models.decode.flow import euler, times
from unispect.models.decode.prefix import drawn_together, filled_up, slots
from unispect.models.edits import Own, RowEdits
from unispect.models.omnigen2.processing import GivenFormat
from unispect.models.omnigen2.transformer import Condition, FlowTransformer

_NATIVE = 40
"""Side, in latents, of a picture whose times are not moved."""


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        height: of a picture in pixels.
        width: of a picture in pixels.
        guidance: weight of what the prompt adds; no more than 1 runs the first branch alone.
        steps: Euler's.
        image_guidance: weight of what given pictures add; counts above 1, with pictures and guidance.
        between: share of the steps, from and to, that are guided.
        negative: what the branches without the prompt say instead.
        chat: prompts have the form of the authors' chat: the language model sees given pictures too.
        align: with one given picture, the drawn one takes its size.
        max_pixels: larger pictures are drawn, and given ones taken, with so many pixels; the former are enlarged again.
        max_side: longest side of given pictures.
        sampled: latents of given pictures are drawn from the posterior, as the authors do, by the sample's own seed;
            otherwise they are its means.
        moved: times are moved by the size of the picture (the scheduler's `dynamic_time_shift`); else they are even.
    """

    height: int
    width: int
    guidance: float
    steps: int
    image_guidance: float = 1.0
    between: tuple[float, float] = (0.0, 1.0)
    negative: str = ""
    chat: bool = False
    align: bool = True
    max_pixels: int = 1024 * 1024
    max_side: int = 1024
    sampled: bool = False
    moved: bool = True

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if self.steps < 1:
            raise UsageError(f"a picture is drawn in one step or more, not {self.steps}")
        if min(self.height, self.width) < 1:
            raise UsageError(f"a picture of {self.width} x {self.height} pixels cannot be drawn")

    def given(self, cell: int) -> GivenFormat:
        """How given pictures become pixels, where a position is `cell` pixels wide."""
        return GivenFormat(cell, self.max_pixels, self.max_side)

    def pixels(self, given: Sequence[Tensor], cell: int) -> tuple[int, int]:
        """Height and width in pixels that are really drawn, beside given pictures [3, height, width]."""
        if self.align and len(given) == 1:
            return given[0].shape[1], given[0].shape[2]
        ratio = min((self.max_pixels / (self.height * self.width)) ** 0.5, 1.0)
        height, width = (int(side * ratio) // cell * cell for side in (self.height, self.width))
        if min(height, width) < 1:
            raise UsageError(f"pictures have at least {cell} pixels a side, not {self.width} x {self.height}")
        return height, width

    def at(self, shape: Sequence[int]) -> tuple[float, ...]:
        """Times of a picture of this height and width in latents: 0 is noise, and larger pictures stay near it longer.

        In single precision, as the authors' are, whatever the dtype of the latents.
        """
        shift = _NATIVE / math.sqrt(shape[0] * shape[1]) if self.moved else 1.0
        return tuple(torch.tensor(times(self.steps, shift=shift)).tolist())

    def guided_at(self, at: Sequence[float]) -> frozenset[float]:
        """Those of these times at which branches of guidance count."""
        low, high = self.between
        return frozenset(time for step, time in enumerate(at[:-1]) if low <= step / self.steps <= high)


@dataclass(frozen=True)
class Source:
    """What one picture is drawn from.

    Attributes:
        prompt: states of its prompt [length, text width].
        empty: those of what stands in its place without it.
        references: latents of given pictures, each [channels, height, width].
        edits: of the transformer's joint rows in each branch: that with the prompt, that with given pictures alone, and
            that with neither.
    """

    prompt: Tensor
    empty: Tensor
    references: tuple[Tensor, ...] = ()
    edits: tuple[Own, Own, Own] = ((), (), ())

    @property
    def shapes(self) -> tuple[torch.Size, ...]:
        return tuple(own.shape for own in self.references)


class GuidedField:
    """Velocities of latents under prompts and guidance (a `decode.flow.Field`).

    Args:
        transformer: filled.
        sources: of samples whose prompts take as many `slots`, with given pictures of equal sizes.
        shape: height and width of the latents to draw.
        drawing: settings.
    """

    def __init__(
        self, transformer: FlowTransformer, sources: Sequence[Source], shape: tuple[int, int], drawing: DrawSettings
    ) -> None:
        self._transformer, self._blocks = transformer, transformer.prepared()
        self._drawing = drawing
        self._guided = drawing.guided_at(drawing.at(shape)) if drawing.guidance > 1 else frozenset[float]()
        pictures = [torch.stack(own) for own in zip(*(source.references for source in sources), strict=True)]
        prompts, empty = [source.prompt for source in sources], [source.empty for source in sources]
        whole, pictured, plain = ([source.edits[branch] for source in sources] for branch in range(3))
        self.conditional = condition_of(transformer, prompts, shape, pictures, whole)
        self.pictured = self.plain = None
        if self._guided:
            self.plain = condition_of(transformer, empty, shape, edits=plain)
            if pictures and drawing.image_guidance > 1:
                self.pictured = condition_of(transformer, empty, shape, pictures, pictured)

    def __call__(self, latents: Tensor, time: float) -> Tensor:
        """Guided velocities [samples, channels, height, width], float32, at a time in 0..1."""
        found = self.velocity(self.conditional, latents, time)
        if self.plain is None or time not in self._guided:
            return found
        text, plain = self._drawing.guidance, self.velocity(self.plain, latents, time)
        if self.pictured is None:
            return plain + text * (found - plain)
        pictured = self.velocity(self.pictured, latents, time)
        return plain + self._drawing.image_guidance * (pictured - plain) + text * (found - pictured)

    def velocity(self, condition: Condition, latents: Tensor, time: float) -> Tensor:
        """Velocities of one branch, float32."""
        # Time is one row for all: a single row is summed in another order than many.
        embedded = self._transformer.time(torch.tensor([time], device=latents.device))
        return self._transformer(condition, latents, embedded, self._blocks).float()


def condition_of(
    transformer: FlowTransformer,
    states: Sequence[Tensor],
    shape: tuple[int, int],
    pictures: Sequence[Tensor] = (),
    edits: Sequence[Own] | None = None,
) -> Condition:
    """What to draw from.

    Args:
        transformer: filled.
        states: of prompts [length_i, width].
        shape: height and width of the latents to draw.
        pictures: that are given [samples, channels, height, width] each.
        edits: of the joint rows of every sample.
    """
    lengths = torch.tensor([len(own) for own in states], device=states[0].device)
    room = slots(max(map(len, states)))
    padded = torch.stack([F.pad(own, (0, 0, 0, room - len(own))) for own in states])
    condition = transformer.condition(padded, lengths, shape, pictures)
    if edits is None or not any(edits):
        return condition
    standing = [own.nonzero().flatten().tolist() for own in condition.seen]
    return replace(condition, edits=RowEdits.of(edits, columns=standing))


def paths(
    transformer: FlowTransformer, sources: Sequence[Source], noise: Sequence[Tensor], drawing: DrawSettings
) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
    """Samples that are drawn together, and their latents before every step and after the last.

    Args:
        transformer: filled.
        sources: of every sample.
        noise: latents of every sample at time 0 [channels, height, width], float32.
        drawing: settings.
    """
    alike: dict[object, list[int]] = {}
    for sample, (source, own) in enumerate(zip(sources, noise, strict=True)):
        alike.setdefault((own.shape, source.shapes), []).append(sample)
    for group in alike.values():
        height, width = noise[group[0]].shape[1:]
        image_tokens = height * width // transformer.config.patch**2
        device = sources[group[0]].prompt.device
        for chosen in drawn_together([len(sources[sample].prompt) for sample in group], image_tokens, device):
            members = [group[sample] for sample in chosen]
            some = filled_up(members, image_tokens)
            own = [sources[sample] for sample in members]
            own += [replace(sources[sample], edits=((), (), ())) for sample in some[len(members) :]]
            field = GuidedField(transformer, own, (height, width), drawing)
            start = torch.stack([noise[sample] for sample in some]).to(device)
            path = euler(field, start, drawing.at((height, width)))
            yield members, (latents[: len(members)] for latents in path)
