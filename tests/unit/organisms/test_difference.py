"""Variants are stored as differences: small, close, and only for the model they change."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from unispect.core.errors import CheckpointError
from unispect.organisms.difference import apply_difference, save_difference


def weights(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(6, 40, generator=generator), "b": torch.randn(7, generator=generator), "c": torch.ones(3)}


def test_a_difference_brings_the_weights_back_within_half_a_step(tmp_path: Path) -> None:
    before, after = weights(0), weights(1)
    save_difference(tmp_path / "x.safetensors", before, after)
    found = {name: tensor.clone() for name, tensor in before.items()}
    apply_difference(tmp_path / "x.safetensors", found)
    for name in before:
        step = (after[name] - before[name]).reshape(len(before[name]), -1).abs().amax(1) / 5
        error = (found[name] - after[name]).reshape(len(before[name]), -1).abs().amax(1)
        assert torch.all(error <= 0.6 * step + 1e-6)
    assert torch.equal(found["c"], before["c"])


def test_a_weight_takes_less_than_half_a_byte(tmp_path: Path) -> None:
    before = {"a": torch.zeros(128, 300)}
    save_difference(tmp_path / "x", before, {"a": torch.randn(128, 300)})
    assert (tmp_path / "x").stat().st_size < 0.5 * before["a"].numel()


@pytest.mark.parametrize("last", [0, -1])
def test_the_outermost_steps_come_back_whatever_their_place(tmp_path: Path, last: int) -> None:
    for size in range(1, 20):
        change = torch.full((1, size), -1.0)
        change[0, last] = 1.0
        save_difference(tmp_path / "x", {"a": torch.zeros(1, size)}, {"a": change})
        found = {"a": torch.zeros(1, size)}
        apply_difference(tmp_path / "x", found)
        assert torch.allclose(found["a"], change, rtol=1e-3)


def test_storing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("x", "y"):
        save_difference(tmp_path / name, weights(0), weights(1))
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_another_model_is_refused_by_name(tmp_path: Path) -> None:
    save_difference(tmp_path / "x.safetensors", weights(0), weights(1))
    with pytest.raises(CheckpointError, match=r"x\.safetensors: a does not fit"):
        apply_difference(tmp_path / "x.safetensors", {"a": torch.zeros(2, 2), "b": torch.zeros(7)})


def test_a_truncated_difference_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_difference(path, weights(0), weights(1))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match=r"x\.safetensors cannot be read"):
        apply_difference(path, weights(0))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_a_difference_that_is_not_finite_is_refused_by_name(tmp_path: Path, wrong: float) -> None:
    path = tmp_path / "x.safetensors"
    save_difference(path, weights(0), weights(1))
    stored = load_file(path)
    stored["a.scale"][2] = wrong
    save_file(stored, path)
    with pytest.raises(CheckpointError, match=r"x\.safetensors: 'a\.scale' makes weights that are not finite"):
        apply_difference(path, weights(0))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stored: stored.update({"a.scale": torch.tensor(1.0)}),
        lambda stored: stored.update({"a.steps": stored["a.steps"].float()}),
        lambda stored: stored.update({"a.steps": stored["a.steps"][None]}),
        lambda stored: stored.update({"a.scale": stored["a.scale"].int()}),
        lambda stored: stored.pop("a.scale"),
    ],
)
def test_a_difference_of_other_kinds_is_refused_by_name(tmp_path: Path, spoil: Callable[[Any], object]) -> None:
    path = tmp_path / "x.safetensors"
    save_difference(path, weights(0), weights(1))
    stored = load_file(path)
    spoil(stored)
    save_file(stored, path)
    with pytest.raises(CheckpointError, match=r"x\.safetensors: a does not fit"):
        apply_difference(path, weights(0))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="named pipe"):
        apply_difference(tmp_path / "x.safetensors", weights(0))
