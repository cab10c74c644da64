"""What belongs to a checkpoint and is published by itself: found inside its folder, beside it, or on the hub.

There is one order for all families and parts: the checkpoint's folder; folders of the part's published name in it and
beside it, or else what lies beside it; the hub or its cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout, merge_checkpoints, open_checkpoint, require_one, single
from unispect.models.hub import base_of, borrowed, folder_of
from unispect.models.ledger import FileLedger
from unispect.models.sets import is_weights


def around(folder: Path, name: str) -> tuple[Path, ...]:
    """Folders of a published name in a checkpoint's folder and beside it, be they there or not; none for no name."""
    return (folder / name, folder.parent / name) if name else ()


def holder(folders: Iterable[Path], name: str) -> Path | None:
    """The first of several folders that holds file `name`; None where none does."""
    return next((within for within in folders if (within / name).is_file()), None)


def companion(
    folder: Path, name: str, hub: str, folders: Iterable[Path] = (), ledger: FileLedger | None = None
) -> Path:
    """A file that belongs to a checkpoint: from its folder, one of several others, or the hub or its cache.

    There, from the base model that the folder's model card names, which the ledger notes, before `hub`.

    Raises:
        CheckpointError: it is in none; says where to get it.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    within = holder((folder, *folders), name)
    if within:
        return within / name
    base, failure = base_of(folder), None
    for source in dict.fromkeys((base or hub, hub)):
        try:
            found = Path(hf_hub_download(source, name))
        except (HfHubHTTPError, OSError, ValueError) as error:
            failure = error
            continue
        if source == base and ledger:
            ledger.note(borrowed(name, base))
        return found
    raise CheckpointError(
        f"{folder} lacks {name}, and the hub cannot be asked for it; put {name} of {hub} there"
    ) from failure


@dataclass(frozen=True)
class Part:
    """Weights that a model needs and that are published by themselves, as a file or as a folder.

    Attributes:
        what: they are, for messages.
        prefix: of their names in the whole.
        known: how one of their own names begins at least.
        hub: where they are published.
        files: names that they have as one file; the first is the hub's.
        folder: or the name of a folder of theirs.
        home: name of the folder that `files` are published in, where it is not the checkpoint's own.
    """

    what: str
    prefix: str
    known: tuple[str, ...]
    hub: str
    files: tuple[str, ...] = ()
    folder: str = ""
    home: str = ""

    def lying_in(self, within: Path) -> Iterator[Path]:
        """The files of weights, or the folder, that hold the part in a place."""
        yield from (within / name for name in self.files if (within / name).is_file())
        own = within / self.folder
        if self.folder and own.is_dir() and ((own / "config.json").is_file() or any(map(is_weights, own.iterdir()))):
            yield own

    def opened(self, path: Path) -> Checkpoint:
        """The part by itself, of a file or folder."""
        return open_checkpoint(path, layout=Layout(self.known)) if path.is_dir() else single(path, self.known)

    def fetched(self, folder: Path, ledger: FileLedger | None = None) -> Checkpoint:
        """The part from the hub or its cache, for the checkpoint in a folder, whose ledger is told of a base model.

        Raises:
            CheckpointError: it is not there; says where to put it.
        """
        base = base_of(folder) if self.folder else ""
        try:
            lent = folder_of(base, self.folder) if base else None
        except CheckpointError:  # then it is looked for where it is published
            lent = None
        if lent and any(map(is_weights, lent.iterdir())):
            if ledger:
                ledger.note(borrowed(self.folder, base))
            return self.opened(lent)
        if self.files:
            return self.opened(companion(folder, self.files[0], self.hub, ledger=ledger))
        try:
            return open_checkpoint(self.hub, layout=Layout(self.known))
        except CheckpointError as error:
            raise CheckpointError(
                f"{folder} holds no weights of {self.what}, which {folder.name} needs: put {self.hub} into it, or "
                f"beside it, as folder {self.folder!r} ({error})"
            ) from error


def with_part(checkpoint: Checkpoint, part: Part) -> tuple[Checkpoint, Checkpoint | None]:
    """A checkpoint together with the weights of a part, and the part's own folder where they come from one.

    Nothing is looked for where the checkpoint holds the part itself, or no weights at all.

    Raises:
        CheckpointError: the part is nowhere, or in the checkpoint and by itself in its folder, and they differ.
    """
    folder = checkpoint.folder
    if not checkpoint.shards:
        return checkpoint, None
    if any(key.startswith(part.prefix) for key in checkpoint.shapes()):
        for path in part.lying_in(folder):
            if path.is_file() or any(map(is_weights, path.iterdir())):
                require_one(checkpoint, part.opened(path), part.prefix, part.what)
        return checkpoint, None
    folders = (folder, *(around(folder, part.home) or (folder.parent,)))
    path = next((path for within in folders for path in part.lying_in(within)), None)
    own = part.opened(path) if path else part.fetched(folder, checkpoint.ledger)
    of_a_folder = path.is_dir() if path else not part.files or own.folder.name == part.folder
    return merge_checkpoints(checkpoint, own, part.prefix), own if of_a_folder else None
