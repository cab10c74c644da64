"""Worlds of several models: families whose trainings differ by chance, checkpoints, and words against layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from tests.planted_truth import concepts
from tests.planted_truth.case import Claim, Truth, World
from tests.planted_truth.concepts import Mind, evenly
from tests.planted_truth.curves import Levels, card, encoded, replied
from tests.planted_truth.product import families, mechanism
from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.core.seeds import generator_for
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import LEXICONS, REAL
from unispect.data.concepts.split import load_split
from unispect.data.world_prompts import picture_id, words_id

HOLDS, FAILS, BORDER, SHOWN = Truth.HOLDS, Truth.FAILS, Truth.UNKNOWABLE, Truth.SHOWN

EVERYTHING = frozenset({"write", "draw", "see", "score", "probe"})
NOISE = 0.2
"""Bits (sd) by which trainings of one and the same model differ."""
GAP = 0.8
"""Bits by which text lies below pictures in every model."""


def worlds() -> Iterator[World]:
    """Every one of them."""
    yield from _families()
    yield from _mechanism()


def _models(inside: int, outside: int, trainings: int = 1) -> list[ModelCard]:
    """Of so many families that predict open places and so many that do not, each with its trainings."""
    return [
        card(
            f"planted-{index}",
            f"family-{index}",
            contextual=index < inside,
            training_seed=training,
            revision=f"r{training}",
        )
        for index in range(inside + outside)
        for training in range(trainings)
    ]


def _paradigms(
    inside: int, outside: int, nearer: float, each: int, trainings: int, apart: float, seed: int
) -> Sequence[Finding]:
    """Families differ by `apart` (sd, bits), trainings by `NOISE`; those inside are `nearer` to 0."""
    rng = generator_for("planted families", inside, outside, nearer, trainings, apart, seed)
    left: dict[str, list[Entry]] = {"encoding": [], "response": []}
    models = _models(inside, outside, trainings)
    own: dict[str, tuple[float, float]] = {}
    for model in models:
        first, second = own.setdefault(model.family, (apart * rng.standard_normal(), apart * rng.standard_normal()))
        gap = GAP - nearer * model.contextual
        levels, replies = (
            Levels(text=4.0 - gap + shift + NOISE * rng.standard_normal(), gain=0.3 + 0.1 * rng.standard_normal())
            for shift in (first, second)
        )
        left["encoding"] += encoded(levels, seed, of=model, limit=each)
        if trainings == 1:
            left["response"] += replied(replies, seed, of=model, limit=2 * each)
    return families(left, {model.reference: model for model in models})


def _outside(inside: int, outside: int, seed: int) -> Sequence[Finding]:
    """Models that were taught words by drawing, and tell of them what chance and their training left them."""
    rng = generator_for("planted gaps", inside, outside, seed)
    models = [replace(own, capabilities=EVERYTHING, taught=concepts.TAUGHT) for own in _models(inside, outside)]
    found: list[Entry] = []
    for own in models:
        told = float(np.clip(0.15 + 0.1 * rng.standard_normal(), 0, 1))
        mind = Mind(evenly(0.0, drawing=0.95, both=0.95), {"likelihood": evenly(0.0, drawing=told, both=0.95)})
        found += concepts.entries(mind, seed, limit=12, of=own, lexicons=frozenset((REAL, "drawing")))
    return families({"concepts": found}, {own.reference: own for own in models})


def _families() -> Iterator[World]:
    nearer = Claim("models that predict open places keep text and pictures closer", "contextual-levels", FAILS)
    replies = Claim("their replies are closer", "contextual-replies", FAILS)
    gap = Claim("they have the smaller aphasia gap", "contextual-gap", FAILS)
    for inside, outside in ((1, 2), (2, 5), (3, 4)):
        name = f"trainings differ by sd {NOISE} bit and by nothing else, {inside} families against {outside}"
        yield World("families", name, partial(_paradigms, inside, outside, 0.0, 6, 1, 0.0), (nearer, replies))
    yield World(
        "families",
        "told shares of trainings differ by sd .1 and by nothing else, 2 families against 3",
        partial(_outside, 2, 3),
        (gap,),
    )
    yield World(
        "families",
        f"3 families are truly .5 bit closer than 4, trainings differing by sd {NOISE}",
        partial(_paradigms, 3, 4, 0.5, 6, 1, 0.0),
        (replace(nearer, truth=HOLDS),),
    )
    for inside, outside in ((2, 2), (2, 5)):
        name = (
            f"three trainings each (sd {NOISE}), {inside} families against {outside} that differ by sd .2, ways do not"
        )
        yield World("families", name, partial(_paradigms, inside, outside, 0.0, 3, 3, 0.2), (nearer,))
    yield World(
        "families",
        f"three trainings each (sd {NOISE}), 3 families truly .7 bit closer than 4",
        partial(_paradigms, 3, 4, 0.7, 3, 3, 0.0),
        (replace(nearer, truth=HOLDS),),
    )


def _taught(name: str = "taught", **changes: object) -> ModelCard:
    return card(name, capabilities=EVERYTHING, taught={"drawing": "drawing", "text": "text"}, **changes)


def _shares(entries: Sequence[Entry]) -> Mapping[tuple[str, str, str], float]:
    """Lexicon, attribute and value -> share drawn right."""
    right: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for entry in entries:
        if entry.unit.kind == "draw" and entry.unit.inputs["task"] == "name":
            concept: Mapping[str, str] = entry.unit.inputs["concept"]  # type: ignore[assignment]
            shown: Mapping[str, str] = entry.grades["rules"].payload["values"]  # type: ignore[assignment]
            for attribute, value in concept.items():
                right[str(entry.unit.inputs["lexicon"]), attribute, value].append(shown[attribute] == value)
    return {word: float(np.mean(own)) for word, own in right.items()}


def _by_words(shared: float, strength: float, limit: int, seed: int) -> Sequence[Finding]:
    """Combinations have a difficulty for drawing and, apart from it, an entropy; words have a rate of their own."""
    rng = generator_for("planted mechanism", shared, strength, seed)
    own = _taught()
    spread = {"combination": 0.7 * shared**2 / (1 + shared**2), "word": 0.3 if not strength else 1.0}
    mind = Mind(evenly(0.0, drawing=0.6, text=0.2), {"likelihood": evenly(0.0, text=0.9)}, spread)
    outside = concepts.entries(mind, seed, limit=limit, of=own)
    shares = _shares(outside)
    shifts: dict[tuple[str, str], float] = {}
    for combination in load_split().held_out[:limit]:
        entropy = 0.5 * rng.standard_normal()
        for lexicon in LEXICONS:
            words = [shares.get((lexicon, a, value), 0.0) for a, value in combination.values.items()]
            shifts["text", words_id(lexicon, combination)] = entropy + strength * float(np.mean(words))
        shifts["image", picture_id(combination)] = 0.5 * rng.standard_normal()
    levels = Levels(prompt=0.2, of=lambda modality, name: shifts.get((modality, name), 0.0))
    left = {"concepts": outside, "encoding": encoded(levels, seed, of=own, limit=limit, data="world-words")}
    return mechanism(left, {own.reference: own})


def _checkpoints(seed: int) -> Sequence[Finding]:
    """Six checkpoints of one training: words are learned, and levels drift for reasons of their own."""
    rng = generator_for("planted checkpoints", seed)
    left: dict[str, list[Entry]] = {"concepts": [], "encoding": []}
    cards: dict[str, ModelCard] = {}
    drift = 0.0
    for index in range(6):
        own = replace(_taught("dose", bound_steps=20 * (index + 1), binding="one"), revision=f"r{index}")
        cards[own.reference] = own
        drift += 0.1 + 0.2 * rng.standard_normal()
        mind = Mind(evenly(0.0, drawing=0.1 + 0.16 * index), {"likelihood": evenly(0.0, text=0.9)})
        left["concepts"] += concepts.entries(mind, seed, limit=8, of=own, lexicons=frozenset((REAL, "drawing")))
        levels = Levels(text=4.0 + drift, prompt=0.2)
        left["encoding"] += encoded(levels, seed, of=own, limit=8, data="world-words")
    return mechanism(left, cards)


def _mechanism() -> Iterator[World]:
    words = Claim("the gap of a word goes with a measure of layers", "mechanism-.*-words-", FAILS)
    for shared in (0.0, 0.5, 1.0, 2.0):
        yield World(
            "mechanism",
            f"gaps and layers unrelated, combinations share a difficulty of sd {shared:g}, 8 combinations",
            partial(_by_words, shared, 0.0, 8),
            (words,),
        )
    yield World(
        "mechanism",
        "names of words drawn better have the higher entropy (4 bits for a gap of 1), 24 combinations",
        partial(_by_words, 0.0, 4.0, 24),
        (replace(words, truth=HOLDS),),
    )
    yield World(
        "mechanism",
        "six checkpoints of one training, gap and level drifting apart from each other",
        _checkpoints,
        (Claim("over models, the gap goes with a measure of layers", "mechanism-.*-models-", FAILS),),
    )
