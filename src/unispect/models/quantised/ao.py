"""Tensors of torchao, as its own writer of safetensors takes them apart; put together and dequantised by torchao."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_json
from unispect.models.quantised.tensors import Packed, Stored
from unispect.models.shards import SafetensorsShard, Shard

_NAMES = "tensor_names"
_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_STORED = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "I64": torch.int64,
    "I32": torch.int32,
    "I8": torch.int8,
    "U8": torch.uint8,
}


def ao(stored: Stored) -> Iterator[Packed]:
    """The tensors that torchao quantised.

    Raises:
        CheckpointError: what belongs to one is missing, or this release of torchao cannot put it together.
        MissingExtra: torchao is not installed.
    """
    for shard in stored.shards:
        for key, text in _quantised(shard).items():
            yield _packed(stored, shard, key, text)


def _quantised(shard: Shard) -> Mapping[str, str]:
    """Key -> JSON of how it was taken apart, of the tensors of a file that are not plain."""
    noted = shard.metadata if isinstance(shard, SafetensorsShard) else {}
    if _NAMES not in noted:
        return {}
    try:
        names = parse_json(noted[_NAMES], f"{shard.path}: {_NAMES}")
        texts = {name: noted[name] for name in names if isinstance(name, str) and name in noted}
        kinds = {name: parse_json(text, f"{shard.path}: {name!r}").get("_type") for name, text in texts.items()}
    except (OutsideError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{shard.path}: its header is none of torchao's ({error}); fetch the file again"
        ) from error
    return {name: text for name, text in texts.items() if kinds[name] != "Tensor"}


def _packed(stored: Stored, shard: Shard, key: str, text: str) -> Packed:
    said = json.loads(text)
    kind, names = said["_type"], said.get("_tensor_data_names")
    module, _, last = key.rpartition(".")
    if not isinstance(names, list) or not names or not module:
        raise CheckpointError(f"{shard.path}: {key!r} is said to be {kind!r} without parts; fetch the file again")
    parts = {}
    for name in names:
        part = f"{module}._{last}_{name}"
        if part not in stored.holder:
            raise CheckpointError(
                f"{shard.path}: {key!r} is quantised ({kind} by torchao), but {part!r} is missing; fetch the file again"
            )
        parts[part] = name

    def made(given: Mapping[str, Tensor]) -> Any:
        from torchao.prototype.safetensors.safetensors_support import unflatten_tensor_state_dict  # pyright: ignore

        return unflatten_tensor_state_dict(dict(given), {key: text, _NAMES: json.dumps([key])})[0][key]

    def read() -> Tensor:
        return made({part: stored.read(part) for part in parts}).dequantize()

    try:
        # Without memory first: what this release cannot do shows before anything is read, and so does the shape.
        empty = {
            part: torch.empty(stored.shapes[part], dtype=_STORED[stored.dtypes[part]], device="meta") for part in parts
        }
        found = made(empty).dequantize()
    except ImportError:
        raise
    except Exception as error:  # whatever a release does with a kind of another
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{shard.path}: {key!r} is {kind!r}, which this release of torchao does not dequantise here ({reason}); "
            "take weights of 16 bits or more"
        ) from error
    if found.dtype not in _FLOATS:
        raise CheckpointError(
            f"{shard.path}: {key!r} becomes {found.dtype} by torchao; take weights of 16 bits or more"
        )
    return Packed(key, tuple(found.shape), found.dtype, f"{kind} by torchao", tuple(parts), read)
