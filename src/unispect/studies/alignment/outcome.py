"""What one record of the study says by itself: curves over layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unispect.core.outcomes import Outcome
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.metrics.similarity import corrected
from unispect.studies.alignment.records import CKA, START, Attended, Compared, Comparison
from unispect.studies.states.records import Asked


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """How alike the goals are where the reply starts and at the words; or who looks at whom."""
    if entry.record.status != "done":
        return plain
    if entry.unit.kind == "attend":
        asked, left = read_inputs(Asked, entry.unit), read_payload(Attended, entry.record)
        curves = {one.what: [float(np.mean(layer)) for layer in one.heads] for one in left.between}
        return replace(
            plain, told=left.text, curves=curves, group="attention", about=f"{asked.group} {asked.id}", per="prompts"
        )
    words = read_inputs(Compared, entry.unit)
    found = sorted(read_payload(Comparison, entry.record).likenesses, key=lambda one: one.place != START)
    curves = {
        one.place: [
            0.0 if value is None or chance is None else corrected(value, chance)
            for value, chance in zip(one.across.value, one.across.chance, strict=True)
        ]
        for one in found
        if one.measure == CKA
    }
    name = f"words of {words.lexicon}" if words.lexicon else "texts"
    return replace(
        plain, asked=f"How alike are {name}, drawn and told?", curves=curves, group="likeness", about=name, per="words"
    )
