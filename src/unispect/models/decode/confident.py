"""Filling a picture in by confidence: all open positions are guessed at every step, and the surest guesses stay.

Source: MaskGIT (Chang et al., 2022) as Show-o does it (docs/sources/show-o.md#drawing). Nothing here knows a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.core.replies import ImageReply
from unispect.models.decode.finite import require_finite

OPEN = -1
"""Stands for the token of a position that is not filled yet."""
_LEAST = 1e-6
_ROUNDING = 2e-6
_UNLIKELY = math.log(1e-20)
_KNOWN = math.log(torch.finfo(torch.float32).max)
"""Log-probability of tokens that are there: the authors write the largest number for it, not infinity."""
_SIGMOID_END = 3.0
_SCORES = "scores of image tokens"
_FOUND, _CANVASES = "found", "canvases"

Logits = Callable[[Tensor], Tensor]
"""Tokens so far [samples, positions], `OPEN` where there is none -> logits [samples, positions, choices], guidance
done.
"""
Draws = Iterable[tuple[Tensor, Tensor]]
"""For every step E ~ Exp(1) [samples, positions, choices], and Gumbel noise [samples, positions]."""


@dataclass(frozen=True)
class Uncovered:
    """A picture that was filled in.

    Attributes:
        tokens: of every position [samples, positions].
        steps: at which step each was filled for good, counted from 0; -1 where the token was given.
        canvases: what every step began with [steps, samples, positions], `OPEN` where there was no token.
        emptied: a token that was there was taken away again [samples]; `steps` then does not tell the canvases.
    """

    tokens: Tensor
    steps: Tensor
    canvases: Tensor
    emptied: Tensor

    def told(self, sample: int) -> dict[str, np.ndarray]:
        """What a reply keeps of a sample so that `canvas_at` finds any canvas again."""
        if self.emptied[sample]:
            return {_CANVASES: self.canvases[:, sample].cpu().numpy()}
        return {_FOUND: self.steps[sample].cpu().numpy()}


@dataclass(frozen=True)
class _Rules:
    """How a step is decided: `heat` is the temperature of the order, `left` how many positions it leaves open.

    In the last step nothing is `ordered`: every guess stays. `greedy` takes the most likely tokens.
    """

    greedy: bool
    heat: float
    left: int
    tie: float | None
    ordered: bool


@dataclass(frozen=True)
class _Guess:
    """One step of some samples.

    Attributes:
        tokens: guessed, or known already [samples, positions].
        staying: positions whose token stays [samples, positions].
        close: rounding could have decided otherwise [samples].
    """

    tokens: Tensor
    staying: Tensor
    close: Tensor


def canvas_at(reply: ImageReply, step: int) -> np.ndarray:
    """The tokens [positions] that a step of a drawn picture began with, `OPEN` where there was none.

    Raises:
        UsageError: the picture has no such step, or does not say when its tokens were found.
    """
    steps, found, canvases = (reply.replay.get(name) for name in ("steps", _FOUND, _CANVASES))
    if reply.tokens is None or not any(isinstance(told, np.ndarray) for told in (found, canvases)):
        raise UsageError("the reply does not say when its tokens were found: only at=LAST is possible")
    if not isinstance(steps, int) or not 0 <= step < steps:
        raise UsageError(f"the picture was drawn in {steps} steps, counted from 0; there is no step {step}")
    return (
        canvases[step] if isinstance(canvases, np.ndarray) else np.where(np.asarray(found) < step, reply.tokens, OPEN)
    )


def open_share(schedule: str, done: Tensor) -> Tensor:
    """Share of positions that stay open when a share of the steps is done; float32, as its floor is counted with.

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


def seeded_draws(seeds: Sequence[int], steps: int, positions: int, choices: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draws of samples, each from a generator seeded with its seed alone, step by step."""
    generators = [torch.Generator().manual_seed(seed % 2**64) for seed in seeds]
    for _ in range(steps):
        uniform = torch.stack([torch.rand(positions, choices + 1, generator=generator) for generator in generators])
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
    greedy: bool = False,
    tie: float | None = None,
    alone: Callable[[int, Tensor], Tensor] | None = None,
) -> Uncovered:
    """Tokens of every position, and when they were found.

    Tokens are drawn from the softmax of the logits as they are. The temperature is that of the order in which positions
    are filled: it falls by a factor at every step, so the factors multiply up, and at 0 the surest guesses stay. Above
    4.3 the noise of the order may be worth more than a token that is there, which is then taken away and guessed again,
    be it given or found.

    Args:
        known: tokens [samples, positions], `OPEN` where they are to be found; every sample has an open position.
        logits: of all positions, from the tokens so far.
        steps: passes.
        draws: what chance decides.
        schedule: see `open_share`.
        temperature: see above.
        greedy: take the most likely tokens, which the authors' sampler cannot; the order is left as it is.
        tie: logits closer than this may be told apart by rounding alone (see `chance.TIE`); None never asks.
        alone: a sample's number and its tokens so far [positions] -> its logits [positions, choices] from a pass in a
            batch of one, which decide where `tie` says that rounding might.
    """
    tokens, filled = known.clone(), torch.full_like(known, -1)
    emptied = torch.zeros(len(known), dtype=torch.bool, device=known.device)
    canvases = []
    heat = temperature
    for step, drawn in zip(range(steps), draws, strict=False):
        canvases.append(tokens)
        heat *= 1 - (step + 1) / steps
        left = int((known.shape[1] * open_share(schedule, torch.tensor((step + 1) / steps))).floor())
        rules = _Rules(greedy, heat, left, tie, ordered=step + 1 < steps)
        race, ranks = (noise.to(tokens.device) for noise in drawn)
        race = race.log()
        found = _guess(require_finite(logits(tokens), _SCORES, step), tokens, race, ranks, rules)
        if alone is not None:
            for sample in found.close.nonzero().flatten().tolist():
                one = slice(sample, sample + 1)
                again = require_finite(alone(sample, tokens[sample])[None], _SCORES, step)
                own = _guess(again, tokens[one], race[one], ranks[one], rules)
                found.tokens[one], found.staying[one] = own.tokens, own.staying
        opened = tokens == OPEN
        emptied = emptied | (~opened & ~found.staying).any(1)
        filled = torch.where(opened & found.staying, step, filled)
        tokens = torch.where(found.staying, found.tokens, OPEN)
    return Uncovered(tokens, filled, torch.stack(canvases), emptied)


def _guess(scores: Tensor, tokens: Tensor, log_race: Tensor, ranks: Tensor, rules: _Rules) -> _Guess:
    """What a step finds, from logits [samples, positions, choices]."""
    opened = tokens == OPEN
    scores = scores.float()[opened]
    keyed = scores if rules.greedy else scores - log_race[opened]
    best = keyed.max(-1)
    guessed = tokens.masked_scatter(opened, best.indices)
    close = torch.zeros_like(opened)
    if rules.tie is not None:
        second = keyed.scatter(-1, best.indices[:, None], -math.inf).amax(-1)
        close[opened] = best.values - second < rules.tie
    if not rules.ordered:
        return _Guess(guessed, torch.ones_like(opened), close.any(1))
    chances = torch.zeros_like(ranks)
    # As the authors count it: what rounds to 1 is equally sure.
    chances[opened] = scores.softmax(-1).gather(-1, best.indices[:, None])[:, 0].log()
    sureness = torch.where(opened, chances.clamp_min(_UNLIKELY), _KNOWN) + rules.heat * ranks
    order = sureness.sort(1)
    # At least one position is left open, so the last step always has something to do.
    count = (opened.sum(1, keepdim=True) - 1).clamp(max=rules.left).clamp_min(1)
    border = order.values.gather(1, count)
    if rules.tie is not None:
        # Rounding of logits hardly moves the probability of a sure guess.
        pair = order.indices.gather(1, torch.cat([count - 1, count], 1))
        shake = rules.tie * (1 - chances.gather(1, pair).exp()).amax(1) + _ROUNDING
        gap = border[:, 0] - order.values.gather(1, count - 1)[:, 0]
        close |= (gap < shake)[:, None]
    return _Guess(guessed, sureness >= border, close.any(1))
