"""The latents that any step of drawing looked at, from what a reply keeps.

The first step looked at the noise of the seed, and what the last one looked at is kept. The others are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

import numpy as np
import torch
from torch import Tensor

from unispect.core.encoded import LAST
from unispect.core.errors import UsageError
from unispect.core.replies import ImageReply

Noise = Callable[[Sequence[int], Sequence[int]], Tensor]
"""Seeds and a shape -> the noise that drawing starts from [seeds, *shape]."""
Paths = Callable[[Sequence[int], Tensor, float, int], Iterator[tuple[list[int], Iterator[Tensor]]]]
"""Numbers of prompts, their noise, guidance and steps -> samples drawn together, and their latents step by step."""

EDITED = "edited"
"""In a reply's `replay`: states were changed while it was drawn, so that its seed alone does not draw it again."""
LAST_INPUT = "last_input"
"""In a reply's `replay`: the latents that the last step looked at."""


def settings(guidance: float, steps: int, last_input: Tensor) -> Mapping[str, object]:
    """What a reply keeps beside its seed and its finished latents."""
    return {"guidance": guidance, "steps": steps, LAST_INPUT: last_input.cpu().numpy()}


def step_of(reply: ImageReply, at: int, shape: Sequence[int]) -> tuple[int, int]:
    """The step `at` of a drawn picture, counted from 0, and in how many it was drawn.

    Raises:
        UsageError: the picture has no such step, or was not drawn by a model with latents of this shape.
    """
    if LAST_INPUT not in reply.replay or np.asarray(reply.replay[LAST_INPUT]).shape != tuple(shape):
        raise UsageError("the picture was not drawn by this model: it has no latents of its last step")
    steps = cast(int, reply.replay["steps"])
    if at != LAST and not 0 <= at < steps:
        raise UsageError(f"the picture was drawn in {steps} steps, 0 to {steps - 1}: there is no step {at}")
    return steps - 1 if at == LAST else at, steps


def latents_at(
    paths: Paths, noise: Noise, replies: Sequence[ImageReply], chosen: Sequence[int], device: torch.device
) -> list[Tensor]:
    """What the chosen step of every reply looked at [channels, height, width], on a device.

    Args:
        paths: draws again.
        noise: of seeds.
        replies: drawn by this model; number i follows prompt i.
        chosen: a step of each, counted from 0.
        device: of the result.

    Raises:
        UsageError: a picture that would have to be drawn again was drawn with edits.
    """
    found: dict[int, Tensor] = {}
    again: dict[tuple[float, int, int, torch.Size], list[int]] = {}
    for i, (reply, step) in enumerate(zip(replies, chosen, strict=True)):
        steps, guidance = cast(int, reply.replay["steps"]), cast(float, reply.replay["guidance"])
        last = torch.tensor(np.asarray(reply.replay[LAST_INPUT]))
        if step == steps - 1:
            found[i] = last
        elif step == 0:
            found[i] = noise([reply.seed], last.shape)[0]
        elif reply.replay.get(EDITED):
            raise UsageError("the picture was drawn with edits: only its first step and its last can be looked at")
        else:
            again.setdefault((guidance, steps, step, last.shape), []).append(i)
    for (guidance, steps, step, shape), some in again.items():
        for members, path in paths(some, noise([replies[i].seed for i in some], shape), guidance, steps):
            latents = next(islice(path, step, None))
            found |= {some[member]: own for member, own in zip(members, latents, strict=True)}
    return [found[i].to(device) for i in range(len(replies))]
