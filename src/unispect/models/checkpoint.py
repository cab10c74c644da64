"""Published checkpoints: found, opened without running their code, and read one tensor at a time.

A checkpoint is a folder with `config.json` and weights: safetensors first, then torch pickles, which are only ever
opened with `weights_only=True`. Nothing here knows a model; `keys.py` says where a tensor goes.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from unispect.core.errors import CheckpointError, UsageError

_SINGLE = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
    "pytorch_model.pth",
)
_INDEXED = (
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.bin.index.json",
)
_SUFFIXES = (".safetensors", ".bin", ".pth")
_WRAPPERS = ("state_dict", "model", "module")
_READ_AS_TEXT = ("*.json", "*.txt", "*.model")
_HISTORY = "training.json"
"""How the weights came about, beside them; the weights decide what is computed."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Shard(Protocol):
    """One file of weights."""

    @property
    def path(self) -> Path: ...

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape, without reading the tensors."""
        ...

    def read(self, key: str) -> Tensor:
        """One tensor; it may share memory with the file."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint folder.

    Attributes:
        folder: where its files are.
        revision: hub commit, or `sha256:` and 16 digits of the digest of the files.
        shards: its weight files.
    """

    folder: Path
    revision: str
    shards: tuple[Shard, ...]

    def json(self, name: str) -> dict[str, Any]:
        """The JSON object in file `name`.

        Raises:
            CheckpointError: the file is missing or holds something else.
        """
        value = self.optional_json(name)
        if value is None:
            raise CheckpointError(f"{self.folder / name} is missing: this is not a complete checkpoint folder")
        return value

    def optional_json(self, name: str) -> dict[str, Any] | None:
        """As `json`, None when there is no such file."""
        path = self.folder / name
        if not path.is_file():
            return None
        return read_json(path)


Pick = Callable[[Path], "Sequence[Path] | None"]
"""Folder -> its weight files, for layouts of their own; None where the usual names count."""


def open_checkpoint(
    source: str | Path, revision: str | None = None, *, pick: Pick = lambda _: None, fetched: Sequence[str] = ()
) -> Checkpoint:
    """The checkpoint in a folder, or on the hub as `owner/name` or `owner/name@revision`.

    The hub is asked only for what is not in its local cache, and not at all when HF_HUB_OFFLINE is set. Of its weight
    files those that are named as `fetched` are taken, where any are, else all.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: the files are missing, damaged or not plain weights; the message names the file.
    """
    folder = _locate(str(source), revision, fetched)
    shards = tuple(open_shard(path) for path in pick(folder) or weight_files(folder))
    return Checkpoint(folder, _revision(folder, shards), shards)


def companion(folder: Path, name: str, hub: str) -> Path:
    """A file that belongs to a checkpoint but is published elsewhere: from the folder, else from the hub or its cache.

    Raises:
        CheckpointError: it is in neither; says where to get it.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    if (folder / name).is_file():
        return folder / name
    try:
        return Path(hf_hub_download(hub, name))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} lacks {name}, and the hub cannot be asked for it; put {name} of {hub} there"
        ) from error


def single(path: Path) -> Checkpoint:
    """One file of weights as a checkpoint of its own."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Checkpoint(path.parent, f"sha256:{digest[:16]}", (open_shard(path),))


def joined(main: Checkpoint, part: Checkpoint, prefix: str) -> Checkpoint:
    """Two checkpoints as one; the keys of the second stand behind `prefix`, and the revision names both."""
    shards = (*main.shards, *(Prefixed(shard, prefix) for shard in part.shards))
    return Checkpoint(main.folder, f"{main.revision}+{part.revision}", shards)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        CheckpointError: it is no JSON object; names the file.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}); fetch the checkpoint again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a JSON {type(value).__name__}, not an object; fetch the checkpoint again")
    return value


def texts_of(source: str | Path) -> Path:
    """The folder with the files around a checkpoint's weights; of a hub id, only these are fetched.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: the hub does not give them.
    """
    return _locate(str(source), None, _READ_AS_TEXT)


def _locate(source: str, revision: str | None, fetched: Sequence[str]) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        if revision:
            raise UsageError(f"{source} is a folder and has no revision {revision!r}; leave it out")
        return path
    if path.is_file():
        raise UsageError(f"{source} is a file; give the folder that holds it together with its config.json")
    name, _, at = source.partition("@")
    if not _HUB_ID.fullmatch(name):
        raise UsageError(f"no folder {source!r}; give a checkpoint folder or a hub id such as owner/name@revision")
    return _download(name, revision or at or None, fetched)


def _download(name: str, revision: str | None, fetched: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def fetch(*patterns: str) -> Path:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))

    where = f"{name}@{revision}" if revision else name
    try:
        folder = fetch(*(fetched or ("*.safetensors",)), *_READ_AS_TEXT)
        if fetched != _READ_AS_TEXT and not any(folder.rglob("*.safetensors")):
            folder = fetch("*.bin", "*.pth", "*.ckpt", *_READ_AS_TEXT)
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{where} is neither a folder here nor in the local hub cache, and the hub cannot be reached; "
            "connect once (unset HF_HUB_OFFLINE), or give a folder"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"the hub does not give {where}: {reason}") from error
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a folder, by their usual names.

    Raises:
        CheckpointError: there are none, or an index names one that is missing.
    """
    for index_name, single in zip(_INDEXED, _SINGLE, strict=False):
        if (folder / index_name).is_file():
            return _indexed_files(folder / index_name)
        if (folder / single).is_file():
            return [folder / single]
    for suffix in _SUFFIXES:
        found = sorted(folder.glob(f"*{suffix}"))
        if len(found) == 1:
            return found
    raise CheckpointError(f"{folder} holds no weights: expected one of {', '.join((*_SINGLE, *_INDEXED))}")


def _indexed_files(index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index} has no 'weight_map'; fetch the checkpoint again")
    files = [index.parent / str(name) for name in sorted(set(weight_map.values()))]
    for file in files:
        if file.parent != index.parent:
            raise CheckpointError(f"{index} points outside its folder, to {file}")
        if not file.is_file():
            raise CheckpointError(f"{file} is missing but named in {index.name}; fetch the checkpoint again")
    return files


def open_shard(path: Path) -> Shard:
    """One file of weights, by its suffix."""
    return _SafetensorsShard(path) if path.suffix == ".safetensors" else _PickleShard(path)


@dataclass(frozen=True)
class _SafetensorsShard:
    path: Path

    def _open(self) -> Any:
        try:
            return safe_open(self.path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{self.path} is damaged or cut short ({error}); fetch the file again") from error

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        with self._open() as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118

    def read(self, key: str) -> Tensor:
        # Opened anew for every tensor: a file that stays open keeps every page that was read in memory.
        with self._open() as file:
            return file.get_tensor(key)


@dataclass(frozen=True)
class _PickleShard:
    path: Path

    @cached_property
    def _tensors(self) -> Mapping[str, Tensor]:
        loaded = self._load()
        if isinstance(loaded, dict):
            # Training scripts put the table beside other things.
            inner = (loaded.get(name) for name in _WRAPPERS)
            loaded = next((table for table in inner if isinstance(table, dict) and table), loaded)
        if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
            raise CheckpointError(f"{self.path} is no plain table of tensors; convert it to safetensors")
        return loaded

    def _load(self) -> object:
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
        except (RuntimeError, EOFError, OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise CheckpointError(f"{self.path} is damaged or cut short ({reason}); fetch the file again") from error

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {key: tuple(value.shape) for key, value in self._tensors.items()}

    def read(self, key: str) -> Tensor:
        return self._tensors[key]


@dataclass(frozen=True)
class Prefixed:
    """A file of weights whose keys lack the beginning that they have elsewhere."""

    shard: Shard
    prefix: str

    @property
    def path(self) -> Path:
        return self.shard.path

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {self.prefix + key: shape for key, shape in self.shard.shapes().items()}

    def read(self, key: str) -> Tensor:
        return self.shard.read(key.removeprefix(self.prefix))


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _revision(folder: Path, shards: tuple[Shard, ...]) -> str:
    """The commit of a hub snapshot, else a digest of every file that decides what the model computes."""
    resolved = folder.resolve()
    if resolved.parent.name == "snapshots" and _COMMIT.fullmatch(resolved.name):
        return resolved.name
    total = hashlib.sha256()
    for path in _digested(folder, shards):
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{total.hexdigest()[:16]}"


def _digested(folder: Path, shards: tuple[Shard, ...]) -> Iterator[Path]:
    weights = {shard.path for shard in shards}
    texts = {path for pattern in _READ_AS_TEXT for path in folder.glob(pattern) if path.name != _HISTORY}
    yield from sorted(weights | texts)
