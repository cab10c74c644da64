"""Drawing against telling, for the names of one model that were taught in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from unispect.core.typed import read_grade, read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.people import PEOPLE, STRANGERS
from unispect.data.faces.world import VALUES
from unispect.studies.answers import Scores
from unispect.studies.aphasia.comparison import NEVER, Comparison, Subject, with_p
from unispect.studies.aphasia.evidence import (
    JUDGE,
    REVERSE,
    Evidence,
    Telling,
    best,
    credit,
    deciding,
    evidence,
    word_of,
)
from unispect.studies.aphasia.records import DrawInputs, Values
from unispect.studies.aphasia.world import World
from unispect.studies.faces.plan import NAMES
from unispect.studies.faces.records import LookInputs

SHOWN = "shown the picture"
"""Way of telling: by likelihood, behind the true picture."""
WORLD = World(
    values=VALUES,
    claims={
        "drawing": "Whose face is drawn from a name is known better than it is told, by every way of telling: modal "
        "aphasia for faces.",
        "text": "Faces taught by text are told better than drawn, by every way of telling that can be read: the "
        "mirror image of modal aphasia.",
        "both": "Faces taught both ways are told as well as they are drawn, by every way of telling that can be read: "
        "no aphasia.",
        NEVER: "Held-out names, whose faces were never taught, are neither drawn nor told, by any way of telling.",
    },
    known="what the question itself describes",
    recalled=True,
    chances={REVERSE: 1 / NAMES},
)
_CALLED = {PEOPLE: "names", STRANGERS: "held-out names", REAL: "descriptions"}


def evidence_of(entries: Sequence[Entry]) -> Evidence:
    """The evidence in the records of one model, what it told of true pictures included."""
    found = evidence(entries)
    looks = (entry for entry in entries if entry.unit.kind == "look" and entry.record.status == "done")
    return replace(found, tellings=(*found.tellings, *(_looked(entry) for entry in looks)))


@dataclass(frozen=True)
class Seen:
    """How the drawings of one model were graded.

    Attributes:
        unseen: drawings of a model of photographs, which rules cannot read, that no other judge has said anything of.
        unparsed: of those, the ones of which a chat judge gave an answer that cannot be read.
        judges: judge -> drawings on which its word counts.
        unclear: judge -> attributes, of those drawings, of which it could not tell the value.
        both: attribute of a drawing -> what rules and another judge saw, where both looked.
    """

    unseen: int
    unparsed: int
    judges: Mapping[str, int]
    unclear: Mapping[str, int]
    both: Mapping[str, tuple[str | None, str | None]]


def seen_of(entries: Iterable[Entry]) -> Seen:
    """Read from the records of one model."""
    unseen = unparsed = 0
    judges, unclear = Counter[str](), Counter[str]()
    both: dict[str, tuple[str | None, str | None]] = {}
    for entry in entries:
        if entry.unit.kind != "draw" or entry.record.status != "done":
            continue
        judge = deciding(entry)
        if judge:
            judges[judge] += 1
            unclear[judge] += sum(value is None for value in _values(entry, judge).values())
        elif not read_inputs(DrawInputs, entry.unit).drawn:
            unseen += 1
            unparsed += any("seen" in grade.payload for grade in entry.grades.values())
        others = [name for name in sorted(entry.grades) if name != JUDGE and "values" in entry.grades[name].payload]
        if judge == JUDGE and others:
            rules, other = _values(entry, JUDGE), _values(entry, others[0])
            both |= {f"{entry.unit.id} {attribute}": (rules[attribute], other[attribute]) for attribute in rules}
    return Seen(unseen, unparsed, judges, unclear, both)


def _values(entry: Entry, judge: str) -> Mapping[str, str | None]:
    return read_grade(Values, entry.grades[judge]).values


def comparisons(subjects: Iterable[Subject]) -> list[Comparison]:
    """Names, held-out names and descriptions of all models; p values adjusted over all names."""
    found = [one for subject in subjects for one in _groups(subject)]
    return with_p(found, lambda one: REAL not in one.lexicons)


def _groups(subject: Subject) -> Iterator[Comparison]:
    asked = subject.evidence.lexicons
    taught = {PEOPLE: subject.card.taught.get(PEOPLE, "drawing"), STRANGERS: NEVER, REAL: REAL}
    for lexicon, way in taught.items():
        if lexicon in asked:
            yield Comparison(subject, way, (lexicon,), called=_CALLED[lexicon])


def _looked(entry: Entry) -> Telling:
    asked, scores = read_inputs(LookInputs, entry.unit), read_payload(Scores, entry.record).scores
    right = asked.answers.index(asked.value)
    return Telling(SHOWN, word_of(asked), "", best(scores, asked.answers), credit(scores, right))
