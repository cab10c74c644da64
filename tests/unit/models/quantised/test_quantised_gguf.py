"""GGUF files: what package gguf makes of every kind lands under the published names, and what is refused."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers import tiny_bagel
from tests.helpers.loopback_hub import loopback_hub
from unispect.core.errors import CheckpointError
from unispect.models.bagel.folder import load, save

gguf: Any = pytest.importorskip("gguf")

PATCHES = "vit_model.vision_model.embeddings.patch_embedding.weight"
FIRST = "time_embedder.mlp.0.weight"
SCALES = {"Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
"""Kind -> bytes of a block at which its scales of 16 bits begin (ggml-common.h)."""


def blocks(kind: str, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Random blocks of a kind that gguf only reads, with small scales."""
    rng = np.random.default_rng(seed)
    size, width = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    rows = rng.integers(0, 256, (shape[0] * shape[1] // size, width), dtype=np.uint8)
    for place in SCALES[kind]:
        scales = rng.uniform(0.001, 0.01, len(rows)).astype(np.float16)
        rows[:, place : place + 2] = scales.view(np.uint8).reshape(-1, 2)
    return rows.reshape(shape[0], -1)


def write(path: Path, tensors: Mapping[str, tuple[str, np.ndarray]], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """As ComfyUI-GGUF's converter does: published names, and shapes of what was stored in other rows."""
    writer = gguf.GGUFWriter(path, "bagel")
    for key, shape in shapes.items():
        writer.add_array(f"comfy.gguf.orig_shape.{key}", list(shape))
    for key, (kind, data) in tensors.items():
        writer.add_tensor(key, data, raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def written(plain: Mapping[str, Tensor], linear: Callable, folder: Path) -> Callable[[str], dict[str, Tensor]]:
    """Writes the fixture with linear layers in a kind, and gives what gguf makes of what was written."""

    def made(kind: str) -> dict[str, Tensor]:
        stored, shapes = {}, {}
        for key, tensor in plain.items():
            if kind in SCALES and key == FIRST:
                stored[key] = kind, blocks(kind, (64, 256))
            elif kind not in SCALES and (linear(key, tensor) or key == PATCHES):
                if key == PATCHES:  # 48 numbers a row fill no block of 32
                    shapes[key] = tuple(tensor.shape)
                    tensor = tensor.reshape(48, 32)
                stored[key] = kind, gguf.quantize(tensor.numpy(), gguf.GGMLQuantizationType[kind])
            else:
                stored[key] = "F32", tensor.numpy()
        write(folder / "model.gguf", stored, shapes)
        meant = {
            key: torch.from_numpy(gguf.dequantize(data, gguf.GGMLQuantizationType[kind]).copy())
            for key, (kind, data) in stored.items()
        }
        return {key: tensor.reshape(plain[key].shape) for key, tensor in meant.items()}

    return made


def test_a_repository_that_holds_nothing_else_is_fetched_and_read(
    written: Callable, landed: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory
):
    written("Q8_0")
    (weights,) = folder.glob("*.gguf")
    by_folder, numbers = landed()
    with loopback_hub(monkeypatch, tmp_path_factory.mktemp("cache")) as hub:
        name = hub.put("owner/quantised", folder)
        for source in (name, f"{name}/{weights.name}"):
            model = load(tiny_bagel.TINY, source, device="cpu", dtype="float32")
            assert model.card.notes == by_folder.notes
            path = tmp_path_factory.mktemp("landed") / "model.safetensors"
            save(model, path)
            assert all(torch.equal(value, numbers[key]) for key, value in load_file(path).items())
        assert hub.fetched.count(weights.name) == 1
        before = list(hub.fetched)
        (folder / weights.name.replace(".gguf", "-2.gguf")).write_bytes(weights.read_bytes() + b"\0")
        with pytest.raises(CheckpointError, match="two sets of weights that could be meant"):
            load(tiny_bagel.TINY, name, device="cpu")
        assert len(hub.fetched) > len(before)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "BF16", "F16", *SCALES])
def test_every_kind_is_what_gguf_makes_of_it(written: Callable, landed: Callable, kind: str):
    meant = written(kind)
    card, found = landed()
    assert found.keys() == meant.keys()
    assert all(torch.equal(found[key], meant[key]) for key in meant)
    if kind in ("BF16", "F16"):
        assert not card.notes
    else:
        assert f"{kind} of GGUF" in card.notes[0]


def test_names_of_llama_cpp_are_refused(folder: Path, landed: Callable):
    write(folder / "model.gguf", {"blk.0.attn_q.weight": ("F32", np.zeros((4, 4), np.float32))}, {})
    with pytest.raises(CheckpointError, match=r"model\.gguf: 'blk\.0\.attn_q\.weight' is a name of llama\.cpp"):
        landed()


def test_a_kind_that_gguf_cannot_read_is_refused(folder: Path, landed: Callable):
    rows = np.zeros((4, gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType.Q8_K][1]), np.uint8)
    write(folder / "model.gguf", {FIRST: ("Q8_K", rows)}, {})
    with pytest.raises(CheckpointError, match=rf"'{FIRST}' is Q8_K, which package gguf does not dequantise"):
        landed()


def test_a_shape_that_does_not_fit_its_numbers_is_refused(folder: Path, landed: Callable):
    write(folder / "model.gguf", {FIRST: ("F32", np.zeros((4, 4), np.float32))}, {FIRST: (5, 3)})
    with pytest.raises(CheckpointError, match=rf"'{FIRST}' holds 16 numbers, which are none of shape \[5, 3\]"):
        landed()


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.99])
def test_a_file_that_was_cut_is_refused(written: Callable, folder: Path, landed: Callable, share: float):
    written("Q8_0")
    data = (folder / "model.gguf").read_bytes()
    (folder / "model.gguf").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match=r"model\.gguf is damaged or cut short"):
        landed()


def test_an_array_without_end_is_refused(folder: Path, landed: Callable):
    """Past its end a file reads as nothing: counting to the announced length would take for ever."""
    writer = gguf.GGUFWriter(folder / "model.gguf", "bagel")
    writer.add_array("numbers", [1, 2, 3])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    data = (folder / "model.gguf").read_bytes()
    (folder / "model.gguf").write_bytes(data[:-20] + (2**62).to_bytes(8, "little") + data[-12:])
    with pytest.raises(CheckpointError, match=r"model\.gguf is damaged or cut short \(it ends before"):
        landed()
