"""What decides last digits is noted of every process that computes, and of no model that computes elsewhere."""

import os
import re

import pytest
import scipy
import torch

from tests.helpers.fake_study import FakeModel
from unispect.engine.machine import SWITCHES, together, traits_of
from unispect.metrics.threads import openblas_threads


class OnTorch(FakeModel):
    device = torch.device("cpu")


def test_processor_threads_and_libraries_are_named(monkeypatch: pytest.MonkeyPatch):
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    before = traits_of(OnTorch())
    assert set(before) == {"cpu", "threads", "float32 products", "kernels"}
    assert before["cpu"].endswith(f"kernels for {torch.backends.cpu.get_cpu_capability()}")
    assert before["threads"] == str(torch.get_num_threads())
    assert before["kernels"].startswith(f"torch {torch.__version__}")
    assert ("MKL" in before["kernels"]) == torch.backends.mkl.is_available()
    solver = openblas_threads()
    assert f"scipy {scipy.__version__} with " in before["kernels"]
    assert solver is None or re.search(r"OpenBLAS \d+\.\d+\.\d+.* (\w+) MAX_THREADS", before["kernels"])
    monkeypatch.setitem(os.environ, "MKL_CBWR", "AVX2")
    assert traits_of(OnTorch()) == {**before, "MKL_CBWR": "AVX2"}


def test_more_threads_and_coarser_products_are_another_machine():
    before, threads, precision = traits_of(OnTorch()), torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        torch.set_num_threads(threads + 1)
        torch.set_float32_matmul_precision("medium")
        after = traits_of(OnTorch())
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
    assert {name for name in before if before[name] != after[name]} == {"threads", "float32 products"}


def test_what_is_computed_elsewhere_has_none():
    assert traits_of(FakeModel()) == {}
    assert traits_of(None) == {}


def test_several_processes_are_one_where_they_agree():
    one, two = {"cpu": "A", "threads": "2"}, {"cpu": "B", "threads": "2", "gpu": "C"}
    assert together([one, one]) == one
    assert together([one, two, one]) == {"cpu": "A or B", "threads": "2", "gpu": "C"}
    assert together([]) == {}
