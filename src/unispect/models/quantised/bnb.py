"""Weights quantised by bitsandbytes, as transformers and diffusers save them: NF4, FP4 and INT8.

Beside a weight of 4 bits stand `.absmax`, `.quant_map` and `.quant_state.bitsandbytes__nf4` (of nested scales also
`.nested_absmax` and `.nested_quant_map`), beside one of 8 bits `SCB` and `weight_format` of its module. The numbers are
bitsandbytes' own (`dequantize_4bit`, `int8_vectorwise_dequant`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from unispect.models.quantised.tensors import Packed, Stored

_STATE = re.compile(r"(.+)\.quant_state\.bitsandbytes__(\w+)")
_FOUR = {"nf4": "NF4", "fp4": "FP4"}
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_BY = "by bitsandbytes"


def four_bits(stored: Stored) -> Iterator[Packed]:
    """The tensors in NF4 and FP4.

    Raises:
        CheckpointError: what belongs to one is missing or does not fit.
        MissingExtra: bitsandbytes is not installed.
    """
    states = {match[1]: (key, match[2]) for key in stored.dtypes if (match := _STATE.fullmatch(key))}
    for key in stored.dtypes:
        if key.endswith(".absmax") and not key.endswith(".nested_absmax"):
            weight = key.removesuffix(".absmax")
            if weight not in states:
                raise stored.refused(
                    key,
                    f"belongs to a weight that bitsandbytes quantised, but {weight}.quant_state.bitsandbytes__nf4 (or "
                    "__fp4) is missing; save the model anew from the one that was quantised, or fetch it again",
                )
    for key, (state, kind) in states.items():
        if kind not in _FOUR:
            raise stored.refused(state, f"says {kind!r}, which is neither nf4 nor fp4; take weights of 16 bits or more")
        stored.needed(state, key, _FOUR[kind])
        said = stored.note(state)
        nested = "nested_blocksize" in said
        names = ["absmax", "quant_map", *(["nested_absmax", "nested_quant_map"] if nested else [])]
        parts = {name: stored.needed(key, f"{key}.{name}", f"{_FOUR[kind]} {_BY}") for name in names}
        parts[state.removeprefix(f"{key}.")] = state
        shape, dtype = _checked(stored, key, state, said)
        scheme = f"{_FOUR[kind]} {_BY}{', nested scales' if nested else ''}"
        yield Packed(key, shape, dtype, scheme, (key, *parts.values()), _four(stored, key, parts))


def eight_bits(stored: Stored) -> Iterator[Packed]:
    """The tensors in INT8.

    Raises:
        CheckpointError: what belongs to one is missing or does not fit.
        MissingExtra: bitsandbytes is not installed.
    """
    for scale in stored.dtypes:
        module, _, last = scale.rpartition("SCB")
        if last or not (scale == "SCB" or module.endswith(".")):
            continue
        key, order = f"{module}weight", f"{module}weight_format"
        stored.needed(scale, key, f"INT8 {_BY}")
        shape = stored.shapes[key]
        if stored.dtypes[key] not in ("I8", "int8"):
            raise stored.refused(
                key, f"is {stored.dtypes[key]}, but {scale!r} is a scale of INT8; fetch the checkpoint again"
            )
        if stored.shapes[scale] != shape[:1]:
            raise stored.refused(
                scale, f"of shape {list(stored.shapes[scale])} is no scale of {key!r}, of {list(shape)}"
            )
        beside = (order,) if order in stored.dtypes else ()
        if beside and stored.read(order).any():
            raise stored.refused(
                order, "says that rows were reordered for a GPU; save the model anew with bitsandbytes >= 0.45"
            )
        yield Packed(key, shape, torch.float32, f"INT8 {_BY}", (key, scale, *beside), _eight(stored, key, scale))


def _checked(stored: Stored, key: str, state: str, said: dict[str, Any]) -> tuple[tuple[int, ...], torch.dtype]:
    """Shape and dtype that a state gives, held to the tensors beside it."""
    shape, block, dtype = said.get("shape"), said.get("blocksize"), _DTYPES.get(str(said.get("dtype")))
    sizes = shape if isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape) else []
    if not sizes or type(block) is not int or block < 1 or dtype is None:
        raise stored.refused(state, "gives no shape, blocksize or dtype that can be; fetch the checkpoint again")
    count = math.prod(sizes)
    held = math.prod(stored.shapes[key]) * _bytes(stored.dtypes[key])
    blocks = math.prod(stored.shapes[f"{key}.absmax"])
    if held != math.ceil(count / 2) or blocks != math.ceil(count / block):
        raise stored.refused(
            key,
            f"holds {held} bytes in {blocks} blocks, which are not the {count} numbers of {sizes} that {state!r} "
            "announces; fetch the checkpoint again",
        )
    return tuple(sizes), dtype


def _bytes(dtype: str) -> int:
    """Bytes of a number, by its name; `bnb_4bit_quant_storage` packs pairs of weights into wider ones too."""
    bits = re.search(r"\d+", dtype)
    return int(bits[0]) // 8 if bits else 1


def _four(stored: Stored, key: str, parts: dict[str, str]) -> Any:
    from bitsandbytes.functional import QuantState, dequantize_4bit  # pyright: ignore

    def read() -> Tensor:
        state = QuantState.from_dict({name: stored.read(part) for name, part in parts.items()}, torch.device("cpu"))
        packed = stored.read(key).contiguous().view(torch.uint8).reshape(-1, 1)
        return dequantize_4bit(packed, state).reshape(state.shape)  # on a CPU, a vector came back as a row

    return read


def _eight(stored: Stored, key: str, scale: str) -> Any:
    from bitsandbytes.functional import int8_vectorwise_dequant  # pyright: ignore

    return lambda: int8_vectorwise_dequant(stored.read(key), stored.read(scale))
