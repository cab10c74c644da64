"""Which units go through a model together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from unispect.core.errors import UsageError
from unispect.core.units import Plan, Unit, canonical_json


def stages(plan: Plan) -> list[list[Unit]]:
    """A plan's stages as they are carried out: units of one batch are in the last stage of one of them."""
    if plan.alike is None:
        return list(map(list, plan.stages))
    last = {_one(unit, plan.alike): number for number, stage in enumerate(plan.stages) for unit in stage}
    return [
        [unit for unit in plan.units if last[_one(unit, plan.alike)] == number] for number in range(len(plan.stages))
    ]


def batches(units: Iterable[Unit], size: int, alike: Sequence[str] | None = None) -> Iterator[list[Unit]]:
    """Units of one study, version, kind, model and settings together, at most `size` at a time.

    Groups come in the order of their first unit; within a group the order stays. Where only the settings named in
    `alike` have to be equal, units of equal inputs stand side by side and count as one.

    Raises:
        UsageError: the size is not positive.
    """
    if size < 1:
        raise UsageError(f"a batch of {size} units makes no sense; use 1 or more")
    groups: dict[tuple[str, ...], dict[tuple[str, ...], list[Unit]]] = {}
    for unit in units:
        group = _group(unit, alike)
        one = (unit.id,) if alike is None else _one(unit, alike)
        groups.setdefault(group, {}).setdefault(one, []).append(unit)
    for group in groups.values():
        together = list(group.values())
        for start in range(0, len(together), size):
            yield [unit for own in together[start : start + size] for unit in own]


def _group(unit: Unit, alike: Sequence[str] | None) -> tuple[str, ...]:
    settings = unit.settings if alike is None else {name: unit.settings.get(name) for name in alike}
    return unit.study, str(unit.version), unit.kind, unit.model, canonical_json(settings)


def _one(unit: Unit, alike: Sequence[str]) -> tuple[str, ...]:
    return *_group(unit, alike), canonical_json(unit.inputs)
