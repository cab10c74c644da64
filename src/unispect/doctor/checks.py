"""What a look at the machine or the installation found."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Check(NamedTuple):
    """One thing that was looked at."""

    level: Literal["ok", "note", "FAIL"]
    what: str
    detail: str
