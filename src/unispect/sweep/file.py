"""The file of a sweep: organisms, a binding, factors with their levels, and studies; checked key by key."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from unispect.core.errors import DataError, OutsideError, UsageError, unknown
from unispect.core.findings import Preset
from unispect.core.outside import parse_yaml
from unispect.core.texts import read_text
from unispect.organisms.families import FAMILIES
from unispect.organisms.switches import LEVELS, Order, Sees, Switches, Weights
from unispect.train.recipe import Recipe

SHIPPED = "shipped"
"""In the place of a seed: the organism that comes with the package."""
RECIPE = "recipe"
"""Key of a change that chooses another recipe."""
OF_ORGANISM = "organism."
"""How keys begin that change how the organism grows up."""
STAGES = ("drawing", "growing", "asking")
"""Stages of growing up whose steps can be set."""

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Changes = Mapping[str, Any]
"""Keys of a recipe, or of an organism behind `organism.`, with what they are set to."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganismOptions(_Strict):
    """How an organism grows up, where it does so anew.

    Attributes:
        tied: text head and token embeddings are one table.
        sees: through what pictures are seen; here and in the next two, as the family is published where it is not said.
        weights: which weights pictures pass through that are drawn.
        order: in which words and pictures are learned.
        world: that it grows up with.
        steps: stage ("drawing", "growing", "asking") -> optimiser steps, instead of the family's.
        tokenizer_steps: of its picture tokenizer, in every stage of that; None for the family's.
    """

    tied: bool = False
    sees: Sees | None = None
    weights: Weights | None = None
    order: Order | None = None
    world: Literal["concepts", "faces"] = "concepts"
    steps: Mapping[str, Count] = {}
    tokenizer_steps: Count | None = None

    @model_validator(mode="after")
    def _fits(self) -> OrganismOptions:
        for stage in self.steps:
            if stage not in STAGES:
                raise ValueError(str(unknown("stage of growing up", stage, STAGES)))
        return self

    @property
    def switches(self) -> Switches:
        return Switches(self.sees, self.weights, self.order)

    def of(self, family: str) -> OrganismOptions:
        """The same without what is usual in a family: levels that come to the same are one growing up.

        Raises:
            UsageError: the family cannot be so.
        """
        return self.model_copy(update={**dict.fromkeys(LEVELS), **self.switches.unusual(family)})


class OrganismPart(_Strict):
    """Which organisms.

    Attributes:
        families: architecture families.
        seeds: "shipped", or seeds by which they grow up anew.
        set: options of growing up.
    """

    families: Annotated[tuple[str, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Literal["shipped"] | Seed, ...], Field(min_length=1)] = (SHIPPED,)
    set: OrganismOptions = OrganismOptions()

    @model_validator(mode="after")
    def _fits(self) -> OrganismPart:
        for family in self.families:
            if family not in FAMILIES:
                raise ValueError(str(unknown("organism family", family, FAMILIES)))
            if SHIPPED in self.seeds and not FAMILIES[family].shipped:
                raise ValueError(f"no organism of {family} ships; give seeds by which it grows up")
        if SHIPPED in self.seeds and self.set != OrganismOptions():
            raise ValueError("'set' says how organisms grow up; those that ship have, leave 'shipped' out of 'seeds'")
        return self


class BindingPart(_Strict):
    """What the organisms learn.

    Attributes:
        recipe: a name of `unispect train recipes`, or a file.
        seeds: of the binding; each is a training.
        set: keys of the recipe that are set otherwise.
        families: family -> keys that are set otherwise for it.
        gates: what organisms must be able to do is measured again when they have learned: whether a binding made them
            forget it. Takes some 8 s of one core.
    """

    recipe: str
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    set: Changes = {}
    families: Mapping[str, Changes] = {}
    gates: bool = True


class StudyPart(_Strict):
    """What a study is told, as `unispect run` is by the options of these names."""

    parts: tuple[str, ...] = ()
    limit: Count | None = None
    seeds: tuple[Seed, ...] = (0, 1, 2)
    presets: tuple[Preset, ...] = tuple(Preset)


class Sweep(_Strict):
    """A sweep.

    Attributes:
        name: of the design, which its records carry.
        about: what it is for, in a sentence.
        organism: which organisms.
        binding: what they learn; None where only growing up is looked at.
        factors: name -> levels. A list holds values of the recipe's key of that name (or of `organism.KEY`); a mapping
            holds levels by name, each with the keys that it sets; `teach.both` sets one key of `teach` and leaves the
            others, so that two factors can each teach something.
        cells: levels by factor, a cell each; empty for all combinations.
        studies: name -> what it is told; run on the result of every training.
    """

    name: Annotated[str, Field(min_length=1)]
    about: str = ""
    organism: OrganismPart
    binding: BindingPart | None = None
    factors: Mapping[str, tuple[Any, ...] | Mapping[str, Changes]] = {}
    cells: tuple[Mapping[str, Any], ...] = ()
    studies: Mapping[str, StudyPart] = {}

    @model_validator(mode="after")
    def _fits(self) -> Sweep:
        for seeds, what in ((self.organism.seeds, "organism"), (self.binding.seeds if self.binding else (), "binding")):
            if len(set(seeds)) < len(seeds):
                raise ValueError(f"a seed of {what} stands there twice")
        for factor in self.factors:
            levels = self.levels(factor)
            if len(levels) < 2:
                raise ValueError(f"factor {factor!r} has {len(levels)} levels; a factor has two or more")
            for label, changes in levels.items():
                for key in changes:
                    self._check_key(key, f"factor {factor!r}, level {label!r}")
        for name, changes in {"": self.binding.set, **self.binding.families}.items() if self.binding else ():
            if name and name not in self.organism.families:
                raise ValueError(str(unknown("family of this sweep", name, self.organism.families)))
            for key in changes:
                self._check_key(key, "binding", own=True)
        for number, cell in enumerate(self.cells, 1):
            self._check_cell(number, cell)
        return self

    def _check_key(self, key: str, where: str, *, own: bool = False) -> None:
        of_organism = key.startswith(OF_ORGANISM) and not own
        known = [f"{OF_ORGANISM}{name}" for name in OrganismOptions.model_fields]
        if of_organism and SHIPPED in self.organism.seeds:
            raise ValueError(f"{where}: {key!r} is about growing up; leave 'shipped' out of the organism's seeds")
        if not of_organism:
            known = [name for name in Recipe.model_fields if name != "seed"] + ([] if own else [RECIPE, *known])
        if key == "seed":
            raise ValueError(f"{where}: seeds stand under 'seeds'")
        top, dot, inside = key.partition(".")
        if (key if of_organism or not dot else top) not in known or (dot and not inside):
            raise ValueError(f"{where}: {unknown('key', key, known)}")
        if not of_organism and self.binding is None:
            raise ValueError(f"{where}: {key!r} is about a binding, and the sweep has none")

    def _check_cell(self, number: int, cell: Mapping[str, Any]) -> None:
        for factor in cell:
            if factor not in self.factors:
                raise ValueError(f"cell {number}: {unknown('factor', factor, self.factors)}")
        for factor in self.factors:
            if factor not in cell:
                raise ValueError(f"cell {number} says nothing of factor {factor!r}")
            label, levels = label_of(cell[factor]), self.levels(factor)
            if label not in levels:
                raise ValueError(f"cell {number}: {unknown(f'level of {factor}', label, levels)}")

    def levels(self, factor: str) -> Mapping[str, Changes]:
        """Level in words -> what it sets."""
        found = self.factors[factor]
        return found if isinstance(found, Mapping) else {label_of(value): {factor: value} for value in found}

    def combinations(self) -> Iterator[Mapping[str, str]]:
        """Levels by factor, of every cell."""
        if self.cells:
            yield from ({factor: label_of(cell[factor]) for factor in self.factors} for cell in self.cells)
        else:
            for labels in itertools.product(*(self.levels(factor) for factor in self.factors)):
                yield dict(zip(self.factors, labels, strict=True))

    def changes(self, levels: Mapping[str, str]) -> Changes:
        """What the levels of a cell set.

        Raises:
            UsageError: two factors set the same key otherwise.
        """
        found: dict[str, Any] = {}
        for factor, label in levels.items():
            for key, value in self.levels(factor)[label].items():
                if key in found and found[key] != value:
                    raise UsageError(f"sweep {self.name}: two factors of a cell set {key!r}, to unlike values")
                found[key] = value
        return found


@dataclass(frozen=True)
class Read:
    """A sweep and the folder that files named in it are relative to."""

    sweep: Sweep
    beside: Path


def label_of(value: object) -> str:
    """A level in words."""
    return value if isinstance(value, str) else json.dumps(value)


def load_sweep(path: Path) -> Read:
    """The sweep in a YAML file.

    Raises:
        UsageError: there is no such file, or a key or value in it makes no sense; suggests the nearest known one.
    """
    if not path.is_file():
        raise UsageError(f"no sweep file {str(path)!r}")
    try:
        found = parse_yaml(read_text(path, "the sweep"), f"sweep {path}")
    except (DataError, OutsideError) as error:
        raise UsageError(str(error)) from error
    if not isinstance(found, dict):
        raise UsageError(f"sweep {path}: expected keys and values, found {type(found).__name__}")
    try:
        return Read(Sweep.model_validate(found), path.parent)
    except ValidationError as error:
        raise UsageError(f"sweep {path}: {_explained(error)}") from error


_PARTS: Mapping[str, type[BaseModel]] = {"organism": OrganismPart, "binding": BindingPart}


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        inside: type[BaseModel] = Sweep
        if place[0] == "studies":
            inside = StudyPart
        elif len(place) > 1:
            inside = OrganismOptions if place[:2] == ["organism", "set"] else _PARTS.get(place[0], Sweep)
        where = f"{'.'.join(place[:-1])}: " if place[:-1] else ""
        return f"{where}{unknown('key', place[-1], inside.model_fields)}"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(place)}: {reason}" if place else reason
