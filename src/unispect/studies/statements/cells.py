"""Mean curves of groups of prompts, and linear functions of them with their standard errors.

Whatever a statement says is taken apart into linear functions of mean curves, each above 0 where the statement holds
(`parts.py`): of those an honest interval is known at any number of prompts, while resampled minima, maxima and ranges
are off, and a range of noisy numbers is never 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unispect.studies.statements.linear import Linear

Floats = NDArray[np.float64]
Row = tuple[Hashable, str, Sequence[float]]
"""Group, prompt and values of one curve."""

LEAST_PROMPTS = 3
"""Of a group, before anything is said of more prompts like them."""
ALIKE = 6
"""Prompts that all agree say something of a seventh; fewer do not."""


@dataclass(frozen=True)
class Cells:
    """The mean curve of every group, and what each prompt moves it by.

    Attributes:
        groups: in order of first appearance.
        means: [groups, layers].
        influences: [prompts, groups, layers], adding up to 0 over prompts.
        members: [prompts, groups], whether a prompt has curves in a group.
        curves: how many there are.
    """

    groups: tuple[Hashable, ...]
    means: Floats
    influences: Floats
    members: NDArray[np.bool_]
    curves: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Cells:
        """Cells of at least one curve, all of equal length."""
        groups = {group: place for place, group in enumerate(dict.fromkeys(group for group, _, _ in rows))}
        prompts = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompt for _, prompt, _ in rows))}
        values = np.array([values for _, _, values in rows], dtype=np.float64)
        own = np.array([groups[group] for group, _, _ in rows])
        counts = np.bincount(own, minlength=len(groups))[:, None]
        means = np.zeros((len(groups), values.shape[1]))
        np.add.at(means, own, values)
        means /= counts
        place = np.array([prompts[prompt] for _, prompt, _ in rows])
        influences = np.zeros((len(prompts), *means.shape))
        np.add.at(influences, (place, own), (values - means[own]) / counts[own])
        members = np.zeros((len(prompts), len(groups)), dtype=bool)
        members[place, own] = True
        return cls(tuple(groups), means, influences, members, len(rows))

    @property
    def layers(self) -> int:
        return self.means.shape[1]

    def curve(self, wanted: Callable[[Hashable], bool]) -> Floats:
        """The mean curve over some groups, which count alike, as functions [layers, groups, layers]: one per layer."""
        own = np.array([float(wanted(group)) for group in self.groups])
        return np.einsum("g,lm->lgm", own / own.sum(), np.eye(self.layers))

    def linear(self, functions: Floats, shift: float = 0.0) -> Linear:
        """Values and standard errors of `functions` [functions, groups, layers] of the mean curves, plus `shift`.

        Prompts are independent; each counts with all its curves, so groups that share prompts are paired. Degrees of
        freedom are Satterthwaite's (1946, Biometrics Bulletin 2(6)), over the strata of prompts that are in the same
        groups. No error (NaN) where a group has too few prompts.
        """
        flat = functions.reshape(len(functions), -1)
        moved = self.influences.reshape(len(self.influences), -1) @ flat.T
        used = np.abs(functions).sum(axis=2) > 0
        variance, spread = np.zeros(len(flat)), np.zeros(len(flat))
        fewest, prompts = np.full(len(flat), np.inf), np.zeros(len(flat))
        for own in self._strata:
            touched = np.any(used[:, np.any(self.members[own], axis=0)], axis=-1)
            part = (moved[own] ** 2).sum(axis=0) * (len(own) / max(len(own) - 1, 1))
            variance += part
            spread += part**2 / max(len(own) - 1, 1)
            fewest[touched] = np.minimum(fewest[touched], len(own))
            prompts[touched] += len(own)
        error = np.sqrt(variance)
        error[error < 1e-9] = 0.0
        error[(fewest < LEAST_PROMPTS) | ((error == 0) & (fewest < ALIKE))] = np.nan
        df = np.divide(variance**2, spread, out=np.ones(len(flat)), where=spread > 0)
        return Linear(flat @ self.means.ravel() + shift, error, df, prompts.astype(int), self.curves)

    @cached_property
    def _strata(self) -> list[NDArray[np.int64]]:
        """Places of prompts that are in the same groups; too small a stratum joins a larger one it shares a group with.

        Which prompts lack one of their curves is a matter of a few that were left out.
        """
        patterns = [tuple(own) for own in self.members.tolist()]
        found: dict[tuple[bool, ...], list[int]] = defaultdict(list)
        large = [pattern for pattern, count in Counter(patterns).most_common() if count >= LEAST_PROMPTS]
        for place, pattern in enumerate(patterns):
            host = pattern
            if pattern not in large:
                shared = (one for one in large if any(a and b for a, b in zip(one, pattern, strict=True)))
                host = next(shared, pattern)
            found[host].append(place)
        return [np.array(own) for own in found.values()]
