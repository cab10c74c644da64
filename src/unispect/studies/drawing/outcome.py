"""What one drawn picture says by itself: nothing, unless a scorer outside has looked at it."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.outcomes import Outcome
from unispect.core.typed import read_grade
from unispect.core.units import Entry
from unispect.studies.drawing.records import GENEVAL, Scored


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """Right or wrong, where GenEval's scorer said so.

    Raises:
        Misread: its grade is of another form.
    """
    if GENEVAL not in entry.grades:
        return plain
    return replace(plain, credit=float(read_grade(Scored, entry.grades[GENEVAL]).correct), per="prompts")
