"""What is asked in the faces study: {name, picture, description} -> {draw, tell}, for people whose names say nothing.

Protocol after arXiv 2510.21842 (docs/sources/modal-aphasia.md#faces): a name is drawn, and apart from that each
attribute of the one who bears it is asked about. The control asks the same of somebody described in the same breath.
Names that are held out from teaching are asked about as well; nothing can be known of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from unispect.core.cards import Capability, ModelCard
from unispect.core.seeds import seed_for
from unispect.core.typed import to_json
from unispect.core.units import JSON, Plan, Skip, Unit
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.language import (
    DESCRIBE,
    IN_PICTURE,
    described_question,
    description,
    draw_prompt,
    question,
    who_question,
)
from unispect.data.faces.people import STRANGERS
from unispect.data.faces.world import ATTRIBUTES, VALUES
from unispect.studies.aphasia.options import balanced_orders
from unispect.studies.aphasia.records import DrawInputs, OrderedInputs, ScoredInputs, WordInputs
from unispect.studies.base import Options
from unispect.studies.faces import study
from unispect.studies.faces.items import Crowd, Somebody, crowd
from unispect.studies.faces.records import DescribeInputs, LookInputs

STUDY, VERSION = study.name, study.version

DRAW_TEMPERATURE = 1.0
RECALL_TOKENS = 32
DESCRIBE_TOKENS = 128
NAMES = 6
"""Names to choose from where it is asked who has a value."""


@dataclass(frozen=True)
class Part:
    """One kind of unit: what it needs of a model, and how its units are made."""

    kind: str
    what: str
    needs: tuple[Capability, ...]
    units: Callable[[_Asked], Iterator[Unit]]


@dataclass(frozen=True)
class _Asked:
    card: ModelCard
    crowd: Crowd
    seeds: tuple[int, ...]

    def unit(
        self,
        kind: str,
        inputs: object,
        settings: dict[str, JSON],
        seed: int = 0,
        locations: Mapping[str, JSON] | None = None,
    ) -> Unit:
        return Unit(STUDY, VERSION, kind, self.card.reference, to_json(inputs), settings, seed, locations or {})

    @property
    def described(self) -> tuple[Somebody, ...]:
        """Who is described: the held-out ones, where there are any, else everybody."""
        return self.crowd.of(STRANGERS) or self.crowd.everybody


def plan(card: ModelCard, options: Options) -> Plan:
    """All units in one stage; what the model cannot do is skipped with the reason.

    Raises:
        UsageError: the options make no sense for this study.
        DataError: a folder of photographs cannot be used.
    """
    everybody = crowd(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
    asked = _Asked(card, everybody, tuple(dict.fromkeys(options.seeds)))
    units: list[Unit] = []
    skips: list[Skip] = []
    for part in PARTS:
        missing = [need for need in part.needs if need not in card.capabilities]
        if missing:
            skips.append(Skip(part.what, f"{card.id} cannot {' and '.join(missing)}"))
        else:
            units += part.units(asked)
    skips.append(Skip("picture -> drawing", "no prompt of this study asks for the copy of a picture"))
    return Plan((tuple(units),), tuple(skips))


def _drawings(asked: _Asked) -> Iterator[Unit]:
    """Everybody by name, and some from a full description."""
    settings: dict[str, JSON] = {"temperature": DRAW_TEMPERATURE, "guidance": asked.card.defaults.get("guidance")}
    for seed in asked.seeds:
        prompts = [("name", one.lexicon, one, draw_prompt(one.name)) for one in asked.crowd.everybody]
        prompts += [("description", REAL, one, description(one.face)) for one in asked.described]
        for task, lexicon, one, prompt in prompts:
            inputs = DrawInputs(
                task=task,
                lexicon=lexicon,
                item=one.id,
                concept=one.face.values,
                prompt=prompt,
                drawn=asked.crowd.drawn,
            )
            yield asked.unit("draw", inputs, settings, seed)


def _questions(asked: _Asked) -> Iterator[tuple[Somebody, str, dict[str, str]]]:
    """Each attribute of everybody by name, and of some by description."""
    for one in asked.crowd.everybody:
        for attribute in ATTRIBUTES:
            yield one, attribute, _about(one, one.lexicon, attribute, one.name, question(attribute, one.name))
    for one in asked.described:
        for attribute in ATTRIBUTES:
            asks = described_question(attribute, one.face)
            yield one, attribute, _about(one, REAL, attribute, description(one.face), asks)


def _likelihoods(asked: _Asked) -> Iterator[Unit]:
    for _, attribute, inputs in _questions(asked):
        yield asked.unit("likelihood", ScoredInputs(**inputs, answers=list(VALUES[attribute])), {})


def _choices(asked: _Asked) -> Iterator[Unit]:
    for one, attribute, inputs in _questions(asked):
        orders = balanced_orders(VALUES[attribute], "faces", one.name, attribute)
        yield asked.unit("choice", OrderedInputs(**inputs, orders=[list(order) for order in orders]), {})


def _recalls(asked: _Asked) -> Iterator[Unit]:
    for _, _, inputs in _questions(asked):
        yield asked.unit("recall", WordInputs(**inputs), {"max_new_tokens": RECALL_TOKENS})


def _reversals(asked: _Asked) -> Iterator[Unit]:
    """Who of `NAMES` has a value; the others have another one and are of the same part."""
    for one in asked.crowd.everybody:
        for attribute in ATTRIBUTES:
            value = one.face.values[attribute]
            others = [o for o in asked.crowd.of(one.lexicon) if o.face.values[attribute] != value]
            if len(others) < NAMES - 1:
                continue
            others.sort(key=lambda other, a=attribute, o=one: seed_for("faces who", o.id, a, other.id))
            names = sorted((one.name, *(other.name for other in others[: NAMES - 1])))
            inputs = _about(one, one.lexicon, attribute, one.name, who_question(attribute, value))
            yield asked.unit("reverse", ScoredInputs(**inputs, answers=names), {})


def _descriptions(asked: _Asked) -> Iterator[Unit]:
    """Of true pictures, in free words."""
    for one in asked.described:
        inputs = DescribeInputs(item=one.id, concept=one.face.values, picture=one.picture, prompt=DESCRIBE)
        yield asked.unit("describe", inputs, {"max_new_tokens": DESCRIBE_TOKENS}, locations=one.locations)


def _looks(asked: _Asked) -> Iterator[Unit]:
    """Each attribute of a true picture, by likelihood."""
    for one in asked.described:
        for attribute in ATTRIBUTES:
            inputs = _about(one, REAL, attribute, "", question(attribute, IN_PICTURE))
            look = LookInputs(**inputs, picture=one.picture, answers=list(VALUES[attribute]))
            yield asked.unit("look", look, {}, locations=one.locations)


def _about(one: Somebody, lexicon: str, attribute: str, word: str, asks: str) -> dict[str, str]:
    value = one.face.values[attribute]
    return {
        "lexicon": lexicon,
        "item": one.id,
        "attribute": attribute,
        "value": value,
        "word": word,
        "question": asks,
    }


PARTS = (
    Part("draw", "name and description -> drawing", ("draw",), _drawings),
    Part("likelihood", "name and description -> telling, by likelihood", ("score",), _likelihoods),
    Part("choice", "name and description -> telling, by multiple choice", ("score",), _choices),
    Part("recall", "name and description -> telling, by free recall", ("write",), _recalls),
    Part("reverse", "attribute -> who, by likelihood", ("score",), _reversals),
    Part("describe", "picture -> telling, in free words", ("write", "see"), _descriptions),
    Part("look", "picture -> telling, by likelihood", ("score", "see"), _looks),
)
