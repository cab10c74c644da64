"""What follows a prompt when its reply is looked at: rows of text, of thoughts, of a picture at one of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.core.prompts import Segment
from unispect.core.replies import ImageReply, Reply, TextReply
from unispect.models.bagel.context import Context, contexts_of
from unispect.models.bagel.drawing import paths, token_noise
from unispect.models.checks import text_reply_segments
from unispect.models.decode import replay

if TYPE_CHECKING:
    from unispect.models.bagel.model import Bagel

THOUGHT = "thought"
"""In a reply's `replay`: what was thought before the picture was drawn."""


def followed(model: Bagel, prompts: Sequence[Context], replies: Sequence[Reply], at: int) -> list[Context]:
    """Every prompt with its reply behind it."""
    if not isinstance(replies[0], ImageReply):
        texts = [torch.tensor(reply.tokens, dtype=torch.long, device=model.device) for reply in replies]
        embed = model.network.llm.embed_tokens
        return [own.followed_by(embed(ids), "text") for own, ids in zip(prompts, texts, strict=True)]
    drawn = [cast(ImageReply, reply) for reply in replies]
    thoughtful = [
        own if thought is None else own.followed_by(thought, "text")
        for own, thought in zip(prompts, (_thought(model, reply) for reply in drawn), strict=True)
    ]
    looked = [_looked_at(model, own, reply, at) for own, reply in zip(prompts, drawn, strict=True)]
    # One by one: what a picture's rows are must not depend on the batch.
    return [
        own.followed_by(rows[0], kind, grid)
        for own, (latents, time) in zip(thoughtful, looked, strict=True)
        for rows, kind, grid in [model.picture_blocks(latents[None], torch.tensor([time]))]
    ]


def reply_segments(model: Bagel, start: int, reply: Reply, length: int) -> tuple[Segment, ...]:
    """What the positions of a reply are, from `start` to `length`; markers are template."""
    if isinstance(reply, TextReply):
        return text_reply_segments(start, reply, model.processor.special.end)
    thought = reply.replay.get(THOUGHT)
    parts: list[Segment] = []
    if thought is not None:
        stop = start + len(model.processor.thought_ids(str(thought)))
        parts += _between(start, stop, Segment(start + 1, stop - 1, "text", "response"))
        start = stop
    return (*parts, *_between(start, length, Segment(start + 1, length - 1, "image", "response")))


def _between(start: int, stop: int, content: Segment) -> list[Segment]:
    marked = (Segment(start, start + 1, "text", "template"), content, Segment(stop - 1, stop, "text", "template"))
    return [part for part in marked if len(part) > 0]


def _thought(model: Bagel, reply: ImageReply) -> Tensor | None:
    text = reply.replay.get(THOUGHT)
    return None if text is None else model.embedded(model.processor.thought_ids(str(text)))


def _looked_at(model: Bagel, prompt: Context, reply: ImageReply, at: int) -> tuple[Tensor, float]:
    """The latents [channels, height, width] of a step, and the time that the model was told with them."""
    finished = reply.latents
    if finished is None or np.asarray(finished).ndim != 3 or replay.LAST_INPUT not in reply.replay:
        raise UsageError(f"the picture was not drawn by {model.card.id}: it has no latents of its steps")
    shape = np.asarray(finished).shape
    drawing = model.drawing.as_told(reply.replay)
    if at == drawing.steps:
        return torch.tensor(np.asarray(finished)), 0.0
    step, _ = replay.step_of(reply, at, shape)
    contexts = contexts_of(prompt, _thought(model, reply))

    def again(_: Sequence[int], noise: Tensor, guidance: float, steps: int):
        return paths(model.network, [contexts], model.markers(), noise, drawing)

    def noise(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
        return token_noise(model.network, seeds, shape)

    return replay.latents_at(again, noise, [reply], [step], model.device)[0], drawing.times[step]
