"""The prompts of WISE (arXiv 2503.07265): what is to be drawn is paraphrased, and explained beside it.

Lists of objects with `prompt_id` (1 to 1,000 over all files), `Prompt`, `Explanation`, `Category` and `Subcategory`, in
two releases of 1,000 prompts each: the paper's, three files, each with a rewrite beside it that spells the answer
out; and WISE_Verified (April 2026), in which some 200 prompts are others and ids stand for other prompts. Its judge
gives one score of 0 or 1, the paper's three from 0 to 2. Neither has questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from unispect.core.errors import DataError
from unispect.core.outside import parse_json
from unispect.core.texts import read_text
from unispect.data.published import Published

PUBLISHED = Published("WISE", prompts=1000)
"""Either release."""
KINDS: Final[Mapping[str, str]] = {
    "cultural knowledge": "culture",
    "time": "time",
    "space": "space",
    "biology": "biology",
    "physical knowledge": "physics",
    "chemistry": "chemistry",
}
"""A category as files spell it, in small letters -> the column of the paper's tables (Table 2)."""
FILES: Final = ("cultural_common_sense", "spatio-temporal_reasoning", "natural_science")
LAYOUTS: Final = (
    "{}.json",
    "data/{}.json",
    "WISE_legacy/data/{}.json",
    "{}_verified.json",
    "data_verified/{}_verified.json",
)
REWRITE: Final = "_rewrite"


class WisePrompt(NamedTuple):
    """One prompt.

    Attributes:
        number: its `prompt_id`.
        kind: a value of `KINDS`.
        text: what is to be drawn, paraphrased.
        answer: the explanation: what that is, and what must be seen.
        topic: its subcategory, as it is spelled there.
        spelled: the rewritten prompt, with the answer spelled out; empty where there is none.
    """

    number: int
    kind: str
    text: str
    answer: str
    topic: str = ""
    spelled: str = ""


def files_of(place: Path) -> dict[Path, Path | None]:
    """Each file of prompts at a place, one file or a folder -> the one with the same prompts rewritten, if it is there.

    Raises:
        DataError: there are none, or those of both releases.
    """
    if place.exists() and not place.is_dir():
        return _with_rewrites([place])
    if not place.is_dir():
        raise DataError(f"no such file or folder: {place} (expected WISE's {FILES[0]}.json and its like)")
    found = {layout: files for layout in LAYOUTS if (files := _in_layout(place, layout))}
    if len(found) > 1:
        named = " or ".join(f"wise:{folder}" for folder in dict.fromkeys(files[0].parent for files in found.values()))
        one = " (or name one file)" if len({files[0].parent for files in found.values()}) == 1 else ""
        raise DataError(
            f"{place} holds several releases of WISE, whose ids stand for other prompts; write {named}{one}"
        )
    if not found:
        raise DataError(f"{place} holds none of WISE's files {', '.join(f'{name}.json' for name in FILES)}")
    return _with_rewrites(*found.values())


def holds_prompts(folder: Path) -> bool:
    """There are files of WISE in it, or where its repository has them."""
    return any(_in_layout(folder, layout) for layout in LAYOUTS)


def _in_layout(folder: Path, layout: str) -> list[Path]:
    return [path for name in FILES if (path := folder / layout.format(name)).is_file()]


def _with_rewrites(files: list[Path]) -> dict[Path, Path | None]:
    beside = {file: file.with_name(f"{file.stem}{REWRITE}{file.suffix}") for file in files}
    return {file: rewrite if rewrite.is_file() else None for file, rewrite in beside.items()}


def read_wise(files: Mapping[Path, Path | None]) -> list[WisePrompt]:
    """The prompts of files, as `files_of` finds them, in their order.

    Raises:
        DataError: a file is not of that form, or two prompts have one id; names file, entry and key.
    """
    prompts: dict[int, WisePrompt] = {}
    for file, rewrite in files.items():
        spelled = {number: _text(where, one, "Prompt") for where, number, one in _entries(rewrite)} if rewrite else {}
        for where, number, one in _entries(file):
            if number in prompts:
                raise DataError(f"{where}: 'prompt_id' {number} stands for another prompt, too")
            prompts[number] = WisePrompt(
                number,
                _kind(where, one),
                _text(where, one, "Prompt"),
                _text(where, one, "Explanation"),
                str(one.get("Subcategory", "")),
                spelled.get(number, ""),
            )
    return list(prompts.values())


def _entries(file: Path) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Every object of a file: where it is, its id, and its keys."""
    found = parse_json(read_text(file), str(file))
    if not isinstance(found, list):
        raise DataError(f"{file} must hold a list of objects with 'prompt_id', 'Prompt', 'Explanation' and 'Category'")
    for at, one in enumerate(found, 1):
        if not isinstance(one, dict):
            raise DataError(f"{file}, entry {at} is no object")
        number = one.get("prompt_id")
        if type(number) is not int or number < 0:
            raise DataError(f"{file}, entry {at}: 'prompt_id' must be a whole number, not {number!r:.60}")
        yield f"{file}, entry {at} (prompt_id {number})", number, one


def _text(where: str, one: Mapping[str, Any], key: str) -> str:
    text = one.get(key)
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{where} has no text under {key!r}")
    return text.strip()


def _kind(where: str, one: Mapping[str, Any]) -> str:
    said = _text(where, one, "Category")
    if said.lower() not in KINDS:
        raise DataError(f"{where}: unknown 'Category' {said[:60]!r}; known are {', '.join(KINDS)}")
    return KINDS[said.lower()]
