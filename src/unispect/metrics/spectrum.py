"""Entropies of spectra: non-negative numbers that sum to one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, logsumexp


def renyi(values: ArrayLike, alpha: float) -> float:
    """Renyi entropy of order `alpha`, in nats, of one spectrum; see `renyi_stack`."""
    return float(renyi_stack(np.asarray(values, dtype=np.float64)[None], alpha)[0])


def renyi_stack(values: NDArray[np.floating], alpha: float) -> NDArray[np.float64]:
    """Renyi entropies [...] of order `alpha`, in nats, of spectra [..., n]; Shannon entropies for alpha = 1.

    Values that are not positive are dropped and the rest is rescaled to sum to one: an uncorrected sum of 1 + d shifts
    the result by -alpha d / (alpha - 1), which at alpha = 1.01 is a hundredfold amplification. Near alpha = 1 the sum
    of p^alpha is within round-off of one, so its distance from one is summed instead: H = -log1p(sum p (p^e - 1)) / e
    with e = alpha - 1. Source: docs/sources/entropy.md#numerics.

    Raises:
        ValueError: alpha is not positive and finite, or a spectrum has no positive value.
    """
    if not (alpha > 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha must be a positive number, not {alpha}")
    p = np.maximum(np.asarray(values, dtype=np.float64), 0)
    totals = p.sum(axis=-1, keepdims=True)
    if not (totals > 0).all():
        raise ValueError("a spectrum needs at least one positive value")
    p = p / totals
    if alpha == 1:
        return entr(p).sum(axis=-1)
    excess = alpha - 1
    logs = np.log(p, out=np.full_like(p, -np.inf), where=p > 0)
    if abs(excess) > 0.5:
        nats = np.asarray(logsumexp(alpha * logs, axis=-1)) / -excess
    else:
        terms = p * np.expm1(excess * logs, out=np.zeros_like(p), where=p > 0)
        nats = -np.log1p(terms.sum(axis=-1)) / excess
    return np.clip(nats, 0, None)
