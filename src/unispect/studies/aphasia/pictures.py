"""Whole pictures: how often all attributes are right at once, and what that says about remembering.

Attributes that go wrong independently of each other are all right in about as many pictures as the product of their
shares says. Who draws the nearest combination that was learned from has three of four attributes right in every
picture and not one picture right, while the product of .75 four times is .32. So whole pictures that are rarer than
the product are the mark of errors that stand in for each other, as remembered pictures do; the share of attributes
alone cannot show it.

Combinations are the unit: another sample would draw others. Pictures of one combination go together, whatever their
seed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval
from unispect.core.seeds import generator_for
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.metrics.student import Error, student
from unispect.studies.aphasia.evidence import DrawnPicture, Word

Floats = NDArray[np.float64]

HALF = 0.5
"""Pictures are put together from their words if at least this part of the whole ones that their attributes imply is
there; of remembered ones nothing is."""

FEWEST = 6
"""Combinations without which nothing is said of how pictures come about."""

UNIT, WHOLE = "combinations", "whole pictures"

PERMUTATIONS, TOGETHER = 9999, 99


@dataclass(frozen=True)
class Pictures:
    """Drawings as numbers.

    Attributes:
        attributes: names of the columns.
        combinations: of every picture, which one it was to show.
        repeats: of every picture, which one of its combination it is: lexicon and seed.
        right: [pictures, attributes], 1 where right.
    """

    attributes: tuple[str, ...]
    combinations: tuple[str, ...]
    repeats: tuple[str, ...]
    right: Floats

    @classmethod
    def of(cls, drawings: Iterable[DrawnPicture]) -> Pictures:
        given = list(drawings)
        attributes = tuple(given[0].truth) if given else ()
        right = [[drawing.right(attribute) for attribute in attributes] for drawing in given]
        return cls(
            attributes,
            tuple(_combination(drawing) for drawing in given),
            tuple(f"{drawing.lexicon} {drawing.seed}" for drawing in given),
            np.array(right, np.float64).reshape(len(given), len(attributes)),
        )

    def __len__(self) -> int:
        return len(self.combinations)

    @cached_property
    def wholly(self) -> Floats:
        """[pictures], 1 where every attribute is right."""
        return np.asarray(self.right.all(axis=1), dtype=np.float64)

    @cached_property
    def whole(self) -> Interval:
        """Share of pictures that are right in every attribute."""
        return share_of(self.wholly, self.combinations)

    def share(self, attribute: str) -> Interval:
        """Share of pictures that are right in one attribute."""
        return share_of(self.right[:, self.attributes.index(attribute)], self.combinations)

    @property
    def implied(self) -> float:
        """Share of whole pictures if attributes went wrong independently of each other; NaN without pictures."""
        return float(self.right.mean(axis=0).prod()) if len(self) else float("nan")

    @cached_property
    def put_together(self) -> Interval:
        """Share of whole pictures less `HALF` of the implied one: surely above 0 where they are not remembered.

        Limits are Student's on the jackknife standard error over combinations (Miller 1974, Biometrika 61(1)); none of
        fewer than `FEWEST`.
        """
        sums = _by(self.combinations, np.column_stack([self.right, self.wholly, np.ones(len(self))]))
        count, estimate = len(sums), float(_beyond_half(sums.sum(axis=0))) if len(sums) else math.nan
        if count < FEWEST:
            few = f"no interval: fewer than {FEWEST} {UNIT}"
            return Interval(estimate, math.nan, math.nan, len(self), count, method=few, unit=UNIT)
        lost = estimate - _beyond_half(sums.sum(axis=0) - sums)
        error = Error(math.sqrt((count - 1) / count * float((lost**2).sum())), count - 1)
        return student(estimate, error, n=len(self), clusters=count, unit=UNIT, method="jackknife, Student's t")

    @cached_property
    def p_remembered(self) -> float:
        """One-sided p value of "whole pictures are not rarer than their attributes imply".

        By permutation: every attribute is taken from other combinations, each at random by itself, which keeps how
        often each is right and breaks which go wrong together. Combinations move with all their repeats.
        """
        table = self._table
        count = len(table)
        if count < 2:
            return 1.0
        kept = table.all(axis=-1).sum()
        rng, fewer = generator_for("whole pictures", *table.shape), 0
        for _ in range(PERMUTATIONS // TOGETHER):
            drawn = np.ones((TOGETHER, *table.shape[:2]), dtype=bool)
            for attribute in range(table.shape[2]):
                orders = rng.permuted(np.tile(np.arange(count), (TOGETHER, 1)), axis=1)
                drawn &= table[orders, :, attribute]
            fewer += int((drawn.sum(axis=(1, 2)) <= kept).sum())
        return (1 + fewer) / (1 + PERMUTATIONS)

    @property
    def _table(self) -> NDArray[np.bool_]:
        """[combinations, repeats, attributes], of combinations that have all repeats."""
        rows = {key: row for row, key in enumerate(zip(self.combinations, self.repeats, strict=True))}
        repeats = tuple(dict.fromkeys(self.repeats))
        whole = [one for one in dict.fromkeys(self.combinations) if all((one, repeat) in rows for repeat in repeats)]
        indices = [[rows[one, repeat] for repeat in repeats] for one in whole]
        return self.right[np.array(indices, np.int64).reshape(len(whole), len(repeats))].astype(bool)


def apart(learned: Pictures, new: Pictures) -> Interval:
    """Share of whole pictures of combinations that were learned from, less that of new ones."""
    return crossed_difference(learned.wholly, {UNIT: learned.combinations}, new.wholly, {UNIT: new.combinations})


def lost(before: Sequence[DrawnPicture], after: Sequence[DrawnPicture]) -> Mapping[str, Interval]:
    """Attribute -> share of pictures right in `before` less that in `after`, and `WHOLE` -> the same of whole pictures.

    Pictures of both are paired by combination, lexicon and seed; those without a partner count nowhere. Empty without
    pairs.
    """
    pairs = [(one, other) for one, other in _pairs(before, after)]
    if not pairs:
        return {}
    first, second = (Pictures.of(side) for side in zip(*pairs, strict=True))
    found = {
        name: _less(first.combinations, first.right[:, index], second.right[:, index])
        for index, name in enumerate(first.attributes)
    }
    return {**found, WHOLE: _less(first.combinations, first.wholly, second.wholly)}


def lost_of_words(before: Sequence[DrawnPicture], after: Sequence[DrawnPicture]) -> Mapping[Word, Interval]:
    """The same for every word, in pictures that were to show it."""
    found: dict[Word, list[tuple[str, float, float]]] = defaultdict(list)
    for one, other in _pairs(before, after):
        for a in one.truth:
            found[one.word(a)].append((_combination(one), float(one.right(a)), float(other.right(a))))
    return {word: _less(*zip(*own, strict=True)) for word, own in found.items()}


def _less(combinations: Sequence[str], first: ArrayLike, second: ArrayLike) -> Interval:
    """Mean of the first less that of the second, paired."""
    return crossed_difference(first, {UNIT: combinations}, second, {UNIT: combinations})


def _pairs(
    before: Sequence[DrawnPicture], after: Sequence[DrawnPicture]
) -> Iterator[tuple[DrawnPicture, DrawnPicture]]:
    others: dict[tuple[str, str, int], list[DrawnPicture]] = defaultdict(list)
    for drawing in after:
        others[_combination(drawing), drawing.lexicon, drawing.seed].append(drawing)
    for one in before:
        yield from ((one, other) for other in others[_combination(one), one.lexicon, one.seed])


def _combination(drawing: DrawnPicture) -> str:
    return drawing.item or " ".join(drawing.truth.values())


def share_of(values: ArrayLike, combinations: Sequence[str]) -> Interval:
    """The mean of values from 0 to 1, over combinations."""
    return crossed_mean(values, {UNIT: combinations})


def _by(combinations: Sequence[str], rows: Floats) -> Floats:
    """Sums of rows over combinations."""
    names = {name: index for index, name in enumerate(dict.fromkeys(combinations))}
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, [names[name] for name in combinations], rows)
    return sums


def _beyond_half(sums: Floats) -> Floats:
    """From sums of attributes, whole pictures and their number [..., attributes + 2]."""
    shares = sums[..., :-1] / sums[..., -1:]
    return shares[..., -1] - HALF * shares[..., :-1].prod(axis=-1)
