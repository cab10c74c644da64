"""What units of the parts beyond the battery hold, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.studies.answers import OfDrawing, Prompted, Questioned
from unispect.studies.aphasia.records import Describable


@dataclass(frozen=True, kw_only=True)
class TruePicture:
    """Inputs that hold a picture of the world: what it shows, and its side in pixels."""

    concept: Mapping[str, str]
    size: int


@dataclass(frozen=True, kw_only=True)
class DescribeInputs(Prompted, TruePicture):
    """Inputs of `describe`."""


@dataclass(frozen=True, kw_only=True)
class Combination(Describable):
    """Inputs about a combination in the words of a lexicon."""

    lexicon: str


@dataclass(frozen=True, kw_only=True)
class RelookInputs(Combination, OfDrawing, Prompted):
    """Inputs of `relook`."""


@dataclass(frozen=True, kw_only=True)
class AskedInRows:
    """Several questions, each with its answers."""

    questions: Sequence[str]
    answers: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class LookInputs(AskedInRows, Combination, OfDrawing):
    """Inputs of `look`: a question per attribute."""

    words: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class CalledInputs(AskedInRows, Combination):
    """Inputs of `called`: a question per attribute, all by the name of the picture."""

    word: str


@dataclass(frozen=True, kw_only=True)
class Answerable(Questioned):
    """A question with answers to be scored."""

    answers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RecogniseInputs(Answerable, TruePicture):
    """Inputs of `recognise`; `answers` stand in the order of `values`."""

    lexicon: str
    attribute: str
    values: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PaperAskInputs(Questioned):
    """Inputs of `paper-ask`; `key` is the right letter."""

    lexicon: str
    attribute: str
    value: str
    invented: bool
    options: Sequence[str]
    key: str


@dataclass(frozen=True, kw_only=True)
class PaperDrawInputs(Prompted):
    """Inputs of `paper-draw`; `part` of the split."""

    part: str
    lexicon: str
    concept: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RetainInputs(Answerable):
    """Inputs of `retain`, and of `retain-seen` with the picture that is shown."""

    what: str
    concept: Mapping[str, str] | None = None
    size: int | None = None
