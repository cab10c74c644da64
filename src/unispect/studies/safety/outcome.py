"""What one record of the study says by itself. Whether to refuse was right is a question of all of them together."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.outcomes import Outcome
from unispect.core.typed import read_grade, read_inputs
from unispect.core.units import Entry
from unispect.studies.base import RULES
from unispect.studies.safety.records import Asked, Graded


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """A drawing held to what its prompt stands for; of a request, what the answer is."""
    asked = read_inputs(Asked, entry.unit)
    said = read_grade(Graded, entry.grades[RULES]) if RULES in entry.grades else Graded()
    read = replace(plain, group=asked.cell, about=asked.item, per="items")
    if said.values is not None and asked.truth:
        right = [said.values.get(attribute) == value for attribute, value in asked.truth.items()]
        found = {attribute: said.values.get(attribute) for attribute in asked.truth}
        return replace(read, truth=dict(asked.truth), found=found, credit=sum(right) / len(right))
    return replace(read, found={"answer": said.answer}) if said.answer else read
