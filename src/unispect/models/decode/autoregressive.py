"""Token by token decoding, shared by every model with a causal backbone: text, and pictures as discrete tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unispect.core.replies import TextSampling
from unispect.models.capture import pad_right, run
from unispect.models.decode import positions as position_ids
from unispect.models.decode.chance import TIE, choose, exponential_draws, kept
from unispect.models.decode.finite import require_finite
from unispect.models.decode.fused import fused
from unispect.models.decode.mask import AttentionMask, batched
from unispect.models.decode.positions import Positions
from unispect.models.decode.prefix import drawn_together, slots
from unispect.models.decode.repetition import penalised
from unispect.models.decode.rows import CachedPrompts
from unispect.models.edits import Own, RowEdits

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
    top_k: int = 0,
    forced: Mapping[int, int] | None = None,
    edits: Sequence[Own] | None = None,
) -> Tensor:
    """Image tokens [samples, steps] on the backbone's device.

    Args:
        backbone: a stock Llama-like backbone.
        prompts: input embeddings [length_i, width] of every sample.
        empty: the same with the prompt taken out, or with another in its place; None runs no unconditional branch.
        feed: tokens [rows] -> the embeddings that are fed back [rows, width].
        head: final states [rows, width] -> image logits [rows, tokens].
        steps: tokens per picture.
        guidance: w in l_unc + w (l_cond - l_unc).
        temperature: 0 takes the most likely token.
        draws: E ~ Exp(1) [samples, tokens] of every step that chooses (see `chance`); None only at temperature 0.
        top_k: a token is chosen among so many of the highest scores; 0 for among all.
        forced: step -> the token that stands there, which `head` need not know: nothing is chosen and nothing drawn.
        edits: of every prompt and what is drawn behind it, then of the same in the other branch.
    """
    count, backbone, forced = len(prompts), fused(backbone), forced or {}
    rows = CachedPrompts.of(backbone, [*prompts, *(empty or ())], steps - 1, edits=edits)
    tokens = torch.empty(count, steps, dtype=torch.long, device=rows.state.device)
    noise = iter(draws) if draws is not None else None
    tie = TIE.get(rows.state.dtype)
    if tie is not None and empty is not None:
        tie *= abs(guidance) + abs(guidance - 1)
    if tie is not None and temperature:
        tie /= temperature

    def scores(state: Tensor, minus: Tensor | None, step: int, slack: float = 0.0) -> tuple[Tensor, Tensor | None]:
        logits = head(state).float()
        if empty is not None:
            conditional, unconditional = logits.chunk(2)
            logits = unconditional + guidance * (conditional - unconditional)
        if temperature:
            logits = logits / temperature
        logits = require_finite(logits, "scores of image tokens", step)
        if minus is None:
            return logits, None
        logits, unsure = kept(logits, top_k, slack) if 0 < top_k < logits.shape[-1] else (logits, None)
        return logits - minus, unsure

    def chosen(step: int, minus: Tensor | None) -> Tensor:
        def alone(samples: Sequence[int]) -> Tensor:
            numbers = [first + i for first in (0, count)[: 1 if empty is None else 2] for i in samples]
            own = [[*prompts, *(empty or ())][number] for number in numbers]
            said = tokens[samples, :step].repeat(len(own) // len(samples), 1)
            now = None if edits is None else [edits[number] for number in numbers]
            states = [state[-1:] for state in uncached_states(backbone, own, said, feed, edits=now)]
            noise = [None] * len(samples) if minus is None else minus[samples].split(1)
            each = range(len(samples))  # the head sees each by itself: few rows are summed in an order of their own
            return torch.cat([scores(torch.cat(states[i :: len(samples)]), noise[i], step)[0] for i in each])

        found, unsure = scores(rows.state, minus, step, tie or 0.0)
        return choose(found, tie, alone, unsure=unsure)

    for step in range(steps):
        if step in forced:
            tokens[:, step] = forced[step]
        else:
            minus = next(noise).to(tokens.device).log() if noise is not None and temperature else None
            tokens[:, step] = chosen(step, minus)
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
    edits: Sequence[Own] | None = None,
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
        edits: of every prompt and what is written behind it.
    """
    count, limit, backbone = len(prompts), how.max_new_tokens, fused(backbone)
    rows = CachedPrompts.of(backbone, prompts, limit - 1, attention_masks, positions, edits=edits)
    device = rows.state.device
    ends = torch.tensor([end, *stops], device=device)
    tokens = torch.full((count, limit), end, dtype=torch.long, device=device)
    lengths = torch.full((count,), limit, device=device)
    noise = None
    tie = TIE.get(rows.state.dtype)
    if tie is not None and how.temperature:
        tie /= how.temperature

    def uncached(samples: Sequence[int], count: int) -> list[Tensor]:
        masks, where = ([own[i] for i in samples] if own else None for own in (attention_masks, positions))
        now = [edits[i] for i in samples] if edits else None
        rows = [prompts[i] for i in samples]
        return uncached_states(backbone, rows, tokens[samples, :count], embed, masks, where, now)

    for step in range(limit):
        logits = require_finite(head(rows.state).float(), _SCORES, step)
        if how.temperature and noise is None:
            noise = exponential_draws(how.seeds, limit, logits.shape[-1])
        minus = next(noise).to(device).log() if noise is not None else None
        held = [torch.cat([own.to(device), row[:step]]) for own, row in zip(said, tokens, strict=True)] if said else []

        def alone(
            samples: Sequence[int], step: int = step, minus: Tensor | None = minus, held: Sequence[Tensor] = held
        ) -> Tensor:
            logits = [head(own[-1:]).float() for own in uncached(samples, step)]
            scores = require_finite(torch.cat(logits), _SCORES, step)
            scores = penalised(scores, [held[sample] for sample in samples] if held else (), penalty)
            return _text_scores(scores, how, None if minus is None else minus[samples])

        running = lengths == limit
        chosen = choose(_text_scores(penalised(logits, held, penalty), how, minus), tie, alone, asked=running)
        tokens[:, step] = torch.where(running, chosen, end)
        lengths = torch.where(running & torch.isin(chosen, ends), step + 1, lengths)
        if step + 1 == limit or bool((lengths <= step + 1).all()):
            break
        rows.extend(embed(tokens[:, step])[:, None])
    found: dict[tuple[int, ...], Written] = {}
    keys = [(id(prompt), *row) for prompt, row in zip(prompts, tokens.tolist(), strict=True)]
    for sample, (key, length) in enumerate(zip(keys, lengths.tolist(), strict=True)):
        if key in found:  # the same text behind the same prompt
            continue
        chances: list[float] = []
        if how.log_probabilities:  # in a batch of one: a larger batch would show in the last digits
            (states,) = uncached([sample], length - 1)
            scores = require_finite(head(states[-length:]).float(), _SCORES).log_softmax(-1)
            chances = scores.gather(-1, tokens[sample, :length, None])[:, 0].tolist()
        found[key] = Written(key[1 : length + 1], tuple(chances), key[length] in {end, *stops})
    return [found[key] for key in keys]


def uncached_states(
    backbone: Backbone,
    prompts: Sequence[Tensor],
    said: Tensor,
    embed: Map,
    attention_masks: Sequence[AttentionMask] | None = None,
    positions: Sequence[Positions] | None = None,
    edits: Sequence[Own] | None = None,
) -> list[Tensor]:
    """Final states [length_i + count, width] of every prompt and the tokens behind it, from passes without a cache.

    They are those of a batch of one: equal samples are run once, and together only samples of equally many slots.

    Args:
        backbone: see `write_tokens`.
        prompts: input embeddings [length_i, width].
        said: tokens behind every prompt [samples, count].
        embed: see `write_tokens`.
        attention_masks: see `write_tokens`.
        positions: see `write_tokens`.
        edits: see `write_tokens`.
    """
    masks, where = (list(own) if own else [None] * len(prompts) for own in (attention_masks, positions))
    keys = [(id(prompt), *row) for prompt, row in zip(prompts, said.tolist(), strict=True)]
    distinct = list({key: sample for sample, key in enumerate(keys)}.values())
    found: dict[tuple[int, ...], Tensor] = {}
    for causal in (True, False):  # kernels of their own
        kind = [sample for sample in distinct if (masks[sample] is None) == causal]
        lengths = [len(prompts[sample]) + said.shape[1] for sample in kind]
        for group in drawn_together(lengths, slots(max(lengths, default=1)), said.device):
            members, own = [kind[i] for i in group], [lengths[i] for i in group]
            states = run(
                backbone,
                pad_right([torch.cat([prompts[i], embed(said[i])]) for i in members]),
                positions=position_ids.batched([where[i] for i in members], own, said.device),
                mask=batched([masks[i] for i in members], own, said.device),
                edits=RowEdits.of([edits[i] for i in members], columns=map(range, own)) if edits else None,
            )
            found |= {keys[i]: state[:length] for i, state, length in zip(members, states, own, strict=True)}
    return [found[key] for key in keys]


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
