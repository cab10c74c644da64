"""Models whose blocks lie on several devices: where they are put, and that nothing they compute changes."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.helpers.odd_checkpoints import FAMILIES
from unispect.core.errors import CheckpointError, UsageError
from unispect.models import spread
from unispect.models.devices import devices_for
from unispect.models.spread import device_map, device_of

ROOT = Path(__file__).parents[3]
DEVICES = tuple(torch.device("cuda", n) for n in range(8))


class Stacked(nn.Module):
    """Two stacks of blocks of 4 x `width` bytes or numbers, and something of `rest` numbers beside them."""

    def __init__(self, first: int, second: int, width: int, rest: int) -> None:
        super().__init__()
        self.hear = nn.ModuleList(nn.Linear(width, 1, bias=False) for _ in range(first))
        self.draw = nn.ModuleList(nn.Linear(width, 1, bias=False) for _ in range(second))
        self.head = nn.Linear(rest, 1, bias=False)


def mapped(network: nn.Module, count: int) -> dict[str, torch.device]:
    dtypes = {name: torch.bfloat16 for name, _ in network.named_parameters()}
    devices_of = device_map(network, ("hear", "draw"), DEVICES[:count], dtypes)
    return {name: device_of(devices_of, name) for name, _ in network.named_parameters()}


@pytest.mark.slow
@given(
    first=st.integers(1, 40),
    second=st.integers(1, 20),
    width=st.integers(1, 9),
    rest=st.integers(1, 60),
    n=st.integers(1, 6),
)
def test_blocks_go_in_order_over_devices_and_none_holds_a_block_more_than_its_share(first, second, width, rest, n):
    spread.free_bytes, kept = lambda _: None, spread.free_bytes
    try:
        with torch.device("meta"):
            network = Stacked(first, second, width, rest)
        devices_of = mapped(network, n)
    finally:
        spread.free_bytes = kept
    assert devices_of.pop("head.weight") == DEVICES[0]
    order = [
        devices_of[f"{stack}.{i}.weight"].index
        for stack, count in (("hear", first), ("draw", second))
        for i in range(count)
    ]
    assert all(a <= b for a, b in itertools.pairwise(order))
    total = rest + (first + second) * width
    held = [order.count(i) * width + (rest if i == 0 else 0) for i in range(n)]
    assert sum(held) == total
    share = max(total / n, (total - rest) / max(1, n - 1))
    assert held[0] <= max(total / n, rest) + width
    assert all(size <= share + width for size in held[1:])


def test_a_device_with_more_room_holds_more(monkeypatch):
    monkeypatch.setattr(spread, "free_bytes", lambda device: 3000 if device == DEVICES[1] else 1000)
    devices_of = mapped(Stacked(30, 10, 4, 1), 2)
    assert sum(place == DEVICES[1] for place in devices_of.values()) == 30


def test_weights_that_do_not_fit_are_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr(spread, "free_bytes", lambda _: 2**30)
    with torch.device("meta"):
        network = Stacked(10, 10, 2**26, 1)
    with pytest.raises(
        CheckpointError, match=r"2\.5 GiB of weights would go to cuda:0, and 1\.0 GiB are free there; spread"
    ):
        mapped(network, 1)
    with pytest.raises(CheckpointError, match=r"1\.3 GiB of weights would go to cuda:0"):
        mapped(network, 2)
    assert len(set(mapped(network, 3).values())) == 3


@pytest.mark.parametrize(
    ("named", "answer"),
    [
        ("cpu,cpu", "named twice: 'cpu,cpu'"),
        ("auto,cpu", "of several, name each"),
        ("cpu,", "unknown device ''; use auto, cpu, cuda, cuda:N or several"),
        ("cpu,cuda:99", "there is no device 'cuda:99' here"),
    ],
)
def test_devices_that_make_no_sense_are_refused(named, answer):
    with pytest.raises(UsageError, match=answer):
        devices_for(named)


@pytest.mark.slow
def test_models_that_are_spread_compute_the_same_bytes():
    # In a process of its own: a kind of device is pretended once, for good.
    child = subprocess.run(
        [sys.executable, "-m", "tests.helpers.spread_child"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    told = json.loads(child.stdout)
    assert "works on tensors of pretend:0, pretend:1" in told["unaided"]
    assert told["models"].keys() == {*FAMILIES, "show-o-clip-vit"}
    for name, own in told["models"].items():
        assert own["two"] == own["one"], name
        assert set(own["held"]) == {"pretend:0", "pretend:1"}, name
