"""States inside the transformer that draws, block by block.

Source: docs/sources/omnigen2.md#states. This is not the protocol of arXiv 2604.10949, which reads a language model's
layers: these blocks do not stand beside those, all rows see each other, and the prompt's rows have seen the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from unispect.core.encoded import Encoded, LayerState
from unispect.core.prompts import Goal, Segment
from unispect.core.replies import ImageReply, Reply
from unispect.models.checks import check_replies, inputs_for
from unispect.models.decode import replay
from unispect.models.decode.flow import start_noise
from unispect.models.omnigen2.drawing import Source, condition_of, paths
from unispect.models.omnigen2.processing import Inputs
from unispect.models.omnigen2.transformer import Condition

if TYPE_CHECKING:
    from unispect.models.omnigen2.model import OmniGen2


@dataclass(frozen=True)
class _Moment:
    """A sample at one step: what it is drawn from, its latents [channels, height, width] and its time."""

    source: Source
    latents: Tensor
    time: float


@torch.no_grad()
def decoder_states(model: OmniGen2, encoded: Encoded, replies: Sequence[Reply], at: int) -> Iterator[LayerState]:
    """See `OmniGen2.decoder_states`."""
    inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
    check_replies(encoded, replies)
    drawn = [cast(ImageReply, reply) for reply in replies]
    sources = model.sources(inputs, seeds=[reply.seed for reply in drawn])
    shapes = model.shapes(inputs)
    moments = [
        _moment(model, source, reply, shape, at) for source, reply, shape in zip(sources, drawn, shapes, strict=True)
    ]
    segments = tuple(
        _segments(own, ids == model.processor.special.place, source, moment, model.network.config.transformer.patch)
        for own, ids, source, moment in zip(encoded.segments, inputs.ids, sources, moments, strict=True)
    )
    # One by one, so that a picture's company never changes its last digits.
    for layer, rows in enumerate(zip(*(_stream(model, moment) for moment in moments), strict=True)):
        yield LayerState(layer, rows, segments, at)


def _moment(model: OmniGen2, source: Source, reply: ImageReply, shape: Sequence[int], at: int) -> _Moment:
    step, steps = replay.step_of(reply, at, shape)
    drawing = replace(model.drawing, steps=steps, **_settings(reply))

    def again(_: Sequence[int], noise: Tensor, guidance: float, __: int):
        one = replace(drawing, guidance=guidance)
        return paths(model.network.transformer, [source], list(noise), one)

    latents = replay.latents_at(again, start_noise, [reply], [step], model.device)[0]
    return _Moment(source, latents, drawing.at(shape[1:])[step])


def _settings(reply: ImageReply) -> dict[str, object]:
    """What else decided how a picture was drawn; runs keep pairs as lists."""
    low, high = cast(Sequence[float], reply.replay["between"])
    return {"image_guidance": cast(float, reply.replay["image_guidance"]), "between": (low, high)}


def _stream(model: OmniGen2, moment: _Moment) -> Iterator[Tensor]:
    """Rows of one sample [rows, width], layer by layer, without what stands behind its prompt."""
    transformer = model.network.transformer
    latents = moment.latents[None]
    pictures = [own[None] for own in moment.source.references]
    shape = (latents.shape[2], latents.shape[3])
    condition: Condition = condition_of(transformer, [moment.source.prompt], shape, pictures)
    time = transformer.time(torch.tensor([moment.time], device=latents.device))
    for hidden in transformer.stream(condition, latents, time):
        yield hidden[0][condition.seen[0].to(hidden.device)]


def _segments(
    prompt: Sequence[Segment], left_out: Tensor, source: Source, moment: _Moment, patch: int
) -> tuple[Segment, ...]:
    """The prompt's segments, without rows that are not handed over, then the pictures'."""
    found: list[Segment] = []
    stop = 0
    for segment in prompt:
        kept = len(segment) - int(left_out[segment.start : segment.stop].sum())
        if kept:
            found.append(Segment(stop, stop + kept, segment.modality, segment.role))
            stop += kept
    for picture in source.references:
        places = picture.shape[1] * picture.shape[2] // patch**2
        found.append(Segment(stop, stop + places, "image", "prompt"))
        stop += places
    places = moment.latents.shape[1] * moment.latents.shape[2] // patch**2
    return (*found, Segment(stop, stop + places, "image", "response"))
