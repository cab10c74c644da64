"""The loss of telling, which every model with a causal trunk shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import pad_right, run

if TYPE_CHECKING:
    from unispect.models.capture import Trunk


def tell_loss(
    trunk: Trunk,
    prompts: Sequence[Tensor],
    answers: Sequence[Sequence[int]],
    *,
    embed: Callable[[Tensor], Tensor],
    head: Callable[[Tensor], Tensor],
) -> Tensor:
    """Mean cross entropy per answer token, in nats.

    Args:
        trunk: a stock Llama-like trunk.
        prompts: input embeddings [length_i, width] of every sample.
        answers: token ids of its complete answer, end token included.
        embed: token ids -> embeddings.
        head: final states -> text logits.
    """
    targets = [torch.tensor(ids, device=prompts[0].device) for ids in answers]
    rows = [torch.cat([prompt, embed(own[:-1])]) for prompt, own in zip(prompts, targets, strict=True)]
    states = run(trunk, pad_right(rows))
    predicting = [own[len(prompt) - 1 : len(row)] for own, prompt, row in zip(states, prompts, rows, strict=True)]
    return F.cross_entropy(head(torch.cat(predicting)).float(), torch.cat(targets))
