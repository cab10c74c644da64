"""Many small matrices at once: single-threaded solvers, side by side.

LAPACK's symmetric solvers gain little from threads at the sizes of hidden states and lose a lot on a busy machine,
where spinning threads wait for a descheduled partner (docs/sources/entropy.md#threads). Independent prompts and layers
parallelise instead, and torch releases the interpreter lock inside its operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch operations inside run on the calling thread alone; restores the former number of threads."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)


def map_matrices(function: Callable[[T], R], items: Iterable[T], *, workers: int | None = None) -> list[R]:
    """`function` of every item, in order, on `workers` single-threaded workers: by default as many as torch may use.

    The first exception is raised after the work already started has finished. Results do not depend on `workers`.
    """
    todo = list(items)
    count = min(workers or torch.get_num_threads(), len(todo))
    with one_thread():
        if count <= 1:
            return [function(item) for item in todo]
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, todo))
