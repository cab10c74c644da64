"""GGUF files that keep the published names, as ComfyUI-GGUF writes them; the numbers are package gguf's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import open_regular
from unispect.models.sniff import refuse_strangers

_ORIGINAL = "comfy.gguf.orig_shape."
"""Beginning of the name of the field that holds a tensor's shape, where rows of it would not have filled blocks."""
_RENAMED = ("blk.", "token_embd.")
"""Beginnings of names that llama.cpp gives."""


@dataclass(frozen=True)
class _Entry:
    kind: Any
    shape: tuple[int, ...]
    stored: tuple[int, ...]
    offset: int
    count: int


@dataclass(frozen=True)
class GgufShard:
    """A file of weights in GGUF, of which every tensor reads as floats."""

    path: Path

    @cached_property
    def _entries(self) -> Mapping[str, _Entry]:
        try:
            open_regular(self.path, what="the weights").close()
        except OutsideError as error:
            raise CheckpointError(f"{error}; put the file of weights there") from error
        refuse_strangers(self.path)
        try:
            found = _entries(self.path)
        except (ValueError, LookupError, OverflowError, OSError, TypeError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"{self.path} is damaged or cut short ({reason}); fetch the file again") from error
        for key, entry in found.items():
            if key.startswith(_RENAMED):
                raise CheckpointError(
                    f"{self.path}: {key!r} is a name of llama.cpp, which stores some weights in another order too; "
                    "take a file that keeps the published names, as ComfyUI-GGUF writes them, or the safetensors"
                )
            if np.prod(entry.shape, dtype=object) != entry.count:
                raise CheckpointError(
                    f"{self.path}: {key!r} holds {entry.count} numbers, which are none of shape {list(entry.shape)}; "
                    "fetch the file again"
                )
        _require_known(self.path, found)
        return found

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {key: entry.shape for key, entry in self._entries.items()}

    def dtypes(self) -> Mapping[str, str]:
        """Key -> kind, as GGUF names it: F32, F16 and BF16 as safetensors does, Q8_0, Q4_K and so on."""
        return {key: entry.kind.name for key, entry in self._entries.items()}

    def read(self, key: str) -> Tensor:
        """One tensor in float32."""
        from gguf import dequantize  # pyright: ignore

        entry = self._entries[key]
        # Read, not mapped: what is mapped stays in memory.
        data = np.fromfile(self.path, np.uint8, int(np.prod(entry.stored)), offset=entry.offset)
        return torch.from_numpy(dequantize(data.reshape(entry.stored), entry.kind)).reshape(entry.shape)


def _entries(path: Path) -> dict[str, _Entry]:
    from gguf import GGUFReader  # pyright: ignore

    class Strict(GGUFReader):
        # Past its end a file reads as nothing, and an array that is announced there as one without end.
        def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
            found = super()._get(offset, dtype, count, override_order)
            if len(found) < int(count):
                raise ValueError("it ends before what it announces")
            return found

    reader = Strict(path)
    if reader.byte_order != "I":
        raise ValueError("it was written for machines of the other byte order")
    found = {}
    for tensor in reader.tensors:
        field = reader.get_field(_ORIGINAL + tensor.name)
        shape = field.contents() if field else list(reversed(tensor.shape.tolist()))
        rows = tensor.data.view(np.uint8).shape
        found[tensor.name] = _Entry(tensor.tensor_type, tuple(shape), rows, tensor.data_offset, tensor.n_elements)
    return found


def _require_known(path: Path, entries: Mapping[str, _Entry]) -> None:
    """Refuses kinds that gguf does not dequantise: one block of each is tried."""
    from gguf import GGML_QUANT_SIZES, dequantize  # pyright: ignore

    for kind in {entry.kind for entry in entries.values()}:
        try:
            with np.errstate(all="ignore"):
                dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
        except NotImplementedError as error:
            key = next(key for key, entry in entries.items() if entry.kind == kind)
            raise CheckpointError(
                f"{path}: {key!r} is {kind.name}, which package gguf does not dequantise; take a file of another kind, "
                "such as Q8_0, or the safetensors"
            ) from error
