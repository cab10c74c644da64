"""What the losses of several families share: tokens behind prompts, and what chance decides when a flow is learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import pad_right, run_at
from unispect.models.decode import positions as position_ids
from unispect.models.decode.mask import batched
from unispect.models.embedded import Embedded, columns

if TYPE_CHECKING:
    from unispect.models.capture import Backbone


def token_loss(
    backbone: Backbone,
    prompts: Sequence[Embedded],
    fed: Iterable[Tensor],
    targets: Iterable[Tensor],
    head: Callable[[Tensor], Tensor],
) -> Tensor:
    """Mean cross entropy per token, in nats, of the tokens that should follow prompts.

    Args:
        backbone: a stock Llama-like backbone.
        prompts: of every example.
        fed: input embeddings [tokens_i - 1, width] of all but its last token, which is predicted and never fed.
        targets: its tokens [tokens_i].
        head: final states [rows, width] -> logits [rows, choices].
    """
    rows, attention_masks, positions, _ = columns(prompts)
    device = rows[0].device
    whole = [torch.cat(pair) for pair in zip(rows, fed, strict=True)]
    lengths = list(map(len, whole))
    mask, where = batched(attention_masks, lengths, device), position_ids.batched(positions, lengths, device)
    padded = pad_right(whole)
    places = torch.arange(padded.shape[1])
    begins, ends = torch.tensor([len(row) - 1 for row in rows])[:, None], torch.tensor(lengths)[:, None]
    predicting = ((places >= begins) & (places < ends)).to(device)
    states = run_at(backbone, padded, predicting, positions=where, mask=mask)
    return F.cross_entropy(head(states).float(), torch.cat(list(targets)))


def moments_and_noise(seeds: Sequence[int], shape: Sequence[int], *, even: bool) -> tuple[Tensor, Tensor]:
    """For every seed a time [seeds] in 0..1, and normal noise [seeds, *shape].

    Times are evenly spread, or else the logistic of a normal number (arXiv 2403.03206).
    """
    moments, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed % 2**64)
        drawn = torch.rand((), generator=generator) if even else torch.randn((), generator=generator).sigmoid()
        moments.append(drawn)
        noise.append(torch.randn(*shape, generator=generator))
    return torch.stack(moments), torch.stack(noise)
