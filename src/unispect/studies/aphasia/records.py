"""What units, records and grades of words drawn and told hold, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.studies.answers import Questioned


@dataclass(frozen=True, kw_only=True)
class DrawInputs:
    """Inputs of `draw`.

    Attributes:
        task: how it was asked for.
        lexicon: of the words in the prompt.
        concept: attribute -> value that the picture is to show.
        item: who or what it is of, where that has a name of its own.
        order: of the attributes in the prompt, where it is not the usual one.
        drawn: whether it is asked for in our own style, which rules can read; None where that is always so.
    """

    task: str
    lexicon: str
    concept: Mapping[str, str]
    prompt: str
    item: str = ""
    order: Sequence[str] = ()
    drawn: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Describable:
    """Inputs of `describe` and of what is asked about a combination."""

    concept: Mapping[str, str]
    item: str = ""


@dataclass(frozen=True, kw_only=True)
class WordInputs(Questioned):
    """Inputs of a question about one word; of `recall`."""

    lexicon: str
    attribute: str
    value: str
    word: str
    item: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoredInputs(WordInputs):
    """Inputs of a question whose answers are scored: `likelihood`, `reverse`."""

    answers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class OrderedInputs(WordInputs):
    """Inputs of a question with lettered options in several orders: `choice`."""

    orders: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Values:
    """What a picture or a description shows: attribute -> value, None where nothing is shown or said clearly."""

    values: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Value:
    """What a free reply says; None if it names no value or several."""

    value: str | None
