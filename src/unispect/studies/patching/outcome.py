"""What one record of the study says by itself: whether the word is right without an edit, and what edits make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from unispect.core.outcomes import Outcome
from unispect.core.typed import read_inputs
from unispect.core.units import Entry
from unispect.studies.base import RULES
from unispect.studies.patching.observed import BESIDE, OWN, Key, credits_of
from unispect.studies.patching.records import UNPATCHED, AboutWord


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """Credit of the run without an edit; by layer the share of places (and doses) at which an edited one is right.

    Right is the word's own value, or the value that a direction or a real word of another value leads to.
    """
    about, drawn = read_inputs(AboutWord, entry.unit), entry.unit.kind.endswith("-draw")
    asked = str(entry.unit.inputs["prompt" if drawn else "question"])
    said = replace(
        plain,
        asked=asked,
        truth={about.attribute: about.value},
        group=f"{'drawn' if drawn else 'told'}, {'steered' if 'steer' in entry.unit.kind else 'patched'}",
        about=about.word,
        per="words",
    )
    if entry.record.status != "done" or (drawn and RULES not in entry.grades):
        return said
    credits = credits_of(entry)
    return replace(said, credit=credits.get((UNPATCHED, OWN)), curves=_curves(credits))


def _curves(credits: Mapping[Key, float]) -> dict[str, list[float]]:
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for key, value in credits.items():
        if key[0] != UNPATCHED and key[1] != BESIDE:
            layer = next(part for part in key if isinstance(part, int))
            found[f"{key[0]}, {key[1]}"][layer].append(value)
    return {name: [sum(own) / len(own) for own in layers.values()] for name, layers in found.items()}
