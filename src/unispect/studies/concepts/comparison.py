"""The words of the concept world, by how a model was taught them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, REAL
from unispect.data.concepts.world import VALUES
from unispect.studies.aphasia.comparison import NEVER, Comparison, Subject, with_p
from unispect.studies.aphasia.world import World

WORLD = World(
    values=VALUES,
    claims={
        "drawing": "Words taught by drawing are drawn better than told, by every way of telling: modal aphasia.",
        "text": "Words taught by text are told better than drawn, by every way of telling that can be read: the "
        "mirror image of modal aphasia.",
        "both": "Words taught both ways are told as well as they are drawn, by every way of telling that can be read: "
        "no aphasia.",
        NEVER: "Words never taught are neither drawn nor told, by any way of telling.",
    },
    known="real words",
    called={
        "drawing": "words taught by drawing",
        "text": "words taught by text",
        "both": "words taught both ways",
        NEVER: "words never taught",
        REAL: "real words",
    },
)


def comparisons(subjects: Iterable[Subject]) -> list[Comparison]:
    """All groups of words of all models, taught ones first, with adjusted p values where both directions were asked."""
    found = [Comparison(subject, taught, names) for subject in subjects for taught, names in _groups(subject).items()]
    return with_p(found, lambda one: one.taught != REAL)


def _groups(subject: Subject) -> Mapping[str, tuple[str, ...]]:
    """How words were taught -> the lexicons that were asked about and taught so."""
    asked = subject.evidence.lexicons
    ways: Sequence[tuple[str, str]] = [
        (subject.card.taught.get(name, NEVER), name) for name in (*LEXICONS, PUBLISHED) if name in asked
    ]
    groups = {way: tuple(name for taught, name in ways if taught == way) for way in ("drawing", "text", "both", NEVER)}
    groups[REAL] = (REAL,) if REAL in asked else ()
    return {way: names for way, names in groups.items() if names}
