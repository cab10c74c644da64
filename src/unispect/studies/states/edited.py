"""One prompt under many edits: runs of all of them in a few batches, where what lies below an edit is run once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling
from unispect.core.seeds import generator_for
from unispect.models.base import UnifiedModel
from unispect.models.edits import Edit, Read, Replace
from unispect.studies.answers import DrawSettings

if TYPE_CHECKING:
    from unispect.models.base import Intervenes

_SCORED, _DRAWN = 8, 4
"""Runs that are told, or drawn, at once, per unit of the batch: 128 and 64 with batches of 16."""
_DIGITS = 4
"""Decimals kept of log-likelihoods."""


@dataclass(frozen=True, eq=False)
class Runs:
    """One prompt under many edits.

    Attributes:
        prompt: its text.
        edits: name of a run -> its edits.
        answers: to be scored, of a question.
        seed: of what is drawn.
    """

    prompt: str
    edits: Mapping[Any, list[Edit]]
    answers: Sequence[str] = ()
    seed: int = 0


def scored(model: UnifiedModel, runs: Sequence[Runs]) -> list[dict[Any, Tensor]]:
    """For every prompt, name of a run -> the log-likelihoods [answers]."""
    found: list[dict[Any, Tensor]] = [{} for _ in runs]
    for some in _chunks(runs, _SCORED * len(runs)):
        encoded, edits = _edited(model, runs, some, Goal.TEXT)
        scores = cast("Intervenes", model).score(encoded, [runs[run].answers for run, _ in some], edits=edits)
        for (run, name), own in zip(some, scores, strict=True):
            found[run][name] = own
    return found


def drawn(model: UnifiedModel, runs: Sequence[Runs], how: DrawSettings) -> list[dict[Any, Image]]:
    """For every prompt, name of a run -> the picture."""
    found: list[dict[Any, Image]] = [{} for _ in runs]
    for some in _chunks(runs, _DRAWN * len(runs)):
        encoded, edits = _edited(model, runs, some, Goal.IMAGE)
        seeds = tuple(runs[run].seed for run, _ in some)
        sampling = ImageSampling(seeds=seeds, guidance=how.guidance, temperature=how.temperature)
        for (run, name), reply in zip(
            some, cast("Intervenes", model).draw(encoded, sampling, edits=edits), strict=True
        ):
            found[run][name] = reply.image
    return found


def put_back(name: str, run: Runs, reads: Sequence[Edit]) -> Runs:
    """The run, by another name, with what was read in it put where it was read: must change no digit."""
    edits = [Edit(read.layer, read.at, Replace(cast(Read, read.change).found[0])) for read in reads]
    return replace(run, edits={name: edits})


def as_long(values: Tensor, *keys: object) -> Tensor:
    """Random rows, each as long as one of the values [..., width]; `keys` seed them."""
    made = generator_for(*keys).standard_normal(tuple(values.shape), dtype=np.float32)
    random = torch.from_numpy(made).to(values.device)
    return random * (values.float().norm(dim=-1, keepdim=True) / random.norm(dim=-1, keepdim=True))


def rounded(scores: Tensor) -> list[float]:
    """Log-likelihoods as they are kept."""
    return [round(value, _DIGITS) for value in scores.tolist()]


def _edited(
    model: UnifiedModel, runs: Sequence[Runs], some: Sequence[tuple[int, Any]], goal: Goal
) -> tuple[Encoded, list[list[Edit]]]:
    encoded = model.encode([Prompt.of(runs[run].prompt) for run, _ in some], goal)
    return encoded, [runs[run].edits[name] for run, name in some]


def _chunks(runs: Sequence[Runs], size: int) -> Iterator[list[tuple[int, Any]]]:
    every = [(number, name) for number, run in enumerate(runs) for name in run.edits]
    yield from (every[start : start + size] for start in range(0, len(every), size))
