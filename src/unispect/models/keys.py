"""From the names in a published checkpoint to the names in a network: one plain table per layout.

A table maps their names to ours. In a name, `{}` stands for one dotted part (a layer number) and a final `*` for the
rest. The first row that fits counts. A row that maps to None is knowingly dropped; a key that fits no row is an error,
and so is a parameter that no key fills.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint
from unispect.models.decode.finite import all_finite
from unispect.models.shards import Renamed
from unispect.models.spread import device_map, device_of, let_rows_travel
from unispect.models.wrappers import common_start


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


@dataclass(frozen=True)
class Tied:
    """A published tensor that is a copy of another, and dropped.

    Attributes:
        copy: its name.
        original: name of the one that is kept.
        setting: that says so, for messages.
    """

    copy: str
    original: str
    setting: str


@dataclass(frozen=True)
class Amendments:
    """What is done to tensors before they are cast: published key or our name -> the tensor it becomes, in float32."""

    published: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    ours: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)


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
    amended: Amendments = Amendments(),  # frozen
) -> None:
    """Puts every published tensor where it belongs in a network built on the meta device.

    Of several devices the first holds everything but the blocks of the `stacks`, over which these are spread.

    All names and shapes are checked before the first tensor is read. One published tensor at a time is held beside the
    filled part of the network, so peak memory is about the network's own size. What has a name of ours that begins as
    one of `exact` is float32 whatever the dtype. What is `amended` is so before it is cast.

    Raises:
        CheckpointError: a key is missing, unknown, mis-shaped, given twice, not a float, or holds numbers that are not
            finite; names key and file. Or a GPU has no room.
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
                    f"{shard.path}: {key!r} is {tensor.dtype}; only float weights of 16 bits or more can be loaded: "
                    "take the weights as they were before they were quantised"
                )
            if key in amended.published:
                tensor = amended.published[key](tensor)
            for name, piece in zip(names_of(target), pieces_of(target, tensor), strict=True):
                if name in amended.ours:
                    piece = amended.ours[name](piece)
                filled[name] = piece.to(device=device_of(places, name), dtype=dtypes[name], copy=True)
                _require_finite(filled[name], tensor, key, shard.path)
    network.load_state_dict(filled, strict=True, assign=True)
    let_rows_travel(network, places, stacks)


def _require_finite(filled: Tensor, tensor: Tensor, key: str, path: Path) -> None:
    """What a published tensor became must be finite, which it may cease to be where numbers are made narrower."""
    if all_finite(filled):
        return
    wrong = int((~tensor.isfinite()).sum())
    if not wrong:
        raise CheckpointError(
            f"{path}: {key!r} holds numbers too large for {filled.dtype}; run with --dtype float32, or save it with "
            "smaller numbers"
        )
    kind = "NaN" if tensor.isnan().any() else "infinite"
    raise CheckpointError(
        f"{path}: {key!r} holds {wrong} numbers of {tensor.numel()} that are not finite ({kind}); a training that "
        "diverged leaves such weights: take an earlier checkpoint of it, or fetch the file again"
    )


def with_original(checkpoint: Checkpoint, tied: Tied) -> Checkpoint:
    """A checkpoint of tied weights, of which some savers keep only the copy: then it stands for the original."""
    keys = checkpoint.shapes()
    if tied.original in keys or tied.copy not in keys:
        return checkpoint
    shards = (Renamed(shard, lambda key: tied.original if key == tied.copy else key) for shard in checkpoint.shards)
    return replace(checkpoint, shards=tuple(shards))


def check_copy(checkpoint: Checkpoint, tied: Tied) -> None:
    """A published tensor that is dropped as a copy of another must be one, if it is there.

    Raises:
        CheckpointError: it differs, or there is no other; names the setting that says it does not.
    """
    holder = {key: shard for shard in checkpoint.shards for key in shard.shapes()}
    found = holder.get(tied.copy)
    if found is None:
        return
    if tied.original not in holder:
        raise CheckpointError(
            f"{found.path} holds {tied.copy!r} and not {tied.original!r}, though config.json says they are tied"
        )
    if not torch.equal(found.read(tied.copy), holder[tied.original].read(tied.original)):
        raise CheckpointError(
            f"{found.path}: {tied.copy!r} differs from {tied.original!r}, but config.json says they are tied; "
            f"set {tied.setting} to false there"
        )


@torch.no_grad()
def amend(network: nn.Module, table: KeyTable, amended: Amendments) -> None:
    """Amends a network that is filled; what it holds was cast before, and is cast again."""
    state = network.state_dict()
    for key, changed in amended.published.items():
        target = target_of(table, key)
        whole = changed(_unsplit(target, [state[name] for name in names_of(target)]))
        for name, piece in zip(names_of(target), pieces_of(target, whole), strict=True):
            state[name].copy_(piece)
    for name, changed in amended.ours.items():
        state[name].copy_(changed(state[name]))


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
            found[_put(pattern, groups.groups())] = _unsplit(target, parts)
    if rest:
        raise KeyError(f"no published name for {sorted(rest)}")
    return found


def _unsplit(target: Target, parts: Sequence[Tensor]) -> Tensor:
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
        keys = list(checkpoint.shapes())
        why = _QUANTISED if _any_of(keys, _QUANTISED_KEYS) else _ADAPTED if _any_of(keys, _ADAPTER_KEYS) else ""
        raise CheckpointError(
            f"{problems[0]}{_more(len(problems) - 1, 'other problems')}; {why or _wrapped(keys, problems) or _MISFIT}"
        )


_MISFIT = (
    "these weights do not fit their config.json, or belong to another model: fetch the checkpoint again or name the "
    "right model"
)
_QUANTISED = (
    "these weights are quantised, which this port cannot run: take the weights as they were before, of 16 bits or more"
)
_ADAPTED = (
    "these weights hold an adapter that was not merged: merge it (peft: merge_and_unload) and save the whole model; if "
    "they are the adapter alone, name the weights that it changes with --model and this with --adapter"
)
_QUANTISED_KEYS = re.compile(
    r".*\.(SCB|weight_format|absmax|quant_map|nested_absmax|quant_state\..+|qweight|qzeros|g_idx|weight_scale(_inv)?|"
    r"input_scale|weight_packed|weight_shape|scale_weight)"
)
_ADAPTER_KEYS = re.compile(
    r".*(\.lora_(A|B|magnitude_vector|embedding_A|embedding_B)\b|\.base_layer\.|\.modules_to_save\.).*"
)


def _any_of(keys: Iterable[str], pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(key) for key in keys)


def _wrapped(keys: Sequence[str], problems: Sequence[str]) -> str:
    """Words about what all keys begin with, if none is known: then that may be why."""
    start = common_start(keys)
    if not start or sum("unknown key" in problem for problem in problems) < len(keys):
        return ""
    return (
        f"all keys begin with {start!r}, and none fits with or without it: these weights belong to another model; "
        "name the right one"
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
