"""Which units go through a model together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unispect.core.errors import UsageError
from unispect.core.units import Unit, canonical_json


def batches(units: Iterable[Unit], size: int) -> Iterator[list[Unit]]:
    """Units of one study, version, kind, model and settings together, at most `size` at a time.

    Groups come in the order of their first unit; within a group the order stays.

    Raises:
        UsageError: the size is not positive.
    """
    if size < 1:
        raise UsageError(f"a batch of {size} units makes no sense; use 1 or more")
    groups: dict[tuple[object, ...], list[Unit]] = {}
    for unit in units:
        alike = (unit.study, unit.version, unit.kind, unit.model, canonical_json(unit.settings))
        groups.setdefault(alike, []).append(unit)
    for group in groups.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]
