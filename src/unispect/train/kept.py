"""Trained folders kept as lossless differences from what they were trained from, each under the digest of its content.

A folder of a tiny model is 8 MB, nearly all of it one file of weights. What is stored of a tensor are the bits in which
it differs from the tensor of the same name before, compressed; a file that lies in the folder of the base with the same
content is only named. What is put together again is the same bytes, which is checked by the digest: the weights that
are evaluated are the weights that were kept.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_json
from unispect.core.units import canonical_json
from unispect.models.digests import sha256_of
from unispect.models.taught import WEIGHTS
from unispect.runs import durable
from unispect.train.folder import ADAPTER, RUN, STEPS
from unispect.train.output_folder import explained

_LEFT_OUT = frozenset({RUN, STEPS, ADAPTER, "training.json"})
"""What a training leaves beside the model; none of it is needed to load one."""
_SAYS = "kept"
_DAMAGED = "delete it, and the training is carried out again"


def digest_of(folder: Path) -> str:
    """What a folder's model is: SHA-256 over the names and contents of its files, 64 hex digits."""
    return _digest({name: sha256_of(folder / name) for name in _files(folder)})


def keep(folder: Path, base: Path | None, place: Path) -> str:
    """Stores a trained folder in the folder `place`, unless it is there; the digest under which it is found.

    Args:
        folder: that loads.
        base: folder of the model that it was trained from; None for one that grew up from nothing.
        place: of all that is kept; made if it is not there.

    Raises:
        StoreError: it cannot be written.
    """
    names = list(_files(folder))
    files = {name: sha256_of(folder / name) for name in names}
    digest = _digest(files)
    path = path_of(place, digest)
    if path.exists():
        return digest
    stored: dict[str, Tensor] = {}
    says: dict[str, Any] = {"files": files, "tensors": {}, "metadata": {}}
    for name in names:
        if base and (base / name).is_file() and sha256_of(base / name) == files[name]:
            continue
        if name != WEIGHTS:
            stored[f"file:{name}"] = _compressed(np.fromfile(folder / name, np.uint8))
            continue
        before = load_file(str(base / WEIGHTS)) if base else {}
        says["metadata"] = _metadata(folder / WEIGHTS)
        for key, tensor in load_file(str(folder / WEIGHTS)).items():
            bits = _bits(tensor) ^ _before(before.get(key), tensor)
            says["tensors"][key] = [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
            if bits.any():
                stored[f"tensor:{key}"] = _compressed(_planes(bits, tensor.itemsize))
    with explained(path):
        place.mkdir(parents=True, exist_ok=True)
        with durable.replacing(path) as unfinished:
            save_file(stored, str(unfinished), metadata={_SAYS: json.dumps(says)})
        durable.sync_folder(place)
    return digest


def path_of(place: Path, digest: str) -> Path:
    """Where a folder of that digest is kept."""
    return place / f"{digest}.safetensors"


def restore(digest: str, base: Path | None, place: Path, out: Path) -> None:
    """Puts a kept folder together again, at `out`, unless it is there; whoever is stopped leaves nothing of that name.

    Raises:
        CheckpointError: what was kept is missing or damaged, or `base` is not what it was trained from.
        StoreError: `out` cannot be written.
    """
    if out.is_dir():
        return
    path = path_of(place, digest)
    unfinished = out.with_name(f".{out.name}{durable.TEMPORARY}")
    with explained(out):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            _put_together(path, base, unfinished)
            if digest_of(unfinished) != digest:
                raise CheckpointError(f"{path} is damaged, or not a difference from {base}; {_DAMAGED}")
            unfinished.replace(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _put_together(path: Path, base: Path | None, out: Path) -> None:
    try:
        with safe_open(str(path), "pt") as file:
            says = parse_json((file.metadata() or {})[_SAYS], str(path))
        stored = load_file(str(path))
        for name in says["files"]:
            goal = out / name
            if ".." in goal.parts or not goal.is_relative_to(out):
                raise ValueError(f"{name!r} leads out of the folder")
            goal.parent.mkdir(parents=True, exist_ok=True)
            if f"file:{name}" in stored:
                goal.write_bytes(_plain(stored[f"file:{name}"]).tobytes())
            elif name == WEIGHTS and says["tensors"]:
                before = load_file(str(base / WEIGHTS)) if base else {}
                save_file(_tensors(says["tensors"], stored, before), str(goal), metadata=says["metadata"] or None)
            elif base:
                shutil.copyfile(base / name, goal)
    except (OSError, SafetensorError, OutsideError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise CheckpointError(f"{path} cannot be put together ({error}); {_DAMAGED}") from error


def _tensors(
    said: Mapping[str, tuple[str, list[int]]], stored: Mapping[str, Tensor], before: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for key, (dtype, shape) in said.items():
        empty = torch.empty(shape, dtype=getattr(torch, dtype))
        bits = _before(before.get(key), empty)
        if f"tensor:{key}" in stored:
            bits = bits ^ _planes_back(_plain(stored[f"tensor:{key}"]), empty.itemsize)
        found[key] = torch.from_numpy(bits).view(empty.dtype).reshape(shape)
    return found


def _before(old: Tensor | None, new: Tensor) -> np.ndarray:
    """Bits of the tensor before, in the precision of the one after; zeros where there was none of its shape."""
    if old is None or old.shape != new.shape:
        return np.zeros(new.numel() * new.itemsize, np.uint8)
    return _bits(old.to(new.dtype))


def _bits(tensor: Tensor) -> np.ndarray:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().copy()


def _planes(bits: np.ndarray, itemsize: int) -> np.ndarray:
    """First bytes of all numbers, then second bytes, and so on: bytes that are alike stand together."""
    return np.ascontiguousarray(bits.reshape(-1, itemsize).T).reshape(-1)


def _planes_back(planes: np.ndarray, itemsize: int) -> np.ndarray:
    return np.ascontiguousarray(planes.reshape(itemsize, -1).T).reshape(-1)


def _compressed(data: np.ndarray) -> Tensor:
    return torch.from_numpy(np.frombuffer(zlib.compress(data.tobytes()), np.uint8).copy())


def _plain(stored: Tensor) -> np.ndarray:
    return np.frombuffer(zlib.decompress(stored.numpy().tobytes()), np.uint8)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(str(path), "pt") as file:
        return dict(file.metadata() or {})


def _files(folder: Path) -> Iterator[str]:
    """The files that make the model, by their place in the folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in _LEFT_OUT and not name.name.startswith("."):
            yield name.as_posix()


def _digest(files: Mapping[str, str]) -> str:
    return sha256(canonical_json(dict(files)).encode()).hexdigest()
