"""What a view cannot read in records is named by study and unit, not by a place in our code.

Records may come from anybody's run folder. Views read payloads as their study writes them; what another program wrote,
or somebody altered, lacks a key, has another type, or holds numbers that nothing can be computed from.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from unispect.core.errors import StoreError, UnispectError
from unispect.core.units import Entry, Record, Unit

_BY_VALUES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration, RuntimeError)
"""What values cause. Of `RuntimeError` that is deep nesting, and what is nowhere found inside a generator."""


@contextmanager
def named(study: str) -> Iterator[None]:
    """Around whatever looks at records of a study.

    Raises:
        StoreError: in place of any error that values cause and nobody has explained; names the study and the unit that
            was looked at.
    """
    try:
        yield
    except UnispectError:
        raise
    except _BY_VALUES as error:
        if type(error) is RuntimeError and not isinstance(error.__cause__, StopIteration):
            raise
        unit = _unit_in(error.__traceback__)
        where = f" at unit {unit}" if unit else ""
        raise StoreError(
            f"{study}: what is recorded{where} is not what this study writes ({type(error).__name__}: {error}). It was "
            "altered, or written by another program: restore the run folder from a copy, or look at it with 'unispect "
            "export'; --debug shows where reading it ended"
        ) from error


def _unit_in(trace: TracebackType | None) -> str:
    """The unit that was in hand where an error came up: the one nearest to it."""
    for frame, _ in reversed(list(traceback.walk_tb(trace))):
        for value in reversed(list(frame.f_locals.values())):
            if isinstance(value, Entry):
                return f"{value.unit.id} ({value.unit.kind} of {value.unit.model})"
            if isinstance(value, Unit):
                return f"{value.id} ({value.kind} of {value.model})"
            if isinstance(value, Record):
                return value.unit
    return ""
