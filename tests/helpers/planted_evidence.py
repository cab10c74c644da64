"""Evidence of the concepts study as values, with what is known, remembered and lost set by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tests.helpers.fake_concepts import card
from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.aphasia.comparison import Subject
from unispect.studies.aphasia.evidence import (
    CALIBRATED,
    CHOICE,
    LEARNED,
    LIKELIHOOD,
    RECALL,
    REVERSE,
    Description,
    DrawnPicture,
    Evidence,
    Telling,
    Word,
)
from unispect.studies.concepts.claims import findings
from unispect.studies.concepts.comparison import WORLD, comparisons
from unispect.studies.concepts.parts.battery import learned_from
from unispect.studies.decisions import settled

WAYS = (LIKELIHOOD, CALIBRATED, CHOICE, RECALL, REVERSE)
SEEDS = (0, 1, 2)
Rng = np.random.Generator
Painter = Callable[[Concept, Rng], Mapping[str, str]]


def knower(share: float | Mapping[str, float] = 1.0) -> Painter:
    """Every attribute is right with a probability of its own, and another value otherwise."""

    def paint(concept: Concept, rng: Rng) -> Mapping[str, str]:
        shares = share if isinstance(share, Mapping) else dict.fromkeys(ATTRIBUTES, share)
        return {
            a: value if rng.random() < shares.get(a, 1.0) else _another(a, value, rng)
            for a, value in concept.values.items()
        }

    return paint


def guesser(known: float = 0.0) -> Painter:
    """Every attribute is known with some probability and drawn at random otherwise."""

    def paint(concept: Concept, rng: Rng) -> Mapping[str, str]:
        return {a: value if rng.random() < known else str(rng.choice(VALUES[a])) for a, value in concept.values.items()}

    return paint


def memoriser(remembered: float = 1.0) -> Painter:
    """What was learned from is drawn; of other combinations one that was, and that differs in one attribute."""
    learned = set(load_split().train)

    def paint(concept: Concept, rng: Rng) -> Mapping[str, str]:
        if concept in learned or rng.random() >= remembered:
            return concept.values
        near = [
            other
            for a in ATTRIBUTES
            for value in VALUES[a]
            if value != concept.values[a] and (other := replace(concept, **{a: value})) in learned
        ]
        places = {a: [one for one in near if one.values[a] != concept.values[a]] for a in ATTRIBUTES}
        attribute = str(rng.choice([a for a in ATTRIBUTES if places[a]]))
        return places[attribute][int(rng.integers(len(places[attribute])))].values

    return paint


def drawings(
    lexicon: str, paint: Painter, rng: Rng, *, limit: int, seeds: Sequence[int] = SEEDS, task: str = "name"
) -> list[DrawnPicture]:
    combinations = learned_from(limit) if task == LEARNED else load_split().held_out[:limit]
    return [
        DrawnPicture(task, lexicon, concept.values, seed, "p", paint(concept, rng), "")
        for seed in seeds
        for concept in combinations
    ]


def tellings(lexicon: str, way: str, share: float | Mapping[str, float], rng: Rng) -> list[Telling]:
    """Every word is known with a probability, by attribute if so given, and answered at random otherwise."""
    told = []
    for attribute, values in VALUES.items():
        known = share.get(attribute, 1.0) if isinstance(share, Mapping) else share
        for value in values:
            answer = value if rng.random() < known else str(rng.choice(values))
            told.append(Telling(way, Word(lexicon, attribute, value), "w", answer, float(answer == value)))
    return told


def exactly(lexicon: str, way: str, share: float, rng: Rng) -> list[Telling]:
    """Right with exactly this probability: no lucky guess comes on top."""
    return [
        replace(one, answer=one.word.value if hit else None, credit=float(hit))
        for one in tellings(lexicon, way, 1.0, rng)
        for hit in [rng.random() < share]
    ]


def left(
    seed: int = 0,
    *,
    limit: int = 24,
    paints: Mapping[str, Painter],
    tells: Mapping[str, Mapping[str, float | Mapping[str, float]]],
    controls: Mapping[str, float] | None = None,
    learned: bool = True,
    model: ModelCard | None = None,
) -> Subject:
    """What a model leaves.

    Args:
        seed: of everything that is drawn at random.
        limit: combinations.
        paints: lexicon -> how it is drawn; real words are drawn right.
        tells: lexicon -> way -> share known.
        controls: way -> share of real words told right; all of them, of every way but backwards, if not given.
        learned: combinations that were learned from are drawn too.
        model: its card.
    """
    rng = np.random.default_rng(seed)
    drawn = drawings(REAL, knower(), rng, limit=limit)
    told: list[Telling] = []
    for way, share in (controls if controls is not None else dict.fromkeys(WAYS[:-1], 1.0)).items():
        told += exactly(REAL, way, share, rng)
    for lexicon, paint in paints.items():
        drawn += drawings(lexicon, paint, rng, limit=limit)
        if learned and lexicon in ("drawing", "both"):
            drawn += drawings(lexicon, paint, rng, limit=limit, seeds=(0,), task=LEARNED)
    for lexicon, ways in tells.items():
        for way, share in ways.items():
            told += tellings(lexicon, way, share, rng)
    seen = tuple(Description(one.values, one.values) for one in load_split().held_out[:limit])
    return Subject(model or card(), Evidence(tuple(drawn), tuple(told), seen, 0), WORLD)


def claims(*subjects: Subject) -> list[Finding]:
    """The study's findings, settled."""
    return list(settled(findings(comparisons(subjects))))


def claim(found: Iterable[Finding], end: str) -> Finding:
    (one,) = [finding for finding in found if finding.id.endswith(end)]
    return one


def _another(attribute: str, value: str, rng: Rng) -> str:
    return str(rng.choice([other for other in VALUES[attribute] if other != value]))
