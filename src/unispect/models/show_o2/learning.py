"""Velocities of pictures behind prompts in one pass, without a cache, as they are learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unispect.models.capture import pad_right, run
from unispect.models.decode.mask import batched, with_spans
from unispect.models.show_o2.network import ShowO2Network


def velocities(
    network: ShowO2Network, prompts: Sequence[Tensor], drawn: Tensor, time: Tensor, shape: tuple[int, int]
) -> Tensor:
    """Velocities [samples, channels, height, width].

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] of every sample.
        drawn: those of the time and of the picture [samples, 1 + positions, width].
        time: embedded [samples, ...].
        shape: height and width of the latents.
    """
    begins, count = [len(prompt) for prompt in prompts], drawn.shape[1]
    rows = pad_right([torch.cat(pair) for pair in zip(prompts, drawn, strict=True)])
    lengths = [begin + count for begin in begins]
    attention_masks = [with_spans(length, [(begin, length)]) for begin, length in zip(begins, lengths, strict=True)]
    mask = batched(attention_masks, lengths, rows.device)
    states = run(network.llm, rows, mask=mask)
    image_tokens = torch.arange(rows.shape[1], device=rows.device)
    start = torch.tensor(begins, device=rows.device)[:, None]
    inside = (image_tokens >= start) & (image_tokens < start + count)
    outputs = network.head(states, time, inside=inside, mask=mask)
    seen = torch.stack([own[begin + 1 : begin + count] for own, begin in zip(outputs, begins, strict=True)])
    return network.flat(seen, shape)
