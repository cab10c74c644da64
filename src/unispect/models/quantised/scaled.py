"""Weights in 8-bit floats, with or without scales beside them.

Names and shapes of scales: compressed-tensors (`weight_scale`, one, or one per row), ComfyUI (`scale_weight`, and its
marker `scaled_fp8`; later `weight_scale` and a note, `comfy_quant`), transformers' block-wise FP8 (`weight_scale_inv`,
`weight_block_size` in the configuration). The number is the weight times the scale, in the scale's dtype, as
compressed-tensors and transformers compute it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from unispect.models.quantised.tensors import Packed, Stored

_KINDS = {
    "F8_E4M3": "E4M3",
    "float8_e4m3fn": "E4M3",
    "F8_E5M2": "E5M2",
    "float8_e5m2": "E5M2",
}
_SCALES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
_SCALES |= {str(dtype).removeprefix("torch."): dtype for dtype in _SCALES.values()}
_MARKERS = ("scaled_fp8",)
_OF_ACTIVATIONS = ("input_scale", "scale_input", "output_scale")
_NOTE = "comfy_quant"
_NOTED = ("float8_e4m3fn", "float8_e5m2")


def scaled(stored: Stored, config: Mapping[str, Any]) -> Iterator[Packed]:
    """The tensors in 8-bit floats.

    Raises:
        CheckpointError: some have scales and others lack them, or a scale fits no tensor.
    """
    signs = {*markers(stored)}
    weights = [key for key, dtype in stored.dtypes.items() if dtype in _KINDS and key not in signs]
    scales = {key: _scale_of(stored, key) for key in weights}
    weights = [key for key in weights if key not in scales.values()]
    marked = bool(signs) or any(scales.values())
    for key in weights:
        scale, kind = scales[key], _KINDS[stored.dtypes[key]]
        base = key.removesuffix("weight")
        beside = [base + name for name in (*_OF_ACTIVATIONS, _NOTE) if base + name in stored.dtypes]
        if base + _NOTE in beside:
            said = stored.note(base + _NOTE).get("format")
            if said not in _NOTED:
                raise stored.refused(
                    base + _NOTE, f"says {said!r}, which is not read here; take weights in FP8 or in 16 bits or more"
                )
        if scale:
            words, factor = _fitted(stored, key, scale, config)
            dtype = _SCALES[stored.dtypes[scale]]
            read = _times(stored, key, scale, factor)
            yield Packed(key, stored.shapes[key], dtype, f"FP8 ({kind}, {words})", (key, scale, *beside), read)
        elif marked and len(stored.shapes[key]) > 1 and key.endswith("weight"):
            raise stored.refused(
                key,
                f"is FP8 without a scale ({base}weight_scale or {base}scale_weight), though these weights have scales; "
                "fetch the checkpoint again",
            )
        else:
            # bfloat16 holds every number of either kind.
            read = _widened(stored, key)
            yield Packed(key, stored.shapes[key], torch.bfloat16, f"FP8 ({kind}, no scales)", (key, *beside), read)


def markers(stored: Stored) -> Iterator[str]:
    """Keys that say of a whole file that it is quantised."""
    return (key for key in stored.dtypes if key.rpartition(".")[2] in _MARKERS)


def _scale_of(stored: Stored, key: str) -> str:
    names = (f"{key}_scale", f"{key}_scale_inv", f"{key.removesuffix('weight')}scale_weight")
    return next((name for name in names if name in stored.dtypes), "")


def _times(stored: Stored, key: str, scale: str, factor: Any) -> Any:
    def read() -> Tensor:
        numbers = stored.read(scale)
        return stored.read(key).to(numbers.dtype).mul_(factor(numbers))

    return read


def _widened(stored: Stored, key: str) -> Any:
    return lambda: stored.read(key).to(torch.bfloat16)


def _fitted(stored: Stored, key: str, scale: str, config: Mapping[str, Any]) -> tuple[str, Any]:
    """In words, how far one number of a scale reaches; and what makes it a factor of the whole tensor."""
    shape, found = stored.shapes[key], stored.shapes[scale]
    if stored.dtypes[scale] not in _SCALES:
        raise stored.refused(scale, f"is {stored.dtypes[scale]}, but must be a scale of 16 or 32 bits; {_OTHERWISE}")
    if math.prod(found) == 1:
        return "a scale per tensor", lambda numbers: numbers.reshape(())
    if math.prod(found) == found[0] == shape[0]:
        return "a scale per row", lambda numbers: numbers.reshape(-1, *[1] * (len(shape) - 1))
    block = _block(config)
    if block and len(shape) == 2 and found == tuple(math.ceil(n / b) for n, b in zip(shape, block, strict=True)):
        return f"a scale per {block[0]} x {block[1]}", lambda numbers: _spread(numbers, block, shape)
    raise stored.refused(scale, f"of shape {list(found)} is no scale of {key!r}, of shape {list(shape)}; {_OTHERWISE}")


def _spread(numbers: Tensor, block: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
    return numbers.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[: shape[0], : shape[1]]


def _block(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Rows and columns that share a scale, as a configuration says."""
    groups = config.get("config_groups")
    inner = [group.get("weights") for group in groups.values() if isinstance(group, Mapping)] if groups else []
    for found in (config.get("weight_block_size"), *[(one or {}).get("block_structure") for one in inner]):
        if isinstance(found, list) and len(found) == 2 and all(type(n) is int and n > 0 for n in found):
            return found[0], found[1]
    return None


_OTHERWISE = "fetch the checkpoint again, or take weights of 16 bits or more"
