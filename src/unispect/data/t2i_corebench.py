"""The prompts of T2I-CoReBench (arXiv 2509.03516; data under Apache-2.0), read from a folder of its files.

Twelve files, one per dimension, each an object `id -> {"Prompt": text, "Checklist": [{"question": text, "tags": [text,
...]}, ...], ...}` with 90 prompts. The files name no right answers: every question is put so that "yes" is right, which
is what the authors' scorer counts. Only logical reasoning (R-LR) tells 0-hop, 1-hop and multi-hop questions apart, the
last in two spellings.
"""

from __future__ import annotations

from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from unispect.core.errors import DataError
from unispect.core.outside import parse_json
from unispect.core.texts import read_text
from unispect.data.checklists import ChecklistItem, hop_of, without_hop
from unispect.data.json_lines import Row, json_rows
from unispect.data.published import Published

PUBLISHED = Published("T2I-CoReBench", prompts=1080, questions=13_536)
"""Of arXiv 2509.03516, section 3."""

TYPES: dict[str, tuple[str, ...]] = {
    "composition": ("C-MI", "C-MA", "C-MR", "C-TR"),
    "deductive": ("R-LR", "R-BR", "R-HR", "R-PR"),
    "inductive": ("R-GR", "R-AR"),
    "abductive": ("R-CR", "R-RR"),
}
"""Reasoning type -> dimensions, the taxonomy of the benchmark's paper and project page (arXiv 2509.03516, section 3;
t2i-corebench.github.io). The files themselves only say composition or reasoning."""


class CorePrompt(NamedTuple):
    """One published prompt: its id (`C-MI-001`), its type, its text, and what a picture of it is asked.

    Questions are called as the authors' scorer calls them: the prompt's id and their number from 0 (`C-MI-001_0`).
    """

    id: str
    kind: str
    text: str
    checklist: tuple[ChecklistItem, ...] = ()


def read_t2i_corebench(folder: Path) -> list[CorePrompt]:
    """All prompts, type by type; inside a type the dimensions take turns, so a prefix holds them evenly.

    The folder may hold the twelve JSON files, or be a copy of the authors' repository (`data/C-MI.json`) or of the hub
    data set (`splits/C-MI.jsonl`, an object a line).

    Raises:
        DataError: the folder or one of the twelve files is missing, or a file is not of the published form.
    """
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder} (expected the twelve T2I-CoReBench files C-MI.json ... R-RR.json)")
    files = files_of(folder)
    prompts: list[CorePrompt] = []
    for kind, dimensions in TYPES.items():
        columns = [_read_dimension(files[name], name, kind) for name in dimensions]
        prompts += [prompt for row in zip_longest(*columns) for prompt in row if prompt is not None]
    return prompts


LAYOUTS = ("{}.json", "data/{}.json", "splits/{}.jsonl", "{}.jsonl")


def holds_prompts(folder: Path) -> bool:
    """There is a file of T2I-CoReBench in one of the known layouts."""
    return any((folder / layout.format(name)).is_file() for layout in LAYOUTS for name in chain(*TYPES.values()))


def folder_of(file: Path) -> Path | None:
    """The folder that a file of T2I-CoReBench belongs to; None if it is called otherwise."""
    names = {layout.format(name) for layout in LAYOUTS for name in chain(*TYPES.values())}
    if f"{file.parent.name}/{file.name}" in names:
        return file.parent.parent
    return file.parent if file.name in names else None


def files_of(folder: Path) -> dict[str, Path]:
    """Dimension -> its file, in the layout that most files are in.

    Raises:
        DataError: one of the twelve is missing.
    """
    names = list(chain(*TYPES.values()))
    layouts = [{name: folder / layout.format(name) for name in names} for layout in LAYOUTS]
    best = max(layouts, key=lambda files: sum(file.is_file() for file in files.values()))
    if missing := [file.relative_to(folder).as_posix() for file in best.values() if not file.is_file()]:
        below = sorted(child for child in folder.iterdir() if child.is_dir() and holds_prompts(child))
        hint = f"; did you mean 't2i-corebench:{below[0]}'?" if below and len(missing) == len(names) else ""
        raise DataError(f"{folder} lacks {', '.join(missing)} of the twelve T2I-CoReBench files{hint}")
    return best


def _read_dimension(file: Path, dimension: str, kind: str) -> list[CorePrompt]:
    if file.suffix == ".jsonl":
        return [_line(row, dimension, kind) for row in json_rows(file)]
    entries = parse_json(read_text(file), str(file))
    if not isinstance(entries, dict):
        raise DataError(f"{file} must hold an object of prompts by id")
    return [_prompt(f"{file}: entry {id!r}", entry, id, dimension, kind) for id, entry in entries.items()]


def _line(row: Row, dimension: str, kind: str) -> CorePrompt:
    """One object; its id under `id`, or the dimension and a number as in the JSON files."""
    named = [str(row.fields[key]) for key in ("id", "ID", "Id") if row.fields.get(key) not in (None, "")]
    return _prompt(row.where, row.fields, named[0] if named else f"{dimension}-{row.number:03}", dimension, kind)


def _prompt(where: str, entry: object, id: str, dimension: str, kind: str) -> CorePrompt:
    fields = entry if isinstance(entry, dict) else {}
    text = fields.get("Prompt", fields.get("prompt"))
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{where} has no text under 'Prompt'")
    asked = fields.get("Checklist", fields.get("checklist", []))
    if not isinstance(asked, list):
        raise DataError(f"{where}: 'Checklist' must be a list of questions, not {type(asked).__name__}")
    questions = (
        _question(f"{where}: 'Checklist'[{number}]", one, f"{id}_{number}", dimension)
        for number, one in enumerate(asked)
    )
    return CorePrompt(id, kind, text, tuple(questions))


def _question(where: str, one: object, id: str, dimension: str) -> ChecklistItem:
    fields = one if isinstance(one, dict) else {}
    question, said = fields.get("question"), fields.get("tags", [])
    if not isinstance(question, str) or not question.strip():
        raise DataError(f"{where} has no text under 'question'")
    if not isinstance(said, list) or not all(isinstance(tag, str) for tag in said):
        raise DataError(f"{where}: 'tags' must be a list of texts")
    tags = tuple(said)
    return ChecklistItem(
        id=id, dimension=dimension, question=question.strip(), hop=hop_of(tags), tags=without_hop(tags)
    )
