"""What one record of the study says by itself: its curves, and with which others they may stand together."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.outcomes import Outcome
from unispect.core.typed import read_inputs, read_settings
from unispect.core.units import Entry
from unispect.studies.encoding.records import How, Prompted


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """A trajectory: entropy in bits by layer, the one that findings rest on first."""
    if entry.unit.kind != "trajectory":
        return plain
    asked, how = read_inputs(Prompted, entry.unit), read_settings(How, entry.unit)
    first = [name for name in ("content", "value") if name in plain.curves]
    kept = {name: plain.curves[name] for name in (*first, *(name for name in plain.curves if name not in first))}
    goal = "question" if asked.question else how.goal
    group = f"{asked.modality}, to {goal}, {how.preset}"
    return replace(plain, curves=kept, group=group, about=f"{asked.modality} {asked.id}", per="prompts")
