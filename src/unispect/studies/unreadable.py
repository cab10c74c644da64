"""What a view cannot read in records is named by study and unit, not by a place in our code.

Records may come from anybody's run folder. Views read payloads as their study writes them; what another program wrote,
or somebody altered, lacks a key, has another type, or holds numbers that nothing can be computed from.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from unispect.core.errors import StoreError, UnispectError
from unispect.core.typed import Misread
from unispect.core.units import Entry, Grade, Record, Unit

_BY_VALUES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration, RuntimeError)
"""What values cause. Of `RuntimeError` that is deep nesting, and what is nowhere found inside a generator."""


@contextmanager
def named(study: str, run_of: Callable[[str], str] = lambda unit: "") -> Iterator[None]:
    """Around whatever looks at records of a study; `run_of` says in which run folder a unit is, empty for none.

    Raises:
        StoreError: in place of any error that values cause and nobody has explained; names the study, the unit that was
            looked at, its run folder and, where it is known, the field.
    """
    try:
        yield
    except Misread as error:
        raise _explained(study, error, str(error), run_of) from error
    except UnispectError:
        raise
    except _BY_VALUES as error:
        if type(error) is RuntimeError and not isinstance(error.__cause__, StopIteration):
            raise
        raise _explained(study, error, f"{type(error).__name__}: {error}", run_of) from error


def _explained(study: str, error: Exception, said: str, run_of: Callable[[str], str]) -> StoreError:
    id, about = _unit_in(error.__traceback__)
    run = run_of(id) if id else ""
    where = (f" at unit {id}{about}" if id else "") + (f" in {run}" if run else "")
    return StoreError(
        f"{study}: what is recorded{where} is not what this study writes ({said}). It was "
        "altered, or written by another program: restore the run folder from a copy, or look at it with 'unispect "
        "export'; --debug shows where reading it ended"
    )


def _unit_in(trace: TracebackType | None) -> tuple[str, str]:
    """The unit that was in hand where an error came up, the one nearest to it; and what of it is known, in words."""
    nearest = ""
    for frame, _ in reversed(list(traceback.walk_tb(trace))):
        for value in reversed(list(frame.f_locals.values())):
            unit = value.unit if isinstance(value, Entry) else value
            if isinstance(unit, Unit) and nearest in ("", unit.id):
                return unit.id, f" ({unit.kind} of {unit.model})"
            if isinstance(value, Record | Grade):
                nearest = nearest or value.unit
    return nearest, ""
