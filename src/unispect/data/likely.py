"""What a bare path after `--data` was probably meant to be, by what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from unispect.core.errors import OutsideError
from unispect.core.outside import open_regular, parse_json
from unispect.data import dpg_bench, wise
from unispect.data.faces.photographs import METADATA
from unispect.data.folders import File, files_in, is_called_picture
from unispect.data.images import MARK, format_of
from unispect.data.mmbench import NEEDED
from unispect.data.t2i_corebench import folder_of, holds_prompts

_FILES = 200
"""Files of a folder that are looked at."""
_BYTES = 64 * 2**10
"""Of a file, that are looked at."""
_NO_SOURCE = {
    ".yaml": "YAML files are read by the studies posters and safety only",
    ".yml": "YAML files are read by the studies posters and safety only",
    ".json": "a JSON file alone is no source; T2I-CoReBench's twelve files are named by their folder",
    ".jsonl": "lines of JSON are read where each is an object with prompt, tag and include (geneval:FILE)",
    ".csv": "a table is no source; put one prompt on each line of a text file and write text:FILE",
    ".parquet": "a table is no source; put one prompt on each line of a text file and write text:FILE",
}
_TEXTS = ("", ".txt", ".text", ".md", ".prompts")


def likely_source(path: Path) -> str:
    """A hint, as the second half of a message: the source that is there or just below, or why there is none."""
    found = next(_in_folder(path) if path.is_dir() else _of_file(path), None)
    if found:
        return f"did you mean '{found}'?"
    if path.is_dir():
        return "it holds no pictures and no prompts in a known form (see: unispect run --help)"
    return _NO_SOURCE.get(path.suffix.lower(), "files of this kind are no source (see: unispect run --help)")


def _in_folder(folder: Path) -> Iterator[str]:
    inside = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    for one in (folder, *(child for child in inside if child.is_dir())):
        if holds_prompts(one):
            yield f"t2i-corebench:{one}"
        if dpg_bench.holds_prompts(one):
            yield f"dpg-bench:{one}"
        if wise.holds_prompts(one):
            yield f"wise:{one}"
        if (one / METADATA).is_file():
            yield f"photos:{one}"
    files = list(islice((one.path for one in files_in(folder) if isinstance(one, File)), _FILES))
    if not files or any(is_called_picture(file) or format_of(_beginning(file)[:MARK]) for file in files):
        yield f"images:{folder}"
    for child in inside:
        if child.is_file():
            yield from _of_file(child)


def _of_file(file: Path) -> Iterator[str]:
    suffix, beginning = file.suffix.lower(), _beginning(file)
    first = beginning.removeprefix(b"\xef\xbb\xbf").strip().split(b"\n")[0]
    if is_called_picture(file) or format_of(beginning[:MARK]):
        yield f"images:{file.parent}"
    elif folder := folder_of(file):
        yield f"t2i-corebench:{folder}"
    elif file.name == dpg_bench.TABLE:
        yield f"dpg-bench:{file}"
    elif suffix == ".json" and b'"prompt_id"' in beginning and b'"Explanation"' in beginning:
        yield f"wise:{file}"
    elif suffix == ".tsv":
        columns = first.decode("utf-8", "replace").split("\t")
        is_list = len(first) > 0 and len(columns) <= 2 and not set(columns) & set(NEEDED)
        yield f"text:{file}" if is_list else f"mmbench:{file}"
    elif first.startswith((b"{", b"[")):
        if _is_geneval(first):
            yield f"geneval:{file}"
    elif suffix in _TEXTS and b"\0" not in beginning:
        yield f"text:{file}"


def _is_geneval(line: bytes) -> bool:
    try:
        found = parse_json(line, "the first line")
    except OutsideError:
        return False
    return isinstance(found, dict) and {"prompt", "tag", "include"} <= set(found)


def _beginning(file: Path) -> bytes:
    try:
        with open_regular(file) as opened:
            return opened.read(_BYTES)
    except (OutsideError, OSError):
        return b""
