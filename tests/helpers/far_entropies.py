"""Entropies of rows on a pretended device beside those of rows here, and what was copied from there, as JSON.

python -m tests.helpers.far_entropies
"""

import json
import sys

# First, so that inference mode is as it leaves it.
from tests.helpers.pretended_devices import pretended_devices  # isort: skip

import numpy as np
import torch
from torch import Tensor

from unispect.metrics.entropy import entropy_of
from unispect.metrics.kernel import row_kernels
from unispect.metrics.sampling import Draws, calibrate, drawn_entropies

ROWS, WIDTH, K, DRAWS = 90, 600, 40, 3


def measured(rows: Tensor, others: Tensor) -> list[float]:
    """What `encoding` measures of a prompt at a layer, under both presets."""
    layer = calibrate({"text": [rows.cpu()], "image": [others]}, rows=64, generator=np.random.default_rng(0))
    own = layer.own["text"]
    drawn = Draws(ROWS, K, DRAWS, np.random.default_rng(1))
    copied.clear()
    sigmas = (own.sigma, own.sigma / 2, layer.shared)
    found = drawn_entropies(rows, drawn, sigmas=sigmas, scaled=own, nulls=1)
    kernels = row_kernels(rows, (own.sigma, 2 * own.sigma))
    return [*(one.value for one in found), found[0].null, *(entropy_of(kernel).value for kernel in kernels)]


copied: list[tuple[int, ...]] = []


def main() -> None:
    plain = Tensor.cpu

    def cpu(tensor: Tensor) -> Tensor:
        if tensor.device.type != "cpu":
            copied.append(tuple(tensor.shape))
        return plain(tensor)

    Tensor.cpu = cpu  # type: ignore[method-assign]
    generator = torch.Generator().manual_seed(0)
    rows, others = (torch.randn(ROWS, WIDTH, generator=generator) for _ in range(2))
    here = measured(rows, others)
    with pretended_devices():
        there = measured(rows.to("pretend:1"), others)
    json.dump({"here": here, "there": there, "copied": copied}, sys.stdout)


if __name__ == "__main__":
    main()
