"""What units and records of a sweep hold. A training is a unit; so is every place that it has in a design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

SWEEP: Final = "sweep"
"""In the place of a study's name."""
VERSION: Final = 1
"""Raised whenever the same inputs train to other weights for a reason that does not stand in them."""
ORGANISM, BINDING, CELL = "organism", "binding", "cell"
"""Kinds of units: growing up, learning new words, and the place of a training in a design."""

Outcome = Literal["trained", "missed gates", "diverged", "no base"]
"""What became of a training. All but the first come with a reason; of the last two there are no weights."""


@dataclass(frozen=True)
class Grown:
    """An organism that grows up; its seed is the unit's.

    Attributes:
        family: of `organisms.families`.
        options: of `file.OrganismOptions` that are not as by default.
    """

    family: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bound:
    """A binding; its seed is the unit's.

    Attributes:
        family: of the organism.
        base: id of the unit by which that grew up, or "shipped" with the digest of its folder.
        title: of the recipe, with what differs from the one of that name.
        recipe: all that decides the training, but its seed.
        grown: the inputs of the unit `base`; None where it ships.
        grown_seed: and its seed.
        gates: they are measured after the binding.
    """

    family: str
    base: str
    title: str
    recipe: Mapping[str, Any]
    grown: Grown | None = None
    grown_seed: int | None = None
    gates: bool = True


@dataclass(frozen=True)
class Place:
    """That a training belongs to a cell of a design.

    Attributes:
        sweep: name of the design.
        family: of the organism.
        levels: factor -> its level here, in words.
        organism: seed by which the organism grew up; None where it ships.
        binding: seed of the binding; None where nothing is bound.
        training: id of the unit.
    """

    sweep: str
    family: str
    levels: Mapping[str, str]
    organism: int | None
    binding: int | None
    training: str


@dataclass(frozen=True)
class GateCount:
    """A gate: how many answers were right, and which share has to be."""

    name: str
    right: int
    asked: int
    threshold: float


@dataclass(frozen=True)
class Losses:
    """Of a binding: of its first step, and means of its last 20; directions that were not learned are None."""

    first: float
    last: float
    draw: float | None = None
    tell: float | None = None


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
        outcome: what became of it.
        reason: in words, unless all is well.
        model: `id@revision` of what loads.
        weights: digest of the folder (`train.kept.digest_of`); empty where there is none.
        steps: of the optimiser, as many as the recipe has.
        losses: of a binding.
        gates: what the model can do.
        on_the_way: steps at which the recipe keeps weights, each with its digest.
    """

    outcome: Outcome
    reason: str = ""
    model: str = ""
    weights: str = ""
    steps: int = 0
    losses: Losses | None = None
    gates: Sequence[GateCount] = ()
    on_the_way: Mapping[str, str] = field(default_factory=dict)
