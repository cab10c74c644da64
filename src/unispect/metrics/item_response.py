"""Two-parameter logistic item response: how able respondents are, over items that differ in difficulty and sharpness.

A respondent r answers item i rightly with probability 1 / (1 + exp(-a_i (t_r - b_i))): t is ability, b difficulty, a
discrimination (Birnbaum 1968, in Lord and Novick, "Statistical Theories of Mental Test Scores"). Here respondents are
few (a model in a condition) and items many (questions about prompts), the reverse of a school test: so abilities are
the parameters, and items are what is drawn at random. Their difficulties are normal around 0, the logarithms of their
discriminations normal around 0; both are integrated out by Gauss-Hermite quadrature and their spreads estimated
(marginal maximum likelihood: Bock and Aitkin 1981, Psychometrika 46(4), with items in the place of persons). An ability
is thus in logits, 0 where half of the items are answered by somebody at the middle of difficulty.

Abilities have a normal prior around 0 of standard deviation `PRIOR`, weak against any data, so that a respondent who is
always right, or never, has a finite one; so have the logarithms of the spreads. Standard errors are from the sandwich
of scores that are summed over clusters (prompts with several questions, of which every seed draws another picture), so
they hold where answers inside a cluster depend on each other beyond what the model says.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval

Floats = NDArray[np.float64]

PRIOR = 4.0
"""Standard deviation of abilities, in logits."""
SPREAD_PRIOR = 1.0
"""Of the logarithms of both spreads, around `START`."""
START = (1.0, 0.5)
"""Spreads of difficulty and of the logarithm of discrimination that the prior is around."""
NODES = (21, 7)
"""Of the quadrature, for difficulty and for discrimination."""
LEAST = 10
"""Items that tell respondents apart, at least."""


@dataclass(frozen=True)
class Abilities:
    """A fitted model.

    Attributes:
        abilities: [respondents], in logits.
        covariance: [respondents, respondents] of their errors.
        difficulty_spread: standard deviation of difficulties.
        discrimination_spread: standard deviation of the logarithms of discriminations.
        difficulties: [items], the mean of each given the answers.
        discriminations: [items], the exponential of the mean logarithm of each.
        clusters: groups of items that errors are over.
        informative: items that are neither always nor never answered rightly.
    """

    abilities: Floats
    covariance: Floats
    difficulty_spread: float
    discrimination_spread: float
    difficulties: Floats
    discriminations: Floats
    clusters: int
    informative: int

    def interval(self, weights: ArrayLike, *, level: float = 0.95, unit: str = "items") -> Interval:
        """A weighted sum of abilities: one of them, or a difference."""
        from scipy.stats import t

        w = np.asarray(weights, dtype=np.float64)
        estimate, error = float(w @ self.abilities), math.sqrt(max(0.0, float(w @ self.covariance @ w)))

        def limits(at: float) -> tuple[float, float]:
            reach = float(t.ppf((1 + at) / 2, max(1, self.clusters - 1))) * error
            return estimate - reach, estimate + reach

        low, high = limits(level)
        n = len(self.difficulties)
        return Interval(estimate, low, high, n, self.clusters, level, "item response, sandwich", unit, limits)


def fit(right: ArrayLike, asked: ArrayLike, clusters: Sequence[Hashable] | None = None) -> Abilities | None:
    """Abilities of respondents, from how often each answered each item rightly; None from fewer than `LEAST`
    informative items.

    Args:
        right: [items, respondents], right answers (of several seeds, for instance).
        asked: [items, respondents], answers; 0 where an item was not asked.
        clusters: [items], which items stand and fall together; each by itself if not given.

    Raises:
        ValueError: shapes differ, or more is right than was asked.
    """
    k, n = np.asarray(right, dtype=np.float64), np.asarray(asked, dtype=np.float64)
    names = list(range(len(k))) if clusters is None else list(clusters)
    if k.ndim != 2 or k.shape != n.shape or len(names) != len(k):
        raise ValueError(f"right and asked must be [items, respondents], clusters [items]: {k.shape}, {n.shape}")
    if (k < 0).any() or (k > n).any():
        raise ValueError("no more can be right than was asked")
    informative = int(((k.sum(1) > 0) & (k.sum(1) < n.sum(1))).sum())
    if informative < LEAST or not (n.sum(0) > 0).all():
        return None
    from scipy.optimize import minimize

    model = _Model(k, n)
    share = (k.sum(0) + 0.5) / (n.sum(0) + 1)
    start = np.concatenate([np.log(share / (1 - share)), np.log(START)])
    found = minimize(model.loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-6})
    numbers = {name: index for index, name in enumerate(dict.fromkeys(names))}
    summed = np.zeros((len(numbers), start.size))
    np.add.at(summed, [numbers[name] for name in names], model.scores(found.x))
    count = len(numbers)
    meat = summed.T @ summed * (count / max(1, count - 1))
    bread = np.linalg.pinv(model.curvature(found.x))
    respondents = k.shape[1]
    covariance = (bread @ meat @ bread)[:respondents, :respondents]
    difficulties, logs = model.items(found.x)
    spreads = np.exp(found.x[respondents:])
    return Abilities(
        found.x[:respondents],
        covariance,
        float(spreads[0]),
        float(spreads[1]),
        difficulties,
        np.exp(logs),
        count,
        informative,
    )


class _Model:
    """The likelihood of answers, with items integrated out.

    Parameters are abilities, then the logarithms of both spreads.
    """

    def __init__(self, right: Floats, asked: Floats) -> None:
        rows, which, counts = np.unique(
            np.column_stack([right, asked]), axis=0, return_inverse=True, return_counts=True
        )  # items that were answered alike are one: a thousand have a few dozen patterns
        self._right, self._asked = np.split(rows, 2, axis=1)
        self._which, self._counts = which.reshape(-1), counts
        x, of_x = np.polynomial.hermite_e.hermegauss(NODES[0])
        y, of_y = np.polynomial.hermite_e.hermegauss(NODES[1])
        self._x, self._y = (one.ravel() for one in np.meshgrid(x, y, indexing="ij"))
        weights = np.outer(of_x, of_y).ravel()
        self._log_weights = np.log(weights / weights.sum())

    def loss(self, parameters: Floats) -> tuple[float, Floats]:
        """What is made least: minus the logarithm of likelihood and priors; and its gradient."""
        value, per_item, _ = self._at(parameters)
        prior, of_prior = self._prior(parameters)
        return -(value + prior), -(self._counts @ per_item + of_prior)

    def scores(self, parameters: Floats) -> Floats:
        """[items, parameters], the gradient of each item's log-likelihood."""
        return self._at(parameters)[1][self._which]

    def curvature(self, parameters: Floats) -> Floats:
        """Second derivatives of `loss`, from differences of its gradient."""
        step = 1e-4
        rows = []
        for direction in np.eye(parameters.size) * step:
            rows.append((self.loss(parameters + direction)[1] - self.loss(parameters - direction)[1]) / (2 * step))
        found = np.array(rows)
        return (found + found.T) / 2

    def items(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Mean difficulty and mean logarithm of discrimination of each item, given its answers."""
        wide, sharp = np.exp(parameters[-2:])
        _, _, posterior = self._at(parameters)
        return (posterior @ (wide * self._x))[self._which], (posterior @ (sharp * self._y))[self._which]

    def _at(self, parameters: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, its gradient [patterns, parameters], and weights of nodes given answers [patterns, nodes]."""
        ability, (wide, sharp) = parameters[:-2], np.exp(parameters[-2:])
        difficulty, slope = wide * self._x, np.exp(sharp * self._y)
        reach = ability[:, None] - difficulty[None]  # [respondents, nodes]
        logit = slope * reach
        log_right, log_wrong = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
        joint = self._log_weights + self._right @ log_right + (self._asked - self._right) @ log_wrong
        top = joint.max(axis=1, keepdims=True)
        weights = np.exp(joint - top)
        total = weights.sum(axis=1, keepdims=True)
        posterior = weights / total
        chance = np.exp(log_right)
        # Answers less what is expected of them, by respondent: sums over nodes of the posterior times each factor.
        of_ability = self._right * (posterior @ slope)[:, None] - self._asked * (posterior @ (slope * chance).T)
        excess_x = self._right.sum(1)[:, None] - self._asked @ chance  # [items, nodes], summed over respondents
        of_wide = (posterior * excess_x) @ (-slope * difficulty)
        turned = self._right @ reach - self._asked @ (chance * reach)
        of_sharp = (posterior * turned) @ (slope * sharp * self._y)
        gradient = np.column_stack([of_ability, of_wide, of_sharp])
        return float(self._counts @ (top[:, 0] + np.log(total[:, 0]))), gradient, posterior

    @staticmethod
    def _prior(parameters: Floats) -> tuple[float, Floats]:
        centre = np.concatenate([np.zeros(parameters.size - 2), np.log(START)])
        spread = np.concatenate([np.full(parameters.size - 2, PRIOR), np.full(2, SPREAD_PRIOR)])
        away = (parameters - centre) / spread
        return float(-0.5 * away @ away), -away / spread
