"""Which weights of a folder are meant: one set, never a guess.

A set is a single file, or the parts that an index names. Where a folder holds several that could be meant, they must
hold the same numbers, or the user says which (`NAME=FOLDER/FILE`). What plainly belongs to something else (an
optimiser's state, a pixel autoencoder of its own, quantised copies) does not count; what is passed over is noted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from unispect.core.errors import CheckpointError, UsageError
from unispect.models.config_values import short
from unispect.models.json_file import read_json
from unispect.models.shards import FLOATS, SUFFIXES, Shard, open_shard
from unispect.models.sniff import what_it_is
from unispect.models.wrappers import common_start, without_inner_wrappers

USUAL = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
    "pytorch_model.pth",
)
"""Names that libraries save under, best first; in parts, with `.index.json` behind."""
_INDEX = re.compile(r".+\.index(\.[\w-]+)?\.json")
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")
_NOT_WEIGHTS = re.compile(
    r"(optimizer|scheduler|lr_scheduler|scaler|training_args|rng_state|random_states|trainer_state|adapter_model).*"
)
"""Beginnings of names of what trainers leave beside weights; adapters are spoken of apart."""
_UNFINISHED = (".incomplete", ".part", ".partial", ".crdownload", ".aria2", ".download", ".tmp")
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin", "adapter_config.json")
NOT_READ = (
    (
        ADAPTERS,
        "an adapter and no whole weights; name those that it changes with --model NAME=PLACE, and this with --adapter",
    ),
    (
        (".distcp",),
        "weights as a sharded training saves them; gather them into one file (python -m "
        "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE)",
    ),
    ((".onnx",), "a graph of ONNX, which is not read here; take the weights that it was converted from"),
)
"""Ends of names of files that may lie in the place of weights -> what they are, and what helps."""
_COPIES = ".gguf"
"""Suffix of files that count where there are no others: copies of weights, quantised as a rule."""
_RELATED = 0.5
"""Share of the smaller set's keys that two sets have in common if they are weights of one model."""
_FEW = 0.05
"""Share of a set's numbers that may be integers: what libraries store beside weights, such as counts."""
_COMPUTED = ("inv_freq", "position_ids", "num_batches_tracked", "masked_bias")
"""Ends of keys of tensors that follow from the configuration, which some savers store and others do not."""
_HEAD, _TABLE = "lm_head.weight", "embed_tokens.weight"
"""Ends of keys of two tensors that may be one."""


@dataclass(frozen=True)
class Layout:
    """How weights of a family are published.

    Attributes:
        known: beginnings of names of tensors, of which a whole file holds at least one; what training code wrapped
            around the model is taken off names until one does.
        usual: names of weight files, best first.
        apart: names of files beside them that belong to something else.
        beside: of these, the names of files that are needed where they are there.
        folders: names of inner folders that hold weights of parts.
    """

    known: tuple[str, ...] = ()
    usual: tuple[str, ...] = USUAL
    apart: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


PLAIN = Layout()
"""Weights under the names that libraries save them by, and nothing apart."""


@dataclass(frozen=True)
class WeightSet:
    """One set of weights.

    Attributes:
        name: of its file, or of its index.
        files: it consists of.
        lost: parts that its index names and that are not there.
        index: it comes from; None for a single file.
        copies: key that was left out -> key of the same tensor, where an index says so.
    """

    name: str
    files: tuple[Path, ...]
    lost: tuple[Path, ...] = ()
    index: Path | None = None
    copies: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def shards(self) -> Mapping[str, Shard]:
        """Key -> the file that holds it."""
        opened = [open_shard(path) for path in self.files]
        return {key: shard for shard in opened for key in shard.shapes()}

    @cached_property
    def names(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Key without what wrappers put into it -> key; and the same without what all keys begin with."""
        keys = {without_inner_wrappers(key): key for key in self.shards}
        start = common_start(keys)
        return keys, {name.removeprefix(start): key for name, key in keys.items()}

    @cached_property
    def odd(self) -> str:
        """A tensor that is no float of 16 bits or more, and its dtype; empty where there are none to speak of."""
        holders = {id(shard): shard for shard in self.shards.values()}.values()
        kinds = {key: kind for shard in holders for key, kind in shard.dtypes().items()}
        return odd_tensor(kinds, {key: math.prod(shard.shapes()[key]) for key, shard in self.shards.items()})

    @property
    def is_difference(self) -> bool:
        """It is the difference of an organism's variant (`unispect.organisms.difference`), not a model."""
        return all(key.endswith((".steps", ".scale")) for key in self.shards)

    @property
    def sayable(self) -> str:
        """The name that a user can give."""
        return self.index.name if self.index else self.files[0].name

    def read(self, key: str) -> Tensor:
        return self.shards[key].read(key)


@dataclass(frozen=True)
class Broken:
    """A set that cannot be meant, and why, as a part of a sentence; `loss` where parts of it are missing."""

    found: WeightSet
    why: str
    loss: bool = False


def odd_tensor(kinds: Mapping[str, str], numbers: Mapping[str, int]) -> str:
    """Of tensors, by their dtypes and how many numbers they hold: `WeightSet.odd`."""
    found = {key: kind for key, kind in kinds.items() if kind not in FLOATS}
    largest = max(found, key=lambda key: numbers[key], default="")
    share = sum(numbers[key] for key in found) / max(1, sum(numbers.values()))
    return f"{largest!r} is {found[largest]}" if share > _FEW else ""


def chosen_set(folder: Path, *, usual: Sequence[str] = USUAL, apart: Sequence[str] = ()) -> tuple[WeightSet, list[str]]:
    """The weights of a folder that are meant, and sentences about what was passed over.

    Args:
        folder: that holds them.
        usual: names of files, best first.
        apart: names of files that belong to something else, such as a pixel autoencoder.

    Raises:
        CheckpointError: there are none, or several that differ, or one is not whole; names files and what to do.
    """
    whole, broken = _sets(folder, apart)
    if not whole:
        raise CheckpointError(_nothing(folder, broken))
    names = _names(usual)
    whole.sort(key=lambda found: _rank(found, names))
    if len(whole) > 1:
        whole, unreadable = _readable(folder, whole, names)
        broken += unreadable
        if not whole:
            raise CheckpointError(_nothing(folder, broken))
        whole.sort(key=lambda found: (bool(found.odd), _rank(found, names)))
    first, *others = whole
    adapter = next((name for name in ADAPTERS[:2] if (folder / name).is_file()), None)
    if adapter:
        raise CheckpointError(
            f"{folder} holds an adapter ({adapter}) beside {first.name}; {_say(folder, first)}, and if the adapter is "
            f"meant too, --adapter {folder}"
        )
    notes = []
    for one in broken:
        if one.loss and one.found.files:
            raise CheckpointError(f"{_lost(one.found)}; if {first.name} is meant, {_say(folder, first)}")
        notes.append(f"{one.found.name} was passed over: {one.why}.")
    for other in others:
        notes += _compared(folder, first, other, usual=first.name in names)
    return first, notes


def named_set(folder: Path, name: str, offered: Iterable[str] | None = None) -> WeightSet:
    """The set that a user named by its file or its index; `offered` names what a repository has for the folder.

    Raises:
        UsageError: there is no such file.
        CheckpointError: parts are missing.
    """
    path = folder / name
    if not (path.is_file() if offered is None else name in offered):
        raise UsageError(f"{path} is no file; name one of the weights in {folder}")
    if not _INDEX.fullmatch(name):
        return WeightSet(name, (path,))
    found = _of_index(path, None if offered is None else frozenset(offered))
    if found.lost:
        raise CheckpointError(_lost(found))
    return found


def instead_of_weights(names: Iterable[str]) -> str:
    """What files in the place of weights are, by their names, what helps, and which; empty where none is known."""
    held = list(names)
    for ends, what in NOT_READ:
        if name := next((name for name in held if name.endswith(ends)), None):
            return f"{what}: {name}"
    return ""


def is_weights(path: PurePath) -> bool:
    """A path is named as a file of weights or an index is."""
    return path.suffix in SUFFIXES or bool(_INDEX.fullmatch(path.name))


def is_model(path: PurePath) -> bool:
    """A path is named as a file of a model's weights is, and not as what trainers leave beside them."""
    return path.suffix in SUFFIXES and not _NOT_WEIGHTS.fullmatch(path.name)


def require_same(ours: Tensor, theirs: Tensor, key: str, places: tuple[Path, Path], what: str) -> None:
    """A tensor that stands in two places must be the same there, up to the precision of the coarser.

    Raises:
        CheckpointError: it differs; `what` it belongs to is named.
    """
    if not (same_numbers(ours, theirs) or same_numbers(theirs, ours)):
        raise CheckpointError(
            f"{what} is in {places[0]} and in {places[1]}, and they differ in {key!r}; take away the one not meant"
        )


def same_numbers(ours: Tensor, theirs: Tensor) -> bool:
    """Two tensors are equal, after those of `ours` were rounded to `theirs` where that is coarser."""
    if ours.shape != theirs.shape:
        return False
    if ours.is_floating_point() and theirs.is_floating_point() and theirs.element_size() < ours.element_size():
        ours = ours.to(theirs.dtype)
    return ours.dtype == theirs.dtype and torch.equal(ours, theirs)


def offered_sets(folder: Path, names: Iterable[str], *, usual: Sequence[str], apart: Sequence[str]) -> list[WeightSet]:
    """The whole sets that a repository offers for a folder, best first, before anything but texts was fetched into it.

    Args:
        folder: that holds the indexes, and will hold the rest.
        names: of the files that the repository has for it.
        usual: names of files, best first.
        apart: names of files that belong to something else.

    Raises:
        CheckpointError: an index cannot be read or a set is not whole, unless it is wholly gone and another is there.
    """
    whole, broken = _sets(folder, apart, frozenset(names))
    for one in broken:
        if not whole or (one.loss and one.found.files):
            lost = f"{one.found.lost[0].name}, which it names, is not there" if one.loss else one.why
            raise CheckpointError(
                f"{one.found.name} is not whole ({lost}); name a whole file, or take another revision"
            )
    ranks = _names(usual)
    return sorted(whole, key=lambda found: _rank(found, ranks))


def _sets(
    folder: Path, apart: Sequence[str], offered: frozenset[str] | None = None
) -> tuple[list[WeightSet], list[Broken]]:
    """The sets of a folder whose files are all there, and the others; `offered` names what is to come, unread."""
    whole: list[WeightSet] = []
    broken: list[Broken] = []
    parts: set[Path] = set()
    paths = sorted(folder.iterdir() if offered is None else (folder / name for name in offered))
    for index in (path for path in paths if _INDEX.fullmatch(path.name) and not _over_folders(path)):
        found = _of_index(index, offered)
        parts |= {*found.files, *found.lost}
        if not found.lost:
            whole.append(found)
        else:
            broken.append(Broken(found, "none of the parts that it names is there", loss=True))
    runs: dict[str, list[Path]] = {}
    for path in paths:
        if not is_model(path) or path in parts or path.name in apart:
            continue
        if match := _PART.fullmatch(path.name):
            runs.setdefault(f"{match[1]}-*-of-{match[3]}{match[4]}", []).append(path)
        elif stranger := offered is None and what_it_is(path):
            broken.append(Broken(WeightSet(path.name, (path,)), f"it {stranger}"))
        else:
            whole.append(WeightSet(path.name, (path,)))
    # Parts whose index is gone say no less than with it, if all are there.
    for name, files in runs.items():
        count = int(name.rpartition("-of-")[2].partition(".")[0])
        run = WeightSet(name, tuple(files))
        strange = "" if offered else next((f"{path.name} {why}" for path in files if (why := what_it_is(path))), "")
        if strange or len(files) < count:
            broken.append(Broken(run, strange or f"only {len(files)} of its {count} parts are there"))
        else:
            whole.append(run)
    if any(one.files[0].suffix != _COPIES for one in whole):
        passed = [one for one in whole if one.files[0].suffix == _COPIES]
        whole = [one for one in whole if one not in passed]
        broken += [Broken(one, "it is a GGUF file beside other weights") for one in passed]
    return whole, broken


def _readable(folder: Path, whole: Sequence[WeightSet], names: Sequence[str]) -> tuple[list[WeightSet], list[Broken]]:
    """Of several sets, those that can be opened at all."""
    readable: list[WeightSet] = []
    broken: list[Broken] = []
    for found in whole:
        try:
            if found.shards and not found.is_difference:
                readable.append(found)
        except CheckpointError as error:
            if found.name in names:
                others = " or ".join(f"NAME={folder / other.sayable}" for other in whole if other is not found)
                raise CheckpointError(f"{error}; if other weights are meant, say which: {others}") from error
            broken.append(Broken(found, f"it cannot be read as weights ({error})"))
    return readable, broken


def _over_folders(index: Path) -> bool:
    """An index over the weights of several inner folders, each of which is read by itself."""
    names = [PurePosixPath(name) for name in _content_of(index)["weight_map"].values()]
    return all(len(name.parts) > 1 and not name.is_absolute() and ".." not in name.parts for name in names)


def _content_of(index: Path) -> Mapping[str, Any]:
    """What an index says; its `weight_map` puts keys into named files.

    Raises:
        CheckpointError: it does not.
    """
    content = read_json(index)
    weight_map = content.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index} has no 'weight_map'; fetch the checkpoint again")
    odd = next((key for key, name in weight_map.items() if not isinstance(name, str) or not name), None)
    if odd is not None:
        raise CheckpointError(
            f"{index}: weight_map puts {odd!r} into {short(weight_map[odd])}, which is no name of a file; fetch the "
            "checkpoint again"
        )
    return content


def _of_index(index: Path, offered: frozenset[str] | None = None) -> WeightSet:
    content = _content_of(index)
    weight_map = content["weight_map"]
    files = [index.parent / name for name in sorted(set(weight_map.values()))]
    for file in files:
        if file.parent != index.parent:
            raise CheckpointError(f"{index} points outside its folder, to {file}")
    noted = content.get("metadata")
    pairs = noted.items() if isinstance(noted, dict) else ()
    copies = {
        key: kept for key, kept in pairs if isinstance(kept, str) and kept in weight_map and key not in weight_map
    }
    here = tuple(file for file in files if (file.is_file() if offered is None else file.name in offered))
    return WeightSet(index.name, here, tuple(file for file in files if file not in here), index, copies)


def _names(usual: Sequence[str]) -> list[str]:
    return [name for own in usual for name in (own, f"{own}.index.json")]


def _rank(found: WeightSet, names: Sequence[str]) -> tuple[int, int, str]:
    place = names.index(found.name) if found.name in names else len(names)
    return place, max(SUFFIXES.index(file.suffix) for file in found.files), found.name


def _compared(folder: Path, first: WeightSet, other: WeightSet, *, usual: bool) -> Iterator[str]:
    """A note about a set that is not meant.

    Raises:
        CheckpointError: it could be meant, and differs: they are weights of one model, or none has a usual name.
    """
    if other.odd and first.odd:
        raise CheckpointError(_several(folder, first, other, "both are quantised"))
    if other.odd:
        yield f"{other.name} was passed over: it is quantised ({other.odd})."
        return
    # What training wrapped around one of them must not make the two look like different models.
    pairs = ((own, theirs) for own in first.names for theirs in other.names)
    own, theirs = max(pairs, key=lambda pair: len(pair[0].keys() & pair[1].keys()))
    shared = sorted(own.keys() & theirs.keys())
    if len(shared) < _RELATED * min(len(own), len(theirs)):
        if not usual:
            raise CheckpointError(_several(folder, first, other, "they are of different models"))
        yield f"{other.name} was passed over: it holds other tensors than {first.name}."
        return
    alone = [*_lone(first, [own[key] for key in sorted(own.keys() - theirs.keys())])]
    alone += _lone(other, [theirs[key] for key in sorted(theirs.keys() - own.keys())])
    if alone:
        raise CheckpointError(_several(folder, first, other, f"only one of them holds {alone[0]!r}"))
    rounded = False
    for key in shared:
        one, two = first.read(own[key]), other.read(theirs[key])
        if not same_numbers(one, two):
            raise CheckpointError(_several(folder, first, other, f"they differ in {own[key]!r}"))
        rounded |= one.dtype != two.dtype
    yield f"{other.name} was passed over: it holds what {first.name} holds{', rounded' if rounded else ''}."


def _lone(found: WeightSet, keys: Sequence[str]) -> Iterator[str]:
    """Of keys that a set alone has, those that are neither computed nor copies of what it holds under another."""
    twin = next((key for key in found.shards if key.endswith(_TABLE)), None)
    for key in keys:
        copy = key.endswith(_HEAD) and twin and torch.equal(found.read(key), found.read(twin))
        if not copy and not key.endswith(_COMPUTED):
            yield key


def _several(folder: Path, first: WeightSet, other: WeightSet, why: str) -> str:
    return (
        f"{folder} holds two sets of weights that could be meant, {first.name} and {other.name} ({why}); "
        f"{_say(folder, first)} or NAME={folder / other.sayable}, or take one away"
    )


def _say(folder: Path, found: WeightSet) -> str:
    return f"say which: NAME={folder / found.sayable}"


def _lost(found: WeightSet) -> str:
    total = len(found.files) + len(found.lost)
    return (
        f"{found.lost[0]} is missing but named in {found.name}, as are {len(found.lost)} of its {total} parts; "
        "fetch the checkpoint again"
    )


def _nothing(folder: Path, broken: Sequence[Broken]) -> str:
    """Why a folder holds no weights."""
    for one in broken:
        if one.loss:
            return _lost(one.found)
        if len(one.found.files) == 1:
            return f"{one.found.files[0]} {one.why.removeprefix('it ')}"
        return f"{folder / one.found.name}: {one.why}; fetch the checkpoint again"
    names = (path.relative_to(folder).as_posix() for path in sorted((*folder.iterdir(), *folder.glob("*/*.distcp"))))
    if found := instead_of_weights(names):
        return f"{folder} holds {found}"
    for path in sorted(folder.iterdir()):
        if path.name.endswith(_UNFINISHED):
            return f"{path} is an unfinished download, and {folder} holds no weights; fetch the checkpoint again"
        if path.is_file() and path.suffix not in (".json", ".txt", ".md", ".py", ".model"):
            stranger = what_it_is(path)
            if stranger and not path.name.startswith("."):
                return f"{folder} holds no weights: {path.name} {stranger}"
    inner = [place for place in sorted(folder.iterdir()) if place.is_dir() and any(map(is_weights, place.iterdir()))]
    if inner:
        return f"{folder} holds no weights itself, but {inner[0].name!r} in it does; give {inner[0]}"
    return f"{folder} holds no weights: expected one of {', '.join(_names(USUAL))}"
