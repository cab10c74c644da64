"""The judges by name: one table, and the entry-point group `unispect.judges` for those that live elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points

from unispect.core.errors import UnispectError, unknown
from unispect.core.extras import missing
from unispect.core.units import Grade, Record, Unit

GROUP = "unispect.judges"

OpenBlob = Callable[[str], bytes]
"""SHA-256 -> bytes of a stored picture."""

Judge = Callable[[Unit, Record, OpenBlob], Grade | None]
"""Says what a record shows; None when the judge has nothing to say about units of that kind."""

JUDGES: Mapping[str, str] = {"rules": "unispect.judges.rules:judge"}
"""Name -> `module:function`."""


def all_judges() -> dict[str, str]:
    """The table and what is installed under the entry-point group; a name of the table cannot be taken over."""
    return {point.name: point.value for point in entry_points(group=GROUP)} | dict(JUDGES)


def find_judge(name: str) -> Judge:
    """The judge of that name.

    Raises:
        UsageError: there is none; names the nearest.
        UnispectError: it is known but cannot be imported.
    """
    judges = all_judges()
    if name not in judges:
        raise unknown("judge", name, judges)
    module, _, function = judges[name].partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise missing(error) or UnispectError(
            f"judge {name!r} cannot be imported from {judges[name]}: {error}"
        ) from error
