"""From the names in a published checkpoint to the names in a network: one plain table per layout.

A table maps their names to ours. In a name, `{}` stands for one dotted part (a layer number) and a final `*` for the
rest. The first row that fits counts. A row that maps to None is knowingly dropped; a key that fits no row is an error,
and so is a parameter that no key fills.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint
from unispect.models.spread import device_map, let_rows_travel, place_of


@dataclass(frozen=True)
class Split:
    """Their tensor is ours one after the other along dimension 0, in equal parts."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Squeeze:
    """Their tensor has a leading dimension of one that ours lacks."""

    name: str


@dataclass(frozen=True)
class Matrix:
    """Their tensor is the kernel of a 1 x 1 convolution where ours is a matrix."""

    name: str


Target = str | Split | Squeeze | Matrix | None
KeyTable = Mapping[str, Target]
AS_IS: KeyTable = {"*": "*"}


def target_of(table: KeyTable, key: str) -> Target:
    """Where a published key goes, with its layer numbers filled in.

    Raises:
        KeyError: no row of the table fits.
    """
    for pattern, target in table.items():
        if match := _regex(pattern).fullmatch(key):
            return _filled(target, match.groups())
    raise KeyError(key)


def names_of(target: Target) -> tuple[str, ...]:
    """Our names behind a target."""
    match target:
        case None:
            return ()
        case str():
            return (target,)
        case Squeeze() | Matrix():
            return (target.name,)
        case Split():
            return target.names


def pieces_of(target: Target, tensor: Tensor) -> Sequence[Tensor]:
    """A published tensor as the tensors of `names_of(target)`."""
    match target:
        case None:
            return ()
        case str():
            return (tensor,)
        case Squeeze():
            return (tensor.squeeze(0),)
        case Matrix():
            return (tensor.flatten(2).squeeze(2),)
        case Split():
            return tensor.chunk(len(target.names), dim=0)


def shapes_of(target: Target, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The shapes of `pieces_of` for a published tensor of `shape`."""
    return tuple(tuple(piece.shape) for piece in pieces_of(target, torch.empty(shape, device="meta")))


def fill(
    network: nn.Module,
    checkpoint: Checkpoint,
    table: KeyTable,
    *,
    stacks: Sequence[str],
    devices: Sequence[torch.device],
    dtype: torch.dtype,
    exact: tuple[str, ...] = (),
) -> None:
    """Puts every published tensor where it belongs in a network built on the meta device.

    Of several devices the first holds everything but the blocks of the `stacks`, over which these are spread.

    All names and shapes are checked before the first tensor is read. One published tensor at a time is held beside the
    filled part of the network, so peak memory is about the network's own size. What has a name of ours that begins as
    one of `exact` is float32 whatever the dtype.

    Raises:
        CheckpointError: a key is missing, unknown, mis-shaped, given twice or not a float; names key and file. Or a
            GPU has no room.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    _check(expected, checkpoint, table)
    dtypes = {name: torch.float32 if exact and name.startswith(exact) else dtype for name in expected}
    places = device_map(network, stacks, devices, dtypes)
    filled: dict[str, Tensor] = {}
    for shard in checkpoint.shards:
        for key in shard.shapes():
            target = target_of(table, key)
            if target is None:
                continue
            tensor = shard.read(key)
            if not tensor.is_floating_point() or tensor.element_size() < 2:
                raise CheckpointError(
                    f"{shard.path}: {key!r} is {tensor.dtype}; only float weights of 16 bits or more can be loaded"
                )
            for name, piece in zip(names_of(target), pieces_of(target, tensor), strict=True):
                filled[name] = piece.to(device=place_of(places, name), dtype=dtypes[name], copy=True)
    network.load_state_dict(filled, strict=True, assign=True)
    let_rows_travel(network, places, stacks)


def check_copy(checkpoint: Checkpoint, copy: str, original: str, setting: str) -> None:
    """A published tensor that is dropped as a copy of another must be one, if it is there.

    Raises:
        CheckpointError: it differs; names the setting that says it does not.
    """
    holder = {key: shard for shard in checkpoint.shards for key in shard.shapes()}
    found = holder.get(copy)
    if found is not None and not torch.equal(found.read(copy), holder[original].read(original)):
        raise CheckpointError(
            f"{found.path}: {copy!r} differs from {original!r}, but config.json says they are tied; "
            f"set {setting} to false there"
        )


def published(table: KeyTable, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under their published names: what `fill` reads back. Dropped keys are not made up."""
    rest = dict(state)
    found: dict[str, Tensor] = {}
    for pattern, target in table.items():
        names = names_of(target)
        if not names:
            continue
        first = _regex(names[0])
        for name in [name for name in rest if first.fullmatch(name)]:
            groups = _regex(names[0]).fullmatch(name)
            assert groups is not None
            parts = [rest.pop(_put(ours, groups.groups())) for ours in names]
            found[_put(pattern, groups.groups())] = _joined(target, parts)
    if rest:
        raise KeyError(f"no published name for {sorted(rest)}")
    return found


def _joined(target: Target, parts: Sequence[Tensor]) -> Tensor:
    """The published tensor whose `pieces_of` are these parts."""
    match target:
        case Split():
            return torch.cat(list(parts))
        case Squeeze():
            return parts[0].unsqueeze(0)
        case Matrix():
            return parts[0][..., None, None]
        case _:
            return parts[0]


def _check(expected: Mapping[str, tuple[int, ...]], checkpoint: Checkpoint, table: KeyTable) -> None:
    source: dict[str, str] = {}
    problems: list[str] = []
    for shard in checkpoint.shards:
        for key, shape in shard.shapes().items():
            problems += _problems(expected, source, table, key, shape, str(shard.path))
    missing = [name for name in expected if name not in source]
    if missing:
        theirs = list(_published_names(table, missing))
        paths = [shard.path for shard in checkpoint.shards]
        where = paths[0] if len(paths) == 1 else checkpoint.folder
        problems.insert(0, f"{where}: no key {theirs[0]!r}{_more(len(theirs) - 1, 'missing keys')}")
    if problems:
        raise CheckpointError(
            f"{problems[0]}{_more(len(problems) - 1, 'other problems')}; these weights do not fit their config.json, "
            "or belong to another model: fetch the checkpoint again or name the right model"
        )


def _problems(
    expected: Mapping[str, tuple[int, ...]],
    source: dict[str, str],
    table: KeyTable,
    key: str,
    shape: tuple[int, ...],
    file: str,
) -> Iterator[str]:
    """What is wrong with one published key; notes in `source` which key fills which of our names."""
    try:
        target = target_of(table, key)
        shapes = shapes_of(target, shape)
    except KeyError:
        yield f"{file}: unknown key {key!r}"
        return
    names = names_of(target)
    if len(shapes) != len(names):
        yield f"{file}: {key!r} of shape {list(shape)} cannot be split into {len(names)}"
        source.update(dict.fromkeys(names, key))
        return
    for name, found in zip(names, shapes, strict=True):
        if name not in expected:
            yield f"{file}: unknown key {key!r}"
        elif name in source:
            yield f"{file}: {key!r} gives again what {source[name]!r} gave"
        elif found != expected[name]:
            yield f"{file}: {key!r} of shape {list(shape)} gives {list(found)} where {list(expected[name])} is needed"
        source[name] = key


def _published_names(table: KeyTable, names: Iterable[str]) -> Iterator[str]:
    """Their names for ours, in order, each once; ours where a table has none."""
    seen: set[str] = set()
    for name in names:
        theirs = next(
            (
                _put(pattern, match.groups())
                for pattern, target in table.items()
                for ours in names_of(target)
                if (match := _regex(ours).fullmatch(name))
            ),
            name,
        )
        if theirs not in seen:
            seen.add(theirs)
            yield theirs


def _more(count: int, what: str) -> str:
    return f" (and {count} {what if count > 1 else what.removesuffix('s')})" if count else ""


def _filled(target: Target, groups: tuple[str, ...]) -> Target:
    match target:
        case None:
            return None
        case str():
            return _put(target, groups)
        case Squeeze():
            return Squeeze(_put(target.name, groups))
        case Matrix():
            return Matrix(_put(target.name, groups))
        case Split():
            return Split(tuple(_put(name, groups) for name in target.names))


def _put(pattern: str, groups: tuple[str, ...]) -> str:
    values = iter(groups)
    return re.sub(r"\{\}|\*", lambda _: next(values), pattern)


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    wild = {"{}": r"([^.]+)", "*": r"(.+)"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in re.split(r"(\{\}|\*)", pattern)))
