"""Gradients of several losses at once, added up in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn

WORKERS = 2
"""Losses that are worked on at a time."""

Loss = Callable[[], Tensor]


@contextmanager
def small_steps() -> Iterator[None]:
    """One thread of PyTorch per loss and no denormal numbers.

    Small tensors gain little from a second thread and lose everything to a busy neighbour; and sums come out the same
    on machines with other numbers of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


@contextmanager
def workers() -> Iterator[Executor]:
    """The threads that `add_gradients` works in."""
    with ThreadPoolExecutor(WORKERS, initializer=torch.set_flush_denormal, initargs=(True,)) as pool:
        yield pool


def add_gradients(pool: Executor, parameters: Sequence[nn.Parameter], losses: Sequence[Loss]) -> list[float]:
    """Adds the gradient of every loss to its parameters; returns the values of the losses.

    Losses are worked on in any order and added in theirs, so the sums do not depend on which was ready first.
    """

    def work(loss: Loss) -> tuple[float, tuple[Tensor | None, ...]]:
        value = loss()
        return float(value.detach()), torch.autograd.grad(value, parameters, allow_unused=True)

    values = []
    for value, gradients in pool.map(work, losses):
        values.append(value)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
    return values
