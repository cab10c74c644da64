"""What each of several processes is given of the machine."""

from functools import partial

import pytest
import torch

from unispect.engine.replicas import Replicas, load_replica
from unispect.models import devices
from unispect.models.named_adapters import Adapter
from unispect.models.registry import ModelReference


@pytest.mark.parametrize(("cores", "workers", "each"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (2, 4, 1)])
def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch, cores: int, workers: int, each: int) -> None:
    given: list[int] = []

    def processes(load: partial[object]) -> object:
        given.append(load.args[-1])
        return object()

    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr("unispect.engine.processes.Processes", processes)
    Replicas(workers=workers).pool(ModelReference("tiny-janus-pro"), "cpu", "float32")
    assert given == [each]


@pytest.mark.parametrize(
    ("gpus", "device", "number", "chosen"),
    [(2, "auto", 0, "cuda:0"), (2, "auto", 3, "cuda:1"), (2, "cuda:0", 1, "cuda:0"), (1, "auto", 1, "auto")],
)
def test_each_worker_takes_the_gpu_of_its_number(
    monkeypatch: pytest.MonkeyPatch, gpus: int, device: str, number: int, chosen: str
) -> None:
    loaded: list[tuple[object, ...]] = []
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr("unispect.models.registry.load", lambda *how, adapters: loaded.append((*how, adapters)))
    named = (Adapter("loras/style", 0.7),)
    load_replica("tiny-janus-pro", "", device, "float32", 3, number, adapters=named)
    assert loaded == [("tiny-janus-pro", None, chosen, "float32", named)]
    assert threads == [3]


def test_on_the_cpus_of_a_cluster_auto_is_float32_whatever_this_machine_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: True)
    assert Replicas(engine="ray").precision("auto", "auto") == ("cpu", "float32")
    assert Replicas(engine="ray", gpus_per_replica=2).precision("auto", "auto") == ("cuda:0,cuda:1", "bfloat16")
