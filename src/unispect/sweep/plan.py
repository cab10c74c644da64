"""From the file of a sweep to units: every training once, whatever number of cells it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unispect.core.errors import UsageError
from unispect.core.typed import to_json
from unispect.core.units import Plan, Unit, canonical_json
from unispect.organisms.families import IMAGE_SIZE, base_card
from unispect.organisms.shipped import folder_of
from unispect.sweep.file import OF_ORGANISM, RECIPE, SHIPPED, BindingPart, OrganismOptions, Read, Sweep
from unispect.sweep.records import BINDING, CELL, ORGANISM, SWEEP, VERSION, Bound, Grown, Place
from unispect.train.kept import digest_of
from unispect.train.mixture import make_mixture
from unispect.train.recipe import CONCEPTS, FACES, WORLD, Recipe, load_recipe, presets

_NO_MATTER = frozenset({"about", "families", "save_every", "seed"})
"""Of a recipe, what decides no weights; the seed is the unit's own."""


@dataclass(frozen=True)
class SweepPlan:
    """A sweep as units.

    Attributes:
        plan: what grows up, what is bound, and where each training has its place.
        places: of the design, in order; with several of one training where cells come to the same.
    """

    plan: Plan
    places: tuple[Place, ...]

    @property
    def trainings(self) -> tuple[Unit, ...]:
        """Each once."""
        return tuple(unit for unit in self.plan.units if unit.kind != CELL)

    @property
    def results(self) -> tuple[Unit, ...]:
        """The trainings that have a place in the design, each once."""
        placed = {place.training for place in self.places}
        return tuple(unit for unit in self.trainings if unit.id in placed)


def plan_of(read: Read) -> SweepPlan:
    """The units of a sweep.

    Raises:
        UsageError: a recipe or a combination of levels makes no sense; says in which cell.
    """
    recipes = _Recipes(read)
    organisms: dict[str, Unit] = {}
    bindings: dict[str, Unit] = {}
    places: list[Place] = []
    for levels in read.sweep.combinations():
        for organism, bound, place in _cell(read.sweep, recipes, levels):
            if organism:
                organisms[organism.id] = organism
            if bound:
                bindings[bound.id] = bound
            places.append(place)
    cells = [
        Unit(SWEEP, VERSION, CELL, base_card(place.family).id, to_json(place), seed=place.binding or 0)
        for place in places
    ]
    if len({cell.id for cell in cells}) < len(cells):
        raise UsageError(f"sweep {read.sweep.name}: a cell stands there twice")
    # the first seed of every cell before the second of any: a sweep that is stopped early holds whole designs
    trainings = tuple(tuple(sorted(units.values(), key=lambda unit: unit.seed)) for units in (organisms, bindings))
    return SweepPlan(Plan((*trainings, tuple(cells))), tuple(places))


def _cell(
    sweep: Sweep, recipes: _Recipes, levels: Mapping[str, str]
) -> Iterator[tuple[Unit | None, Unit | None, Place]]:
    """The trainings of a cell: of every family and seed."""
    changes = sweep.changes(levels)
    options = _options(sweep, changes, levels)
    of_recipe = {key: value for key, value in changes.items() if not key.startswith(OF_ORGANISM)}
    for family in sweep.organism.families:
        bound = recipes.of(sweep.binding, family, of_recipe, levels) if sweep.binding else None
        own = _of(sweep, options, family, levels)
        for seed in sweep.organism.seeds:
            grown = None if seed == SHIPPED else int(seed)
            organism = None if grown is None else _organism(family, own, grown)
            if bound is None or sweep.binding is None:
                if organism is None:
                    raise UsageError(f"sweep {sweep.name}: nothing grows up and nothing is bound; name a 'binding'")
                yield organism, None, Place(sweep.name, family, levels, grown, None, organism.id)
                continue
            for binding_seed in sweep.binding.seeds:
                unit = _binding(family, bound, organism, binding_seed, gates=sweep.binding.gates)
                yield organism, unit, Place(sweep.name, family, levels, grown, binding_seed, unit.id)


def _organism(family: str, options: OrganismOptions, seed: int) -> Unit:
    said = options.model_dump(mode="json", exclude_defaults=True)
    return Unit(SWEEP, VERSION, ORGANISM, base_card(family).id, to_json(Grown(family, said)), seed=seed)


def _binding(family: str, bound: tuple[str, Recipe], organism: Unit | None, seed: int, *, gates: bool) -> Unit:
    title, recipe = bound
    said = recipe.model_dump(mode="json", exclude_none=True)
    decides = {key: value for key, value in said.items() if key not in _NO_MATTER}
    base = organism.id if organism else shipped_base(family)
    grown = Grown(family, organism.inputs.get("options", {})) if organism else None  # pyright: ignore[reportArgumentType]
    inputs = Bound(family, base, title, decides, grown, organism.seed if organism else None, gates)
    return Unit(SWEEP, VERSION, BINDING, base_card(family).id, to_json(inputs), seed=seed)


@cache
def shipped_base(family: str) -> str:
    """What of a shipped organism a binding rests on, in words."""
    return f"{SHIPPED} {digest_of(folder_of(base_card(family)))}"


def _options(sweep: Sweep, changes: Mapping[str, Any], levels: Mapping[str, str]) -> OrganismOptions:
    own = {key.removeprefix(OF_ORGANISM): value for key, value in changes.items() if key.startswith(OF_ORGANISM)}
    try:
        return OrganismOptions.model_validate({**sweep.organism.set.model_dump(), **own})
    except ValueError as error:
        raise UsageError(f"sweep {sweep.name}{_where(levels)}: {' '.join(str(error).split())}") from error


def _of(sweep: Sweep, options: OrganismOptions, family: str, levels: Mapping[str, str]) -> OrganismOptions:
    try:
        return options.of(family)
    except UsageError as error:
        raise UsageError(f"sweep {sweep.name}{_where(levels)}: {error}") from error


class _Recipes:
    """The recipes of a sweep, each read and checked once."""

    def __init__(self, read: Read) -> None:
        self._read, self._shipped = read, set(presets())
        self._known: dict[str, tuple[str, Recipe]] = {}

    def of(
        self, part: BindingPart, family: str, changes: Mapping[str, Any], levels: Mapping[str, str]
    ) -> tuple[str, Recipe]:
        """Title and recipe of a family in a cell.

        Raises:
            UsageError: it makes no sense, or not for this family.
        """
        said = {**part.set, **part.families.get(family, {}), **changes}
        name = str(said.pop(RECIPE, part.recipe))
        key = canonical_json([name, said, family])
        try:
            if key not in self._known:
                self._known[key] = self._loaded(name, said, family)
        except UsageError as error:
            raise UsageError(f"sweep {self._read.sweep.name}{_where(levels)}: {error}") from error
        return self._known[key]

    def _loaded(self, name: str, said: Mapping[str, Any], family: str) -> tuple[str, Recipe]:
        beside = self._read.beside / name
        named = str(beside) if name not in self._shipped and beside.is_file() else name
        plain = load_recipe(named)
        recipe = load_recipe(named, _nested(said, plain.model_dump(mode="json")))
        if recipe.families and family not in recipe.families:
            raise UsageError(f"recipe {name} is for {', '.join(recipe.families)}, not for {family}")
        if recipe.batch % recipe.micro_batch:
            raise UsageError(f"'micro_batch' {recipe.micro_batch} does not divide 'batch' {recipe.batch}")
        if elsewhere := _elsewhere(recipe):
            raise UsageError(
                f"{elsewhere!r} lies elsewhere; a sweep trains on what comes with the package, "
                f"{CONCEPTS}, {FACES} and {WORLD}"
            )
        _ = make_mixture(recipe, IMAGE_SIZE).steps  # says what the batch has no room for
        return _title(Path(name).stem, plain, recipe), recipe


def _nested(said: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Keys such as `teach.both` put into what they are part of: as it is set, or else as the recipe has it.

    Raises:
        UsageError: that is nothing that has keys.
    """
    found = {key: value for key, value in said.items() if "." not in key}
    for key, value in said.items():
        top, dot, inside = key.partition(".")
        if not dot:
            continue
        whole = found[top] if top in found else plain.get(top)
        if whole is not None and not isinstance(whole, Mapping):
            raise UsageError(f"{key!r}: {top!r} has no keys; it is {whole!r}")
        found[top] = {**(whole or {}), inside: value}
    return found


def _elsewhere(recipe: Recipe) -> str:
    """Data that have to be brought, of which a unit would not say what they are."""
    beside, align = recipe.auxiliary, recipe.align
    sources = [beside.source or beside.meant] if beside else []
    sources += [align.refusals, align.affirmations] if align else []
    known = (CONCEPTS, FACES, WORLD)
    return next((source for source in (recipe.data, *sources) if source not in known), "")


def _title(name: str, plain: Recipe, recipe: Recipe) -> str:
    """The recipe's name, with what is set otherwise: equal for equal recipes, whichever level set it."""
    before, now = (one.model_dump(mode="json") for one in (plain, recipe))
    changed = [f"{key} {now[key]}" for key in now if now[key] != before[key] and key not in _NO_MATTER]
    return f"{name} ({', '.join(changed)})" if changed else name


def _where(levels: Mapping[str, str]) -> str:
    return f", cell {', '.join(f'{factor} {label}' for factor, label in levels.items())}" if levels else ""
