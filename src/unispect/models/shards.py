"""Files of weights, opened without running their code and read one tensor at a time.

Safetensors, torch pickles, which are only ever opened with `weights_only=True`, and GGUF.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import open_regular
from unispect.models.quantised.gguf_file import GgufShard
from unispect.models.sniff import missing_bytes, refuse_strangers, safetensors_header

SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".gguf")
TABLES = ("state_dict", "model", "module", "model_state_dict", "ema_state_dict", "ema", "params")
"""Keys under which training scripts put the table of tensors beside other things."""
FLOATS = {"F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"}
"""Dtypes that weights can be loaded from, as safetensors and as torch name them."""
_HELD = 2**26
"""Bytes up to which a file stays open between tensors: the tensors of a tiny model take longer to find than to read."""


class Shard(Protocol):
    """One file of weights."""

    @property
    def path(self) -> Path: ...

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape, without reading the tensors."""
        ...

    def dtypes(self) -> Mapping[str, str]:
        """Key -> dtype, as safetensors or torch names it."""
        ...

    def read(self, key: str) -> Tensor:
        """One tensor; it may share memory with the file."""
        ...


def open_shard(path: Path) -> SafetensorsShard | PickleShard | GgufShard:
    """One file of weights, by its suffix."""
    match path.suffix:
        case ".safetensors":
            return SafetensorsShard(path)
        case ".gguf":
            return GgufShard(path)
        case _:
            return PickleShard(path)


@dataclass(frozen=True)
class SafetensorsShard:
    path: Path

    def _open(self) -> Any:
        require_regular(self.path)
        try:
            return safe_open(self.path, framework="pt")
        except (SafetensorError, OSError) as error:
            refuse_strangers(self.path)
            lost = missing_bytes(self.path)
            reason = f"{lost} bytes are missing at its end" if lost else str(error)
            raise CheckpointError(f"{self.path} is damaged or cut short ({reason}); fetch the file again") from error

    @cached_property
    def _header(self) -> Mapping[str, Mapping[str, Any]]:
        self._open()  # refuses what is damaged; the header alone does not tell
        found = safetensors_header(self.path)
        if found is None:
            raise CheckpointError(f"{self.path} has no header that can be read; fetch the file again")
        return found[1]

    @cached_property
    def copies(self) -> Mapping[str, str]:
        """Key that was left out -> key of the same tensor, as savers of shared tensors write in a file's metadata."""
        return {
            left_out: kept
            for left_out, kept in self.metadata.items()
            if kept in self._header and left_out not in self._header
        }

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its writer noted of the file."""
        return self._header.get("__metadata__") or {}

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        own = {key: tuple(entry["shape"]) for key, entry in self._header.items() if key != "__metadata__"}
        return {**own, **{left_out: own[kept] for left_out, kept in self.copies.items()}}

    def dtypes(self) -> Mapping[str, str]:
        own = {key: entry["dtype"] for key, entry in self._header.items() if key != "__metadata__"}
        return {**own, **{left_out: own[kept] for left_out, kept in self.copies.items()}}

    def read(self, key: str) -> Tensor:
        key = self.copies.get(key, key)
        if self._small:
            return self._held.get_tensor(key)
        # Opened anew for every tensor: a file that stays open keeps every page that was read in memory.
        with self._open() as file:
            return file.get_tensor(key)

    @cached_property
    def _small(self) -> bool:
        return self.path.stat().st_size <= _HELD

    @cached_property
    def _held(self) -> Any:
        return self._open()


@dataclass(frozen=True)
class PickleShard:
    path: Path

    @cached_property
    def _tensors(self) -> Mapping[str, Tensor]:
        loaded = self._load()
        if _is_table(loaded):
            return loaded
        # Training scripts put the table beside other things.
        inner = (
            {name: loaded[name] for name in TABLES if _is_table(loaded.get(name))} if isinstance(loaded, dict) else {}
        )
        if not inner:
            odd = _odd_key(loaded)
            why = f" (it holds something under {odd}, which is no name)" if odd else ""
            raise CheckpointError(f"{self.path} is no plain table of tensors{why}; convert it to safetensors")
        first, *others = inner
        rivals = [name for name in others if inner[name].keys() & inner[first].keys()]
        if rivals:
            raise CheckpointError(
                f"{self.path} holds several sets of weights, {first!r} and {rivals[0]!r}; save the one meant alone"
            )
        return inner[first]

    def _load(self) -> object:
        require_regular(self.path)
        refuse_strangers(self.path)
        try:
            # Only files written in the zip format can be mapped; the rare older ones are read whole.
            mapped = _is_zip(self.path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return torch.load(self.path, map_location="cpu", weights_only=True, mmap=mapped)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"{self.path} is refused: it is damaged, or a pickle that holds code and not only weights; "
                "get the weights as safetensors"
            ) from error
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, EOFError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise CheckpointError(f"{self.path} is damaged or cut short ({reason}); fetch the file again") from error

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {key: tuple(value.shape) for key, value in self._tensors.items()}

    def dtypes(self) -> Mapping[str, str]:
        return {key: str(value.dtype).removeprefix("torch.") for key, value in self._tensors.items()}

    def read(self, key: str) -> Tensor:
        tensor = self._tensors[key]
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise CheckpointError(
                f"{self.path}: {key!r} is no plain tensor ({tensor.layout}); convert it to safetensors"
            )
        held = tensor.untyped_storage().nbytes() // tensor.element_size()
        if tensor.numel() > held:  # strides of zero: a small file that asks for any memory
            raise CheckpointError(
                f"{self.path}: {key!r} is said to have {tensor.numel()} numbers, but the file holds {held} of them; "
                "save it whole (contiguous)"
            )
        return tensor


@dataclass(frozen=True)
class Renamed:
    """A file of weights under other keys: its own -> the one it goes by; None leaves a tensor out."""

    shard: Shard
    name: Callable[[str], str | None]

    @property
    def path(self) -> Path:
        return self.shard.path

    @cached_property
    def _own(self) -> Mapping[str, str]:
        named = ((self.name(key), key) for key in self.shard.shapes())
        return {name: key for name, key in named if name is not None}

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        theirs = self.shard.shapes()
        return {name: theirs[key] for name, key in self._own.items()}

    def dtypes(self) -> Mapping[str, str]:
        theirs = self.shard.dtypes()
        return {name: theirs[key] for name, key in self._own.items()}

    def read(self, key: str) -> Tensor:
        return self.shard.read(self._own[key])


def prefixed(shard: Shard, prefix: str) -> Renamed:
    """A file of weights whose keys lack the beginning that they have elsewhere."""
    return Renamed(shard, lambda key: prefix + key)


def save_shard(path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> None:
    """Writes tensors as one file of safetensors, in `dtype` (default: as they are), never through a link to a file."""
    if path.is_symlink():
        path.unlink()
    save_file({name: tensor.to("cpu", dtype).contiguous() for name, tensor in tensors.items()}, str(path))


def require_regular(path: Path) -> None:
    """Raises `CheckpointError` where a path is a pipe, a socket or a device, which would be waited for without end."""
    try:
        open_regular(path, what="the weights").close()
    except OutsideError as error:
        refuse_strangers(path)
        raise CheckpointError(f"{error}; put the file of weights there") from error


def _is_table(value: object) -> TypeGuard[dict[str, Tensor]]:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(key, str) and isinstance(inner, Tensor) for key, inner in value.items())
    )


def _odd_key(value: object) -> str:
    """A key of a table of tensors that is no text; empty where there is none."""
    keys = value if isinstance(value, dict) else ()
    return next((repr(key)[:60] for key in keys if not isinstance(key, str)), "")


def _is_zip(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(4) == b"PK\x03\x04"
