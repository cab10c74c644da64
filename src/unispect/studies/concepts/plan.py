"""What is asked in the concepts study: {name, picture, description} -> {draw, tell}, for real words and four lexicons.

Drawings are asked for held-out combinations only. Telling is asked word by word, in three ways that need different
skills: the likelihood of each possible answer, lettered options, and a free reply. Protocol after arXiv 2510.21842,
without the weaknesses that facts/modal_aphasia.md section (i) lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unispect.core.cards import Capability, ModelCard
from unispect.core.errors import UsageError
from unispect.core.seeds import seed_for
from unispect.core.units import JSON, Plan, Skip, Unit
from unispect.data.concepts.language import (
    DESCRIBE,
    choice_question,
    description,
    draw_prompt,
    meaning_question,
    word_question,
)
from unispect.data.concepts.lexicons import LEXICONS, REAL, Lexicon
from unispect.data.concepts.render import MIN_SIZE
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.base import Options

STUDY = "concepts"
VERSION = 1

DRAW_TEMPERATURE = 1.0
RECALL_TOKENS = 48
DESCRIBE_TOKENS = 128
MIN_ORDERS = 5
"""Multiple choice is asked in at least this many orders of the options."""


@dataclass(frozen=True)
class Part:
    """One kind of unit: what it needs of a model, and how its units are made.

    Attributes:
        kind: the unit's kind.
        what: in words, for skips.
        needs: capabilities of the model.
        units: the units for one model, its lexicons, the concepts to draw, and the seeds.
    """

    kind: str
    what: str
    needs: tuple[Capability, ...]
    units: Callable[[_Asked], Iterator[Unit]]


@dataclass(frozen=True)
class _Asked:
    card: ModelCard
    lexicons: tuple[Lexicon, ...]
    concepts: tuple[Concept, ...]
    seeds: tuple[int, ...]

    def unit(self, kind: str, inputs: dict[str, JSON], settings: dict[str, JSON], seed: int = 0) -> Unit:
        return Unit(STUDY, VERSION, kind, self.card.reference, inputs, settings, seed)

    def words(self) -> Iterator[tuple[Lexicon, str, str, str]]:
        """Every word asked about: lexicon, attribute, value, word."""
        for lexicon in self.lexicons:
            for attribute in ATTRIBUTES:
                for value in VALUES[attribute]:
                    yield lexicon, attribute, value, lexicon.word(attribute, value)


def plan(card: ModelCard, options: Options) -> Plan:
    """All units in one stage; what the model cannot do or was never taught is skipped with the reason.

    Raises:
        UsageError: the options make no sense for this study.
    """
    data = (options.data,) if isinstance(options.data, str) else options.data or ()
    if any(name != "world" for name in data):
        raise UsageError(f"the concepts study knows one kind of data, 'world', not {', '.join(map(repr, data))}")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {options.limit}")
    names, skips = _lexicons(card)
    asked = _Asked(
        card,
        tuple(Lexicon(name) for name in names),
        load_split().held_out[: options.limit],
        tuple(dict.fromkeys(options.seeds)),
    )
    units: list[Unit] = []
    for part in PARTS:
        missing = [need for need in part.needs if need not in card.capabilities]
        if missing:
            skips.append(Skip(part.what, f"{card.id} cannot {' and '.join(missing)}"))
        else:
            units += part.units(asked)
    skips.append(Skip("picture -> drawing", "no prompt of this study asks for the copy of a picture"))
    return Plan((tuple(units),), tuple(skips))


def _lexicons(card: ModelCard) -> tuple[tuple[str, ...], list[Skip]]:
    """The lexicons a model is asked about; untaught ones serve as a control of those that were taught."""
    if card.taught:
        return (REAL, *LEXICONS), []
    reason = f"{card.id} was taught no invented words; it is asked about real words only"
    return (REAL,), [Skip(f"lexicons {', '.join(LEXICONS)}", reason)]


def _drawings(asked: _Asked) -> Iterator[Unit]:
    """By name in every lexicon, and from a full description in real words."""
    settings: dict[str, JSON] = {"temperature": DRAW_TEMPERATURE, "guidance": asked.card.defaults.get("guidance")}
    for seed in asked.seeds:
        for concept in asked.concepts:
            prompts = [("name", lexicon.name, draw_prompt(lexicon.words(concept))) for lexicon in asked.lexicons]
            for task, lexicon, prompt in [*prompts, ("description", REAL, description(concept.values))]:
                inputs: dict[str, JSON] = {
                    "task": task,
                    "lexicon": lexicon,
                    "concept": concept.values,
                    "prompt": prompt,
                }
                yield asked.unit("draw", inputs, settings, seed)


def _likelihoods(asked: _Asked) -> Iterator[Unit]:
    for lexicon, attribute, value, word in asked.words():
        inputs = _about(lexicon, attribute, value, word, meaning_question(word))
        yield asked.unit("likelihood", inputs | {"answers": list(VALUES[attribute])}, {})


def _choices(asked: _Asked) -> Iterator[Unit]:
    for lexicon, attribute, value, word in asked.words():
        orders = balanced_orders(VALUES[attribute], lexicon.name, word)
        inputs = _about(lexicon, attribute, value, word, choice_question(word, orders[0]))
        yield asked.unit("choice", inputs | {"orders": [list(order) for order in orders]}, {})


def _recalls(asked: _Asked) -> Iterator[Unit]:
    for lexicon, attribute, value, word in asked.words():
        inputs = _about(lexicon, attribute, value, word, meaning_question(word))
        yield asked.unit("recall", inputs, {"max_new_tokens": RECALL_TOKENS})


def _reversals(asked: _Asked) -> Iterator[Unit]:
    """Which word means a value; real words are left out, where the answer would be the question."""
    for lexicon, attribute, value, word in asked.words():
        if lexicon.name != REAL:
            answers = [lexicon.word(attribute, other) for other in VALUES[attribute]]
            inputs = _about(lexicon, attribute, value, word, word_question(value))
            yield asked.unit("reverse", inputs | {"answers": answers}, {})


def _descriptions(asked: _Asked) -> Iterator[Unit]:
    """Of true pictures, at the model's own size."""
    size = max(asked.card.image_size, MIN_SIZE)
    for concept in asked.concepts:
        inputs: dict[str, JSON] = {"concept": concept.values, "size": size, "prompt": DESCRIBE}
        yield asked.unit("describe", inputs, {"max_new_tokens": DESCRIBE_TOKENS})


def _about(lexicon: Lexicon, attribute: str, value: str, word: str, question: str) -> dict[str, JSON]:
    return {"lexicon": lexicon.name, "attribute": attribute, "value": value, "word": word, "question": question}


def balanced_orders(options: tuple[str, ...], *keys: str) -> tuple[tuple[str, ...], ...]:
    """At least `MIN_ORDERS` orders in which every option stands equally often at every letter.

    Rotations of shuffles; the shuffles depend on `keys` alone. With equally many places for each option, a preference
    for a letter favours no option on average.
    """
    orders: list[tuple[str, ...]] = []
    while len(orders) < MIN_ORDERS:
        square = len(orders)
        start = sorted(options, key=lambda option: seed_for("concepts choice", square, option, *keys))
        orders += [tuple(start[turn:] + start[:turn]) for turn in range(len(start))]
    return tuple(orders)


PARTS = (
    Part("draw", "name and description -> drawing", ("draw",), _drawings),
    Part("likelihood", "name -> telling, by likelihood", ("score",), _likelihoods),
    Part("choice", "name -> telling, by multiple choice", ("score",), _choices),
    Part("recall", "name -> telling, by free recall", ("write",), _recalls),
    Part("reverse", "meaning -> name, by likelihood", ("score",), _reversals),
    Part("describe", "picture -> telling", ("write", "see"), _descriptions),
)
