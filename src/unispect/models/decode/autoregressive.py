"""Token by token decoding, shared by every model with a causal backbone: text, and pictures as discrete tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unispect.core.replies import TextSampling
from unispect.models.capture import run
from unispect.models.decode import positions as position_ids
from unispect.models.decode.chance import TIE, choose, exponential_draws
from unispect.models.decode.finite import require_finite
from unispect.models.decode.mask import AttentionMask, extended
from unispect.models.decode.positions import Positions
from unispect.models.decode.repetition import penalised
from unispect.models.decode.rows import CachedPrompts

if TYPE_CHECKING:
    from unispect.models.capture import Backbone

Map = Callable[[Tensor], Tensor]
_SCORES = "scores of tokens"


@dataclass(frozen=True)
class Written:
    """New token ids of one text with their natural log-probabilities under the model."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    finished: bool


@torch.inference_mode()
def draw_tokens(
    backbone: Backbone,
    prompts: Sequence[Tensor],
    empty: Sequence[Tensor] | None,
    *,
    feed: Map,
    head: Map,
    steps: int,
    guidance: float,
    temperature: float,
    draws: Iterable[Tensor] | None,
) -> Tensor:
    """Image tokens [samples, steps] on the backbone's device.

    Args:
        backbone: a stock Llama-like backbone.
        prompts: input embeddings [length_i, width] of every sample.
        empty: the same with the prompt taken out, equally long; None runs no unconditional branch.
        feed: tokens [rows] -> the embeddings that are fed back [rows, width].
        head: final states [rows, width] -> image logits [rows, tokens].
        steps: tokens per picture.
        guidance: w in l_unc + w (l_cond - l_unc).
        temperature: 0 takes the most likely token.
        draws: E ~ Exp(1) [samples, tokens] of every step (see `chance`); None only at temperature 0.
    """
    count = len(prompts)
    rows = CachedPrompts.of(backbone, [*prompts, *(empty or ())], steps - 1)
    tokens = torch.empty(count, steps, dtype=torch.long, device=rows.state.device)
    noise = iter(draws) if draws is not None else None
    tie = TIE.get(rows.state.dtype)
    if tie is not None and empty is not None:
        tie *= abs(guidance) + abs(guidance - 1)
    if tie is not None and temperature:
        tie /= temperature

    def scores(state: Tensor, minus: Tensor | None, step: int) -> Tensor:
        logits = head(state).float()
        if empty is not None:
            conditional, unconditional = logits.chunk(2)
            logits = unconditional + guidance * (conditional - unconditional)
        if temperature:
            logits = logits / temperature
        logits = require_finite(logits, "scores of image tokens", step)
        return logits if minus is None else logits - minus

    for step in range(steps):
        minus = next(noise).to(tokens.device).log() if noise is not None and temperature else None

        def alone(sample: int, step: int = step, minus: Tensor | None = minus) -> Tensor:
            """The sample's scores from one pass without a cache, in a batch of one."""
            fed = feed(tokens[sample, :step])
            own = [torch.cat([branch[sample], fed]) for branch in (prompts, empty) if branch is not None]
            state = run(backbone, torch.stack(own))[:, -1]
            return scores(state, None if minus is None else minus[sample : sample + 1], step)[0]

        tokens[:, step] = choose(scores(rows.state, minus, step), tie, alone)
        if step + 1 < steps:
            fed = feed(tokens[:, step])[:, None]
            rows.extend(fed if empty is None else torch.cat([fed, fed]))
    return tokens


@torch.inference_mode()
def write_tokens(
    backbone: Backbone,
    prompts: Sequence[Tensor],
    *,
    embed: Map,
    head: Map,
    end: int,
    how: TextSampling,
    attention_masks: Sequence[AttentionMask] | None = None,
    positions: Sequence[Positions] | None = None,
    stops: Sequence[int] = (),
    penalty: float = 1.0,
    said: Sequence[Tensor] = (),
) -> list[Written]:
    """One text per sample, up to and with the token that ends it.

    Args:
        backbone: a stock Llama-like backbone.
        prompts: input embeddings [length_i, width] of every sample.
        embed: token ids [rows] -> embeddings [rows, width].
        head: final states [rows, width] -> text logits [rows, vocabulary].
        end: id of the end token.
        how: sampling.
        attention_masks: attention mask of every prompt; default: causal.
        positions: where the rows of every prompt stand; default: 0, 1, 2, ...
        stops: other tokens that end a text.
        penalty: on repetitions (see `repetition`); log-probabilities are told without it.
        said: tokens of every prompt, which count as said; for a penalty.
    """
    count, limit = len(prompts), how.max_new_tokens
    rows = CachedPrompts.of(backbone, prompts, limit - 1, attention_masks, positions)
    device = rows.state.device
    ends = torch.tensor([end, *stops], device=device)
    tokens = torch.full((count, limit), end, dtype=torch.long, device=device)
    lengths = torch.full((count,), limit, device=device)
    noise = None
    tie = TIE.get(rows.state.dtype)
    if tie is not None and how.temperature:
        tie /= how.temperature

    def states_of(sample: int, count: int) -> Tensor:
        """Final states [length, width] of a prompt and the first tokens behind it, from one pass in a batch of one."""
        own = torch.cat([prompts[sample], embed(tokens[sample, :count])])
        seen = None if attention_masks is None else extended(attention_masks[sample], len(own), device)
        where = None if positions is None else position_ids.batched([positions[sample]], [len(own)], device)
        return run(backbone, own[None], positions=where, mask=None if seen is None else seen[None, None])[0]

    for step in range(limit):
        logits = require_finite(head(rows.state).float(), _SCORES, step)
        if how.temperature and noise is None:
            noise = exponential_draws(how.seeds, limit, logits.shape[-1])
        minus = next(noise).to(device).log() if noise is not None else None
        held = [torch.cat([own.to(device), row[:step]]) for own, row in zip(said, tokens, strict=True)] if said else []

        def alone(sample: int, step: int = step, minus: Tensor | None = minus, held: Sequence[Tensor] = held) -> Tensor:
            scores = require_finite(head(states_of(sample, step)[-1:]).float(), _SCORES, step)
            scores = penalised(scores, held[sample : sample + 1], penalty)
            return _text_scores(scores, how, None if minus is None else minus[sample : sample + 1])[0]

        chosen = choose(_text_scores(penalised(logits, held, penalty), how, minus), tie, alone)
        running = lengths == limit
        tokens[:, step] = torch.where(running, chosen, end)
        lengths = torch.where(running & torch.isin(chosen, ends), step + 1, lengths)
        if step + 1 == limit or bool((lengths <= step + 1).all()):
            break
        rows.extend(embed(tokens[:, step])[:, None])
    found = []
    for sample, (row, length) in enumerate(zip(tokens.tolist(), lengths.tolist(), strict=True)):
        chances: list[float] = []
        if how.log_probabilities:  # in a batch of one: a larger batch would show in the last digits
            scores = require_finite(head(states_of(sample, length - 1)[-length:]).float(), _SCORES).log_softmax(-1)
            chances = scores.gather(-1, tokens[sample, :length, None])[:, 0].tolist()
        found.append(Written(tuple(row[:length]), tuple(chances), row[length - 1] in {end, *stops}))
    return found


def _text_scores(logits: Tensor, how: TextSampling, minus: Tensor | None) -> Tensor:
    if minus is None:
        return logits
    logits = require_finite(logits / how.temperature, _SCORES)
    if how.top_p < 1:
        ordered = logits.sort(dim=-1, descending=True)
        mass = ordered.values.softmax(-1)
        # A token stays while the mass of the more likely ones is below top_p; the most likely one always stays.
        outside = mass.cumsum(-1) - mass >= how.top_p
        outside[:, 0] = False
        logits = logits.masked_fill(outside.scatter(-1, ordered.indices, outside), float("-inf"))
    return logits - minus
