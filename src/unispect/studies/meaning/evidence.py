"""What the records of three studies say of the words of one model, as the rule of `verdict` takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.core.prompts import Goal
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.extremes import largest
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison
from unispect.studies.aphasia.evidence import LIKELIHOOD, RECALL
from unispect.studies.families.measures import everything_left
from unispect.studies.meaning.verdict import Evidence
from unispect.studies.names import names_of
from unispect.studies.patching.claims import Shown
from unispect.studies.patching.observed import NEVER, OWN, SOURCE, Model, observed
from unispect.studies.patching.records import MOVED, PLACES, REAL_WORD
from unispect.studies.probing_attributes.reads import Reads, reads
from unispect.studies.verdicts import KNOWN

TOLD_WAYS = ("both", "text")
"""Ways of teaching whose words show that probes work where they are told; else real words do."""


Map = Mapping[str, Sequence[tuple[int, Interval]]]
"""Place -> layers, each with a chance-corrected score."""


@dataclass(frozen=True)
class Maps:
    """Layer by layer and place by place, of words taught in one way.

    Attributes:
        read: what probes that learned from real words read in the states of a question.
        moved: what is told with the states that the words have when they are drawn.
    """

    read: Map
    moved: Map


def maps_of(
    entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard], taught: str = "drawing"
) -> dict[str, Maps]:
    """Reference of every model -> where its words are read and told; see `evidence_of`."""
    read = _by_model(reads(*_of(entries, "probing-attributes", cards)))
    moved = {one.card.reference: one for one in observed(*_of(entries, "patching", cards))}
    return {
        reference: Maps(_read_at(read.get(reference, []), taught), _moved_at(moved.get(reference), taught))
        for reference in dict.fromkeys([*read, *moved])
    }


def _read_at(probed: Iterable[Reads], taught: str) -> Map:
    own = next((one for one in probed if one.learned is one.goal is Goal.TEXT and one.taught == taught), None)
    return {} if own is None else _by_place((*cell, own.corrected(cell)) for cell in own.cells)


def _moved_at(model: Model | None, taught: str) -> Map:
    for (goal, _), own in model.patched.items() if model else ():
        if goal is Goal.TEXT and own.taught == taught:
            shown = Shown(own, MOVED, OWN)
            return _by_place((*cell, shown.share(cell)) for cell in shown.cells)
    return {}


def _by_place(cells: Iterable[tuple[str, int, Interval]]) -> Map:
    found: dict[str, list[tuple[int, Interval]]] = {}
    for place, layer, score in cells:
        found.setdefault(place, []).append((layer, score))
    return dict(sorted(found.items(), key=lambda own: PLACES.index(own[0]) if own[0] in PLACES else -1))


def evidence_of(
    entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard], taught: str = "drawing"
) -> dict[str, Evidence]:
    """Reference of every model -> what is known of its words that were taught in one way.

    Args:
        entries: finished units by study.
        cards: by the models' references.
        taught: how the words were taught.
    """
    outside = {left.card.reference: left.taught for left in everything_left(entries, cards)}
    probed = _by_model(reads(*_of(entries, "probing-attributes", cards)))
    moved = {one.card.reference: one for one in observed(*_of(entries, "patching", cards))}
    return {
        reference: _evidence(ways[taught], ways, probed.get(reference, []), moved.get(reference))
        for reference, ways in outside.items()
        if taught in ways
    }


def _evidence(
    one: Comparison, ways: Mapping[str, Comparison], probed: Iterable[Reads], moved: Model | None
) -> Evidence:
    read = {own.taught: own for own in probed if own.learned is own.goal is Goal.TEXT}
    own = read.get(one.taught)
    told = [way for way in TOLD_WAYS if way in ways and scores.corrected(ways[way].told()).low > KNOWN]
    known = read.get(next((way for way in told if way in read), REAL))
    return Evidence(
        drawn=_score(one.drawn),
        told=_score(one.told(LIKELIHOOD)),
        recalled=_score(one.told(RECALL)),
        probed=own and _most(own),
        selectivity=own and own.accuracy(own.best).mapped(1.0, -own.control(own.best)),
        probed_known=known and _most(known),
        patched_known=_patched(moved, [NEVER, REAL], REAL_WORD, SOURCE),
        patched_own=_patched(moved, one.lexicons, MOVED, OWN),
    )


def _score(found: scores.Scores) -> Interval | None:
    return scores.corrected(found) if found.words else None


def _most(own: Reads) -> Interval:
    """At the best layer and place."""
    return largest([own.corrected(cell) for cell in own.cells])


def _patched(moved: Model | None, lexicons: Iterable[str], kind: str, which: str) -> Interval | None:
    """Told with states of a kind put into questions about words of the first of the lexicons that has them."""
    for lexicon in lexicons if moved else ():
        assert moved is not None
        own = moved.patched.get((Goal.TEXT, lexicon))
        if own is not None and (shown := Shown(own, kind, which)).deciding:
            return shown.top
    return None


def _of(
    entries: Mapping[str, Sequence[Entry]], study: str, cards: Mapping[str, ModelCard]
) -> tuple[Sequence[Entry], Mapping[str, ModelCard], Mapping[str, str]]:
    own = entries.get(study, ())
    return own, cards, names_of(own, cards)


def _by_model(every: Iterable[Reads]) -> dict[str, list[Reads]]:
    found: dict[str, list[Reads]] = {}
    for one in every:
        found.setdefault(one.card.reference, []).append(one)
    return found
