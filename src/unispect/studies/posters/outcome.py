"""What one record of the study says by itself: of a grading, the statements that came out right."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.outcomes import Outcome
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.studies.posters.records import Items, ItemsInputs, OfPoster


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """A grading with its statements: right are those as stated, and of what is not on the poster those not shown."""
    read = replace(plain, about=read_inputs(OfPoster, entry.unit).poster, per="posters")
    if entry.unit.kind != "items":
        return read
    about, items = read_inputs(ItemsInputs, entry.unit), read_payload(Items, entry.record).items
    truth = {item.statement: "as stated" if item.wanted else "not shown" for item in items}
    found: dict[str, str | None] = {item.statement: item.status for item in items}
    right = [truth[item.statement] == item.status for item in items if item.status is not None]
    group = f"{about.about}, {about.modality}"
    return replace(read, truth=truth, found=found, group=group, credit=sum(right) / len(right) if right else None)
