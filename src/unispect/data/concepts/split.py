"""Which combinations of the concept world may be learned from, and which are kept for asking.

The split is a pinned file; `build_split` is how it was made and always gives the same split. The published split is not
reproducible (ties drawn from the global generator: docs/sources/modal-aphasia.md#concepts), so this one is our own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from unispect.data.concepts.world import VALUES, Concept, all_concepts
from unispect.data.holding_out import evenly, one_of_each

SPLIT_FILE = "split.json"
_SEED = "unispect concepts split 1"


@dataclass(frozen=True)
class Split:
    """The 840 concepts in two parts.

    Every value and every pair of values of two attributes occurs in both parts, in nearly equal shares.

    Attributes:
        train: 672 concepts in the world's order.
        held_out: 168 concepts, ordered so that the first n hold every value as evenly as possible for any n.
    """

    train: tuple[Concept, ...]
    held_out: tuple[Concept, ...]


@cache
def load_split() -> Split:
    """The pinned split."""
    text = files("unispect.data.concepts").joinpath(SPLIT_FILE).read_text("utf-8")
    parts = json.loads(text)
    return Split(*(tuple(Concept(*values) for values in parts[name]) for name in ("train", "held_out")))


def build_split() -> Split:
    """The split, made from nothing: of each shape, colour and position one pattern is held out, evenly."""
    held_out = list(one_of_each(VALUES, "pattern", _SEED))
    asked = tuple(Concept(**values) for values in evenly(held_out, VALUES, _SEED))
    return Split(tuple(concept for concept in all_concepts() if concept not in set(asked)), asked)


def split_text(split: Split) -> str:
    """The text of the pinned file."""
    parts = {"train": split.train, "held_out": split.held_out}
    lines = {name: [json.dumps(list(c.values.values())) for c in concepts] for name, concepts in parts.items()}
    bodies = [f'"{name}": [\n' + ",\n".join(rows) + "\n]" for name, rows in lines.items()]
    return "{\n" + ",\n".join(bodies) + "\n}\n"
