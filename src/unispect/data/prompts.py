"""Sets of prompts for the studies: where they come from, what kind each is, and a digest of what was used.

`--data` takes one or several of

* `world` (the default): names, descriptions and pictures from the concept world, which every organism knows;
* `world-types`: texts from that world in three types of three lengths each, and its pictures;
* `world-words`: held-out combinations of that world named in the words of each lexicon, and their pictures;
* `world-riddles`: held-out combinations said plainly and in four roundabout ways, with checklists that rules answer;
  `world-riddles-KIND` is one of them (`plain`, `riddle`, `negation`, `counting`, `two-hop`);
* `t2i-corebench:FOLDER`: the published prompts of T2I-CoReBench by reasoning type, with their checklists;
* `mmbench:FILE`: the pictures of MMBench's table by ability;
* `geneval:FILE`: prompts in GenEval's form, an object a line, by task;
* `dpg-bench:FOLDER`: the long prompts of DPG-Bench;
* `wise:FOLDER`: the paraphrased prompts of WISE, by field of knowledge;
* `images:FOLDER`: any pictures, by sub-folder (docs/data.md says which, and what is left out);
* `text:FILE`: one prompt a line, optionally followed by a tab and its kind.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Protocol, cast

from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Prompt
from unispect.core.units import JSON, Skip, canonical_json, digest
from unispect.data.checklists import ChecklistItem
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.data.items import Caution, LeftOut, PromptItem, SourceFile, Unread
from unispect.data.locations import picture_from
from unispect.data.memory import Memory
from unispect.data.sources import WORLDS, One, Reading, found_in

__all__ = ["ChecklistItem", "PromptItem", "PromptSet", "load_prompts", "prompt_of"]

WORLD = "world"
LISTED: Final = 20
"""Unusable rows that are named one by one."""
LISTED_WHEN_EMPTY: Final = 3
"""Of them, in the message that nothing is left."""
MOST_CHARACTERS: Final = 1_000_000
"""Of a prompt: more than any model reads, and what tokenizers still take in a moment."""

PASS: Final = "surrogatepass"
"""Names of files may hold what is no text."""


_Held = PromptItem | Unread | Skip | LeftOut


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class PromptSet:
    """Prompts in order.

    Attributes:
        name: the specifications it was loaded by.
        items: at least one, no two with equal content.
        digest: of kinds, contents and questions, in order.
        skips: what the sources hold and nobody can use.
        source: of everything the sources hold, whatever the limit and wherever they lie: their names, and a digest of
            kinds and contents (of pictures that lie in files: of kinds and names). Prompts of equal sources may be
            measured together.
        files: of published prompts, whatever the limit.
        cautions: where a benchmark is not as it was published.
    """

    name: str
    items: tuple[PromptItem, ...]
    digest: str
    skips: tuple[Skip, ...] = ()
    source: str = ""
    files: tuple[SourceFile, ...] = ()
    cautions: tuple[Caution, ...] = ()

    @property
    def summary(self) -> str:
        """Counts by kind, the digest, and what is not as it was published, on one line."""
        kinds = Counter((item.modality, item.kind) for item in self.items)
        counts = ", ".join(f"{modality} {kind} {count}" for (modality, kind), count in kinds.items())
        asked = sum(len(item.checklist) for item in self.items)
        questions = f", {asked:,} checklist questions" if asked else ""
        off = "".join(f"; caution: {caution.text}" for caution in self.cautions)
        return f"{self.name}: {len(self.items)} prompts ({counts}){questions}, digest {self.digest}{off}"

    @property
    def checklists(self) -> Mapping[str, tuple[ChecklistItem, ...]]:
        """Digest of an item's inputs (`unispect.core.units.digest`) -> what its pictures are asked.

        Units hold those inputs, so that whoever grades finds the questions of a picture in the data it was drawn from.
        """
        return {digest(item.inputs): item.checklist for item in self.items if item.checklist}


def load_prompts(
    spec: str | Sequence[str] | None,
    *,
    limit: int | None = None,
    image_size: int = 384,
    memory: Memory | None = None,
) -> PromptSet:
    """The prompts of one or several sources (none: `world`), at most the first `limit` of each kind and modality.

    A larger limit only adds prompts. Prompts with equal content are kept once, the first; pictures are chosen by their
    names, so those beyond the limit are not read, and not compared either.

    Args:
        spec: see the module's first lines.
        limit: at least 1.
        image_size: side in pixels of pictures rendered from the world, if they can be drawn that small.
        memory: of what the same command has read before.

    Raises:
        UsageError: unknown specification, or nothing is left.
        DataError: a file or folder is missing, unreadable or not of its format; names it.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the limit must be at least 1, not {limit}")
    names = (spec,) if isinstance(spec, str) else tuple(dict.fromkeys(spec or ()))
    names = tuple(name for name in names if name) or (WORLD,)
    memory = memory or Memory()
    size = image_size if any(name in WORLDS for name in names) else None
    return memory.once(("prompts", names, limit, size), lambda: _load(names, limit, image_size, memory))


def _load(names: Sequence[str], limit: int | None, image_size: int, memory: Memory) -> PromptSet:
    how = Reading(memory, several_folders=sum(name.startswith("images:") for name in names) > 1)
    left_out = _LeftOut()
    about: dict[SourceFile | Caution, None] = {}
    found = (
        (number, _short(one, name)) for number, name in enumerate(names, 1) for one in found_in(name, image_size, how)
    )
    whole = hashlib.sha256()
    items = tuple(_chosen(_noted(_named_apart(_told(found, about)), whole), limit, left_out))
    name = " + ".join(names)
    if not items:
        reasons = "; ".join(f"{skip.what}: {skip.reason}" for skip in left_out.skips(name)[:LISTED_WHEN_EMPTY])
        raise UsageError(f"{name} holds no prompts" + (f" ({reasons})" if reasons else ""))
    used = [[item.modality, item.kind, item.inputs, *filter(None, [item.question])] for item in items]
    source = f"{' + '.join(one.partition(':')[0] for one in names)} ({whole.hexdigest()[:12]})"
    files = tuple(one for one in about if isinstance(one, SourceFile))
    cautions = tuple(one for one in about if isinstance(one, Caution))
    return PromptSet(name, items, digest(used), left_out.skips(name), source, files, cautions)


def prompt_of(inputs: Mapping[str, JSON], locations: Mapping[str, JSON] = MappingProxyType({})) -> Prompt:
    """The prompt that an item's inputs describe: a text, a rendered concept, or a picture in a file or a table.

    Args:
        inputs: of an item.
        locations: where the files lie that they name.

    Raises:
        DataError: the picture is gone, damaged, or no longer the one whose hash was recorded.
    """
    if "text" in inputs:
        return Prompt.of(str(inputs["text"]))
    if "concept" in inputs:
        values = cast(Mapping[str, str], inputs["concept"])
        return Prompt.of(render(Concept(**values), cast(int, inputs["size"])))
    if "sha256" in inputs:
        return Prompt.of(picture_from(str(inputs["sha256"]), locations))
    raise DataError(f"inputs describe no prompt: {sorted(inputs)}")


def _short(one: One, name: str) -> One:
    """The same.

    Raises:
        DataError: it is a text that no model could read, and that would take gigabytes to find that out.
    """
    text = one.inputs.get("text", "") if isinstance(one, PromptItem) else ""
    if len(cast(str, text)) > MOST_CHARACTERS:
        said = f"{len(cast(str, text)):,} characters, more than {MOST_CHARACTERS:,}"
        raise DataError(f"{name}, {cast(PromptItem, one).id} has {said}; divide it")
    return one


def _told(found: Iterable[tuple[int, One]], about: dict[SourceFile | Caution, None]) -> Iterator[tuple[int, _Held]]:
    """The same without what is said of the sources themselves, which is gathered."""
    for number, one in found:
        if isinstance(one, SourceFile | Caution):
            about[one] = None
        else:
            yield number, one


def _named_apart(found: Iterable[tuple[int, _Held]]) -> Iterator[_Held]:
    """Items with names of their own: one that an earlier source took already is followed by its source's number."""
    taken: set[str] = set()
    for number, one in found:
        if isinstance(one, PromptItem | Unread):
            while one.id in taken:
                one = replace(one, id=f"{one.id} (source {number})")
            taken.add(one.id)
        yield one


def _noted(found: Iterable[_Held], whole: _Hash) -> Iterator[_Held]:
    """The same, while a hash is fed with everything that could be a prompt."""
    for one in found:
        if isinstance(one, PromptItem):
            whole.update(canonical_json([one.modality, one.kind, one.inputs, one.question]).encode("utf-8", PASS))
        elif isinstance(one, Unread):
            whole.update(canonical_json([one.kind, one.id]).encode("utf-8", PASS))
        yield one


def _chosen(found: Iterable[_Held], limit: int | None, left_out: _LeftOut) -> Iterator[PromptItem]:
    """The first of each kind, no two with equal content."""
    counts: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    for one in found:
        full = limit is not None and counts[_group(one)] >= limit
        if isinstance(one, Unread):
            if full:
                continue
            read = one.read()
            one = replace(read, id=one.id) if isinstance(read, PromptItem) else read
        if not isinstance(one, PromptItem):
            left_out.add(one)
            continue
        content = digest(one.inputs)
        if content not in seen:
            seen.add(content)
            if not full:
                counts[_group(one)] += 1
                yield one


def _group(one: _Held) -> tuple[str, str]:
    if isinstance(one, PromptItem):
        return one.modality, one.kind
    return ("image", one.kind) if isinstance(one, Unread) else ("", "")


class _LeftOut:
    """What cannot be used: by name, and counted where there may be very much of it."""

    def __init__(self) -> None:
        self._named: list[Skip] = []
        self._counted: Counter[LeftOut] = Counter()

    def add(self, one: Skip | LeftOut) -> None:
        if isinstance(one, Skip):
            self._named.append(one)
        else:
            self._counted[one] += 1

    def skips(self, name: str) -> tuple[Skip, ...]:
        """What there was in sources of that name, the first `LISTED` of each sort and how many more."""
        counted = [Skip(f"{count:,} {one.what}", one.reason) for one, count in self._counted.most_common()]
        return (*_few(self._named, f"rows of {name}"), *_few(counted, f"sorts of files in {name}"))


def _few(skips: Sequence[Skip], what: str) -> tuple[Skip, ...]:
    rest = len(skips) - LISTED
    return (*skips[:LISTED], *([Skip(f"{rest} more {what}", "unusable, too")] if rest > 0 else []))
