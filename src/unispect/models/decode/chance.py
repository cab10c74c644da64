"""Choosing tokens so that neither batch size nor order ever changes a choice.

Every sample draws from its own generator. A choice is the argmax of `log-probability - log(E)` with E ~ Exp(1) per
token, which samples from the softmax and can be replayed from the stored draws alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

_BLOCK = 2**21
"""Numbers drawn at a time, over all samples: bounds memory and nothing else."""

TIE = {torch.float32: 1e-4}
"""Scores (in nats) closer than this are a tie, by dtype of the backbone.

Kernels round differently for different batch sizes, by about 1e-5 of a logit in float32. Where the two best tokens are
further apart than this, rounding cannot change the choice; where they are closer, the sample is run again by itself,
so that the choice does not depend on the batch. In half precision rounding is too coarse for that.
"""


def exponential_draws(seeds: Sequence[int], steps: int, choices: int) -> Iterator[Tensor]:
    """For every step E [samples, choices], float32, row i from a generator seeded with `seeds[i]`.

    The numbers are those of inverse-transformed 53-bit uniforms taken in order, however many are drawn at a time.
    """
    generators = [torch.Generator().manual_seed(seed % 2**64) for seed in seeds]
    block = max(1, _BLOCK // (len(seeds) * choices))
    for start in range(0, steps, block):
        count = min(block, steps - start)
        uniform = torch.stack([torch.rand(count, choices, generator=g, dtype=torch.float64) for g in generators], 1)
        # A zero would win whatever its probability; the smallest draw possible stands in for it.
        yield from uniform.neg_().log1p_().neg_().clamp_min_(1e-37).float()


def kept(logits: Tensor, top_k: int, slack: float) -> tuple[Tensor, Tensor]:
    """Logits [rows, tokens] without all tokens below the `top_k` highest, and which of the rest are `unsure`.

    Tokens as high as the lowest that stays are kept, as `TopKLogitsWarper` of transformers keeps them.

    Args:
        logits: finite, divided by the temperature.
        top_k: fewer than there are tokens.
        slack: by how much rounding may move a logit. What is below by less stays, and whatever other rounding could
            take out is unsure: chosen, it has to be decided otherwise (see `choose`).
    """
    lowest = logits.topk(top_k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < lowest - slack, float("-inf")), logits < lowest + slack


def choose(
    scores: Tensor,
    tie: float | None,
    alone: Callable[[list[int]], Tensor],
    asked: Tensor | None = None,
    unsure: Tensor | None = None,
) -> Tensor:
    """The best token of every row of `scores` [rows, tokens].

    Rows whose two best are within `tie`, or whose best is `unsure` [rows, tokens], are decided by their scores when run
    alone, `alone(rows)` [those rows, tokens]; of those that are not `asked` [rows] the choice means nothing, so they
    are left as they are.
    """
    best = scores.topk(2, dim=-1)
    tokens = best.indices[:, 0].clone()
    if tie is not None:
        close = best.values[:, 0] - best.values[:, 1] < tie
        if unsure is not None:
            close |= unsure.gather(1, tokens[:, None])[:, 0]
        rows = (close if asked is None else close & asked).nonzero().flatten().tolist()
        if rows:
            tokens[rows] = alone(rows).argmax(-1)
    return tokens
