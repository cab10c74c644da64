"""A run's pictures as the folder that GenEval's official scorer reads.

One folder per prompt, named by its place in the file (`00000`), with the prompt's object in `metadata.jsonl` and the
pictures in `samples/0000.png` and on, in the order of seeds. Runs of several models have such a folder for each.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unispect.core.errors import StoreError, UsageError
from unispect.core.units import JSON, Entry
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.durable import TEMPORARY
from unispect.runs.reading import RunReader

LARGEST = 10**9
"""Prompts of a file, of which GenEval's has 553."""
KEY = "geneval"
"""Under which a unit's prompt holds `{"index": ..., "metadata": ...}`."""


@dataclass(frozen=True)
class ExportedFolder:
    """What went into the folder, and what of which plan had no record."""

    path: Path
    prompts: int
    pictures: int
    models: tuple[str, ...]
    lacking: tuple[Lacking, ...]

    @property
    def pending(self) -> int:
        """Units that were planned and not run yet."""
        return sum(one.pending for one in self.lacking)


def export_geneval(store: RunReader, target: str | Path) -> ExportedFolder:
    """Writes the pictures drawn from GenEval prompts; the folder appears when it is complete.

    Raises:
        UsageError: the folder is there already, or the run holds no such pictures.
        StoreError: the run is damaged, or the folder cannot be written.
    """
    path = Path(target)
    if path.exists():
        raise UsageError(f"{path} is there already; name a new folder")
    building = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with store.snapshot():
            found = drawn(store)
            absent = lacking([store])
            for model, prompts in found.items():
                folder = building / folder_name(model) if len(found) > 1 else building
                for index, entries in prompts.items():
                    _write(store, folder / f"{index:05}", entries)
        building.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    counts = [len(entries) for prompts in found.values() for entries in prompts.values()]
    return ExportedFolder(path, len(counts), sum(counts), tuple(found), absent)


def drawn(store: RunReader) -> dict[str, dict[int, list[Entry]]]:
    """Model -> place of the prompt -> finished records with a picture of it, in the order of planning.

    Raises:
        UsageError: there are none.
        StoreError: the run is damaged.
    """
    found: dict[str, dict[int, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in store.entries():
        prompt = entry.unit.inputs.get("prompt")
        if isinstance(prompt, Mapping) and KEY in prompt and entry.record.status == "done" and entry.record.blobs:
            found[entry.unit.model][_index(entry, prompt[KEY])].append(entry)
    if not found:
        raise UsageError(
            "the run holds no pictures of GenEval prompts; draw some with: unispect run drawing --data geneval:FILE"
        )
    return {model: dict(sorted(prompts.items())) for model, prompts in found.items()}


def _index(entry: Entry, about: JSON) -> int:
    """The place of a unit's prompt among GenEval's.

    Raises:
        StoreError: it is no number, which could name any folder, or there are several pictures.
    """
    index = about.get("index") if isinstance(about, Mapping) else None
    if type(index) is not int or not 0 <= index < LARGEST:
        raise StoreError(
            f"{entry.unit.kind} unit {entry.unit.id} of {entry.unit.study}: its prompt's place in GenEval's file is "
            f"{index!r:.80}, not a whole number from 0: the run was altered, or not made by unispect"
        )
    if len(entry.record.blobs) != 1:
        raise StoreError(f"{entry.unit.kind} unit {entry.unit.id} of {entry.unit.study} holds several pictures")
    return index


def _write(store: RunReader, folder: Path, entries: list[Entry]) -> None:
    (folder / "samples").mkdir(parents=True)
    about: Mapping[str, Any] = entries[0].unit.inputs["prompt"][KEY]  # type: ignore[index]
    line = json.dumps(about.get("metadata"), ensure_ascii=True)
    (folder / "metadata.jsonl").write_text(line + "\n", encoding="ascii")
    for number, entry in enumerate(sorted(entries, key=lambda entry: entry.unit.seed)):
        (sha256,) = entry.record.blobs.values()
        (folder / "samples" / f"{number:04}.png").write_bytes(store.open_blob(sha256))


def folder_name(model: str) -> str:
    """What a model's folder is called where several have one."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", model).lstrip(".") or "model"
