"""Parts of a plan for run folders of their own, to be merged afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from unispect.core.errors import UsageError
from unispect.core.units import Plan, Unit, texts_in

SHARED: Final = 16
"""A unit with more links than this (a calibration) ties nothing together: every part that needs it carries it out."""


def parse_shard(text: str) -> tuple[int, int]:
    """The part and the number of parts of "I/N".

    Raises:
        UsageError: it is not of that form, or there is no such part.
    """
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"a shard is written I/N with I from 1 to N, for instance 2/8, not {text!r}")
    return int(number), int(count)


def shard(plan: Plan, number: int, count: int) -> Plan | None:
    """Part `number` (from 1) of `count` parts of a plan, in its order; None if nothing falls to that part.

    Every unit is in at least one part, and every part holds all that its units name, so each can be carried out by
    itself. Which part a unit belongs to depends on ids alone: units that name one another stay together and go where
    the smallest of their ids says. A unit that names very many, or that very many name, is in every part that needs it,
    and so is what it names in turn; the records are equal, and merging keeps one.

    Raises:
        UsageError: there is no such part.
    """
    if not 1 <= number <= count:
        raise UsageError(f"there is no part {number} of {count}")
    named = {unit.id: tuple(names) for unit, names in _names(plan)}
    heads = _heads(named)
    smallest: dict[str, str] = {}
    for unit, head in heads.items():
        smallest[head] = min(smallest.get(head, unit), unit)
    mine = {unit for unit, head in heads.items() if int(smallest[head], 16) % count == number - 1}
    waiting = list(mine)
    while waiting:
        needed = [name for name in named[waiting.pop()] if name not in mine]
        mine.update(needed)
        waiting += needed
    if not mine:
        return None
    return replace(plan, stages=tuple(tuple(unit for unit in stage if unit.id in mine) for stage in plan.stages))


def _names(plan: Plan) -> Iterator[tuple[Unit, set[str]]]:
    """Every unit, with the other units of the plan that it names."""
    known = {unit.id for unit in plan.units}
    for unit in plan.units:
        yield unit, {text for text in texts_in([unit.inputs, unit.settings]) if text in known and text != unit.id}


def _heads(named: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Unit -> one and the same unit for all that hang together."""
    links = Counter(name for names in named.values() for name in names)
    links.update({unit: len(names) for unit, names in named.items()})
    heads = {unit: unit for unit in named}

    def head(unit: str) -> str:
        while heads[unit] != unit:
            heads[unit] = heads[heads[unit]]
            unit = heads[unit]
        return unit

    for unit, names in named.items():
        for name in names:
            if max(links[unit], links[name]) <= SHARED:
                heads[head(name)] = head(unit)
    return {unit: head(unit) for unit in named}
