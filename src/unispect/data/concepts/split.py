"""Which combinations of the concept world may be learned from, and which are kept for asking.

The split is a pinned file; `build_split` is how it was made and always gives the same split. The published split is not
reproducible (ties drawn from the global generator: facts/modal_aphasia.md section (c)), so this one is our own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations, product

from unispect.core.seeds import seed_for
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept, all_concepts

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
    held_out = set(_one_pattern_each())
    train = tuple(concept for concept in all_concepts() if concept not in held_out)
    return Split(train, tuple(_evenly(held_out)))


def split_text(split: Split) -> str:
    """The text of the pinned file."""
    parts = {"train": split.train, "held_out": split.held_out}
    lines = {name: [json.dumps(list(c.values.values())) for c in concepts] for name, concepts in parts.items()}
    bodies = [f'"{name}": [\n' + ",\n".join(rows) + "\n]" for name, rows in lines.items()]
    return "{\n" + ",\n".join(bodies) + "\n}\n"


def pairs(concept: Concept) -> Iterator[tuple[str, str]]:
    """The six pairs of values of two attributes."""
    return combinations((f"{a}={value}" for a, value in concept.values.items()), 2)


def _one_pattern_each() -> Iterator[Concept]:
    """For every (shape, colour, position) the pattern whose pairs were held out least so far."""
    seen: Counter[tuple[str, str]] = Counter()
    triples = product(VALUES["shape"], VALUES["color"], VALUES["position"])
    for shape, color, position in sorted(triples, key=lambda triple: seed_for(_SEED, *triple)):
        options = [Concept(shape, color, pattern, position) for pattern in VALUES["pattern"]]
        concept = min(options, key=lambda c: (sum(seen[pair] for pair in pairs(c)), _tie(c)))
        seen.update(pairs(concept))
        yield concept


def _evenly(concepts: Iterable[Concept]) -> Iterator[Concept]:
    """The concepts, each time one whose values, then pairs of values, were seen least so far."""
    left = set(concepts)
    values: Counter[tuple[str, str]] = Counter()
    both: Counter[tuple[str, str]] = Counter()

    def cost(concept: Concept) -> tuple[float, int, int]:
        # shares rather than counts: attributes have different numbers of values
        share = sum(values[a, concept.values[a]] * len(VALUES[a]) for a in ATTRIBUTES)
        return share, sum(both[pair] for pair in pairs(concept)), _tie(concept)

    while left:
        concept = min(left, key=cost)
        left.remove(concept)
        values.update(concept.values.items())
        both.update(pairs(concept))
        yield concept


def _tie(concept: Concept) -> int:
    return seed_for(_SEED, *concept.values.values())
