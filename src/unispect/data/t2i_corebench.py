"""The prompts of T2I-CoReBench (arXiv 2509.03516; data under Apache-2.0), read from a folder of its published files.

Twelve files, one per dimension, each an object `id -> {"Prompt": text, ...}` with 90 prompts.
"""

from __future__ import annotations

import json
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from unispect.core.errors import DataError

TYPES: dict[str, tuple[str, ...]] = {
    "composition": ("C-MI", "C-MA", "C-MR", "C-TR"),
    "deductive": ("R-LR", "R-BR", "R-HR", "R-PR"),
    "inductive": ("R-GR", "R-AR"),
    "abductive": ("R-CR", "R-RR"),
}
"""Reasoning type -> dimensions, the taxonomy of the benchmark's paper (its files only say composition or reasoning)."""


class CorePrompt(NamedTuple):
    """One published prompt: its id (`C-MI-001`), its type and its text."""

    id: str
    kind: str
    text: str


def read_t2i_corebench(folder: Path) -> list[CorePrompt]:
    """All prompts, type by type; inside a type the dimensions take turns, so a prefix holds them evenly.

    Raises:
        DataError: the folder or one of the twelve files is missing, or a file is not of the published form.
    """
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder} (expected the twelve T2I-CoReBench files C-MI.json ... R-RR.json)")
    missing = [f"{name}.json" for name in chain(*TYPES.values()) if not (folder / f"{name}.json").is_file()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)} of the twelve T2I-CoReBench files")
    prompts: list[CorePrompt] = []
    for kind, dimensions in TYPES.items():
        columns = [_read_dimension(folder / f"{name}.json", kind) for name in dimensions]
        prompts += [prompt for row in zip_longest(*columns) for prompt in row if prompt is not None]
    return prompts


def _read_dimension(file: Path, kind: str) -> list[CorePrompt]:
    try:
        entries = json.loads(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{file} is not JSON: {error.msg} at line {error.lineno}") from error
    if not isinstance(entries, dict):
        raise DataError(f"{file} must hold an object of prompts by id")
    prompts = []
    for name, entry in entries.items():
        text = entry.get("Prompt") if isinstance(entry, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{file}: entry {name!r} has no text under 'Prompt'")
        prompts.append(CorePrompt(name, kind, text))
    return prompts
