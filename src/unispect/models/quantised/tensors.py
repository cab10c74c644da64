"""What a reader of a quantised format gives: which tensors of a file are one, and how it becomes one of floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_json
from unispect.models.shards import Shard

_DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_LONGEST_NOTE = 2**16
"""Bytes of JSON that a tensor may hold."""


@dataclass(frozen=True)
class Packed:
    """One quantised tensor.

    Attributes:
        key: under which it was published before it was quantised.
        shape: of its numbers.
        dtype: of what `read` gives.
        scheme: how it was quantised, for people.
        parts: keys of all tensors that it is stored in; the first lies in the file that it is read with.
        read: dequantises it.
    """

    key: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    scheme: str
    parts: tuple[str, ...]
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Stored:
    """All tensors of a set of weights as they are stored, whichever file holds them."""

    shards: Sequence[Shard]

    @cached_property
    def holder(self) -> Mapping[str, Shard]:
        return {key: shard for shard in self.shards for key in shard.shapes()}

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {key: shape for shard in self.shards for key, shape in shard.shapes().items()}

    @cached_property
    def dtypes(self) -> Mapping[str, str]:
        """Key -> dtype, as safetensors or torch names it."""
        return {key: dtype for shard in self.shards for key, dtype in shard.dtypes().items()}

    def read(self, key: str) -> Tensor:
        return self.holder[key].read(key)

    def needed(self, key: str, part: str, what: str) -> str:
        """The key of a part, which is there.

        Raises:
            CheckpointError: it is not; `what` it is for is said.
        """
        if part not in self.holder:
            raise self.refused(key, f"is quantised ({what}), but {part!r} is missing; fetch the checkpoint again")
        return part

    def note(self, key: str) -> dict[str, Any]:
        """The JSON object that a tensor of bytes holds."""
        if self.dtypes[key] not in ("U8", "uint8") or max((1, *self.shapes[key])) > _LONGEST_NOTE:
            raise self.refused(key, "should be a short text of JSON in bytes, and is not; fetch the checkpoint again")
        try:
            value = parse_json(bytes(self.read(key).tolist()), f"{self.holder[key].path}: {key!r}")
        except OutsideError as error:
            raise CheckpointError(f"{error}; fetch the checkpoint again") from error
        if not isinstance(value, dict):
            raise self.refused(key, "should be an object of JSON; fetch the checkpoint again")
        return value

    def refused(self, key: str, why: str) -> CheckpointError:
        """What to raise: the file and the tensor stand in front of what is wrong and what to do."""
        return CheckpointError(f"{self.holder[key].path}: {key!r} {why}")


@dataclass(frozen=True)
class Dequantised:
    """A file of weights in which quantised tensors read as the floats that they stand for.

    Attributes:
        shard: the file.
        packed: key -> the quantised tensor that is read with this file.
        parts: keys that go by no name of their own any more.
    """

    shard: Shard
    packed: Mapping[str, Packed]
    parts: frozenset[str]

    @property
    def path(self) -> Path:
        return self.shard.path

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {**self._plain(self.shard.shapes()), **{key: one.shape for key, one in self.packed.items()}}

    def dtypes(self) -> Mapping[str, str]:
        return {**self._plain(self.shard.dtypes()), **{key: _DTYPES[one.dtype] for key, one in self.packed.items()}}

    def read(self, key: str) -> Tensor:
        return self.packed[key].read() if key in self.packed else self.shard.read(key)

    def _plain(self, table: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in table.items() if key not in self.parts}
