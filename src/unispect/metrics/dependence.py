"""How much a response's rows tell beyond the prompt's: the published proxy and three that survive its confounds.

None of them is a conditional entropy of random variables: all compare two *sets* of rows at one layer. The published
proxy P equals log2(1 + m/n) for far-apart rows whatever their content, so every estimate carries that number.
Definitions and measurements: docs/sources/entropy.md#dependence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unispect.metrics.entropy import ALPHA, entropy_of
from unispect.metrics.kernel import Precision, RowKernel, checked, row_kernel
from unispect.metrics.sampling import draw_rows, entropies_of_distances, stack_distances
from unispect.metrics.threads import one_thread


@dataclass(frozen=True)
class Dependence:
    """One dependence estimate.

    Attributes:
        value: in units of log base (bits for base 2).
        n: rows of the prompt.
        m: rows of the response.
        length_term: log2(1 + m/n), what P is for far-apart rows of any content.
        sigma: bandwidth.
        k: rows drawn from each side; 0 if all rows were used.
        draws: number of draws; 0 if all rows were used.
        standard_error: over draws; NaN if all rows were used.
        matched: P_k with the own response (for the mismatch gain; otherwise NaN).
        mismatched: mean P_k with other responses (likewise).
    """

    value: float
    n: int
    m: int
    length_term: float
    sigma: float
    k: int = 0
    draws: int = 0
    standard_error: float = math.nan
    matched: float = math.nan
    mismatched: float = math.nan


def conditional_proxy(
    prompt: Tensor,
    response: Tensor,
    *,
    sigma: float,
    alpha: float = ALPHA,
    base: float = 2.0,
    precision: Precision = "auto",
) -> Dependence:
    """P = H(prompt and response rows together) - H(prompt rows), as published (arXiv 2604.10949).

    Args:
        prompt: [n, width].
        response: [m, width].
        sigma: bandwidth in the units of the rows.
        alpha: order.
        base: of the logarithm.
        precision: see `renyi_entropy`.

    Raises:
        ValueError: a side has no rows or non-finite values, or widths differ.
    """
    n, m = len(prompt), len(response)
    with one_thread():
        kernel = _joint_kernel(prompt, response, sigma, precision, alpha)
        of_prompt = np.repeat([1.0, 0.0], [n, m])
        joint = entropy_of(kernel, alpha=alpha, base=base).value
        value = joint - entropy_of(kernel, of_prompt, alpha=alpha, base=base).value
    return Dependence(value, n, m, length_term(n, m), sigma)


def overlap_divergence(
    prompt: Tensor,
    response: Tensor,
    *,
    sigma: float,
    alpha: float = ALPHA,
    base: float = 2.0,
    precision: Precision = "auto",
) -> Dependence:
    """J = H(both sides with equal total weight) - (H(prompt) + H(response)) / 2: 0 for equal sets, near 1 bit apart.

    Needs no drawing of rows: each prompt row weighs 1/(2n), each response row 1/(2m). Arguments and errors as
    `conditional_proxy`. With few rows it is biased upwards.
    """
    n, m = len(prompt), len(response)
    with one_thread():
        kernel = _joint_kernel(prompt, response, sigma, precision, alpha)
        sides = [np.repeat([1.0, 0.0], [n, m]), np.repeat([0.0, 1.0], [n, m])]
        balanced = sides[0] / (2 * n) + sides[1] / (2 * m)
        joint, first, second = (entropy_of(kernel, w, alpha=alpha, base=base).value for w in (balanced, *sides))
    return Dependence(joint - (first + second) / 2, n, m, length_term(n, m), sigma)


def matched_proxy(
    prompt: Tensor,
    response: Tensor,
    *,
    sigma: float,
    k: int,
    draws: int,
    generator: np.random.Generator,
    alpha: float = ALPHA,
    base: float = 2.0,
) -> Dependence:
    """P_k = H(k prompt and k response rows) - H(those k prompt rows), averaged over draws without replacement.

    A copy scores 0 only if k covers the prompt's distinct rows; compare with `mismatch_gain`, never with 0.

    Raises:
        ValueError: a side has fewer than `k` rows; otherwise as `conditional_proxy`.
    """
    return matched_proxies(
        prompt, response, sigmas=(sigma,), k=k, draws=draws, generator=generator, alpha=alpha, base=base
    )[0]


def matched_proxies(
    prompt: Tensor,
    response: Tensor,
    *,
    sigmas: Sequence[float],
    k: int,
    draws: int,
    generator: np.random.Generator,
    alpha: float = ALPHA,
    base: float = 2.0,
) -> list[Dependence]:
    """`matched_proxy` at several bandwidths on the same draws."""
    sides = _checked_sides(prompt, response)
    n, m = len(prompt), len(response)
    found: list[Dependence] = []
    with one_thread():
        picked = [side[draw_rows(len(side), k, draws, generator)] for side in sides]
        for sigma in sigmas:
            value, error = _mean(_proxies(picked[0], picked[1], sigma, alpha, base))
            found.append(Dependence(value, n, m, length_term(n, m), sigma, k, draws, error, matched=value))
    return found


def mismatch_gain(
    prompt: Tensor,
    response: Tensor,
    others: Sequence[Tensor],
    *,
    sigma: float,
    k: int,
    draws: int,
    generator: np.random.Generator,
    alpha: float = ALPHA,
    base: float = 2.0,
) -> Dependence:
    """G = mean P_k with responses to other prompts - P_k with the own response; positive if the own one fits better.

    Every draw uses the same prompt rows for the own and the other responses, so that their choice cancels.

    Args:
        prompt: [n, width].
        response: [m, width], the reply to this prompt.
        others: replies to other prompts, at the same layer, each with at least `k` rows.
        sigma: bandwidth in the units of the rows.
        k: rows drawn from each side.
        draws: number of draws.
        generator: of the draws.
        alpha: order.
        base: of the logarithm.

    Raises:
        ValueError: no other responses; otherwise as `matched_proxy`.
    """
    if not others:
        raise ValueError("the mismatch gain needs the response to at least one other prompt")
    own, *rest = (_checked_sides(prompt, other) for other in (response, *others))
    with one_thread():
        picked = own[0][draw_rows(len(prompt), k, draws, generator)]
        proxies = np.stack(
            [
                _proxies(picked, side[draw_rows(len(side), k, draws, generator)], sigma, alpha, base)
                for _, side in (own, *rest)
            ]
        )
    value, error = _mean(proxies[1:].mean(axis=0) - proxies[0])
    n, m = len(prompt), len(response)
    matched, mismatched = float(proxies[0].mean()), float(proxies[1:].mean())
    return Dependence(value, n, m, length_term(n, m), sigma, k, draws, error, matched, mismatched)


def length_term(n: int, m: int) -> float:
    """log2(1 + m/n): the value of P for n + m rows that are all far apart."""
    return math.log2(1 + m / n)


def _proxies(prompt: Tensor, response: Tensor, sigma: float, alpha: float, base: float) -> np.ndarray:
    """P [draws] for stacks [draws, k, width]; the prompt's distances are the corner of the joint ones."""
    k = prompt.shape[1]
    distances = stack_distances(torch.cat([prompt, response], dim=1), sigma)
    joint = entropies_of_distances(distances, alpha=alpha, base=base)
    return joint - entropies_of_distances(distances[:, :k, :k], alpha=alpha, base=base)


def _joint_kernel(prompt: Tensor, response: Tensor, sigma: float, precision: Precision, alpha: float) -> RowKernel:
    sides = _checked_sides(prompt, response)
    return row_kernel(torch.cat(sides), sigma, precision="float64" if precision == "auto" and alpha < 1 else precision)


def _checked_sides(prompt: Tensor, response: Tensor) -> tuple[Tensor, Tensor]:
    sides = []
    for name, rows in (("prompt", prompt), ("response", response)):
        try:
            sides.append(checked(rows).cpu())
        except ValueError as problem:
            raise ValueError(f"{name}: {problem}") from None
    if sides[0].shape[1] != sides[1].shape[1]:
        raise ValueError(f"prompt and response rows differ in width: {sides[0].shape[1]} and {sides[1].shape[1]}")
    return sides[0], sides[1]


def _mean(values: np.ndarray) -> tuple[float, float]:
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return float(values.mean()), error
