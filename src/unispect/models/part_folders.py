"""Checkpoints whose parts are published in folders of their own, and may also stand in one file, as `save` writes them.

Tensors of a part take its name with a dot in front, wherever they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout, located, open_folder, require_one
from unispect.models.hub import base_of, borrowed, folder_of
from unispect.models.ledger import FileLedger
from unispect.models.sets import is_weights
from unispect.models.shards import prefixed

_WHOLE, _PIPELINE = "model.safetensors", "model_index.json"


def open_parts(source: str | Path, whole: Layout, known: Mapping[str, Sequence[str]]) -> Checkpoint:
    """The weights of all parts, under the names they have in one file.

    Args:
        source: a folder or a hub id, or one weight file of it.
        whole: how one file of all parts is published; its `folders` are the parts.
        known: part -> how one of its names begins at least.

    Raises:
        UsageError: there is neither such a folder nor a hub id of that form.
        CheckpointError: a part is missing, or weights are there in one file and in parts, and differ.
    """
    folder, name = located(str(source), layout=whole)
    inner = folder.name if folder.name in whole.folders and (folder.parent / _PIPELINE).is_file() else ""
    if inner:  # a file of a part was named: the others are as they are
        folder = folder.parent
    if name and not inner:
        return open_folder(folder, whole, name)
    parts = [
        part for part in whole.folders if (folder / part).is_dir() and any(map(is_weights, (folder / part).iterdir()))
    ]
    if not parts:
        return open_folder(folder, whole)
    one_file = open_folder(folder, whole) if (folder / _WHOLE).is_file() and not inner else None
    opened = {
        part: _opened(folder, part, known[part], name if part == inner else "")
        for part in (parts if one_file else whole.folders)
    }
    if one_file:
        for part, own in opened.items():
            require_one(one_file, own, f"{part}.", f"the weights of {part}")
            one_file.ledger.note(f"Weights in {part} were passed over: {_WHOLE} holds them too.")
        return one_file
    ledger = FileLedger(folder, chosen=bool(inner))
    for part, own in opened.items():
        if own.folder.parent != folder:
            ledger.note(borrowed(part, base_of(folder)))
        ledger.take(own.ledger)
    shards = (prefixed(shard, f"{part}.") for part, own in opened.items() for shard in own.shards)
    return Checkpoint(folder, ledger, tuple(shards))


def _opened(folder: Path, part: str, known: Sequence[str], name: str) -> Checkpoint:
    """The weights of a part, from its folder or that of the base model.

    Raises:
        CheckpointError: it is in neither.
    """
    own = folder / part
    if not (own.is_dir() and any(map(is_weights, own.iterdir()))) and (base := base_of(folder)):
        own = folder_of(base, part) or own
    if not own.is_dir():
        raise CheckpointError(f"{own} is missing: this is not a complete checkpoint folder")
    return open_folder(own, Layout(known=tuple(known)), name)


def part_of(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """A part's own folder, or that of the base model. What is read of it counts as read for the whole."""
    lender = checkpoint.holding(name)
    return lender.at(lender.folder / name)


def around_words(checkpoint: Checkpoint, parts: Sequence[str]) -> Checkpoint:
    """The folder with the tokenizer: the first part that is there, the whole, or a part of the base model."""
    folder = checkpoint.folder
    own = next((name for name in parts if (folder / name).is_dir()), "")
    if own or (folder / "tokenizer.json").is_file():
        return checkpoint.at(folder / own)
    lent = (part_of(checkpoint, name) for name in parts)
    return next((part for part in lent if part.folder.is_dir()), checkpoint)
