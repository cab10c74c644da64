"""Filling a picture in by confidence: all open places are guessed at every step, and the surest guesses stay.

Source: MaskGIT (Chang et al., 2022) as Show-o does it (Show-o FACTS, section 7). Nothing here knows a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unispect.models.decode.finite import require_finite

OPEN = -1
"""Stands for the token of a place that is not filled yet."""
_LEAST = 1e-6
_ROUNDING = 2e-6
_UNLIKELY = math.log(1e-20)
_SIGMOID_END = 3.0
_SCORES = "scores of image tokens"

Logits = Callable[[Tensor], Tensor]
"""Tokens so far [samples, places], `OPEN` where there is none -> logits [samples, places, choices], guidance done."""
Draws = Iterable[tuple[Tensor, Tensor]]
"""For every step E ~ Exp(1) [samples, places, choices], and Gumbel noise [samples, places]."""


@dataclass(frozen=True)
class Uncovered:
    """A picture that was filled in.

    Attributes:
        tokens: of every place [samples, places].
        steps: at which step each was filled, counted from 0; -1 where the token was given.
    """

    tokens: Tensor
    steps: Tensor


@dataclass(frozen=True)
class _Rules:
    """How a step is decided: `heat` is the temperature of the order, `left` how many places it leaves open.

    In the last step nothing is `ordered`: every guess stays.
    """

    temperature: float
    heat: float
    left: int
    tie: float | None
    ordered: bool


@dataclass(frozen=True)
class _Guess:
    """One step of some samples.

    Attributes:
        tokens: guessed, or known already [samples, places].
        staying: open places whose guess stays [samples, places].
        close: rounding could have decided otherwise [samples].
    """

    tokens: Tensor
    staying: Tensor
    close: Tensor


def open_share(schedule: str, done: Tensor) -> Tensor:
    """Share of places that stay open when a share of the steps is done; float32, as its floor is counted with.

    Raises:
        ValueError: the schedule is none of "cosine", "linear", "sigmoid" and "powX", X a number.
    """
    done = done.float()
    if schedule == "cosine":
        return torch.cos(done * math.pi * 0.5)
    if schedule == "linear":
        return (1 - done).clamp(_LEAST, 1)
    if schedule == "sigmoid":
        low, high = (torch.sigmoid(torch.tensor(end)) for end in (-_SIGMOID_END, _SIGMOID_END))
        now = torch.sigmoid(done * 2 * _SIGMOID_END - _SIGMOID_END)
        return ((high - now) / (high - low)).clamp(_LEAST, 1)
    try:
        power = float(schedule.removeprefix("pow"))
    except ValueError:
        power = math.nan
    if not schedule.startswith("pow") or not power > 0:
        raise ValueError(f"unknown schedule {schedule!r}; use cosine, linear, sigmoid or powX with a number X")
    return (1 - done**power).clamp(_LEAST, 1)


def seeded_draws(seeds: Sequence[int], steps: int, places: int, choices: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draws of samples, each from a generator seeded with its seed alone, step by step."""
    generators = [torch.Generator().manual_seed(seed % 2**64) for seed in seeds]
    for _ in range(steps):
        uniform = torch.stack([torch.rand(places, choices + 1, generator=generator) for generator in generators])
        # A zero would win whatever its probability; half of the smallest draw stands in for it.
        drawn = uniform.neg_().log1p_().neg_().clamp_min_(2.0**-25)
        yield drawn[..., :-1], drawn[..., -1].log().neg()


def uncover(
    known: Tensor,
    logits: Logits,
    *,
    steps: int,
    draws: Draws,
    schedule: str = "cosine",
    temperature: float = 1.0,
    tie: float | None = None,
    alone: Callable[[int, Tensor], Tensor] | None = None,
) -> Uncovered:
    """Tokens of every place, and when they were found.

    At temperature 1 this is the authors' sampler. Theirs is the temperature of the order in which places are filled; it
    falls by a factor at every step, so the factors multiply up. Here it also divides logits, and 0 takes the most
    likely tokens in order of their probability.

    Args:
        known: tokens [samples, places], `OPEN` where they are to be found; every sample has an open place.
        logits: of all places, from the tokens so far.
        steps: passes.
        draws: what chance decides.
        schedule: see `open_share`.
        temperature: see above.
        tie: logits closer than this may be told apart by rounding alone (see `chance.TIE`); None never asks.
        alone: a sample's number and its tokens so far [places] -> its logits [places, choices] from a pass without
            company, which decide where `tie` says that rounding might.
    """
    tokens, filled = known.clone(), torch.full_like(known, -1)
    heat = temperature
    for step, drawn in zip(range(steps), draws, strict=False):
        heat *= 1 - (step + 1) / steps
        left = int((known.shape[1] * open_share(schedule, torch.tensor((step + 1) / steps))).floor())
        rules = _Rules(temperature, heat, left, tie, ordered=step + 1 < steps)
        race, ranks = (noise.to(tokens.device) for noise in drawn)
        race = race.log()
        found = _guess(require_finite(logits(tokens), _SCORES), tokens, race, ranks, rules)
        if alone is not None:
            for sample in found.close.nonzero().flatten().tolist():
                one = slice(sample, sample + 1)
                again = require_finite(alone(sample, tokens[sample])[None], _SCORES)
                own = _guess(again, tokens[one], race[one], ranks[one], rules)
                found.tokens[one], found.staying[one] = own.tokens, own.staying
        filled = torch.where(found.staying, step, filled)
        tokens = torch.where(found.staying, found.tokens, tokens)
    return Uncovered(tokens, filled)


def _guess(scores: Tensor, tokens: Tensor, log_race: Tensor, ranks: Tensor, rules: _Rules) -> _Guess:
    """What a step finds, from logits [samples, places, choices]."""
    opened = tokens < 0
    keyed = scores = scores.float()[opened]
    if rules.temperature:
        keyed = keyed / rules.temperature - log_race[opened]
    best = keyed.max(-1)
    guessed = tokens.masked_scatter(opened, best.indices)
    close = torch.zeros_like(opened)
    if rules.tie is not None:
        second = keyed.scatter(-1, best.indices[:, None], -math.inf).amax(-1)
        close[opened] = best.values - second < rules.tie / (rules.temperature or 1)
    if not rules.ordered:
        return _Guess(guessed, opened, close.any(1))
    chances = torch.zeros_like(ranks)
    chances[opened] = scores.log_softmax(-1).gather(-1, best.indices[:, None])[:, 0]
    sureness = (chances.clamp_min(_UNLIKELY) + rules.heat * ranks).masked_fill(~opened, math.inf)
    order = sureness.sort(1)
    # At least one place is left open, so the last step always has something to do.
    count = (opened.sum(1, keepdim=True) - 1).clamp(max=rules.left).clamp_min(1)
    border = order.values.gather(1, count)
    if rules.tie is not None:
        # Rounding of logits hardly moves the probability of a sure guess.
        pair = order.indices.gather(1, torch.cat([count - 1, count], 1))
        shake = rules.tie * (1 - chances.gather(1, pair).exp()).amax(1) + _ROUNDING
        gap = border[:, 0] - order.values.gather(1, count - 1)[:, 0]
        close |= (gap < shake)[:, None]
    return _Guess(guessed, opened & (sureness >= border), close.any(1))
