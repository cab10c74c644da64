"""Time of one entropy estimate (one layer, one prompt) beside representation-itl, in one run on one thread.

    OMP_NUM_THREADS=1 python bench/entropy.py [--repeats 15] [--width 2048] [--skip-default]

representation-itl's default route builds the tensor of all coordinate differences (n x n x width); its best options
take distances from a matrix product. Both then compute eigenvectors that nobody asked for. The package published under
that name holds no module; if the original `repitl` can be imported (from a checkout on PYTHONPATH) it is timed, and
otherwise the same sequence of torch operations is, and the table says which.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from unispect.metrics.entropy import ALPHA, renyi_entropy

try:
    import repitl.kernel_utils as peer_kernels  # pyright: ignore[reportMissingImports]
    import repitl.matrix_itl as peer_entropy  # pyright: ignore[reportMissingImports]

    PEER = "repitl, original"
except ImportError:
    peer_kernels = peer_entropy = None
    PEER = "repitl, same operations"

N = 576


def states(n: int, width: int) -> Tensor:
    """Rows with the traits of hidden states: clusters, decaying variances, a common offset."""
    generator = torch.Generator().manual_seed(n)
    centres = torch.randn(40, width, generator=generator)
    noise = torch.randn(n, width, generator=generator) * torch.arange(1, width + 1) ** -0.3
    return 3 + centres[torch.randint(40, (n,), generator=generator)] + noise


def peer(rows: Tensor, sigma: float, *, tiled: bool, double: bool) -> float:
    """representation-itl's entropy in bits: distances tiled (its default) or by a product, then `eigh`."""
    if peer_kernels is not None and peer_entropy is not None:
        kernel = peer_kernels.gaussianKernel(rows, rows, sigma, calcOption="tiled" if tiled else "product")
        nats = peer_entropy.matrixAlphaEntropy(kernel.double() if double else kernel, ALPHA)
        return float(nats) / math.log(2)
    if tiled:
        distances = (rows.unsqueeze(1) - rows.unsqueeze(0)).pow(2).sum(2)
    else:
        squares = rows.square().sum(1, keepdim=True)
        distances = squares - (rows @ rows.T) * 2 + squares.T
    kernel = torch.exp(-distances / (2.0 * sigma**2))
    values, _ = torch.linalg.eigh(kernel.double() if double else kernel)
    positive = values[values > 0]
    shares = positive / positive.sum()
    return float(torch.log(torch.exp(ALPHA * torch.log(shares)).sum()) / (1 - ALPHA)) / math.log(2)


@dataclass
class Route:
    """One row of the table; `milliseconds` is the best of all rounds so far, since the machine may be busy."""

    name: str
    n: int
    call: Callable[[], float]
    milliseconds: float = math.inf
    bits: float = math.nan

    def run(self) -> None:
        start = time.perf_counter()
        self.bits = self.call()
        self.milliseconds = min(self.milliseconds, 1000 * (time.perf_counter() - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--skip-default", action="store_true", help="leave out the slow default route (needs 3 GB)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sigma = math.sqrt(options.width / 2)

    rows = states(N, options.width)
    twice = rows.repeat(2, 1)
    routes = [
        Route("unispect", N, lambda: renyi_entropy(rows, sigma=sigma).value),
        Route("unispect, float64", N, lambda: renyi_entropy(rows, sigma=sigma, precision="float64").value),
        Route(f"{PEER}, product, float32", N, lambda: peer(rows, sigma, tiled=False, double=False)),
        Route(f"{PEER}, product, float64", N, lambda: peer(rows, sigma, tiled=False, double=True)),
        Route("unispect, each row twice", 2 * N, lambda: renyi_entropy(twice, sigma=sigma).value),
    ]
    for n in (64, 256, 1024):
        other = states(n, options.width)
        routes.append(Route("unispect", n, lambda other=other: renyi_entropy(other, sigma=sigma).value))
        product = partial(peer, other, sigma, tiled=False, double=False)
        routes.append(Route(f"{PEER}, product, float32", n, product))
    for _ in range(options.repeats):
        for route in routes:  # in turns, so that all routes meet the same neighbours
            route.run()
    default = Route(f"{PEER}, default", N, lambda: peer(rows, sigma, tiled=True, double=False))
    if not options.skip_default:
        for _ in range(2):
            default.run()
        routes.insert(4, default)

    ours, truth = routes[0].milliseconds, routes[1].bits
    cpu = platform.processor() or platform.machine()
    print(f"{cpu}, torch {torch.__version__}, one thread, load {os.getloadavg()[0]:.1f}")
    print(f"width {options.width}, sigma {sigma:.0f}, order {ALPHA}, best of {options.repeats}\n")
    print(f"{'route':<42}{'n':>6}{'ms':>11}{'bits':>11}{'off by':>11}{'times ours':>12}")
    for row in routes:
        same = row.n in (N, 2 * N)
        error = f"{row.bits - truth:11.1e}" if same else f"{'':>11}"
        ratio = f"{row.milliseconds / ours:12.1f}" if row.n == N else f"{'':>12}"
        print(f"{row.name:<42}{row.n:>6}{row.milliseconds:>11.2f}{row.bits:>11.6f}{error}{ratio}")
    best = min(row.milliseconds for row in routes if "product" in row.name and row.n == N)
    print(f"\ngoal <= 60 ms at n={N}: {verdict(ours <= 60)} ({ours:.1f} ms)")
    print(f"goal no slower than the peer's best options: {verdict(ours <= best)} ({best / ours:.2f}x)")
    for n in (64, 256, 1024):
        own, other = (row.milliseconds for row in routes if row.n == n)
        print(f"goal no slower than the peer at n={n}: {verdict(own <= other)} ({other / own:.2f}x)")
    if not options.skip_default:
        ratio = default.milliseconds / ours
        print(f"goal >= 50x faster than the peer's default: {verdict(ratio >= 50)} ({ratio:.0f}x)")


def verdict(holds: bool) -> str:
    return "met" if holds else "NOT met"


if __name__ == "__main__":
    main()
