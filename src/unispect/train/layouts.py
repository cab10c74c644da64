"""How several devices hold one training, and the files that tell `accelerate launch` so. Never imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Layout:
    """Which of the parts of a training are cut up among the devices; the others are whole on each.

    Attributes:
        about: in a few words.
        weights: are cut up; a block is put together, in bfloat16, while it is worked on.
        gradients: are cut up.
        optimiser: its state is cut up.
        halved: weights and gradients are in bfloat16 (2 bytes a number), and the optimiser holds weights in float32.
    """

    about: str
    weights: bool = False
    gradients: bool = False
    optimiser: bool = False
    halved: bool = False


COPIES: Final = Layout("a copy on each device")
TOGETHER: Final[Mapping[str, Layout]] = {
    "fsdp": Layout("weights, gradients and optimiser cut up, by FSDP", True, True, True),
    "zero2": Layout("gradients and optimiser cut up, by DeepSpeed", False, True, True, halved=True),
    "zero3": Layout("weights, gradients and optimiser cut up, by DeepSpeed", True, True, True, halved=True),
}
"""Name of a file -> what it asks for."""


def file_of(name: str) -> Path:
    """Where the file of a layout lies, for `accelerate launch --config_file`."""
    return Path(str(files("unispect.train") / "accelerate" / f"{name}.yaml"))
