"""Golden: a fixture quantised by the package that owns the format, loaded, and held to that package's own numbers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unispect.core.errors import CheckpointError

Tensors = Mapping[str, Tensor]
KEY = "language_model.model.layers.1.self_attn.q_proj.weight"


def same(found: Tensors, meant: Tensors) -> bool:
    return found.keys() == meant.keys() and all(torch.equal(found[key], meant[key]) for key in meant)


def configure(folder: Path, config: Mapping[str, Any]) -> None:
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, "quantization_config": config}))


def layer(made: Any, tensor: Tensor) -> Any:
    """A layer of bitsandbytes with these weights, quantised."""
    made.weight.data.copy_(tensor)
    return made.to("cpu")


def by_bitsandbytes(plain: Tensors, linear, bits: int, **how: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Tensors as its layers save them, and what its own functions make of them."""
    bnb = pytest.importorskip("bitsandbytes")
    stored, meant = dict(plain), dict(plain)
    for key, tensor in plain.items():
        if linear(key, tensor):
            rows, columns = tensor.shape
            if bits == 4:
                made = layer(bnb.nn.Linear4bit(columns, rows, bias=False, **how), tensor)
                meant[key] = bnb.functional.dequantize_4bit(made.weight.data, made.weight.quant_state).float()
            else:
                made = layer(bnb.nn.Linear8bitLt(columns, rows, bias=False, has_fp16_weights=False), tensor)
                state = made.state_dict()
                meant[key] = bnb.functional.int8_vectorwise_dequant(state["weight"], state["SCB"])
            del stored[key]
            stored |= {key.removesuffix("weight") + name: value.clone() for name, value in made.state_dict().items()}
    return stored, meant


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_four_bits_of_bitsandbytes(plain, linear, save, folder, landed, kind: str, nested: bool):
    stored, meant = by_bitsandbytes(plain, linear, 4, quant_type=kind, compress_statistics=nested)
    save(stored)
    configure(folder, {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind})
    card, found = landed()
    assert same(found, meant)
    assert f"{kind.upper()} by bitsandbytes{', nested scales' if nested else ''}" in card.notes[0]


def test_four_bits_packed_into_wider_numbers(plain, linear, save, landed):
    stored, meant = by_bitsandbytes(plain, linear, 4, quant_type="nf4", quant_storage=torch.bfloat16)
    assert stored[KEY].dtype == torch.bfloat16
    save(stored)
    assert same(landed()[1], meant)


def test_a_vector_in_four_bits_stays_one(plain, save, landed):
    """On a CPU, bitsandbytes makes a row [1, n] of it (findings/bitsandbytes-vectors-become-rows.sh)."""
    functional = pytest.importorskip("bitsandbytes").functional
    key = "language_model.model.layers.1.input_layernorm.weight"
    packed, state = functional.quantize_4bit(plain[key], quant_type="nf4")
    parts = {f"{key}.{name}": value for name, value in state.as_dict(packed=True).items()}
    save({**plain, key: packed, **parts})
    found = landed()[1][key]
    assert found.shape == plain[key].shape
    assert torch.equal(found, functional.dequantize_4bit(packed, state).flatten())


def test_eight_bits_of_bitsandbytes(plain, linear, save, folder, landed):
    stored, meant = by_bitsandbytes(plain, linear, 8)
    save(stored)
    configure(folder, {"quant_method": "bitsandbytes", "load_in_8bit": True})
    card, found = landed()
    assert same(found, meant)
    assert "INT8 by bitsandbytes" in card.notes[0]


STATE = f"{KEY}.quant_state.bitsandbytes__nf4"
LACKING = {
    "no state": (lambda t: t.pop(STATE), r"\.absmax' belongs to a weight that bitsandbytes quantised.* is missing"),
    "no scales": (
        lambda t: t.pop(f"{KEY}.absmax"),
        r"is quantised \(NF4 by bitsandbytes\), but '.*\.absmax' is missing",
    ),
    "no table": (lambda t: t.pop(f"{KEY}.quant_map"), r"is quantised .*\.quant_map' is missing"),
    "fewer bytes": (lambda t: t.update({KEY: t[KEY][:-1].clone()}), r"are not the 4096 numbers of \[64, 64\]"),
    "no JSON": (lambda t: t.update({STATE: t[STATE][:-9].clone()}), r"fetch the checkpoint again"),
}


@pytest.mark.parametrize("kind", LACKING)
def test_four_bits_without_their_companions_are_refused(plain, linear, save, landed, kind: str):
    stored, _ = by_bitsandbytes(plain, linear, 4, quant_type="nf4", compress_statistics=False)
    change, said = LACKING[kind]
    change(stored)
    save(stored)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors: '{KEY}.*{said}"):
        landed()


def test_eight_bits_without_their_companions_are_refused(plain, linear, save, landed):
    stored, _ = by_bitsandbytes(plain, linear, 8)
    module = KEY.removesuffix("weight")
    save({key: value for key, value in stored.items() if key != f"{module}SCB"})
    with pytest.raises(CheckpointError, match=rf"'{KEY}' is I8 without what it takes"):
        landed()
    save({**stored, f"{module}SCB": torch.ones(3)})
    with pytest.raises(CheckpointError, match=r"SCB' of shape \[3\] is no scale"):
        landed()
    save({**stored, f"{module}weight_format": torch.tensor(1, dtype=torch.uint8)})
    with pytest.raises(CheckpointError, match="rows were reordered"):
        landed()


INTEGERS = {
    "pack-quantized": {"num_bits": 4, "symmetric": True, "strategy": "group", "group_size": 32},
    "pack-quantized, zero points": {"num_bits": 4, "symmetric": False, "strategy": "group", "group_size": 32},
    "pack-quantized, rows": {"num_bits": 8, "symmetric": True, "strategy": "channel"},
    "int-quantized": {"num_bits": 8, "symmetric": True, "strategy": "channel"},
    "float-quantized": {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "channel"},
}


def by_compressed_tensors(plain: Tensors, linear, kind: str) -> tuple[dict[str, Tensor], dict[str, Tensor], dict]:
    """Tensors as its compressor leaves them, what it decompresses them to, and the section of the configuration."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    form = kind.partition(",")[0]
    scheme = QuantizationScheme(targets=["Linear"], weights=INTEGERS[kind], format=form)
    compressor: Any = BaseCompressor.get_value_from_registry(form)
    stored, meant = dict(plain), dict(plain)
    for key, tensor in plain.items():
        if linear(key, tensor):
            size = scheme.weights.group_size or tensor.shape[1]
            rows = tensor.unflatten(1, (-1, size))
            scale, zero = calculate_qparams(rows.amin(-1), rows.amax(-1), scheme.weights)
            made = compressor.compress({"weight": tensor, "weight_scale": scale, "weight_zero_point": zero}, scheme)
            del stored[key]
            stored |= {key.removesuffix("weight") + name: value for name, value in made.items()}
            meant[key] = compressor.decompress(made, scheme)["weight"].float()
    config = QuantizationConfig(config_groups={"group_0": scheme}, format=form, ignore=["lm_head"])
    return stored, meant, json.loads(config.model_dump_json())


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_of_compressed_tensors(plain, linear, save, folder, landed, kind: str):
    stored, meant, config = by_compressed_tensors(plain, linear, kind)
    save(stored)
    configure(folder, config)
    card, found = landed()
    assert same(found, meant)
    words = (
        "FP8 (E4M3, a scale per row)" if "float" in kind else f"int{INTEGERS[kind]['num_bits']} by compressed-tensors"
    )
    assert words in card.notes[0]


def test_integers_of_compressed_tensors_without_companions_are_refused(plain, linear, save, folder, landed):
    stored, _, config = by_compressed_tensors(plain, linear, "pack-quantized")
    module = KEY.removesuffix("weight")
    configure(folder, config)
    for change, said in (
        ({"weight_scale": None}, "is quantised .*weight_scale' is missing"),
        ({"weight_shape": torch.tensor([64, 4])}, "cannot hold"),
        ({"weight_scale": torch.ones(64, 3)}, "is no scale of"),
    ):
        changed = {**stored, **{module + name: value for name, value in change.items()}}
        save({key: value for key, value in changed.items() if value is not None})
        with pytest.raises(CheckpointError, match=said):
            landed()
    save(stored)
    configure(folder, {**config, "format": "marlin-24", "config_groups": {"group_0": {"targets": 3}}})
    with pytest.raises(CheckpointError, match=r"config\.json: quantization_config is none of compressed-tensors"):
        landed()


def by_torchao(plain: Tensors, linear, kind: str) -> tuple[dict[str, Tensor], dict[str, str], dict[str, Tensor]]:
    """Tensors and header as its own writer leaves them, and what its tensors dequantise to."""
    ao = pytest.importorskip("torchao.quantization")
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict

    how = {
        "Int8Tensor": lambda: ao.Int8WeightOnlyConfig(version=2),
        "Float8Tensor": lambda: ao.Float8WeightOnlyConfig(),
        "IntxUnpackedToInt8Tensor": lambda: ao.IntxWeightOnlyConfig(weight_dtype=torch.int4),
    }[kind]()
    state, meant = dict(plain), dict(plain)
    for key, tensor in plain.items():
        if linear(key, tensor):
            made = nn.Sequential(nn.Linear(tensor.shape[1], tensor.shape[0], bias=False))
            made[0].weight.data.copy_(tensor)
            ao.quantize_(made, how)
            assert type(made[0].weight).__name__ == kind
            state[key] = made[0].weight
            meant[key] = made[0].weight.dequantize().detach().float()
    stored, noted = flatten_tensor_state_dict(state)
    return stored, noted, meant


@pytest.mark.parametrize("kind", ["Int8Tensor", "Float8Tensor", "IntxUnpackedToInt8Tensor"])
def test_tensors_of_torchao(plain, linear, save, folder, landed, kind: str):
    stored, noted, meant = by_torchao(plain, linear, kind)
    save(stored, noted)
    configure(folder, {"quant_method": "torchao"})
    card, found = landed()
    assert same(found, meant)
    assert f"{kind} by torchao" in card.notes[0]
    save({key: value for key, value in stored.items() if "1.self_attn.q_proj._weight_scale" not in key}, noted)
    with pytest.raises(CheckpointError, match=rf"'{KEY}' is quantised \({kind} by torchao\), but .*_weight_scale"):
        landed()
    save(stored, {**noted, KEY: noted[KEY].replace(kind, "Uint3Tensor")})
    with pytest.raises(CheckpointError, match=rf"'{KEY}' is 'Uint3Tensor', which this release of torchao does not"):
        landed()
