"""Items of a rubric: what should, or should not, be seen in a poster, and how a reply was graded on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
Status = Literal["CORRECT", "INCORRECT", "MISSING"]


@dataclass(frozen=True)
class Item:
    """One item of a rubric as one reply was graded on it.

    Attributes:
        requirement: in words.
        wanted: something that should be there; otherwise something that should not.
        status: as the judge said. Only what is wanted can be missing.
        explanation: of the judge.
    """

    requirement: str
    wanted: bool
    status: Status
    explanation: str = ""

    def __post_init__(self) -> None:
        if self.status == "MISSING" and not self.wanted:
            raise ValueError(f"MISSING, but should not be there: {self.requirement!r}")
