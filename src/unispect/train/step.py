"""One optimiser step's loss as a true mean over everything the step holds, however it is cut into pieces.

The draw loss of a model is a mean over pictures, its tell loss a mean over answer tokens. A piece counts by how many
pictures and tokens it has of those in the whole step, so neither the size of the pieces nor the number of devices
changes loss or gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from unispect.models.base import Example, Trainable
from unispect.models.text_decoder import TextDecoder
from unispect.train.loop import Groups
from unispect.train.mixture import ExampleSpec
from unispect.train.recipe import Recipe

_PORTION = 16
"""Most examples of a portion; of 8 to 16, steps of organisms take about as long."""
_T = TypeVar("_T")


@runtime_checkable
class Speaker(Trainable, Protocol):
    """A model that can learn, and whose answers can be counted in tokens."""

    @property
    def text_decoder(self) -> TextDecoder: ...


@dataclass(frozen=True)
class Counts:
    """What a step, or a piece of it, holds: pictures to draw and answer tokens to say."""

    drawn: int
    told: int


@dataclass(frozen=True)
class Share:
    """What a piece's mean losses weigh in the whole step's."""

    draw: float
    tell: float


def counts_of(model: Speaker, specs: Sequence[ExampleSpec]) -> Counts:
    told = sum(len(model.text_decoder.answer_ids(spec.answer)) for spec in specs if not spec.draws)
    return Counts(sum(spec.draws for spec in specs), told)


def share_of(piece: Counts, whole: Counts) -> Share:
    return Share(piece.drawn / max(1, whole.drawn), piece.told / max(1, whole.told))


def pieces(
    specs: Sequence[ExampleSpec], size: int, *, device: int, devices: int, alike: bool
) -> list[list[ExampleSpec]]:
    """What one of several devices works on, one piece after the other.

    Args:
        specs: of the step; a multiple of size x devices.
        size: of a piece.
        device: number of this one.
        devices: in all.
        alike: every piece gets its part of every kind, as devices need that hold the model together; otherwise pieces
            hold what is alike, with less padding.
    """
    count = len(specs) // size
    made = [specs[i::count] if alike else specs[i * size : (i + 1) * size] for i in range(count)]
    return [list(piece) for piece in made[device::devices]]


def portions(piece: Sequence[ExampleSpec]) -> list[list[ExampleSpec]]:
    """A piece in parts of one kind and of much the same length, in its order, for tiny models on the CPU.

    What the passes of few examples keep stays in the processor's cache, and little is padded: a step of 72 examples so
    takes two thirds of the time. On a GPU, and where weights are what takes the time to read, it would take longer.
    """
    kinds = groupby(piece, key=lambda spec: (spec.draws, spec.seen is None))
    return [part for _, alike in kinds for part in _parts(list(alike))]


def portioned(model: Speaker, groups: Groups) -> list[tuple[float, list[Example]]]:
    """Weighed groups, each of one direction, in parts of much the same length: the same losses and gradients.

    Args:
        model: counts tokens of answers.
        groups: a weight each, of the mean loss of some examples.
    """

    def size(examples: Sequence[Example]) -> int:
        replies = [example.reply for example in examples]
        return sum(len(model.text_decoder.answer_ids(own)) if isinstance(own, str) else 1 for own in replies)

    return [
        (weight * size(part) / size(examples), part)
        for weight, examples in groups
        for part in _parts(sorted(examples, key=lambda example: -len(example.prompt.text)))
    ]


def _parts(items: list[_T]) -> list[list[_T]]:
    """Parts as large as each other, of `_PORTION` at most."""
    count = -(-len(items) // _PORTION)
    bounds = [len(items) * i // count for i in range(count + 1)]
    return [items[start:stop] for start, stop in pairwise(bounds)]


class Learner(nn.Module):
    """A model as a module whose `forward` is its weighed loss: what is wrapped when devices hold the model together.

    Args:
        model: holds the network.
        recipe: weighs the two directions.
    """

    def __init__(self, model: Speaker, recipe: Recipe) -> None:
        super().__init__()
        self.network = model.network
        self._loss = model.loss
        self._recipe = recipe

    def forward(self, examples: Sequence[Example], share: Share) -> tuple[Tensor, Tensor, Tensor]:
        """This piece's part of the step's loss, and of its draw and tell loss, which are not weighed."""
        losses = self._loss(examples)
        device = next(self.network.parameters()).device
        draw, tell = (
            torch.zeros((), device=device) if loss is None else loss.float() * part
            for loss, part in ((losses.draw, share.draw), (losses.tell, share.tell))
        )
        total = self._recipe.draw_weight * draw + self._recipe.tell_weight * tell
        return total, draw.detach(), tell.detach()
