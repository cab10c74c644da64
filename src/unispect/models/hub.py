"""Checkpoints on the hub: a repository is asked what it holds, and only what is needed of it is fetched.

That is the texts around the weights, and the set of weights that the rules of `sets.py` choose. What the hub tells of
its files, their digests and the headers of safetensors, spares fetching sets that cannot be meant.
"""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_yaml, regular_bytes
from unispect.models.sets import (
    USUAL,
    Layout,
    WeightSet,
    instead_of_weights,
    is_model,
    is_weights,
    named_set,
    odd_tensor,
    offered_sets,
)
from unispect.models.shards import SUFFIXES

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
CARD = "README.md"
"""The model card of a repository."""
_TEXTS = (".json", ".txt", ".model")
_TRAINERS = re.compile(r"(checkpoint|global_?step|step|epoch)[-_]?\d+")
"""Folders that trainers leave: nothing of them is meant."""
_SAFE = SUFFIXES[0]
_NOTHING = "/"
"""A pattern that no file fits."""
_CONNECT = "connect once (unset HF_HUB_OFFLINE), or give a folder"


@dataclass(frozen=True)
class Repository:
    """What the hub tells of a repository at a revision.

    Attributes:
        name: `owner/name`.
        revision: as it was asked for; None for the hub's `main`.
        commit: which that is.
        files: name -> digest of its content, or empty where the hub tells none.
    """

    name: str
    revision: str | None
    commit: str
    files: Mapping[str, str]

    @property
    def where(self) -> str:
        return called(self.name, self.revision)

    def source(self, name: str) -> str:
        """How a user says that a file of it is meant."""
        return f"NAME={called(f'{self.name}/{name}', self.revision)}"

    def within(self, place: str) -> list[str]:
        """Names of the files of one of its folders; "" is the outermost."""
        return [path.name for path in map(PurePosixPath, self.files) if path.parent == PurePosixPath(place)]

    def fetch(self, names: Iterable[str]) -> Path:
        """Its snapshot in the cache, with these files.

        Raises:
            CheckpointError: the hub does not give them.
        """
        from huggingface_hub import snapshot_download

        patterns = [glob.escape(name) for name in names] or [_NOTHING]
        try:
            folder = Path(snapshot_download(self.name, revision=self.revision, allow_patterns=patterns))
        except Exception as error:  # httpx's or httpx2's, by the release of huggingface-hub, or the file system's
            raise CheckpointError(f"the hub does not give {self.where}: {_reason(error)}") from error
        if folder.name != self.commit:
            raise CheckpointError(f"{self.where} changed on the hub while it was fetched; repeat the command")
        return folder


def called(name: str, revision: str | None) -> str:
    return f"{name}@{revision}" if revision else name


def fetched(name: str, revision: str | None, layout: Layout | Sequence[str] | None, file: str = "") -> Path:
    """The snapshot of a repository in the hub's cache, with the texts and the weights that are meant.

    Where the hub cannot be reached, or must not be, it is what the cache holds.

    Args:
        name: `owner/name`.
        revision: a branch, tag or commit; None for `main`.
        layout: how the weights are published, or the names that an adapter's file may have; None for texts alone.
        file: that names the weights that are meant, or their index; may lie in a folder.

    Raises:
        CheckpointError: there is no such repository or revision, it holds no weights, or several sets that differ; the
            message names repository, file and what to do, and nothing large was fetched. Or it is not in the cache.
    """
    found = _asked(name, revision)
    if isinstance(found, Path):
        if layout and not any(is_weights(path) for path in found.rglob("*")):
            raise CheckpointError(
                f"no weights of {called(name, revision)} are in the local hub cache ({found}), and the hub cannot be "
                f"reached; {_CONNECT}"
            )
        return found
    inner = file.rpartition("/")[0]
    if isinstance(layout, Layout):
        _require_weights(found, layout, file)
    folder = found.fetch(_texts(found, inner))
    if isinstance(layout, Layout):
        found.fetch(_meant(found, folder, layout, file))
    elif layout:
        found.fetch([file] if file else _of_an_adapter(found, layout))
    return folder


def folder_of(name: str, place: str) -> Path | None:
    """An inner folder of a repository at its `main`, with its texts and weights; None where there is none of the name.

    Raises:
        CheckpointError: the repository cannot be had, or the folder holds several sets of weights that differ.
    """
    found = _asked(name, None)
    if isinstance(found, Path):
        return found / place if (found / place).is_dir() else None
    if not (own := found.within(place)):
        return None
    texts = _joined(place, [file for file in own if PurePosixPath(file).suffix in _TEXTS])
    folder = found.fetch(texts) if texts else Path()  # without an index nothing is read to tell the sets
    sets = offered_sets(folder / place, own, usual=USUAL, apart=())
    return found.fetch([*texts, *_names(place, _chosen(found, place, sets, USUAL))]) / place


def _of_an_adapter(found: Repository, names: Sequence[str]) -> list[str]:
    """Files of the usual names, else the only one of safetensors; never a whole model's."""
    own = found.within("")
    others = [name for name in own if name.endswith(".safetensors") and name not in USUAL]
    return [name for name in own if name in names] or (others if len(others) == 1 else [])


def base_of(folder: Path) -> str:
    """The hub id of the base model that a folder's model card names (`base_model` of its front matter); empty for none.

    A card that names several, as of merged models, or that cannot be read, names none.
    """
    try:
        start, front, _ = regular_bytes(folder / CARD).decode("utf-8", "replace").split("---", 2)
        content = None if start.strip() else parse_yaml(front, str(folder / CARD))
    except (OutsideError, ValueError):
        return ""
    named = content.get("base_model") if isinstance(content, dict) else None
    named = named[0] if isinstance(named, list) and len(named) == 1 else named
    return named if isinstance(named, str) and HUB_ID.fullmatch(named) else ""


def borrowed(name: str, base: str) -> str:
    """A note that file `name` is the base model's."""
    return f"{name} was taken from {base}, which {CARD} names as the base model."


def _asked(name: str, revision: str | None) -> Repository | Path:
    """What the hub tells of a repository; its snapshot in the cache where the hub cannot be asked."""
    from huggingface_hub import HfApi, is_offline_mode
    from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

    where, cause = called(name, revision), None
    if not is_offline_mode():
        try:
            info = HfApi().model_info(name, revision=revision, files_metadata=True)
            digests = ((one.rfilename, one.lfs.sha256 if one.lfs else one.blob_id) for one in info.siblings or ())
            return Repository(name, revision, info.sha or "", {file: digest or "" for file, digest in digests})
        except RevisionNotFoundError as error:
            raise CheckpointError(f"the hub does not give {where}: {_reason(error)}") from error
        except Exception as error:  # httpx's or httpx2's, by the release of huggingface-hub
            cause = error
    cached = _cached(name, revision)
    if cached is None and isinstance(cause, HfHubHTTPError):
        raise CheckpointError(f"the hub does not give {where}: {_reason(cause)}") from cause
    if cached is None:
        raise CheckpointError(
            f"{where} is neither a folder here nor in the local hub cache, and the hub cannot be reached; {_CONNECT}"
        ) from cause
    return cached


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # Of patterns that fit more, huggingface-hub would ask for files of sets that are not meant.
        return Path(snapshot_download(name, revision=revision, allow_patterns=[_NOTHING], local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        return None


def _texts(found: Repository, inner: str) -> Iterator[str]:
    """The files around the weights, in the outermost folder, in those inside it and in the one named."""
    for name in found.files:
        path = PurePosixPath(name)
        near = len(path.parts) < 3 or path.parent == PurePosixPath(inner)
        if name == CARD or (near and path.suffix in _TEXTS and not _of_a_trainer(path, inner)):
            yield name


def _of_a_trainer(path: PurePosixPath, inner: str) -> bool:
    return path.parent != PurePosixPath(inner) and any(_TRAINERS.fullmatch(part) for part in path.parts[:-1])


def _require_weights(found: Repository, layout: Layout, file: str) -> None:
    """Raises `CheckpointError` where a repository's names say that it holds no weights, or no such file."""
    weights = [path for path in map(PurePosixPath, found.files) if is_model(path)]
    if file and file not in found.files:
        held = ", ".join(map(str, weights[:4])) or "none"
        raise CheckpointError(f"{found.where} holds no {file}; its weights are {held}")
    places = {".", *layout.folders}
    if not file and not any(str(path.parent) in places and path.name not in layout.apart for path in weights):
        raise CheckpointError(f"{found.where} {_instead(found, weights)}")


def _instead(found: Repository, weights: Sequence[PurePosixPath]) -> str:
    """What a repository without weights holds in their stead, and what helps."""
    inner = next((path for path in weights if len(path.parts) > 1 and not _of_a_trainer(path, "")), None)
    if inner:
        return f"holds no weights itself, but {str(inner.parent)!r} in it does; name them: {found.source(str(inner))}"
    if known := instead_of_weights(found.files):
        return f"holds {known}"
    kinds = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
    return (
        f"holds no weights: none of its {len(found.files)} files is one of {kinds}; take the repository that has them"
    )


def _meant(found: Repository, folder: Path, layout: Layout, file: str) -> Iterator[str]:
    """Names of the weight files that are meant, and of those of parts beside them."""
    inner, _, named = file.rpartition("/")
    try:
        if named:
            yield from _names(inner, [named_set(folder / inner, named, found.within(inner))])
        else:
            own = offered_sets(folder, found.within(""), usual=layout.usual, apart=layout.apart)
            yield from _names("", _chosen(found, "", own, layout.usual))
        if not named or inner in layout.folders:
            for place in layout.folders:
                sets = offered_sets(folder / place, found.within(place), usual=USUAL, apart=())
                yield from _names(place, _chosen(found, place, sets, USUAL) if place != inner else ())
    except CheckpointError as error:
        raise CheckpointError(f"{found.where}: {error}") from error
    yield from (name for place in {"", inner} for name in _joined(place, layout.beside) if name in found.files)


def _chosen(found: Repository, place: str, sets: Sequence[WeightSet], usual: Sequence[str]) -> list[WeightSet]:
    """The first of several sets, and those that only their numbers can tell from it.

    Raises:
        CheckpointError: another could be meant and is known to differ.
    """
    safe = [one for one in sets if all(path.suffix == _SAFE for path in one.files)]
    if not sets:
        return []
    first, *others = safe or sets
    kept = [first]
    own = _digests(found, place, first)
    for other in others:
        if _digests(found, place, other) == own and own:
            continue
        ours, theirs = (_header(found, place, one) for one in (first, other))
        if ours is None or theirs is None:
            kept.append(other)
        elif odd_tensor({key: kind for key, (kind, _) in theirs.items()}, {k: n for k, (_, n) in theirs.items()}):
            continue
        elif ours == theirs:
            names = [found.source(_name(place, one.sayable)) for one in (first, other)]
            raise CheckpointError(
                f"it holds two sets of weights that could be meant, {first.name} and {other.name} (tensors of the same "
                f"names, other contents); say which: {names[0]} or {names[1]}"
            )
        elif ours.keys() & theirs.keys() or first.name.removesuffix(".index.json") not in usual:
            kept.append(other)
    return kept


def _header(found: Repository, place: str, one: WeightSet) -> Mapping[str, tuple[str, int]] | None:
    """Key -> dtype and how many numbers, of a set that was not fetched; None where that cannot be told."""
    from huggingface_hub import HfApi

    told: dict[str, tuple[str, int]] = {}
    for path in one.files:
        if path.suffix != _SAFE:
            return None
        try:
            name = _name(place, path.name)
            header = HfApi().parse_safetensors_file_metadata(found.name, name, revision=found.commit)
        except Exception:  # whatever is wrong with the file is told when it is opened
            return None
        told |= {key: (tensor.dtype, math.prod(tensor.shape)) for key, tensor in header.tensors.items()}
    return told


def _digests(found: Repository, place: str, one: WeightSet) -> tuple[str, ...]:
    """Of the files of a set; none where the hub tells not all of them."""
    digests = tuple(found.files[_name(place, path.name)] for path in one.files)
    return digests if all(digests) else ()


def _names(place: str, sets: Iterable[WeightSet]) -> list[str]:
    return _joined(place, [path.name for one in sets for path in one.files])


def _joined(place: str, names: Iterable[str]) -> list[str]:
    return [_name(place, name) for name in names]


def _name(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
