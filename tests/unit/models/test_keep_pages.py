"""Freed memory is kept for what is computed next, unless the environment says otherwise."""

import ctypes
import resource
import sys

import pytest
import torch

from unispect.models.devices import KEEP_PAGES, keep_pages

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc here"
)


def faults(times: int) -> int:
    """Page faults while tensors of 8 MiB are made and freed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(2**21)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_freed_pages_are_used_again(monkeypatch: pytest.MonkeyPatch):
    for name in (KEEP_PAGES, "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    assert keep_pages()
    faults(10)
    assert faults(20) < 10_000  # given back each time, they would be 40,960


@pytest.mark.parametrize(("name", "value"), [(KEEP_PAGES, "0"), ("MALLOC_TRIM_THRESHOLD_", "1000000")])
def test_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("the allocator was touched"))
    assert not keep_pages()
