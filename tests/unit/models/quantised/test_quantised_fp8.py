"""8-bit floats: the product of weight and scale, in every layout that is published, and what is refused."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from unispect.core.errors import CheckpointError
from unispect.core.extras import MissingExtra, told

Tensors = Mapping[str, Tensor]
E4M3 = torch.float8_e4m3fn
COMFY, COMPRESSED = "{}scale_weight", "{}weight_scale"


def quantised(plain: Tensors, linear: Callable, name: str = COMPRESSED, *, rows: bool = False, dtype=torch.float32):
    """Tensors with linear layers in FP8, and what they stand for."""
    stored, meant = dict(plain), dict(plain)
    for key, tensor in plain.items():
        if linear(key, tensor):
            scale = (tensor.abs().amax(1, keepdim=True) if rows else tensor.abs().max()) / 448
            scale = scale.to(dtype)
            stored[key] = (tensor / scale).to(E4M3)
            stored[name.format(key.removesuffix("weight"))] = scale
            meant[key] = (stored[key].to(dtype) * scale).float()
    return stored, meant


def same(found: Tensors, meant: Tensors) -> bool:
    return found.keys() == meant.keys() and all(torch.equal(found[key], meant[key]) for key in meant)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("name", [COMFY, COMPRESSED])
def test_scales_are_multiplied_in_their_own_dtype(plain: Tensors, linear, save, landed, name: str, rows: bool, dtype):
    stored, meant = quantised(plain, linear, name, rows=rows, dtype=dtype)
    save(stored)
    card, found = landed()
    assert same(found, meant)
    (note,) = card.notes
    assert f"FP8 (E4M3, a scale per {'row' if rows else 'tensor'})" in note
    assert "model.safetensors" in note


@pytest.mark.parametrize("kind", [E4M3, torch.float8_e5m2])
def test_weights_without_scales_are_what_they_say(plain: Tensors, save, landed, kind: torch.dtype):
    save({key: tensor.to(kind) for key, tensor in plain.items()})
    card, found = landed()
    assert same(found, {key: tensor.to(kind).float() for key, tensor in plain.items()})
    assert "no scales), 100% of their numbers" in card.notes[0]


def test_what_comfyui_writes_beside_is_no_weight(plain: Tensors, linear, save, landed):
    stored, meant = quantised(plain, linear, COMFY)
    for key in [key for key in stored if key.endswith("scale_weight")]:
        stored[key.replace("scale_weight", "scale_input")] = torch.ones(())
    save({**stored, "scaled_fp8": torch.zeros(2, dtype=E4M3)})
    assert same(landed()[1], meant)


def note_of(value: object) -> Tensor:
    return torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)


def test_a_note_of_comfyui_says_the_format(plain: Tensors, linear, save, landed):
    stored, meant = quantised(plain, linear)
    noted = {
        key.replace("weight_scale", "comfy_quant"): {"format": "float8_e4m3fn"} for key in stored if "_scale" in key
    }
    save({**stored, **{key: note_of(value) for key, value in noted.items()}})
    assert same(landed()[1], meant)
    save({**stored, **{key: note_of({"format": "mxfp8"}) for key in noted}})
    with pytest.raises(CheckpointError, match=r"model\.safetensors: '.*comfy_quant' says 'mxfp8', which is not read"):
        landed()


def test_blocks_share_a_scale_where_the_configuration_says_so(plain: Tensors, linear, save, folder: Path, landed):
    stored, meant = dict(plain), dict(plain)
    for key, tensor in plain.items():
        if linear(key, tensor):
            scale = torch.rand(-(-tensor.shape[0] // 48), -(-tensor.shape[1] // 48)) + 0.5
            whole = scale.repeat_interleave(48, 0).repeat_interleave(48, 1)[: tensor.shape[0], : tensor.shape[1]]
            stored[key] = tensor.to(E4M3)
            stored[f"{key}_scale_inv"] = scale
            meant[key] = stored[key].float() * whole
    save(stored)
    with pytest.raises(CheckpointError, match="is no scale of"):
        landed()
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "weight_block_size": [48, 48]}
    (folder / "config.json").write_text(json.dumps(config))
    assert same(landed()[1], meant)


def test_products_are_rounded_once_to_the_precision_that_is_run_in(plain: Tensors, linear, save, folder: Path):
    from tests.helpers import tiny_bagel
    from unispect.models.bagel.folder import load

    stored, meant = quantised(plain, linear)
    save(stored)
    found = load(tiny_bagel.TINY, folder, device="cpu", dtype="bfloat16").network.state_dict()
    rounded = meant["language_model.model.layers.0.self_attn.q_proj.weight"].to(torch.bfloat16)
    assert any(tensor.shape == rounded.shape and torch.equal(tensor, rounded) for tensor in found.values())


REFUSED = {
    "a weight without its scale": (lambda t, k, s: t.pop(s), r"is FP8 without a scale .*though these weights have"),
    "a scale without its weight": (lambda t, k, s: t.update({k: t[k].float()}), r"is a scale, but .* is F32"),
    "a scale of another shape": (lambda t, k, s: t.update({s: torch.ones(3)}), r"of shape \[3\] is no scale of"),
    "a scale of eight bits": (
        lambda t, k, s: t.update({s: t[s].to(E4M3)}),
        r"is F8_E4M3, but must be a scale of 16 or 32 bits",
    ),
    "integers without a scale": (lambda t, k, s: (t.update({k: t[k].to(torch.int8)}), t.pop(s)), r"is I8 without what"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_lacks_its_companion_is_refused(plain: Tensors, linear, save, landed, kind: str, monkeypatch):
    stored, _ = quantised(plain, linear)
    key = "language_model.model.layers.1.self_attn.q_proj.weight"
    change, said = REFUSED[kind]
    change(stored, key, f"{key}_scale")
    save(stored)
    monkeypatch.setattr("unispect.models.keys.pieces_of", lambda *_: pytest.fail("read before it was refused"))
    with pytest.raises(CheckpointError, match=rf"model\.safetensors: '{key}(_scale)?' {said}"):
        landed()


def test_dfloat11_is_refused_with_its_reason(plain: Tensors, save, folder: Path, landed):
    save({**plain, "language_model.model.layers.0.encoded_exponent": torch.zeros(4, dtype=torch.uint8)})
    with pytest.raises(CheckpointError, match=r"encoded_exponent', .*DFloat11.*NVIDIA GPUs.*take the bfloat16 weights"):
        landed()
    save(plain)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dfloat11_config": {"version": "0.5.0"}}))
    with pytest.raises(CheckpointError, match=r"config\.json: .*DFloat11"):
        landed()


@pytest.mark.parametrize("how", ["gptq", "awq", "quanto", None])
def test_other_ways_are_refused_by_name(plain: Tensors, save, folder: Path, landed, how: str | None):
    save(plain)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": how, "bits": 4}}))
    with pytest.raises(CheckpointError, match=rf"config\.json: .*quantised \({how or 'in some way'}\).*read are fp8"):
        landed()


def test_a_configuration_that_says_so_of_weights_that_are_not(plain: Tensors, save, folder: Path, landed):
    save(plain)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "fp8"}}))
    with pytest.raises(CheckpointError, match=r"no tensor of model\.safetensors is; take the section out"):
        landed()


def test_two_quantised_copies_ask_which(plain: Tensors, linear, save, folder: Path, landed):
    save(quantised(plain, linear)[0])
    save_file(quantised(plain, linear, COMFY)[0], folder / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"both are quantised.*say which"):
        landed()


def test_weights_that_are_not_quantised_are_read_as_they_are(plain: Tensors, save, landed):
    save(plain)
    card, found = landed()
    assert same(found, plain)
    assert not card.notes


def test_a_package_that_is_missing_is_told_with_its_extra(folder: Path, landed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    (folder / "model.gguf").write_bytes(b"GGUF\x03\0\0\0")
    with pytest.raises(MissingExtra, match=r"needs gguf.*unispect\[quantised\]"), told():
        landed()
