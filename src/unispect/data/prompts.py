"""Sets of prompts for the studies: where they come from, what kind each is, and a digest of what was used.

`--data` takes

* `world` (the default): names, descriptions and pictures from the concept world, which every organism knows;
* `t2i-corebench:FOLDER`: the published prompts of T2I-CoReBench by reasoning type;
* `images:FOLDER`: any pictures, by sub-folder;
* `text:FILE`: one prompt a line, optionally followed by a tab and its kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from unispect.core.errors import DataError, UsageError, unknown
from unispect.core.prompts import Modality, Prompt
from unispect.core.seeds import generator_for
from unispect.core.units import JSON, digest
from unispect.data.concepts.language import description, draw_prompt
from unispect.data.concepts.render import MIN_SIZE, render
from unispect.data.concepts.world import VALUES, Concept, all_concepts
from unispect.data.images import file_sha256, open_picture, picture_files
from unispect.data.t2i_corebench import read_t2i_corebench

WORLD_ITEMS = 40
"""Items of each kind in the `world` set."""

SOURCES = ("world", "t2i-corebench:FOLDER", "images:FOLDER", "text:FILE")


@dataclass(frozen=True)
class PromptItem:
    """One prompt.

    Attributes:
        id: unique in its set and readable (a published id, a path, a line number).
        modality: of the content.
        kind: the group a study compares it with.
        inputs: what `prompt_of` needs to build it again, as JSON.
    """

    id: str
    modality: Modality
    kind: str
    inputs: Mapping[str, JSON]

    @property
    def content(self) -> Mapping[str, JSON]:
        """`inputs` without the place a file lies at: equal for equal content on every machine."""
        return {key: value for key, value in self.inputs.items() if key != "path"}


@dataclass(frozen=True)
class PromptSet:
    """Prompts in order.

    Attributes:
        name: the specification it was loaded by.
        items: at least one, no two with equal content.
        digest: of kinds and contents, in order.
    """

    name: str
    items: tuple[PromptItem, ...]
    digest: str

    @property
    def summary(self) -> str:
        """Counts by kind and the digest, on one line."""
        kinds = Counter((item.modality, item.kind) for item in self.items)
        counts = ", ".join(f"{modality} {kind} {count}" for (modality, kind), count in kinds.items())
        return f"{self.name}: {len(self.items)} prompts ({counts}), digest {self.digest}"


def load_prompts(spec: str | None, *, limit: int | None = None, image_size: int = 384) -> PromptSet:
    """The prompts named by `spec` (None: `world`), at most the first `limit` of each kind and modality.

    A larger limit only adds prompts. Prompts with equal content are kept once.

    Args:
        spec: see the module's first lines.
        limit: at least 1.
        image_size: side in pixels of pictures rendered for the `world` set, if they can be drawn that small.

    Raises:
        UsageError: unknown specification, or nothing is left.
        DataError: a file or folder is missing, unreadable or not of its format; names it.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the limit must be at least 1, not {limit}")
    name = spec or "world"
    items = tuple(_first_of_each_kind(_without_repeats(_source(name, image_size)), limit))
    if not items:
        raise UsageError(f"{name} holds no prompts")
    for item in items:
        if "path" in item.inputs:
            prompt_of(item.inputs)  # a damaged picture stops the plan, not the run hours later
    return PromptSet(name, items, digest([[i.modality, i.kind, i.content] for i in items]))


def prompt_of(inputs: Mapping[str, JSON]) -> Prompt:
    """The prompt that an item's inputs describe: a text, a rendered concept, or a picture file.

    Raises:
        DataError: the picture file is gone, damaged, or no longer the one whose hash was recorded.
    """
    if "text" in inputs:
        return Prompt.of(str(inputs["text"]))
    if "concept" in inputs:
        values = cast(Mapping[str, str], inputs["concept"])
        return Prompt.of(render(Concept(**values), cast(int, inputs["size"])))
    if "sha256" in inputs:
        path = Path(str(inputs["path"]))
        picture, sha256 = open_picture(path)
        if sha256 != inputs["sha256"]:
            raise DataError(f"picture {path} is not the one planned: its SHA-256 is {sha256}, not {inputs['sha256']}")
        return Prompt.of(picture)
    raise DataError(f"inputs describe no prompt: {sorted(inputs)}")


def _source(name: str, image_size: int) -> Iterator[PromptItem]:
    if name == "world":
        return _world(image_size)
    scheme, colon, place = name.partition(":")
    readers: dict[str, Callable[[Path], Iterator[PromptItem]]] = {
        "t2i-corebench": _t2i_corebench,
        "images": _images,
        "text": _lines,
    }
    if scheme not in readers:
        if Path(name).exists():
            scheme = "images" if Path(name).is_dir() else "text"
            raise UsageError(f"unknown data {name!r}; did you mean '{scheme}:{name}'?")
        raise unknown("data", name, SOURCES)
    if not colon or not place:
        kind = "FILE" if scheme == "text" else "FOLDER"
        raise UsageError(f"data {name!r} lacks its place; write {scheme}:{kind}")
    return readers[scheme](Path(place))


def _world(image_size: int) -> Iterator[PromptItem]:
    concepts = list(all_concepts())
    order = generator_for("world prompts").permutation(len(concepts))
    shuffled = [concepts[i] for i in order]
    texts: dict[str, tuple[int, Callable[[list[Concept]], str]]] = {
        "name": (1, lambda group: draw_prompt(group[0].values)),
        "list of names": (8, lambda group: ", ".join(draw_prompt(concept.values) for concept in group)),
        "description": (1, lambda group: description(group[0].values)),
        "two descriptions": (2, lambda group: " ".join(description(concept.values) for concept in group)),
        "four descriptions": (4, lambda group: " ".join(description(concept.values) for concept in group)),
    }
    for kind, (size, say) in texts.items():
        for i in range(WORLD_ITEMS):
            text = say(shuffled[i * size : (i + 1) * size])
            yield PromptItem(f"{kind} {i + 1}", "text", kind, {"text": text})
    for pattern in VALUES["pattern"]:
        for concept in [c for c in shuffled if c.pattern == pattern][:WORLD_ITEMS]:
            inputs = {"concept": concept.values, "size": max(image_size, MIN_SIZE)}
            yield PromptItem(f"picture of {draw_prompt(concept.values)}", "image", pattern, inputs)


def _t2i_corebench(folder: Path) -> Iterator[PromptItem]:
    for prompt in read_t2i_corebench(folder):
        yield PromptItem(prompt.id, "text", prompt.kind, {"text": prompt.text})


def _images(folder: Path) -> Iterator[PromptItem]:
    for path, kind in picture_files(folder):
        inputs = {"path": str(path), "sha256": file_sha256(path)}
        yield PromptItem(path.relative_to(folder).as_posix(), "image", kind, inputs)


def _lines(file: Path) -> Iterator[PromptItem]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read prompts from {file}: {error.strerror or error}") from error
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            text, tab, kind = line.decode("utf-8").partition("\t")
        except UnicodeDecodeError as error:
            raise DataError(f"{file}, line {number} is not UTF-8 text: {error.reason}") from error
        if not text.strip():
            if tab:
                raise DataError(f"{file}, line {number} has a kind but no prompt before the tab")
            continue
        yield PromptItem(f"line {number}", "text", kind.strip() or "text", {"text": text.strip()})


def _without_repeats(items: Iterable[PromptItem]) -> Iterator[PromptItem]:
    seen = set()
    for item in items:
        key = digest(item.content)
        if key not in seen:
            seen.add(key)
            yield item


def _first_of_each_kind(items: Iterable[PromptItem], limit: int | None) -> Iterator[PromptItem]:
    if limit is None:
        yield from items
        return
    counts: Counter[tuple[str, str]] = Counter()
    for item in items:
        if counts[item.modality, item.kind] < limit:
            counts[item.modality, item.kind] += 1
            yield item
