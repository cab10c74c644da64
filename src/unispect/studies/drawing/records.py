"""What a scorer outside says of a drawn picture, as it stands in a grade's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GENEVAL: Final = "geneval"
"""The judge under whose name the results of GenEval's official scorer are kept."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What GenEval's scorer said of a picture.

    Attributes:
        correct: everything that was demanded was found.
        reason: what was expected and what was found instead, a line each; empty where it is correct.
    """

    correct: bool
    reason: str = ""
