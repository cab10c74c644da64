"""What bound weights were taught, in a small file beside them that loading reads.

A study asks a model about the lexicons that its card says it was taught. The card of published weights or of an
organism cannot know what was bound later, so `taught.json` says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.config_values import TEXT, Kind, short, whole
from unispect.models.json_file import read_json, write_json

TAUGHT = "taught.json"
WEIGHTS = "model.safetensors"
"""The file of weights that training leaves, which `TAUGHT` speaks of."""
_WAYS = ("drawing", "text", "both")
_LEXICONS = Kind(
    f"a table of lexicons, each taught by {', '.join(_WAYS)}",
    lambda value: isinstance(value, dict) and all(way in _WAYS for way in value.values()),
)
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("model", "base", "recipe", "world", "aligned"), TEXT),
    **dict.fromkeys(("steps", "seed"), whole(0, 2**64)),
    "grown": whole(0, 2**64) | Kind("nothing", lambda value: value is None),
    **dict.fromkeys(("taught", "expressions"), _LEXICONS),
    "switches": Kind(
        "a table of options, each with its level in words",
        lambda value: isinstance(value, dict) and all(isinstance(level, str) for level in value.values()),
    ),
}


@dataclass(frozen=True)
class Taught:
    """How weights were bound.

    Attributes:
        model: name that they are loaded by.
        base: what they were bound from, `id@revision`; empty where they were not bound, but grew up in another world.
        recipe: name of the recipe.
        taught: lexicon -> how its words were taught, everything before the binding included.
        steps: optimiser steps.
        seed: of the binding.
        world: that an organism grew up in; empty for the one its card tells of.
        expressions: lexicon -> how its words for shapes were taught, where only those were.
        aligned: how it learned to refuse: "text", "text and drawing", or empty.
        grown: seed by which the organism grew up that was bound; None for those that ship, and where it is not known.
        switches: what was switched while it grew up or was bound, option -> level; see `ModelCard.switches`.
    """

    model: str
    base: str
    recipe: str
    taught: Mapping[str, str]
    steps: int
    seed: int
    world: str = ""
    expressions: Mapping[str, str] = field(default_factory=dict)
    aligned: str = ""
    grown: int | None = None
    switches: Mapping[str, str] = field(default_factory=dict)

    @property
    def grown_seed(self) -> int | None:
        """Seed by which the organism grew up, whether or not it was bound since."""
        return self.grown if self.base else self.seed

    @property
    def note(self) -> str:
        """What binding did; empty where there was none."""
        if not self.base:
            return ""
        return f"Bound from {self.base} by recipe {self.recipe}: {self.steps} steps, seed {self.seed}."


def merge_taught(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """How words were taught that were taught twice."""
    return {
        **before,
        **{name: way if before.get(name, way) == way else "both" for name, way in now.items()},
    }


def speaks_of(file: str) -> bool:
    """What was taught is said of the weights of that name; an empty one are those that a folder means by itself."""
    return file in ("", WEIGHTS)


def write_taught(folder: Path, taught: Taught) -> None:
    """Puts it beside the weights, whole or not at all."""
    told = asdict(taught)
    if not taught.switches:
        del told["switches"]  # the digest of a folder in which nothing was switched stays what it was
    write_json(folder / TAUGHT, told)


def read_taught(folder: Path) -> Taught | None:
    """What stands beside the weights in a folder; None where nothing does.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / TAUGHT
    if not path.is_file():
        return None
    try:
        taught = Taught(**read_json(path))
    except (TypeError, CheckpointError) as error:
        raise CheckpointError(f"{path} does not say what was taught ({error}); bind the model again") from error
    for key, kind in _KINDS.items():
        if not kind.fits(value := getattr(taught, key)):
            raise CheckpointError(f"{path}: {key} is {short(value)}, but must be {kind.words}; bind the model again")
    return taught


def with_taught(card: ModelCard, folder: Path) -> ModelCard:
    """The card of loaded weights, with what they were taught; of what was planted in them before, nothing is claimed.

    Raises:
        CheckpointError: the file is damaged, or the weights are another model's.
    """
    found = read_taught(folder)
    if found is None:
        return card
    if found.model != card.id:
        raise CheckpointError(f"{folder} was bound from {found.model}; load it as {found.model}={folder}")
    before = (
        (f"Trained from scratch on pictures of {found.world}; it knows nothing else.",) if found.world else card.notes
    )
    notes = (*before, found.note) if found.note else before
    return replace(
        card,
        taught=dict(found.taught),
        binding=f"{found.recipe}, seed {found.seed}, from {found.base}" if found.base else "",
        bound_steps=found.steps,
        expressions=dict(found.expressions),
        aligned=found.aligned,
        training_seed=found.seed if found.base else None,
        grown_seed=found.grown_seed,
        switches=dict(found.switches),
        planted="",
        notes=notes,
    )
