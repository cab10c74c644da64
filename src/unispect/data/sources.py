"""Where prompts come from: one reader per word that may stand before the colon of `--data`.

Other packages add words under the entry-point group `unispect.sources`, each the place of a `Source`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from unispect.core.errors import DataError, UnispectError, UsageError, unknown
from unispect.core.paths import path_named, resolved
from unispect.core.texts import read_lines
from unispect.core.units import JSON, Skip
from unispect.data import dpg_bench, geneval, t2i_corebench, wise
from unispect.data.folders import File, files_in, is_called_picture, picture_in
from unispect.data.images import decoded
from unispect.data.items import Caution, LeftOut, PromptItem, SourceFile, Unread
from unispect.data.likely import likely_source
from unispect.data.locations import location_of
from unispect.data.memory import Memory
from unispect.data.mmbench import BadRow, TableRow, read_mmbench
from unispect.data.published import file_of
from unispect.data.world_prompts import world, world_types, world_words
from unispect.data.world_riddles import kinds_of_riddles, world_riddles

One = PromptItem | Unread | Skip | LeftOut | SourceFile | Caution
Found = Iterator[One]
"""Prompts in order; what cannot be used, by name; what lies beside them, of which there may be very much; the files
that were read, and what is to be known of them."""

LOOSE = "pictures"
"""Kind of pictures that lie directly in a folder: its own name would change with where it lies."""


@dataclass(frozen=True)
class Reading:
    """How sources are read.

    Attributes:
        memory: of what was read before.
        several_folders: pictures come from more than one folder, so that those directly in one are a kind of their own,
            by the folder's name.
    """

    memory: Memory = field(default_factory=Memory)
    several_folders: bool = False


def _t2i_corebench(folder: Path, how: Reading) -> Found:
    prompts = t2i_corebench.read_t2i_corebench(folder)
    for one in prompts:
        yield PromptItem(one.id, "text", one.kind, {"text": one.text}, checklist=one.checklist)
    yield from map(file_of, t2i_corebench.files_of(folder).values())
    yield from t2i_corebench.PUBLISHED.cautions(len(prompts), sum(len(one.checklist) for one in prompts))


def _geneval(file: Path, how: Reading) -> Found:
    prompts = demanding = 0
    for one in geneval.read_geneval(file):
        kept: JSON = {"index": one.number, "metadata": one.metadata}
        inputs: dict[str, JSON] = {"text": one.text, geneval.KEY: kept}
        yield PromptItem(f"geneval {one.number:05}", "text", one.tag, inputs, checklist=one.checklist)
        prompts, demanding = prompts + 1, demanding + bool(one.clauses)
    yield file_of(file)
    if demanding:  # prompts that demand nothing are somebody's own in this form
        yield from geneval.PUBLISHED.cautions(prompts)


def _dpg_bench(path: Path, how: Reading) -> Found:
    place = dpg_bench.place_of(path)
    prompts, cautions = dpg_bench.read_dpg_bench(place)
    for one in prompts:
        yield PromptItem(f"dpg {one.id}", "text", dpg_bench.KIND, {"text": one.text}, checklist=one.checklist)
    yield from (*place.files, *cautions, *dpg_bench.PUBLISHED.cautions(len(prompts)))


def _wise(path: Path, how: Reading) -> Found:
    files = wise.files_of(path)
    prompts = wise.read_wise(files)
    for one in prompts:
        id = f"wise {one.number:04}"
        yield PromptItem(id, "text", one.kind, {"text": one.text}, answer=one.answer, spelled=one.spelled)
    yield from map(file_of, (*files, *filter(None, files.values())))
    yield from wise.PUBLISHED.cautions(len(prompts))


def _mmbench(file: Path, how: Reading) -> Found:
    for row in read_mmbench(file):
        if isinstance(row, BadRow):
            yield Skip(f"{file.name}, {row.name}", row.reason)
        elif isinstance(row, LeftOut):
            yield row
        else:
            yield Unread(f"picture {row.index}", row.kind, partial(_in_table, file, row, how.memory))


def _in_table(file: Path, row: TableRow, memory: Memory) -> PromptItem | Skip:
    """A damaged picture in a table is left out by name: unlike a file in a folder, it is not the user's to mend."""
    data = row.picture()
    if isinstance(data, BadRow):
        return Skip(f"{file.name}, {data.name}", data.reason)
    id = f"picture {row.index}"
    try:
        sha256 = _sound(data, f"{file}, byte {row.cell[0]}", memory)
    except DataError as problem:
        return Skip(f"{file.name}, {id}", str(problem))
    locations = {sha256: location_of(file, row.cell)}
    return PromptItem(id, "image", row.kind, {"sha256": sha256}, row.question, locations)


def _images(folder: Path, how: Reading) -> Found:
    loose = resolved(folder).name if how.several_folders else LOOSE
    for one in files_in(folder):
        if isinstance(one, LeftOut):
            yield one
        else:
            yield Unread(one.name, one.kind or loose, partial(_in_folder, one, one.kind or loose, how.memory))


def _in_folder(file: File, kind: str, memory: Memory) -> PromptItem | LeftOut:
    """A damaged picture stops the plan here, not the run hours later.

    Raises:
        DataError: it is damaged, or is called a picture and is none.
    """
    sha256 = memory.once(("picture", os.path.abspath(file.path)), partial(_hash_of, file.path, memory))
    if isinstance(sha256, LeftOut):
        return sha256
    return PromptItem(file.name, "image", kind, {"sha256": sha256}, locations={sha256: location_of(file.path)})


def _hash_of(path: Path, memory: Memory) -> str | LeftOut:
    data = picture_in(path)
    if isinstance(data, LeftOut):
        return data
    try:
        return _sound(data, str(path), memory)
    except DataError as problem:
        if is_called_picture(path):
            raise
        return LeftOut(f"files called {path.name}", str(problem))


def _sound(data: bytes, name: str, memory: Memory) -> str:
    """SHA-256 of a picture's file, in hex, once its picture was unpacked.

    Raises:
        DataError: the picture is not sound.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    memory.once(("sound", sha256), lambda: bool(decoded(data, name)))
    return sha256


def _lines(file: Path, how: Reading) -> Found:
    for number, line in enumerate(read_lines(file, "prompts from"), start=1):
        text, tab, kind = line.partition("\t")
        if not text.strip():
            if tab:
                raise DataError(f"{file}, line {number} has a kind but no prompt before the tab")
            continue
        yield PromptItem(f"line {number}", "text", kind.strip() or "text", {"text": text.strip()})


@dataclass(frozen=True)
class Source:
    """Prompts in files.

    Attributes:
        path: what stands behind the colon.
        read: the prompts at a place.
    """

    path: str
    read: Callable[[Path, Reading], Found]


FILES: Mapping[str, Source] = {
    "t2i-corebench": Source("FOLDER", _t2i_corebench),
    "mmbench": Source("FILE", _mmbench),
    "geneval": Source("FILE", _geneval),
    "dpg-bench": Source("FOLDER", _dpg_bench),
    "wise": Source("FOLDER", _wise),
    "images": Source("FOLDER", _images),
    "text": Source("FILE", _lines),
}
WORLDS: Mapping[str, Callable[[int], Iterator[PromptItem]]] = {
    "world": world,
    "world-types": world_types,
    "world-words": world_words,
    "world-riddles": world_riddles,
    **kinds_of_riddles(),
}
GROUP = "unispect.sources"


def all_sources() -> dict[str, Source]:
    """`FILES` and what is installed under the entry-point group; a name of ours cannot be taken over.

    Raises:
        UnispectError: an installed one cannot be imported, or is no `Source`.
    """
    found = dict(FILES)
    for point in entry_points(group=GROUP):
        if point.name not in found:
            found[point.name] = _installed(point)
    return found


def _installed(point: EntryPoint) -> Source:
    try:
        source = point.load()
    except (ImportError, AttributeError) as error:
        raise UnispectError(f"data {point.name!r} cannot be imported from {point.value}: {error}") from error
    if not isinstance(source, Source):
        raise UnispectError(f"data {point.name!r}: {point.value} is no unispect.data.sources.Source")
    return source


def found_in(spec: str, image_size: int, how: Reading | None = None) -> Found:
    """Everything that a source holds.

    Args:
        spec: a name of `WORLDS`, or a name of `all_sources` with its place.
        image_size: side in pixels of pictures that are rendered.
        how: files are read.

    Raises:
        UsageError: unknown source, or its place is missing.
        DataError: a file or folder is missing, unreadable or not of its format; names it.
    """
    if spec in WORLDS:
        return WORLDS[spec](image_size)
    scheme, colon, path = spec.partition(":")
    files = FILES if scheme in FILES else all_sources()
    if scheme not in files:
        if (path := path_named(spec)).exists():
            raise UsageError(f"unknown data {spec!r}; {likely_source(path)}")
        raise unknown("data", spec, (*WORLDS, *(f"{name}:{source.path}" for name, source in files.items())))
    if not colon or not path:
        raise UsageError(f"data {spec!r} lacks its place; write {scheme}:{files[scheme].path}")
    return files[scheme].read(path_named(path), how or Reading())
