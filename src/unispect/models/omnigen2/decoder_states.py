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
from unispect.core.prompts import Segment
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
) -> Iterator[LayerState]:
    """See `OmniGen2.decoder_states`.

    Args:
        transformer: filled.
        drawing: settings of the model; what replies keep stands in their place.
        sources: what every picture was drawn from.
        prompts: what the rows of every source's prompt are.
        drawn: every picture, and the shape of its latents.
        at: the step.
    """
    moments = [
        _moment(transformer, drawing, source, reply, shape, at)
        for source, (reply, shape) in zip(sources, drawn, strict=True)
    ]
    patch = transformer.config.patch
    segments = tuple(
        _segments(own, source, moment, patch) for own, source, moment in zip(prompts, sources, moments, strict=True)
    )
    # One by one, so that states are batch-invariant.
    for layer, rows in enumerate(zip(*(_stream(transformer, moment) for moment in moments), strict=True)):
        yield LayerState(layer, rows, segments, at)


def heard(prompt: Sequence[Segment], kept: Tensor) -> tuple[Segment, ...]:
    """What a prompt's rows are when only those that are `kept` [length] are left."""
    found: list[Segment] = []
    stop = 0
    for segment in prompt:
        count = int(kept[segment.start : segment.stop].sum())
        if count:
            found.append(Segment(stop, stop + count, segment.modality, segment.role))
            stop += count
    return tuple(found)


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
    condition: Condition = condition_of(transformer, [moment.source.prompt], shape, pictures)
    time = transformer.time(torch.tensor([moment.time], device=latents.device))
    for hidden in transformer.stream(condition, latents, time):
        yield hidden[0][condition.seen[0].to(hidden.device)]


def _segments(prompt: Sequence[Segment], source: Source, moment: _Moment, patch: int) -> tuple[Segment, ...]:
    """The prompt's segments, then those of given pictures and of the drawn one."""
    found = list(prompt)
    stop = found[-1].stop if found else 0
    for picture in (*source.references, moment.latents):
        role = "response" if picture is moment.latents else "prompt"
        image_tokens = picture.shape[1] * picture.shape[2] // patch**2
        found.append(Segment(stop, stop + image_tokens, "image", role))
        stop += image_tokens
    return tuple(found)
