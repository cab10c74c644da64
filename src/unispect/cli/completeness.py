"""What of the plans of a run left no record: on the terminal and in the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from unispect.cli.console import say

if TYPE_CHECKING:
    from unispect.runs.completeness import Lacking

INCOMPLETE: Final = 3
"""Exit code of a command that did what it was told with a part of what was planned."""


def say_lacking(lacking: Sequence[Lacking]) -> int:
    """Says what is missing and how it is to be had; the exit code."""
    for one in lacking:
        say(f"INCOMPLETE: {one}", "bold red")
    if any(one.elsewhere for one in lacking):
        say("unispect merge adds the other parts")
    if any(one.pending for one in lacking):
        say("the run's command goes on with what has no record yet")
    return INCOMPLETE if lacking else 0
