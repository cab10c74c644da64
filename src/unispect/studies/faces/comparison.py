"""Drawing against telling, for the names of one model that were taught in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.people import PEOPLE, STRANGERS
from unispect.metrics.paired import holm
from unispect.studies.concepts.comparison import NEVER, Comparison, Subject
from unispect.studies.concepts.evidence import JUDGE, Evidence, Telling, Word, best, credit, evidence

SHOWN = "shown the picture"
"""Way of telling: by likelihood, behind the true picture."""
_CALLED = {PEOPLE: "names", STRANGERS: "held-out names", REAL: "descriptions"}


def evidence_of(entries: Sequence[Entry]) -> Evidence:
    """The evidence in the records of one model, what it told of true pictures included."""
    found = evidence(entries)
    looks = (entry for entry in entries if entry.unit.kind == "look" and entry.record.status == "done")
    return replace(found, tellings=(*found.tellings, *(_looked(entry) for entry in looks)))


def photographs(entries: Iterable[Entry]) -> int:
    """Drawings of a model of photographs, which rules cannot read, that no judge has looked at."""
    return sum(
        entry.unit.kind == "draw"
        and entry.record.status == "done"
        and not entry.unit.inputs["drawn"]
        and JUDGE not in entry.grades
        for entry in entries
    )


def comparisons(subjects: Iterable[Subject]) -> list[Comparison]:
    """Names, held-out names and descriptions of all models; p values adjusted over all names."""
    found = [one for subject in subjects for one in _groups(subject)]
    tested = [one for one in found if REAL not in one.lexicons]
    raw = [one.pairs.p if one.pairs.words else np.nan for one in tested]
    adjusted = dict(zip(map(id, tested), holm(raw).tolist(), strict=True)) if tested else {}
    return [replace(one, p=adjusted.get(id(one), float("nan"))) for one in found]


def _groups(subject: Subject) -> Iterator[Comparison]:
    asked = subject.evidence.lexicons
    taught = {PEOPLE: subject.card.taught.get(PEOPLE, "drawing"), STRANGERS: NEVER, REAL: REAL}
    for lexicon, way in taught.items():
        if lexicon in asked:
            yield Comparison(subject, way, (lexicon,), called=_CALLED[lexicon])


def _looked(entry: Entry) -> Telling:
    inputs: Mapping[str, Any] = entry.unit.inputs
    payload: Mapping[str, Any] = entry.record.payload
    word = Word(inputs["lexicon"], inputs["attribute"], inputs["value"], inputs["item"])
    right = inputs["answers"].index(inputs["value"])
    return Telling(SHOWN, word, "", best(payload["scores"], inputs["answers"]), credit(payload["scores"], right))
