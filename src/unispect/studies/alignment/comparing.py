"""From states of items to how alike goals are: the numbers of a comparison, without a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from unispect.core.prompts import Goal
from unispect.metrics.similarity import Measure, Orders, Space, likeness, null, orders_within, permuted
from unispect.studies.alignment.records import MEASURES, PLACES, Curve, How, Likenesses

States = Mapping[tuple[str, Goal, int], Sequence[NDArray[np.float64]]]
"""Place, goal and wording -> layer -> states [items, width]."""
DIGITS = 6


def likenesses(
    states: States, groups: Sequence[str], how: How, generator: np.random.Generator
) -> tuple[Likenesses, ...]:
    """Of every place by every measure.

    Args:
        states: of all items; wordings that there are not are absent.
        groups: of every item.
        how: neighbours and permutations.
        generator: of the permutations, which are the same for all places and layers.
    """
    orders = orders_within(groups, how.permutations, generator)
    return tuple(
        _at(place, measure, states, groups, how, orders)
        for place in PLACES
        for measure in MEASURES
        if (place, Goal.IMAGE, 0) in states
    )


def _at(place: str, measure: Measure, states: States, groups: Sequence[str], how: How, orders: Orders) -> Likenesses:
    by_goal = {
        goal: [
            _spaces(states[place, goal, wording], measure, how.k)
            for wording in (0, 1)
            if (place, goal, wording) in states
        ]
        for goal in Goal
    }
    drawn, told = by_goal[Goal.IMAGE], by_goal[Goal.TEXT]
    layers = range(len(drawn[0]))
    pairs = [([own[layer] for own in drawn], [own[layer] for own in told]) for layer in layers]
    across = _curve(pairs, groups)
    tested = null(
        [math.nan if value is None else value for value in across.value],
        np.stack([permuted(first, second, orders) for first, second in pairs]),
    )
    within = {
        name: _curve([([own[0][layer]], [own[1][layer]]) for layer in layers], groups) if len(own) == 2 else None
        for name, own in (("drawn", drawn), ("told", told))
    }
    return Likenesses(
        place=place,
        measure=measure,
        across=across,
        p=_numbers(tested.p),
        corrected=_numbers(tested.corrected),
        quantile=_numbers(tested.quantile),
        **within,
    )


def _spaces(layers: Sequence[NDArray[np.float64]], measure: Measure, k: int) -> list[Space]:
    return [Space.of(rows, measure, k=k) for rows in layers]


def _curve(pairs: Sequence[tuple[Sequence[Space], Sequence[Space]]], groups: Sequence[str]) -> Curve:
    found = [likeness(first, second, groups) for first, second in pairs]
    return Curve(
        value=_numbers([one.value for one in found]),
        chance=_numbers([one.chance for one in found]),
        without=[_numbers(one.without) for one in found],
    )


def _numbers(values: Sequence[float] | NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), DIGITS) for value in values]
