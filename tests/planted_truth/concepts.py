"""Records of models of the concept world whose words are drawn and told at planted rates.

Units are the study's own plan; what answers them is drawn by planted rates, and what a judge saw is planted too.
Rates are chance-corrected: a word that is not known is guessed evenly among the values of its attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from unispect.core.cards import ModelCard
from unispect.core.seeds import generator_for
from unispect.core.units import Entry, Grade, Record, Unit
from unispect.data.concepts.lexicons import LEXICONS, REAL
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.base import Options
from unispect.studies.concepts.plan import plan

Rate = float | Mapping[str, float]
"""Of all attributes, or of each."""
Rates = Mapping[str, Rate]
"""Lexicon -> rate."""
Seen = NDArray[np.int64]
"""[pictures, attributes]: places of values among those of their attribute."""
Floats = NDArray[np.float64]

TAUGHT = {"drawing": "drawing", "text": "text", "both": "both"}
COUNTS = np.array([len(VALUES[attribute]) for attribute in ATTRIBUTES])
KINDS = ("likelihood", "choice", "recall")
"""Ways of telling that are planted apart; the reverse direction and what comes beside it follow the first."""


def card(name: str = "fake", **changes: object) -> ModelCard:
    """A model that can do everything this study asks."""
    base = ModelCard(
        name, "fake", "none", None, 64, 64, capabilities=frozenset({"write", "draw", "score", "see"}), taught=TAUGHT
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def evenly(rate: Rate, **others: Rate) -> Rates:
    """The same rate for every lexicon but the named ones; real words are mastered."""
    return {**dict.fromkeys(LEXICONS, rate), REAL: 1.0, **others}


def raw(share: float) -> Rate:
    """The chance-corrected rates that make this share right, whatever the attribute."""
    return {a: (share - 1 / len(VALUES[a])) / (1 - 1 / len(VALUES[a])) for a in ATTRIBUTES}


@dataclass(frozen=True)
class Mind:
    """What a planted model knows.

    Attributes:
        draws: rates of drawing by name.
        tells: way of telling -> rates; a way that is missing is told as by likelihood.
        spread: what fails together -> its share of the variance (of a latent normal value whose threshold is the
            rate): "word", "combination", "picture"; the rest is each attribute's own.
        sees: rate of describing pictures.
        letter: multiple choice is answered by always the same letter.
        memorises: it draws the nearest combination it learned from.
        misread: share of attributes of a drawing that the judge gets wrong.
        biased: where it gets them wrong, it sees the attribute's first value; otherwise any other.
        text: nats per word that texts cost.
    """

    draws: Rates
    tells: Mapping[str, Rates]
    spread: Mapping[str, float] = field(default_factory=dict)
    sees: Rate = 1.0
    letter: bool = False
    memorises: bool = False
    misread: float = 0.0
    biased: bool = False
    text: float = 1.0


@dataclass(frozen=True)
class Asked:
    """Units that pictures are drawn for, as arrays.

    Attributes:
        units: in order.
        truth: places of the values asked for.
        lexicons: of every unit.
        groups: what fails together -> its number [pictures, attributes].
    """

    units: tuple[Unit, ...]
    truth: Seen
    lexicons: tuple[str, ...]
    groups: Mapping[str, Seen]


@cache
def planned(
    own: str,
    taught: tuple[tuple[str, str], ...],
    limit: int,
    seeds: tuple[int, ...],
    parts: tuple[str, ...],
    lexicons: frozenset[str],
) -> tuple[Mapping[str, tuple[Unit, ...]], Asked, Asked]:
    """Units by kind, and those for drawings and for descriptions as arrays."""
    kinds: dict[str, list[Unit]] = {}
    options = Options(limit=limit, seeds=seeds, parts=parts)
    for unit in plan(card(own, taught=dict(taught)), options).units:
        if unit.inputs.get("lexicon", REAL) not in lexicons:
            continue
        kinds.setdefault(unit.kind, []).append(unit)
    by_kind = {kind: tuple(units) for kind, units in kinds.items()}
    return by_kind, _asked(by_kind.get("draw", ())), _asked(by_kind.get("describe", ()))


def entries(
    mind: Mind,
    seed: int,
    *,
    limit: int = 24,
    seeds: tuple[int, ...] = (0, 1, 2),
    of: ModelCard | None = None,
    parts: tuple[str, ...] = (),
    lexicons: frozenset[str] = frozenset((REAL, *LEXICONS)),
) -> list[Entry]:
    """What a planted model leaves when the study is run on it, graded; of some lexicons only, to save time."""
    model = of or card()
    rng = generator_for("planted concepts", model.id, seed)
    taught = tuple(sorted(model.taught.items()))
    kinds, drawn, described = planned(model.reference, taught, limit, seeds, parts, lexicons)
    found: list[Entry] = []
    if drawn.units:
        found += _graded(drawn.units, _read(mind, _drawn(mind, drawn, rng), rng))
    if described.units:
        found += _graded(described.units, _shown(described, _rates(described, {REAL: mind.sees}), {}, rng))
    for kind, units in kinds.items():
        if kind in _ANSWERS:
            found += _ANSWERS[kind](mind, units, rng)
    return found


def _asked(units: Sequence[Unit]) -> Asked:
    truth = np.array([[VALUES[a].index(unit.inputs["concept"][a]) for a in ATTRIBUTES] for unit in units], int)  # type: ignore[index,call-overload]
    lexicons = tuple(str(unit.inputs.get("lexicon", REAL)) for unit in units)
    columns = range(len(ATTRIBUTES))
    keys: Mapping[str, Callable[[int, int], object]] = {
        "word": lambda row, column: (lexicons[row], column, truth[row, column]),
        "combination": lambda row, column: (lexicons[row], tuple(truth[row])),
        "picture": lambda row, column: row,
        "each": lambda row, column: (row, column),
    }
    groups = {}
    for name, key in keys.items():
        numbers: dict[object, int] = {}
        table = [
            [numbers.setdefault(key(row, column), len(numbers)) for column in columns] for row in range(len(units))
        ]
        groups[name] = np.array(table, int).reshape(len(units), len(ATTRIBUTES))
    return Asked(tuple(units), truth.reshape(len(units), len(ATTRIBUTES)), lexicons, groups)


def _rates(asked: Asked, rates: Rates) -> Floats:
    found = {name: [rate if isinstance(rate, float) else rate[a] for a in ATTRIBUTES] for name, rate in rates.items()}
    return np.array([found[name] for name in asked.lexicons])


def _shown(asked: Asked, rates: Floats, spread: Mapping[str, float], rng: np.random.Generator) -> Seen:
    """What is shown where every attribute is known at its rate and guessed otherwise."""
    weights = {**spread, "each": 1 - sum(spread.values())}
    latent = sum(
        np.sqrt(weight) * rng.standard_normal(asked.groups[name].max() + 1)[asked.groups[name]]
        for name, weight in weights.items()
        if weight > 0
    )
    with np.errstate(divide="ignore"):
        known = latent < norm.ppf(rates)
    guessed = rng.integers(0, COUNTS, size=asked.truth.shape)
    return np.where(known, asked.truth, guessed)


def _drawn(mind: Mind, asked: Asked, rng: np.random.Generator) -> Seen:
    shown = _shown(asked, _rates(asked, mind.draws), mind.spread, rng)
    if mind.memorises:
        places = [row for row, name in enumerate(asked.lexicons) if name != REAL and mind.draws[name] == 1.0]
        for row in places:
            near = _nearest(tuple(asked.truth[row].tolist()))
            shown[row] = near[rng.integers(len(near))]
    return shown


@cache
def _nearest(asked: tuple[int, ...]) -> Seen:
    """The combinations learned from that share the most values with this one."""
    learned = _learned()
    shared = (learned == np.array(asked)).sum(axis=1)
    return learned[shared == shared.max()]


@cache
def _learned() -> Seen:
    def places(concept: Concept) -> list[int]:
        return [VALUES[a].index(value) for a, value in concept.values.items()]

    return np.array([places(concept) for concept in load_split().train])


def _read(mind: Mind, shown: Seen, rng: np.random.Generator) -> Seen:
    """What the judge makes of it."""
    if not mind.misread:
        return shown
    missed = rng.uniform(size=shown.shape) < mind.misread
    other = (shown + rng.integers(1, COUNTS, size=shown.shape)) % COUNTS
    return np.where(missed, 0 if mind.biased else other, shown)


def _graded(units: Sequence[Unit], shown: Seen) -> list[Entry]:
    names = [VALUES[attribute] for attribute in ATTRIBUTES]
    found = []
    for unit, row in zip(units, shown.tolist(), strict=True):
        values = {a: own[place] for a, own, place in zip(ATTRIBUTES, names, row, strict=True)}
        grade = Grade(unit.id, "rules", {"values": values})
        record = Record(unit.id, {"text": ""}, blobs={"picture": "0" * 64})
        found.append(Entry(unit, record, {"rules": grade}))
    return found


def _known(mind: Mind, way: str, units: Sequence[Unit], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which words are known in one way of telling."""
    rates = mind.tells.get(way, mind.tells["likelihood"])
    found = []
    for unit in units:
        rate = rates[str(unit.inputs["lexicon"])]
        found.append(rate if isinstance(rate, float) else rate[str(unit.inputs["attribute"])])
    return rng.uniform(size=len(units)) < np.array(found)


def _likeliest(mind: Mind, units: Sequence[Unit], rng: np.random.Generator, right: str = "value") -> list[Entry]:
    known = _known(mind, "likelihood", units, rng)
    found = []
    for unit, knows in zip(units, known, strict=True):
        answers: list[str] = list(unit.inputs["answers"])  # type: ignore[arg-type]
        scores = rng.normal(-5, 1, len(answers))
        if knows:
            scores[answers.index(str(unit.inputs[right]))] = 0.0
        found.append(Entry(unit, Record(unit.id, {"scores": scores.tolist()})))
    return found


def _chosen(mind: Mind, units: Sequence[Unit], rng: np.random.Generator) -> list[Entry]:
    known = _known(mind, "choice", units, rng)
    found = []
    for unit, knows in zip(units, known, strict=True):
        orders: list[list[str]] = unit.inputs["orders"]  # type: ignore[assignment]
        if mind.letter:
            scores = [[0.0] + [-5.0] * (len(order) - 1) for order in orders]
        else:
            own = dict(zip(orders[0], rng.normal(-5, 1, len(orders[0])).tolist(), strict=True))
            if knows:
                own[str(unit.inputs["value"])] = 0.0
            scores = [[own[option] for option in order] for order in orders]
        found.append(Entry(unit, Record(unit.id, {"scores": scores})))
    return found


def _recalled(mind: Mind, units: Sequence[Unit], rng: np.random.Generator) -> list[Entry]:
    known = _known(mind, "recall", units, rng)
    found = []
    for unit, knows in zip(units, known, strict=True):
        options = VALUES[str(unit.inputs["attribute"])]
        said = str(unit.inputs["value"]) if knows else options[rng.integers(len(options))]
        grade = Grade(unit.id, "rules", {"value": said})
        found.append(Entry(unit, Record(unit.id, {"text": said}), {"rules": grade}))
    return found


def _kept(mind: Mind, units: Sequence[Unit], rng: np.random.Generator) -> list[Entry]:
    """Texts that cost a little more or less each, of equal difficulty in every model."""
    found = []
    for unit in units:
        (answer,) = unit.inputs["answers"]  # type: ignore[misc]
        own = generator_for("planted text", str(unit.inputs["question"]), str(answer)).normal(0, 0.3)
        nats = len(str(answer).split()) * max(0.05, mind.text + own + rng.normal(0, 0.05))
        found.append(Entry(unit, Record(unit.id, {"scores": [-nats]})))
    return found


_ANSWERS: Mapping[str, Callable[[Mind, Sequence[Unit], np.random.Generator], list[Entry]]] = {
    "likelihood": _likeliest,
    "reverse": lambda mind, units, rng: _likeliest(mind, units, rng, "word"),
    "choice": _chosen,
    "recall": _recalled,
    "retain": _kept,
    "retain-seen": _kept,
}
