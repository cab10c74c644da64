"""States inside the transformer that draws, block by block.

Source: docs/sources/omnigen2.md#states. This is not the protocol of arXiv 2604.10949, which reads a language model's
layers: these blocks do not stand beside those, all rows see each other, and the prompt's rows have seen the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from unispect.core.encoded import LayerState
from unispect.core.prompts import Role, Segment
from unispect.core.replies import ImageReply
from unispect.models.decode import replay
from unispect.models.decode.flow import start_noise
from unispect.models.omnigen2.drawing import DrawSettings, Source, condition_of, paths
from unispect.models.omnigen2.transformer import Condition, FlowTransformer


@dataclass(frozen=True)
class _Moment:
    """A sample at one step: what it is drawn from, its latents [channels, height, width] and its time."""

    source: Source
    latents: Tensor
    time: float


@torch.no_grad()
def decoder_states(
    transformer: FlowTransformer,
    drawing: DrawSettings,
    sources: Sequence[Source],
    prompts: Sequence[Sequence[Segment]],
    drawn: Sequence[tuple[ImageReply, Sequence[int]]],
    at: int,
    edited: Sequence[Source] | None = None,
) -> Iterator[LayerState]:
    """See `OmniGen2.decoder_states`.

    Args:
        transformer: filled.
        drawing: settings of the model; what replies keep stands in their place.
        sources: what every picture was drawn from.
        prompts: what the rows of every source are, those of given pictures among them.
        drawn: every picture, and the shape of its latents.
        at: the step.
        edited: what stands in the place of `sources` in that step.
    """
    moments = [
        _moment(transformer, drawing, source, reply, shape, at)
        for source, (reply, shape) in zip(sources, drawn, strict=True)
    ]
    shapes = [moment.latents.shape for moment in moments]
    segments = tuple(
        with_picture(own, shape, transformer.config.patch, "response")
        for own, shape in zip(prompts, shapes, strict=True)
    )
    if edited is not None:
        moments = [replace(moment, source=source) for moment, source in zip(moments, edited, strict=True)]
    # One by one, so that states are batch-invariant.
    for layer, rows in enumerate(zip(*(_stream(transformer, moment) for moment in moments), strict=True)):
        yield LayerState(layer, rows, segments, at)


def with_picture(before: Sequence[Segment], shape: Sequence[int], patch: int, role: Role) -> tuple[Segment, ...]:
    """Segments, and behind them that of a picture with latents of this shape [channels, height, width]."""
    stop = before[-1].stop if before else 0
    return (*before, Segment(stop, stop + shape[1] * shape[2] // patch**2, "image", role))


def _moment(
    transformer: FlowTransformer,
    drawing: DrawSettings,
    source: Source,
    reply: ImageReply,
    shape: Sequence[int],
    at: int,
) -> _Moment:
    step, steps = replay.step_of(reply, at, shape)
    drawing = replace(drawing, steps=steps, **_settings(reply))

    def again(_: Sequence[int], noise: Tensor, guidance: float, __: int):
        return paths(transformer, [source], list(noise), replace(drawing, guidance=guidance))

    latents = replay.latents_at(again, start_noise, [reply], [step], source.prompt.device)[0]
    return _Moment(source, latents, drawing.at(shape[1:])[step])


def _settings(reply: ImageReply) -> dict[str, object]:
    """What else decided how a picture was drawn; runs keep pairs as lists."""
    low, high = cast(Sequence[float], reply.replay["between"])
    return {"image_guidance": cast(float, reply.replay["image_guidance"]), "between": (low, high)}


def _stream(transformer: FlowTransformer, moment: _Moment) -> Iterator[Tensor]:
    """Rows of one sample [rows, width], layer by layer, without what stands behind its prompt."""
    latents = moment.latents[None]
    pictures = [own[None] for own in moment.source.references]
    shape = (latents.shape[2], latents.shape[3])
    condition: Condition = condition_of(transformer, [moment.source.prompt], shape, pictures, [moment.source.edits[0]])
    time = transformer.time(torch.tensor([moment.time], device=latents.device))
    for hidden in transformer.stream(condition, latents, time):
        yield hidden[0][condition.seen[0].to(hidden.device)]
