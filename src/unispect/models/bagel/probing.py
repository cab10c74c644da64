"""What follows a prompt when its drawn picture is looked at: thoughts, and the picture at one of its steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.core.prompts import Segment
from unispect.core.replies import ImageReply
from unispect.models.bagel.context import Context, contexts_of, picture_blocks
from unispect.models.bagel.drawing import DrawSettings, paths, token_noise
from unispect.models.bagel.network import BagelNetwork
from unispect.models.bagel.processing import Processor
from unispect.models.decode import replay

THOUGHT = "thought"
"""In a reply's `replay`: what was thought before the picture was drawn."""


def followed(
    network: BagelNetwork, processor: Processor, drawing: DrawSettings, prompt: Context, reply: ImageReply, at: int
) -> tuple[Context, tuple[Segment, ...]]:
    """A prompt with its picture behind it, and what the new positions are; markers are template.

    Args:
        network: filled.
        processor: whose ids thoughts and markers have.
        drawing: settings of the model; what the reply keeps stands in their place.
        prompt: that was drawn from.
        reply: the picture.
        at: the step, see `Bagel.followed`.
    """

    def rows_of(ids: Tensor) -> Tensor:
        return network.llm.embed_tokens(ids.to(prompt.rows.device))

    whole, segments, thought = prompt, [], reply.replay.get(THOUGHT)
    thought_rows = None
    if thought is not None:
        thought_rows = rows_of(torch.tensor(processor.thought_ids(str(thought))))
        whole = prompt.followed_by(thought_rows, "text")
        segments += _between(len(prompt), len(whole), Segment(len(prompt) + 1, len(whole) - 1, "text", "response"))
    markers = rows_of(processor.marker_ids())
    latents, time = _looked_at(network, drawing, markers, prompt, thought_rows, reply, at)
    # One by one: what a picture's rows are must not depend on the batch.
    rows, kind, grid = picture_blocks(network, markers, latents[None], torch.tensor([time]))
    start, stop = len(whole), len(whole) + rows.shape[1]
    segments += _between(start, stop, Segment(start + 1, stop - 1, "image", "response"))
    return whole.followed_by(rows[0], kind, grid), tuple(segments)


def _between(start: int, stop: int, content: Segment) -> list[Segment]:
    marked = (Segment(start, start + 1, "text", "template"), content, Segment(stop - 1, stop, "text", "template"))
    return [part for part in marked if len(part) > 0]


def _looked_at(
    network: BagelNetwork,
    drawing: DrawSettings,
    markers: Tensor,
    prompt: Context,
    thought: Tensor | None,
    reply: ImageReply,
    at: int,
) -> tuple[Tensor, float]:
    """The latents [channels, height, width] of a step, and the time that the model was told with them."""
    finished = reply.latents
    if finished is None or np.asarray(finished).ndim != 3 or replay.LAST_INPUT not in reply.replay:
        raise UsageError("the picture was not drawn by this model: it has no latents of its steps")
    shape = np.asarray(finished).shape
    drawing = drawing.as_told(reply.replay)
    if at == drawing.steps:
        return torch.tensor(np.asarray(finished)), 0.0
    step, _ = replay.step_of(reply, at, shape)
    contexts = contexts_of(prompt, thought)

    def again(_: Sequence[int], noise: Tensor, guidance: float, steps: int):
        return paths(network, [contexts], markers, noise, drawing)

    def noise(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
        return token_noise(network, seeds, shape)

    return replay.latents_at(again, noise, [reply], [step], markers.device)[0], drawing.times[step]
