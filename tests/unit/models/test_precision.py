"""Which precision `auto` means on a CPU, and how far states in bfloat16 are from those in float32."""

import json
from pathlib import Path

import pytest
import torch

import unispect
from tests.helpers import tiny_janus
from unispect.core.prompts import Goal, Prompt
from unispect.doctor.machine import LOOKS
from unispect.engine.attempt import dtype_of
from unispect.metrics.entropy import renyi_entropy
from unispect.models import devices
from unispect.models.checkpoint import single
from unispect.models.devices import computes_bfloat16
from unispect.models.janus_pro.folder import load, save

CARD = tiny_janus.TINY
ENTROPIES_APART = 0.002
"""Bits by which the entropy of a layer of the organism below moves at most; 0.0004 was measured."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Dtype -> a tiny checkpoint whose weights are stored in it; `config.json` says bfloat16 of each."""
    folders = {}
    for dtype in ("float32", "float16", "bfloat16"):
        folder = tiny_janus.write_checkpoint(tmp_path_factory.mktemp("tiny") / dtype)
        save(
            load(CARD, folder, device="cpu", dtype="float32"), folder / "model.safetensors", dtype=getattr(torch, dtype)
        )
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "torch_dtype": "bfloat16"}))
        folders[dtype] = folder
    return folders


@pytest.mark.parametrize("can", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_auto_is_bfloat16_where_weights_are_stored_so_and_the_processor_can(stored, dtype, can, monkeypatch):
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: can)
    model = load(CARD, stored[dtype], device="cpu")
    assert model.dtype == (torch.bfloat16 if can and dtype == "bfloat16" else torch.float32)


def test_pickles_are_asked_too_and_what_was_named_stands(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: True)
    for dtype, narrow in ((torch.bfloat16, True), (torch.float32, False)):
        torch.save({"a": torch.zeros(9, dtype=dtype), "b": torch.zeros(8)}, tmp_path / f"{narrow}.bin")
        assert single(tmp_path / f"{narrow}.bin").in_bfloat16 is narrow
    assert load(CARD, stored["bfloat16"], device="cpu", dtype="float32").dtype == torch.float32


def test_organisms_stay_in_float32(monkeypatch):
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: True)
    assert dtype_of(unispect.load("tiny-janus-pro", device="cpu")) == "float32"


@pytest.mark.parametrize(
    ("flag", "can"), [("avx512_bf16", True), ("amx_bf16", True), ("avx512_f", False), ("avx512_bf16_no", False)]
)
def test_processors_are_told_by_their_flags_whatever_the_release_of_torch(flag, can, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"sse": True, flag: True}, raising=False)
    assert computes_bfloat16.__wrapped__() is can
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {flag: False, "cpu_name": flag}, raising=False)
    assert not computes_bfloat16.__wrapped__()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    (tmp_path / "cpuinfo").write_text(f"model name\t: A\nflags\t\t: fpu {flag} sse\nbugs\t\t: amx_bf16\n")
    monkeypatch.setattr(devices, "_CPU_FLAGS", tmp_path / "cpuinfo")
    assert computes_bfloat16.__wrapped__() is can
    monkeypatch.setattr(devices, "_CPU_FLAGS", tmp_path / "none")
    assert not computes_bfloat16.__wrapped__()


@pytest.mark.parametrize(("can", "words"), [(True, "computes in it"), (False, "runs in float32")])
def test_the_doctor_says_whether_the_processor_can(can, words, monkeypatch):
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: can)
    (said,) = [check for check in LOOKS["devices"]() if check.what == "bfloat16"]
    assert words in said.detail


@pytest.mark.slow
def test_entropies_in_bfloat16_are_near_those_in_float32():
    entropies = {}
    for dtype in ("float32", "bfloat16"):
        model = unispect.load("tiny-janus-pro", device="cpu", dtype=dtype)
        encoded = model.encode([Prompt.of("star red striped top left"), Prompt.of("a circle")], Goal.IMAGE)
        entropies[dtype] = torch.tensor(
            [
                [renyi_entropy(rows.float(), sigma=(rows.shape[1] / 2) ** 0.5).value for rows in layer.rows]
                for layer in model.states(encoded)
            ]
        )
    apart = (entropies["float32"] - entropies["bfloat16"]).abs()
    assert 0 < apart.max() < ENTROPIES_APART
