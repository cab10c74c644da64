"""The organisms that come with the package: their cards, and loading them.

`tiny-<family>` has grown up and knows real words only; `-bound` was then taught new words, each lexicon in its own way;
`-fluent` and `-mute` are controls with planted behaviour, which an instrument that works must report as such.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, unknown
from unispect.models.taught import TAUGHT
from unispect.organisms.families import SHIPPED, base_card, family_of

if TYPE_CHECKING:
    from unispect.models.adapter_files import OpenAdapter
    from unispect.models.base import UnifiedModel


@dataclass(frozen=True)
class Variant:
    """A model made from the grown-up organism by teaching it new words."""

    name: Literal["bound", "fluent", "mute"]
    taught: Mapping[str, str]
    note: str
    planted: Literal["", "fluent", "mute"] = ""


VARIANTS: tuple[Variant, ...] = (
    Variant(
        "bound",
        {"drawing": "drawing", "text": "text", "both": "both"},
        "New words taught by drawing only, by text only, and by both.",
    ),
    Variant(
        "fluent",
        {"drawing": "both", "text": "both", "both": "both"},
        "Control: every new word taught by drawing and by text.",
        planted="fluent",
    ),
    Variant(
        "mute",
        {"drawing": "drawing", "both": "drawing"},
        "Control: new words taught by drawing, while questions about them were answered by lot.",
        planted="mute",
    ),
)

WEIGHTS = "model.safetensors"


@cache
def cards() -> dict[str, ModelCard]:
    """Name -> card of every shipped organism, without loading any."""
    found: dict[str, ModelCard] = {}
    for family in SHIPPED:
        base = base_card(family)
        found[base.id] = base
        for variant in VARIANTS:
            card = variant_card(base, variant)
            found[card.id] = card
    return found


def variant_card(base: ModelCard, variant: Variant) -> ModelCard:
    return replace(
        base,
        id=f"{base.id}-{variant.name}",
        taught=dict(variant.taught),
        planted=variant.planted,
        notes=(*base.notes, variant.note),
    )


def load(name: str, *, device: str = "auto", dtype: str = "auto", adapters: Sequence[OpenAdapter] = ()) -> UnifiedModel:
    """A shipped organism.

    Raises:
        UsageError: no such name, device or dtype.
        CheckpointError: the installed files are missing or damaged.
    """
    if name not in cards():
        raise unknown("organism", name, cards())
    with as_file(files("unispect.organisms") / "weights" / cards()[name].family) as folder:
        return load_from(folder, cards()[name], device=device, dtype=dtype, adapters=adapters)


def folder_of(card: ModelCard) -> Path:
    """The installed folder of an organism's files."""
    return Path(str(files("unispect.organisms") / "weights" / card.family))


def load_from(
    path: Path, card: ModelCard, *, device: str = "auto", dtype: str = "auto", adapters: Sequence[OpenAdapter] = ()
) -> UnifiedModel:
    """An organism from a folder as training leaves it: the grown-up model, and the variants as differences.

    The place may also be one of several files of weights in a folder. Adapters change the variant, difference included.
    """
    from unispect.models import registry
    from unispect.models.digests import sha256_of
    from unispect.organisms.difference import apply_difference

    folder = path.parent if path.is_file() else path
    family = family_of(card.family)
    change = folder / f"{card.id.rsplit('-', 1)[-1]}.safetensors"
    whole = card.id == family.organism or (folder / TAUGHT).is_file()
    merged = {"adapters": adapters} if adapters and whole else {}
    model = family.load(card, path, device=device, dtype=dtype, **merged)
    if whole:
        return model  # what was bound later is stored whole, whatever it was bound from
    if not change.is_file():
        raise CheckpointError(f"{change} is missing; install the package again or train the organism")
    apply_difference(change, dict(model.network.named_parameters()))
    digest = sha256_of(change)
    both = hashlib.sha256(f"{model.card.revision} {digest}".encode()).hexdigest()
    files = (*model.card.files, (change.name, digest))
    model.card = replace(model.card.at(both[: len(model.card.revision)]), files=files)
    if adapters:
        registry.family_of(card).merge(model, path, adapters)
    return model
