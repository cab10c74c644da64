"""Sets of prompts for the studies: where they come from, what kind each is, and a digest of what was used.

`--data` takes one or several of

* `world` (the default): names, descriptions and pictures from the concept world, which every organism knows;
* `world-types`: texts from that world in three types of three lengths each, and its pictures;
* `world-words`: held-out combinations of that world named in the words of each lexicon, and their pictures;
* `t2i-corebench:FOLDER`: the published prompts of T2I-CoReBench by reasoning type;
* `mmbench:FILE`: the pictures of MMBench's table by ability;
* `geneval:FILE`: prompts in GenEval's form, an object a line, by task;
* `images:FOLDER`: any pictures, by sub-folder;
* `text:FILE`: one prompt a line, optionally followed by a tab and its kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Prompt
from unispect.core.units import JSON, Skip, digest
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.data.images import open_picture
from unispect.data.items import PromptItem
from unispect.data.mmbench import picture_at
from unispect.data.sources import found_in

__all__ = ["PromptItem", "PromptSet", "load_prompts", "prompt_of"]

WORLD = "world"
LISTED = 20
"""Unusable rows that are named one by one."""


@dataclass(frozen=True)
class PromptSet:
    """Prompts in order.

    Attributes:
        name: the specifications it was loaded by.
        items: at least one, no two with equal content.
        digest: of kinds, contents and questions, in order.
        skips: what the sources hold and nobody can use.
    """

    name: str
    items: tuple[PromptItem, ...]
    digest: str
    skips: tuple[Skip, ...] = ()

    @property
    def summary(self) -> str:
        """Counts by kind and the digest, on one line."""
        kinds = Counter((item.modality, item.kind) for item in self.items)
        counts = ", ".join(f"{modality} {kind} {count}" for (modality, kind), count in kinds.items())
        return f"{self.name}: {len(self.items)} prompts ({counts}), digest {self.digest}"


def load_prompts(spec: str | Sequence[str] | None, *, limit: int | None = None, image_size: int = 384) -> PromptSet:
    """The prompts of one or several sources (none: `world`), at most the first `limit` of each kind and modality.

    A larger limit only adds prompts. Prompts with equal content are kept once.

    Args:
        spec: see the module's first lines.
        limit: at least 1.
        image_size: side in pixels of pictures rendered from the world, if they can be drawn that small.

    Raises:
        UsageError: unknown specification, or nothing is left.
        DataError: a file or folder is missing, unreadable or not of its format; names it.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the limit must be at least 1, not {limit}")
    names = (spec,) if isinstance(spec, str) else tuple(dict.fromkeys(spec or ()))
    names = tuple(name for name in names if name) or (WORLD,)
    skips: list[Skip] = []
    found = ((name, one) for name in names for one in found_in(name, image_size))
    items = tuple(_chosen(_without_repeats(_usable(_named_apart(found), skips)), limit, skips))
    name = " + ".join(names)
    if not items:
        raise UsageError(f"{name} holds no prompts" + (f" ({skips[0].what}: {skips[0].reason})" if skips else ""))
    used = [[item.modality, item.kind, item.content, *filter(None, [item.question])] for item in items]
    return PromptSet(name, items, digest(used), _few(skips, name))


def prompt_of(inputs: Mapping[str, JSON]) -> Prompt:
    """The prompt that an item's inputs describe: a text, a rendered concept, or a picture in a file or a table.

    Raises:
        DataError: the picture is gone, damaged, or no longer the one whose hash was recorded.
    """
    if "text" in inputs:
        return Prompt.of(str(inputs["text"]))
    if "concept" in inputs:
        values = cast(Mapping[str, str], inputs["concept"])
        return Prompt.of(render(Concept(**values), cast(int, inputs["size"])))
    if "sha256" in inputs:
        path, planned = Path(str(inputs["path"])), str(inputs["sha256"])
        if "place" in inputs:
            start, size, column = cast(Sequence[int], inputs["place"])
            return Prompt.of(picture_at(path, (start, size, column), planned))
        picture, sha256 = open_picture(path)
        if sha256 != planned:
            raise DataError(f"picture {path} is not the one planned: its SHA-256 is {sha256}, not {planned}")
        return Prompt.of(picture)
    raise DataError(f"inputs describe no prompt: {sorted(inputs)}")


def _named_apart(found: Iterable[tuple[str, PromptItem | Skip]]) -> Iterator[PromptItem | Skip]:
    """Items with names of their own: one that an earlier source took already is followed by its source."""
    taken: set[str] = set()
    for spec, one in found:
        if isinstance(one, PromptItem):
            one = replace(one, id=f"{one.id} ({spec})") if one.id in taken else one
            taken.add(one.id)
        yield one


def _usable(found: Iterable[PromptItem | Skip], skips: list[Skip]) -> Iterator[PromptItem]:
    for one in found:
        if isinstance(one, Skip):
            skips.append(one)
        else:
            yield one


def _without_repeats(items: Iterable[PromptItem]) -> Iterator[PromptItem]:
    seen = set()
    for item in items:
        key = digest(item.content)
        if key not in seen:
            seen.add(key)
            yield item


def _chosen(items: Iterable[PromptItem], limit: int | None, skips: list[Skip]) -> Iterator[PromptItem]:
    """The first of each kind; a damaged picture stops the plan here, not the run hours later.

    A damaged picture in a table is left out by name: unlike a file in a folder, it is not the user's to mend.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for item in items:
        if limit is not None and counts[item.modality, item.kind] >= limit:
            continue
        if "path" in item.inputs:
            try:
                prompt_of(item.inputs)
            except DataError as problem:
                if "place" not in item.inputs:
                    raise
                skips.append(Skip(f"{Path(str(item.inputs['path'])).name}, {item.id}", str(problem)))
                continue
        counts[item.modality, item.kind] += 1
        yield item


def _few(skips: Sequence[Skip], name: str) -> tuple[Skip, ...]:
    rest = len(skips) - LISTED
    return (*skips[:LISTED], *([Skip(f"{rest} more rows of {name}", "unusable, too")] if rest > 0 else []))
