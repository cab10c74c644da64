"""Entropies at equal row counts, with a null: what makes sequences of different lengths comparable.

Dividing by log n does not remove length; drawing the same number of rows from every sequence does
(docs/sources/entropy.md#what-an-entropy-depends-on).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unispect.metrics.bandwidth import UndefinedBandwidth, balanced_rows, own_bandwidths, shared_bandwidth
from unispect.metrics.entropy import ALPHA
from unispect.metrics.kernel import SAFE64, checked, distances_from, distinct_rows, exact_distances, squared_distances
from unispect.metrics.spectrum import renyi_stack
from unispect.metrics.symmetric import minus_twice_gram
from unispect.metrics.threads import one_thread

AT_ONCE = 2**18
"""Numbers that are centred and multiplied at once: in float64 they fit into a core's cache."""


@dataclass(frozen=True)
class SampledEntropy:
    """Entropy of `k` rows, averaged over draws without replacement.

    Attributes:
        value: mean over draws, in units of log base.
        standard_error: of that mean over draws: how much the choice of rows matters, not how prompts differ.
        k: rows per draw.
        draws: number of draws.
        rows: rows of the whole sequence.
        distinct_rows: of them, those that differ from all earlier ones.
        sigma: bandwidth.
        max_value: log k.
        null: the same for draws in which every coordinate is permuted over the rows on its own; NaN if not asked for.
    """

    value: float
    standard_error: float
    k: int
    draws: int
    rows: int
    distinct_rows: int
    sigma: float
    max_value: float
    null: float = math.nan

    @property
    def structure(self) -> float:
        """The null minus the value: what the joint arrangement of coordinates takes off; 0 for independent ones."""
        return self.null - self.value

    @property
    def share(self) -> float:
        """The value over log k, between 0 and 1."""
        return self.value / self.max_value if self.max_value else 0.0


def sampled_entropy(
    rows: Tensor,
    *,
    sigma: float,
    k: int,
    draws: int,
    generator: np.random.Generator,
    alpha: float = ALPHA,
    base: float = 2.0,
    null: bool = False,
) -> SampledEntropy:
    """Entropy of `k` of the rows [n, width], averaged over `draws` random choices.

    Raises:
        ValueError: fewer than `k` rows; otherwise as `renyi_entropy`.
    """
    return sampled_entropies(
        rows, sigmas=(sigma,), k=k, draws=draws, generator=generator, alpha=alpha, base=base, nulls=int(null)
    )[0]


class Draws:
    """Which rows are drawn of a sequence, and how the null mixes them: the same for every layer that they are drawn in.

    Attributes:
        rows: [draws, k], see `draw_rows`.
    """

    def __init__(self, n: int, k: int, draws: int, generator: np.random.Generator) -> None:
        """Raises: ValueError as `draw_rows`."""
        self.rows = draw_rows(n, k, draws, generator)
        self._generator = generator
        self._orders: dict[tuple[int, torch.device], Tensor] = {}

    def mixed(self, stack: Tensor, first: int = 0) -> Tensor:
        """The rows [some, k, width] of draws from the `first` on, every coordinate of each permuted on its own.

        Keeps all marginals and destroys everything that coordinates share: the null of a structured representation.
        """
        some, k, width = stack.shape
        device = stack.device
        orders = self._orders_of(width, device)[first : first + some]
        places = (orders.int() * width).add_(torch.arange(width, dtype=torch.int32, device=device))
        places.add_(torch.arange(some, dtype=torch.int32, device=device)[:, None, None] * (k * width))
        return stack.reshape(-1).index_select(0, places.reshape(-1)).reshape(stack.shape)

    def _orders_of(self, width: int, device: torch.device) -> Tensor:
        """Permutations [draws, k, width] of 0..k-1 along k; drawn once, since that takes longer than all products."""
        if (width, device) not in self._orders:
            draws, k = self.rows.shape
            generator = copy.deepcopy(self._generator)
            orders = generator.permuted(np.tile(np.arange(k), (draws, width, 1)), axis=2)
            smallest = np.uint8 if k <= 256 else np.int32
            along = np.ascontiguousarray(orders.astype(smallest).swapaxes(1, 2))
            self._orders[width, device] = torch.from_numpy(along).to(device)
        return self._orders[width, device]


def sampled_entropies(
    rows: Tensor,
    *,
    sigmas: Sequence[float],
    k: int,
    draws: int,
    generator: np.random.Generator,
    alpha: float = ALPHA,
    base: float = 2.0,
    nulls: int = 0,
) -> list[SampledEntropy]:
    """`sampled_entropy` for several bandwidths on the same draws; the distances are computed once.

    The null is computed at the first `nulls` of them: it costs as much as the entropy itself.
    """
    drawn = Draws(len(checked(rows)), k, draws, generator)
    return drawn_entropies(rows, drawn, sigmas=sigmas, alpha=alpha, base=base, nulls=nulls)


def drawn_entropies(
    rows: Tensor,
    drawn: Draws,
    *,
    sigmas: Sequence[float],
    scaled: Own | None = None,
    alpha: float = ALPHA,
    base: float = 2.0,
    nulls: int = 0,
    distinct: int | None = None,
) -> list[SampledEntropy]:
    """`sampled_entropies` of rows [n, width] that have been drawn already.

    Where `scaled` is given, one more comes last: with every dimension divided by its scale, at the bandwidth for that.
    Distances are exact in float64. All is computed where the rows lie, and all spectra by one call. On the CPU draws
    are centred and multiplied a few at a time, while they are in the processor's cache; a row's distance to another
    does not change with the centre. `distinct` is how many rows are distinct, where that is known.

    Raises:
        ValueError: as `renyi_entropy`.
    """
    for sigma in sigmas:
        if not (sigma > 0 and math.isfinite(sigma)):
            raise ValueError(f"sigma must be a positive number, not {sigma}")
    wide = checked(rows)
    narrowest = min(sigmas)
    stack = wide[drawn.rows.to(wide.device)]
    means = stack.mean(dim=1, keepdim=True)
    dimensions = None
    if scaled is not None:
        dimensions = torch.from_numpy(scaled.scale * (scaled.scaled_unit / narrowest)).to(wide.device)
    plain: list[Tensor] = []
    mixed: list[Tensor] = []
    divided: list[Tensor] = []
    with one_thread():
        few = max(1, AT_ONCE // stack[0].numel()) if stack.device.type == "cpu" else len(stack)
        for first in range(0, len(stack), few):
            some = slice(first, first + few)
            centred = stack[some].double().sub_(means[some]).div_(narrowest)
            plain.append(minus_twice_gram(centred))
            if nulls:
                mixed.append(minus_twice_gram(drawn.mixed(centred, first)))
            if dimensions is not None:
                divided.append(minus_twice_gram(centred.div_(dimensions)))

        def readings(products: list[Tensor], ratios: Sequence[float], rows: Callable[[], Tensor]) -> list[Tensor]:
            distances = distances_from(torch.cat(products), SAFE64)
            if distances is None:
                distances = exact_distances(rows(), narrowest)
            return [distances * ratio for ratio in ratios]

        ratios = [(narrowest / sigma) ** 2 for sigma in sigmas]
        together = readings(plain, ratios, lambda: stack)
        if nulls:
            together += readings(mixed, ratios[:nulls], lambda: drawn.mixed(stack))
        if scaled is not None and dimensions is not None:
            together += readings(divided, [1.0], lambda: stack.double() / dimensions)
            sigmas = (*sigmas, scaled.scaled_unit)
        values = entropies_of_distances(torch.stack(together), alpha=alpha, base=base)
    of_nulls = slice(len(ratios), len(ratios) + nulls)
    null = np.full(len(sigmas), math.nan)
    null[:nulls] = values[of_nulls].mean(axis=1)
    values = np.delete(values, of_nulls, axis=0)
    draws, k = drawn.rows.shape
    if distinct is None:
        distinct = int(distinct_rows(wide)[1].max()) + 1
    return [
        SampledEntropy(
            value=float(of_draws.mean()),
            standard_error=float(of_draws.std(ddof=1) / math.sqrt(draws)) if draws > 1 else math.nan,
            k=k,
            draws=draws,
            rows=len(wide),
            distinct_rows=distinct,
            sigma=sigma,
            max_value=math.log(k) / math.log(base),
            null=float(of_null),
        )
        for sigma, of_draws, of_null in zip(sigmas, values, null, strict=True)
    ]


def draw_rows(n: int, k: int, draws: int, generator: np.random.Generator) -> Tensor:
    """Indices [draws, k]: in every draw, `k` different rows of `n`, in order.

    Raises:
        ValueError: k is not between 1 and n, or there are no draws.
    """
    if not 1 <= k <= n or draws < 1:
        raise ValueError(f"cannot draw {k} different rows out of {n} in {draws} draws")
    picks = generator.permuted(np.tile(np.arange(n), (draws, 1)), axis=1)[:, :k]
    return torch.from_numpy(np.sort(picks, axis=1))


def stack_entropies(stack: Tensor, sigmas: Sequence[float], *, alpha: float = ALPHA, base: float = 2.0) -> np.ndarray:
    """Entropies [sigmas, draws] of a stack of equally many rows [draws, k, width], in float64."""
    narrowest = min(sigmas)
    distances = stack_distances(stack, narrowest)
    scaled = torch.stack([distances * (narrowest / sigma) ** 2 for sigma in sigmas])
    return entropies_of_distances(scaled, alpha=alpha, base=base)


def stack_distances(stack: Tensor, sigma: float) -> Tensor:
    """Squared distances [draws, k, k] in units of sigma^2, in float64."""
    if not (sigma > 0 and math.isfinite(sigma)):
        raise ValueError(f"sigma must be a positive number, not {sigma}")
    distances = squared_distances(stack.double(), sigma, SAFE64)
    return exact_distances(stack, sigma) if distances is None else distances


def entropies_of_distances(distances: Tensor, *, alpha: float = ALPHA, base: float = 2.0) -> np.ndarray:
    """Entropies [...] from squared distances [..., k, k] in units of sigma^2."""
    eigenvalues = torch.linalg.eigvalsh(torch.exp(distances / -2))
    return renyi_stack(eigenvalues.cpu().numpy(), alpha) / math.log(base)


@dataclass(frozen=True)
class Own:
    """What all sequences of one modality share at one layer.

    Attributes:
        sigma: bandwidth for raw rows; NaN if its calibration rows are all equal (its entropies are then 0).
        mean: [width], of the calibration rows.
        scale: [width], standard deviation of every dimension over the calibration rows, 1 where it is 0.
        scaled_sigma: bandwidth for rows divided by `scale`.
    """

    sigma: float
    mean: np.ndarray
    scale: np.ndarray
    scaled_sigma: float

    def normalised(self, rows: Tensor) -> Tensor:
        """Rows [n, width] minus the mean, over the width, in float64 on the CPU: to be measured at a width of 1.

        Where every calibration row was equal, nothing is divided.
        """
        return self._centred(rows) / (1.0 if math.isnan(self.sigma) else self.sigma)

    def standardised(self, rows: Tensor) -> Tensor:
        """The same with every dimension at unit variance, over the width that belongs to it."""
        return self._centred(rows) / torch.from_numpy(self.scale) / self.scaled_unit

    @property
    def scaled_unit(self) -> float:
        """The bandwidth for rows divided by `scale`; 1 where every calibration row was equal."""
        return 1.0 if math.isnan(self.scaled_sigma) else self.scaled_sigma

    def _centred(self, rows: Tensor) -> Tensor:
        return rows.detach().cpu().double() - torch.from_numpy(self.mean)


@dataclass(frozen=True)
class Calibration:
    """What all sequences of one layer share.

    Attributes:
        own: by group (modality).
        shared: one bandwidth for raw rows of all groups; NaN if no group has a width of its own.
        rows: distinct calibration rows of each group.
    """

    own: Mapping[str, Own]
    shared: float
    rows: int


def calibrate(
    groups: Mapping[str, Sequence[Tensor]], *, rows: int, generator: np.random.Generator, fraction: float = 0.5
) -> Calibration:
    """Bandwidths for a layer, from equally many distinct rows of every group (modality), each by itself.

    Args:
        groups: modality -> its sequences [n_i, width].
        rows: distinct rows per group, at most.
        generator: of the choice of rows.
        fraction: of the median distance.

    Raises:
        ValueError: a group has no rows, or values are not finite.
    """
    balanced = balanced_rows(groups, rows=rows, generator=generator)
    wide = {name: own.double().cpu() for name, own in balanced.items()}
    scales = {name: own.std(dim=0, correction=0) for name, own in wide.items()}
    scales = {name: torch.where(scale > 0, scale, torch.ones_like(scale)) for name, scale in scales.items()}
    sigmas = own_bandwidths(wide, fraction=fraction)
    scaled = own_bandwidths({name: own / scales[name] for name, own in wide.items()}, fraction=fraction)
    own = {
        name: Own(sigmas[name], one.mean(dim=0).numpy(), scales[name].numpy(), scaled[name])
        for name, one in wide.items()
    }
    try:
        shared = shared_bandwidth(wide, fraction=fraction)
    except UndefinedBandwidth:
        shared = math.nan
    return Calibration(own, shared, len(next(iter(wide.values()))))
