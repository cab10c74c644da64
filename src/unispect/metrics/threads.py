"""Many small matrices at once: single-threaded solvers, side by side.

LAPACK's symmetric solvers gain little from threads at the sizes of hidden states and lose a lot on a busy machine,
where spinning threads wait for a descheduled partner (docs/sources/entropy.md#threads). Independent prompts and layers
parallelise instead, and torch releases the interpreter lock inside its operations.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch
from scipy.linalg import lapack

T = TypeVar("T")
R = TypeVar("R")


class _Threads:
    """The number of threads of scipy's OpenBLAS, for all of this process, and what it says of itself: its release, and
    for which processor its kernels are.
    """

    def __init__(self, library: ctypes.CDLL, prefix: str) -> None:
        self.get = getattr(library, f"{prefix}_get_num_threads")
        self.set = getattr(library, f"{prefix}_set_num_threads")
        config = getattr(library, f"{prefix}_get_config")
        config.restype = ctypes.c_char_p
        self.config = config().decode()


@cache
def openblas_threads() -> _Threads | None:
    """None where scipy calls another BLAS than OpenBLAS: its threads could not be held to one."""
    flapack: Any = getattr(lapack, "_flapack", None)
    if flapack is None:
        return None
    try:
        library = ctypes.CDLL(flapack.__file__)  # names are looked up in what it depends on, too
    except OSError:
        return None
    for prefix in ("scipy_openblas", "openblas"):
        if hasattr(library, f"{prefix}_set_num_threads"):
            return _Threads(library, prefix)
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """Operations of torch and of scipy's OpenBLAS inside run on the calling thread alone; restores their threads."""
    openblas = openblas_threads()
    before = torch.get_num_threads()
    blas_before = openblas.get() if openblas else 1
    if before != 1:
        torch.set_num_threads(1)
    if openblas and blas_before != 1:
        openblas.set(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
        if openblas and blas_before != 1:
            openblas.set(blas_before)


def map_matrices(function: Callable[[T], R], items: Iterable[T], *, workers: int | None = None) -> list[R]:
    """`function` of every item, in order, on `workers` single-threaded workers: by default as many as torch may use.

    The first exception is raised after the work already started has finished. Results do not depend on `workers`.
    """
    todo = list(items)
    count = min(workers or torch.get_num_threads(), len(todo))
    with one_thread():
        if count <= 1:
            return [function(item) for item in todo]
        with _single_threaded(count) as pool:
            return list(pool.map(function, todo))


def map_streamed(
    function: Callable[[T], R], groups: Iterable[Iterable[T]], *, ahead: int, workers: int | None = None
) -> Iterator[list[R]]:
    """`map_matrices` of every group, while `groups` goes on: so many groups further, at most, than what was asked for.

    So a device computes the next layers while this machine solves those before. With `ahead` = 0 every group is joined
    before the next one is asked for, which is right where `groups` itself computes on these cores: with all threads of
    torch, which otherwise has one. Results do not depend on `ahead` or `workers`.
    """
    if not ahead:
        yield from (map_matrices(function, group, workers=workers) for group in groups)
        return
    queue: deque[list[Future[R]]] = deque()
    count = workers or torch.get_num_threads()
    with one_thread(), _single_threaded(count) as pool:
        try:
            for group in groups:
                queue.append([pool.submit(function, item) for item in group])
                if len(queue) > ahead:
                    yield [future.result() for future in queue.popleft()]
            while queue:
                yield [future.result() for future in queue.popleft()]
        finally:
            pool.shutdown(cancel_futures=True)


def _single_threaded(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
