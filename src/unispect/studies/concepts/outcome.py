"""What one record of the study says: as the battery reads it, or as what was asked beyond it is read."""

from __future__ import annotations

from unispect.core.outcomes import Outcome
from unispect.core.units import Entry
from unispect.studies.aphasia.evidence import Evidence
from unispect.studies.aphasia.outcome import of_evidence
from unispect.studies.aphasia.outcome import outcome as of_battery
from unispect.studies.concepts.tellings import Further

_NOTHING = Evidence((), (), (), 0)


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """The record read."""
    read = of_battery(entry, plain)
    if read is not plain:
        return read
    further = Further()
    further.add(entry)
    return of_evidence(further.beside(_NOTHING), plain)
