"""Riddles of the concept world: a drawing prompt in which one of the four values is said in a roundabout way.

What is said plainly beside it is what a model has to draw anyway, so that a picture with three right values and a
wrong one failed at the riddle and not at drawing. Rules solve every riddle exactly: its text fixes all four values.
The wordings are our own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from unispect.data.checklists import Hop
from unispect.data.concepts.language import LETTERS, draw_prompt
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept

PLAIN: Final = "plain"
"""The kind that says everything plainly: the control."""

MEANT: Mapping[str, str] = MappingProxyType(
    {
        "circle": "the shape of a wheel",
        "square": "the shape with four equal sides",
        "triangle": "the shape with three sides",
        "plus": "the sign for adding",
        "pentagon": "the shape with five equal sides",
        "hexagon": "the shape with six equal sides",
        "star": "what twinkles at night",
        "red": "the color of blood",
        "turquoise": "the color of a lagoon",
        "yellow": "the color of lemons",
        "green": "the color of grass",
        "blue": "the color of sapphires",
        "purple": "the color of plums",
        "solid": "the pattern of a bare wall",
        "striped": "the pattern of a zebra",
        "checkered": "the pattern of a chess board",
        "zigzag": "the pattern of a saw",
        "circles": "the pattern of bubbles",
        "top left": "the north west of a map",
        "top right": "the north east of a map",
        "bottom left": "the south west of a map",
        "bottom right": "the south east of a map",
    }
)
"""Value -> what is said for it in a riddle. None names a value."""

CORNERS: Mapping[str, int] = MappingProxyType({"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6})
"""The shapes that are known by how many corners they have."""


@dataclass(frozen=True)
class Riddle:
    """One prompt.

    Attributes:
        kind: of `KINDS`.
        text: what is to be drawn.
        concept: what that is.
        attribute: whose value is said in a roundabout way; empty where none is.
        candidates: values of that attribute between which somebody has to guess who reads the words and does not
            understand them: what is named, or else what this kind is ever about. The right one is among them.
    """

    kind: str
    text: str
    concept: Concept
    attribute: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Said:
    """A value said in a roundabout way: what stands in its place, what is added to the end, and `Riddle.candidates`."""

    phrase: str
    candidates: tuple[str, ...]
    closing: str = ""


@dataclass(frozen=True)
class Kind:
    """A way of saying a value.

    Attributes:
        hop: steps from the words to the value.
        say: `say(attribute, value, rng)`.
        values: attribute -> those of its values that can be said so.
    """

    hop: Hop
    say: Callable[[str, str, random.Random], _Said]
    values: Mapping[str, Sequence[str]]


def make_riddle(kind: str, concept: Concept, attribute: str, rng: random.Random) -> Riddle:
    """A riddle of a kind.

    Args:
        kind: of `KINDS`, or `PLAIN`.
        concept: what is to be drawn; its value of `attribute` is one of the kind's.
        attribute: whose value is said in a roundabout way; of no meaning where all is said plainly.
        rng: decides the wording.
    """
    if kind == PLAIN:
        return Riddle(kind, draw_prompt(concept.values), concept)
    value = concept.values[attribute]
    if value not in KINDS[kind].values[attribute]:
        raise ValueError(f"no riddle of kind {kind!r} says {value!r}")
    said = KINDS[kind].say(attribute, value, rng)
    words = {**concept.values, attribute: said.phrase}
    text = ", ".join([*(words[a] for a in ATTRIBUTES), *filter(None, [said.closing])])
    return Riddle(kind, text, concept, attribute, said.candidates)


def some_riddle(kind: str, concepts: Sequence[Concept], rng: random.Random) -> Riddle:
    """A riddle of a kind about any of some concepts: first the attribute, then one of its values, then the concept."""
    if kind == PLAIN:
        return make_riddle(kind, rng.choice(concepts), "", rng)
    attribute = rng.choice(list(KINDS[kind].values))
    value = rng.choice(KINDS[kind].values[attribute])
    return make_riddle(kind, rng.choice([c for c in concepts if c.values[attribute] == value]), attribute, rng)


def _meant(attribute: str, value: str, rng: random.Random) -> _Said:
    return _Said(MEANT[value], tuple(VALUES[attribute]))


def _not_the_others(attribute: str, value: str, rng: random.Random) -> _Said:
    """Two or three values, of which all but one are ruled out."""
    others = _others(attribute, value, rng.randint(1, 2), rng)
    named = rng.sample([value, *others], len(others) + 1)
    ruled_out = " and ".join(f"not {other}" for other in others)
    return _Said(f"{' or '.join(named)} but {ruled_out}", tuple(named))


def _counted(attribute: str, value: str, rng: random.Random) -> _Said:
    """As many colours as the shape has corners."""
    listed = rng.sample(VALUES["color"], CORNERS[value])
    return _Said(f"the shape with a corner for each of {' and '.join(listed)}", tuple(CORNERS))


def _defined(attribute: str, value: str, rng: random.Random) -> _Said:
    """A letter that means another letter that means the value, and the same of two other letters and another value."""
    (other,) = _others(attribute, value, 1, rng)
    first, second, third, fourth = rng.sample(LETTERS, 4)
    meanings = [(first, second), (second, value), (third, fourth), (fourth, other)]
    closing = " and ".join(f"{one} means {meant}" for one, meant in rng.sample(meanings, len(meanings)))
    return _Said(first, tuple(rng.sample([value, other], 2)), f"where {closing}")


def _others(attribute: str, value: str, count: int, rng: random.Random) -> list[str]:
    return rng.sample([other for other in VALUES[attribute] if other != value], count)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "riddle": Kind("1-hop", _meant, VALUES),
        "negation": Kind("1-hop", _not_the_others, VALUES),
        "counting": Kind("multi-hop", _counted, MappingProxyType({"shape": tuple(CORNERS)})),
        "two-hop": Kind("multi-hop", _defined, VALUES),
    }
)
"""The kinds of riddles; `PLAIN` is the control beside them."""
