"""Which combinations of a world's values are kept for asking, so that every value and pair of values is in both parts.

A combination maps every attribute to a value, in the order of the world's attributes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product

from unispect.core.seeds import seed_for

Values = Mapping[str, Sequence[str]]
Combination = Mapping[str, str]


def pairs(combination: Combination) -> Iterator[tuple[str, str]]:
    """All pairs of values of two attributes."""
    return combinations((f"{attribute}={value}" for attribute, value in combination.items()), 2)


def one_of_each(values: Values, free: str, seed: str) -> Iterator[Combination]:
    """For every combination of the other attributes the value of `free` whose pairs were held out least so far."""
    seen: Counter[tuple[str, str]] = Counter()
    others = [attribute for attribute in values if attribute != free]
    fixed = product(*(values[attribute] for attribute in others))
    for rest in sorted(fixed, key=lambda rest: seed_for(seed, *rest)):
        known = dict(zip(others, rest, strict=True))
        options = [{a: known.get(a, value) for a in values} for value in values[free]]
        chosen = min(options, key=lambda option: (sum(seen[pair] for pair in pairs(option)), _tie(option, seed)))
        seen.update(pairs(chosen))
        yield chosen


def evenly(chosen: Iterable[Combination], values: Values, seed: str) -> Iterator[Combination]:
    """The combinations, each time one whose values, then pairs of values, were seen least so far."""
    left = {_tie(one, seed): one for one in chosen}
    singles: Counter[tuple[str, str]] = Counter()
    both: Counter[tuple[str, str]] = Counter()

    def cost(tie: int) -> tuple[float, int, int]:
        # shares rather than counts: attributes have different numbers of values
        one = left[tie]
        share = sum(singles[a, one[a]] * len(values[a]) for a in values)
        return share, sum(both[pair] for pair in pairs(one)), tie

    while left:
        one = left.pop(min(left, key=cost))
        singles.update(one.items())
        both.update(pairs(one))
        yield one


def _tie(combination: Combination, seed: str) -> int:
    return seed_for(seed, *combination.values())
