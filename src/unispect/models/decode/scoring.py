"""Log-likelihoods of candidate answers; each prompt is encoded once and its KV cache shared by its answers.

On the CPU likelihoods are batch-invariant to the last bit: prompts are run together if they take as many
`slots`, answers behind them if they are about as long, and never few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.decode.finite import require_finite
from unispect.models.decode.fused import fused
from unispect.models.decode.mask import AttentionMask
from unispect.models.decode.positions import Positions
from unispect.models.decode.prefix import BLOCK, slots
from unispect.models.decode.rows import CachedPrompts
from unispect.models.edits import Own

if TYPE_CHECKING:
    from unispect.models.capture import Backbone

Map = Callable[[Tensor], Tensor]
T = TypeVar("T")

_STEP = 4
"""Long answers are run together whose lengths differ by less than this many tokens, shorter ones that are as long."""


@torch.inference_mode()
def score_answers(
    backbone: Backbone,
    prompts: Sequence[Tensor],
    answers: Sequence[Sequence[Sequence[int]]],
    *,
    embed: Map,
    head: Map,
    attention_masks: Sequence[AttentionMask] | None = None,
    positions: Sequence[Positions] | None = None,
    edits: Sequence[Own] | None = None,
) -> list[Tensor]:
    """For every sample the natural log-likelihoods [answers], float32 on the CPU.

    Args:
        backbone: a stock Llama-like backbone.
        prompts: input embeddings [length_i, width] of every sample.
        answers: for every sample the token ids of its answers, none empty.
        embed: token ids -> embeddings.
        head: final states -> text logits.
        attention_masks: attention mask of every prompt; default: causal.
        positions: where the rows of every prompt stand; default: 0, 1, 2, ...
        edits: of every prompt and its answers.
    """
    backbone = fused(backbone)
    exact = bool(prompts) and prompts[0].device.type == "cpu"
    found = [torch.zeros(len(own)) for own in answers]
    asked = [sample for sample, own in enumerate(answers) if len(own)]
    for room, samples in _grouped(asked, lambda sample: slots(len(prompts[sample])) if exact else 0).items():
        asks = [_Ask(i, sample, n, ids) for i, sample in enumerate(samples) for n, ids in enumerate(answers[sample])]
        rows = CachedPrompts.of(
            backbone,
            [prompts[sample] for sample in samples],
            max(ask.steps for ask in asks),
            None if attention_masks is None else [attention_masks[sample] for sample in samples],
            None if positions is None else [positions[sample] for sample in samples],
            least=room,
            edits=None if edits is None else [edits[sample] for sample in samples],
        )
        for together in _grouped(asks, lambda ask: ask.steps if exact else 0).values():
            filled = together + together[:1] * (BLOCK - len(together) if exact else 0)
            chances = _chances(rows, filled, embed, head, len(together))
            for ask, chance in zip(together, chances.cpu(), strict=False):
                found[ask.sample][ask.answer] = chance
    return found


@dataclass(frozen=True)
class _Ask:
    """An answer to score: the row of its prompt among those that are run, its sample, its number there, its tokens."""

    row: int
    sample: int
    answer: int
    ids: Sequence[int]

    @property
    def steps(self) -> int:
        """Positions that it is run in: behind its last token nothing is asked."""
        count = len(self.ids) - 1
        return count if count < _STEP else -(-count // _STEP) * _STEP


def _chances(rows: CachedPrompts, asks: Sequence[_Ask], embed: Map, head: Map, edited: int) -> Tensor:
    """The log-likelihood of every answer behind its prompt, of which the first are wanted and may be edited."""
    device = rows.state.device
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(ask.ids, device=device) for ask in asks], batch_first=True, padding_value=-1
    )
    longest = padded.shape[1]
    behind = rows.picked(torch.tensor([ask.row for ask in asks], device=device), edited)
    states = behind.state[:, None]
    if longest > 1:
        fed = F.pad(padded[:, :-1].clamp_min(0), (0, max(ask.steps for ask in asks) - longest + 1))
        states = torch.cat([states, behind.extend(embed(fed))[:, : longest - 1]], 1)
    real = padded >= 0
    scores = require_finite(head(states[real]).float(), "scores of tokens")
    chances = scores.log_softmax(-1).gather(-1, padded[real][:, None])[:, 0]
    return torch.zeros(len(asks), device=device).index_add_(0, real.nonzero()[:, 0], chances)


def _grouped(members: Sequence[T], key: Callable[[T], int]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for member in members:
        groups.setdefault(key(member), []).append(member)
    return groups
