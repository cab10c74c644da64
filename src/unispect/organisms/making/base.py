"""What it takes to make an organism of one family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from unispect.models.base import UnifiedModel
from unispect.train.loop import Progress, Schedule
from unispect.train.step import Speaker

ONE_SET = "its layers hold one set of weights, and the published code has no place for another"
"""Why weights of their own are refused to pictures that are drawn."""


class Organism(UnifiedModel, Speaker, Protocol):
    """A model that can be trained and probed."""


def binding(*, fluent: int = 350, others: int = 300) -> Mapping[str, Schedule]:
    """Schedules by variant; `fluent` steps for the one that has most to learn."""
    steps = {"bound": others, "fluent": fluent, "mute": others}
    return {variant: Schedule(steps=count, learning_rate=1.5e-3, matrix_rate=2e-3) for variant, count in steps.items()}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an organism, but the seed.

    Attributes:
        picture_tokenizer: how the family's picture tokenizer is trained.
        growing: learning real words.
        drawing: drawing real words before anything else, where that is learned late.
        reading: words alone, asked about before anything is drawn or seen, where that is switched.
        asking: questions above all, after growing up, where letters are learned late.
        binding: learning new words, by variant.
    """

    picture_tokenizer: Any
    growing: Schedule = field(default_factory=lambda: Schedule(steps=1000, learning_rate=2e-3))
    binding: Mapping[str, Schedule] = field(default_factory=binding)
    drawing: Schedule | None = None
    asking: Schedule | None = None
    reading: Schedule | None = None


@dataclass(frozen=True)
class Making:
    """How a family's organism is made; every module of this package has one, `MAKING`.

    Attributes:
        recipe: the default one.
        write_files: `write_files(folder, sentences)` writes everything but the weights into a folder, in the published
            layout: sizes, a tokenizer of the words in the sentences, template and picture format.
        start: `start(card, folder, *, seed)`, an untrained model of those files.
        train_tokenizer: `train_tokenizer(model, pixels, how, generator, progress, checkpoint)` trains what stands
            between pixels and image tokens or latents, on pictures [count, 3, H, W] in [-1, 1], from where it was
            stopped if `checkpoint` is there.
        start_weights: `start_weights(model, generator)` draws the first weights of everything else, at a scale that
            suits narrow networks.
        save: `save(model, path, *, dtype)` writes all weights.
        heads: groups of parameters whose linear maps end in outputs, not in hidden states.
        usual: switch -> its level in the published family (`unispect.organisms.switches`).
        switched: switch and another level -> file -> keys of it and what they are set to, for the same class to be so.
        cannot: switch -> why no other level is possible, where none is.
    """

    recipe: Recipe
    write_files: Callable[[Path, Iterable[str]], None]
    start: Callable[..., Any]
    train_tokenizer: Callable[[Any, Tensor, Any, torch.Generator, Progress | None, Path | None], None]
    start_weights: Callable[[Any, torch.Generator], None]
    save: Callable[..., None]
    heads: tuple[str, ...] = ("text head", "image head")
    usual: Mapping[str, str] = field(default_factory=lambda: {"sees": "tower", "weights": "shared"})
    switched: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)
