"""The models that the contract suite runs on: a name and how to make one at tiny random scale, without any download.

A new family adds one line to `odd_checkpoints.FAMILIES`.
"""

from collections.abc import Callable
from pathlib import Path

import unispect
from tests.helpers.odd_checkpoints import FAMILIES
from unispect.models.base import UnifiedModel
from unispect.organisms.families import SHIPPED


def of_random_weights(family: str, **sizes: bool) -> Callable[..., UnifiedModel]:
    """A model of random weights."""
    files, load = FAMILIES[family]

    def made(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
        if not folder.exists():
            files.write_checkpoint(folder, **sizes)
        return load(files.TINY, folder, device=device, dtype=dtype)

    return made


def organism(name: str) -> Callable[..., UnifiedModel]:
    """A shipped one, which has real weights and needs no folder."""
    return lambda _, dtype, device="cpu": unispect.load(name, device=device, dtype=dtype)


MODELS: dict[str, Callable[..., UnifiedModel]] = {
    **{family: of_random_weights(family) for family in FAMILIES},
    "show-o-clip-vit": of_random_weights("show-o", clip=True),
    **{family.organism: organism(family.organism) for family in SHIPPED.values()},
}
"""Name -> (folder for its files, dtype[, device]) -> model."""
