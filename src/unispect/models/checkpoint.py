"""Published checkpoints: found on disk or on the hub, and known by what was read of them.

A checkpoint is a folder with `config.json` and weights. Nothing here knows a model: `sets.py` says which weights of a
folder are meant, `shards.py` opens them, `keys.py` says where a tensor goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UsageError
from unispect.models.hub import HUB_ID, base_of, borrowed, fetched
from unispect.models.json_file import read_json
from unispect.models.ledger import FileLedger, labels_of
from unispect.models.quantised.reading import dequantised
from unispect.models.sets import PLAIN, Layout, WeightSet, chosen_set, is_weights, named_set, require_same
from unispect.models.shards import Renamed, Shard, open_shard, prefixed
from unispect.models.taught import TAUGHT, speaks_of
from unispect.models.wrappers import without_inner_wrappers, wrapper_of


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint folder.

    Attributes:
        folder: where its files are.
        ledger: which of them were read, and which of its companions'.
        shards: its weight files.
        parts: ledgers of the checkpoints that were joined to it.
    """

    folder: Path
    ledger: FileLedger
    shards: tuple[Shard, ...] = ()
    parts: tuple[FileLedger, ...] = ()

    @property
    def revision(self) -> str:
        """That of the files read so far (`FileLedger.revision`), then those of joined checkpoints, with `+` between."""
        return "+".join(ledger.revision() for ledger in (self.ledger, *self.parts))

    def on(self, card: ModelCard) -> ModelCard:
        """The card of what was loaded: its revision, the files that were read, and what was passed over."""
        ledgers = (self.ledger, *self.parts)
        notes = [note for ledger in ledgers for note in ledger.notes]
        return replace(card.at(self.revision), files=labels_of(ledgers), notes=(*card.notes, *notes))

    def at(self, folder: Path) -> Checkpoint:
        """A folder of files that belong to this checkpoint; what is read of it counts as read for this one."""
        return Checkpoint(folder, self.ledger)

    def holding(self, name: str) -> Checkpoint:
        """Itself; where its folder lacks `name`, the files of its base (`hub.base_of`), if that has it.

        Args:
            name: of a file, or of a folder of texts.
        """
        base = "" if (self.folder / name).exists() else base_of(self.folder)
        if not base:
            return self
        try:
            lender = fetched(base, None, None)
        except CheckpointError:  # then the file is missing, which is told where it is read
            return self
        if not (lender / name).exists():
            return self
        self.ledger.note(borrowed(name, base))
        return self.at(lender)

    def path(self, name: str) -> Path:
        """A file of the folder, which is about to be read."""
        return self.ledger.read(self.folder / name)

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
        """As `json`, None when there is no such file. What is null in it is left out: it says nothing."""
        return _said(read_json(self.path(name))) if (self.folder / name).is_file() else None

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape, of all weight files."""
        return {key: shape for shard in self.shards for key, shape in shard.shapes().items()}

    @property
    def in_bfloat16(self) -> bool:
        """Most numbers of its weight files are stored in bfloat16, whatever `config.json` says of them."""
        numbers = {True: 0, False: 0}
        for shard in self.shards:
            dtypes = shard.dtypes()
            for key, shape in shard.shapes().items():
                numbers[dtypes[key] in ("BF16", "bfloat16")] += math.prod(shape)
        return numbers[True] > numbers[False]


def files_in(folder: Path) -> Checkpoint:
    """The files around a checkpoint's weights."""
    return Checkpoint(folder, FileLedger(folder))


def open_checkpoint(source: str | Path, revision: str | None = None, layout: Layout = PLAIN) -> Checkpoint:
    """The checkpoint in a folder, or on the hub.

    The hub is asked only for what is not in its local cache, and not at all when HF_HUB_OFFLINE is set.

    Args:
        source: a folder; one of its weight files (or their index), to say which of several sets is meant; or on the
            hub `owner/name`, `owner/name@revision` or, with a weight file, `owner/name/FILE@revision`.
        revision: of the hub's, if `source` names none.
        layout: how its family's weights are published.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: the files are missing, damaged or not plain weights, or it is not clear which are meant; the
            message names files.
    """
    folder, name = located(str(source), revision, layout)
    return open_folder(folder, layout, name)


def open_folder(folder: Path, layout: Layout, name: str = "") -> Checkpoint:
    """As `open_checkpoint`, of a folder and the name of a weight file in it; empty for the set that is meant."""
    ledger = FileLedger(folder, chosen=bool(name))
    if name:
        found = named_set(folder, name)
    else:
        found, notes = chosen_set(folder, usual=layout.usual, apart=layout.apart)
        for note in notes:
            ledger.note(note)
    if speaks_of(name) and (folder / TAUGHT).is_file():
        ledger.read(folder / TAUGHT)
    return Checkpoint(folder, ledger, tuple(opened(found, layout.known, ledger)))


def opened(found: WeightSet, known: Sequence[str], ledger: FileLedger) -> list[Shard]:
    """The files of a set under published names: without wrappers, and with tensors that were left out as copies."""
    shards: list[Shard] = [open_shard(ledger.read(path)) for path in found.files]
    if found.index:
        ledger.read(found.index)
    shards = dequantised(shards, found.name, ledger)
    keys = [key for shard in shards for key in shard.shapes()]
    inner = [key for key in keys if without_inner_wrappers(key) != key]
    start = wrapper_of([without_inner_wrappers(key) for key in keys], known) if known else ""
    if inner or start:
        what = " and ".join(
            [*([f"{start!r} in front"] if start else []), *(["what compiling puts in"] if inner else [])]
        )
        ledger.note(f"Names of tensors in {found.name} were read without {what}.")
        shards = [Renamed(shard, lambda key: without_inner_wrappers(key).removeprefix(start)) for shard in shards]
    if found.copies:
        clean = {_clean(left_out, start): _clean(kept, start) for left_out, kept in found.copies.items()}
        shards += [
            Renamed(shard, _reversed(clean).get) for shard in shards if shard.shapes().keys() & set(clean.values())
        ]
    return shards


def single(path: Path, known: Sequence[str] = ()) -> Checkpoint:
    """One file of weights as a checkpoint of its own."""
    ledger = FileLedger(path.parent)
    return Checkpoint(path.parent, ledger, tuple(opened(WeightSet(path.name, (path,)), known, ledger)))


def merge_checkpoints(main: Checkpoint, part: Checkpoint, prefix: str) -> Checkpoint:
    """Two checkpoints as one; the keys of the second stand behind `prefix`, and the revision names both."""
    shards = (*main.shards, *(prefixed(shard, prefix) for shard in part.shards))
    return replace(main, shards=shards, parts=(*main.parts, part.ledger, *part.parts))


def require_one(main: Checkpoint, part: Checkpoint, prefix: str, what: str) -> None:
    """What a checkpoint holds itself must not stand beside it too, unless it is the same.

    Args:
        main: the checkpoint, which holds tensors behind `prefix`.
        part: the same tensors by themselves, from its folder.
        prefix: of their keys in `main`.
        what: they are, for the message.

    Raises:
        CheckpointError: they differ.
    """
    theirs = {prefix + key: shard for shard in part.shards for key in shard.shapes()}
    for shard in main.shards:
        for key in sorted(shard.shapes().keys() & theirs.keys()):
            other = theirs[key]
            require_same(shard.read(key), other.read(key.removeprefix(prefix)), key, (shard.path, other.path), what)


def texts_of(source: str | Path) -> Path:
    """The folder with the files around a checkpoint's weights; of a hub id, only these are fetched.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: the hub does not give them.
    """
    return located(str(source), None, None)[0]


def located(
    source: str, revision: str | None = None, layout: Layout | Sequence[str] | None = PLAIN
) -> tuple[Path, str]:
    """The folder that a source means, and the weight file of it that it names; empty where it names none.

    Of a hub id, the weights are fetched that `layout` says, or the adapter of one of the names that it lists; None for
    the texts alone.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: the hub does not give it.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        if revision:
            raise UsageError(f"{source} is a folder and has no revision {revision!r}; leave it out")
        return _snapshot(path), ""
    if path.is_file():
        if not is_weights(path):
            raise UsageError(f"{source} is a file, and none of weights; give the folder that holds it")
        return path.parent, path.name
    name, _, at = source.partition("@")
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    hub = f"{owner}/{repository}"
    if not HUB_ID.fullmatch(hub) or (file and not is_weights(Path(file))):
        raise UsageError(f"no folder {source!r}; give a checkpoint folder or a hub id such as owner/name@revision")
    folder = fetched(hub, revision or at or None, layout, file)
    return (folder / file).parent if file else folder, Path(file).name


def _snapshot(folder: Path) -> Path:
    """A folder, or the snapshot that is meant where it is a repository's folder in the hub's cache."""
    snapshots = folder / "snapshots"
    if not snapshots.is_dir() or (folder / "config.json").exists():
        if any(place.name.startswith("models--") for place in folder.iterdir() if place.is_dir()):
            raise UsageError(f"{folder} is the hub's cache of many models; give one as owner/name")
        return folder
    found = sorted(place for place in snapshots.iterdir() if place.is_dir())
    main = folder / "refs" / "main"
    if main.is_file() and (snapshots / main.read_text("utf-8").strip()) in found:
        return snapshots / main.read_text("utf-8").strip()
    if len(found) == 1:
        return found[0]
    names = ", ".join(place.name for place in found) or "none"
    raise UsageError(
        f"{folder} is a model's folder in the hub's cache; give one of its snapshots ({names}): {snapshots}/..."
    )


def _said(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _said(value) if isinstance(value, Mapping) else value
        for key, value in content.items()
        if value is not None
    }


def _clean(key: str, start: str) -> str:
    return without_inner_wrappers(key).removeprefix(start)


def _reversed(table: Mapping[str, str]) -> Mapping[str, str]:
    return {kept: left_out for left_out, kept in table.items()}
