"""What units, records and grades of the study hold, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.core.prompts import Goal
from unispect.studies.answers import DrawSettings, Prompted, Questioned

MOVED, REAL_WORD, ACROSS, NEVER_WORD, UNRELATED, RANDOM = (
    "moved",
    "real word",
    "real word, moved",
    "word never taught",
    "unrelated word, moved",
    "random",
)
"""Whose states are put into a run.

The same word's under the other goal; those of a real word of another value, under the same goal and under the other
one (denoising); those of a word that was never taught (noising); those of a word of another attribute under the other
goal, from a prompt that holds no other word of the run (specificity); and random rows as long as those of the first.
"""
WORD, TEMPLATE, LAST, TOGETHER = "word", "template behind it", "where the reply starts", "all of these"
PLACES = (WORD, TEMPLATE, LAST, TOGETHER)
"""Groups of positions: the tokens of the word; the template behind the user's text, but for its last row; the row from
which the reply is generated, which in a prompt for a picture is where the picture begins; and all of them at once,
since what follows a prompt reads its rows in every block, and one place alone leaves it the others.
"""
EVERYWHERE = "everywhere"
"""Every position of the prompt and of what follows it."""
UNPATCHED, IDENTITY = "unpatched", "identity"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run that states are taken from.

    Attributes:
        kind: of the names above.
        goal: that the prompt is encoded for.
        prompt: its text.
        word: of the prompt, at which states are taken.
        value: that the word stands for.
    """

    kind: str
    goal: Goal
    prompt: str
    word: str
    value: str


@dataclass(frozen=True, kw_only=True)
class AboutWord:
    """Inputs about one word.

    Attributes:
        lexicon: of the word.
        attribute: that it belongs to.
        value: that it stands for.
        word: itself.
    """

    lexicon: str
    attribute: str
    value: str
    word: str


@dataclass(frozen=True, kw_only=True)
class TellPatched(AboutWord, Questioned):
    """Inputs of `patch-tell`: a question about the word, and the runs whose states are put into it."""

    answers: Sequence[str]
    sources: Sequence[Source]


@dataclass(frozen=True, kw_only=True)
class DrawPatched(AboutWord, Prompted):
    """Inputs of `patch-draw`: a prompt that holds the word, and the runs whose states are put into it."""

    concept: Mapping[str, str]
    sources: Sequence[Source]


@dataclass(frozen=True, kw_only=True)
class Where:
    """Settings of telling: at most how many layers, evenly spread and with the first and the last, and which places."""

    most_layers: int
    places: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class DrawWhere(Where, DrawSettings):
    """Settings of drawing."""


@dataclass(frozen=True, kw_only=True)
class Patched:
    """What patching leaves.

    Attributes:
        layers: that were patched; 0 is the input of the first block.
        rows: kind -> place -> how many rows were replaced, counted from the last one of both runs.
        same: whether rows replaced by themselves, at all layers and places at once, changed nothing.
    """

    layers: Sequence[int]
    rows: Mapping[str, Mapping[str, int]]
    same: bool


@dataclass(frozen=True, kw_only=True)
class PatchedTelling(Patched):
    """What `patch-tell` leaves.

    Attributes:
        unpatched: the log-likelihood of each answer.
        told: kind -> place -> [layers][answers].
    """

    unpatched: Sequence[float]
    told: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A question about a word of another attribute, which is steered alike: what must not change.

    Attributes:
        attribute: that is asked about.
        value: that is right.
        word: that is asked about.
        question: about it.
        answers: to it.
    """

    attribute: str
    value: str
    word: str
    question: str
    answers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class TellSteered(AboutWord, Questioned):
    """Inputs of `steer-tell`: a question about a word, steered towards another value of its attribute."""

    towards: str
    answers: Sequence[str]
    beside: Beside


@dataclass(frozen=True, kw_only=True)
class DrawSteered(AboutWord, Prompted):
    """Inputs of `steer-draw`: a prompt that holds a word, steered towards another value of its attribute."""

    towards: str
    concept: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Dose(Where):
    """Settings of steering.

    Attributes:
        scales: of the directions, in their own lengths.
        origins: goals whose prompts give directions.
        combinations: of real words that directions of drawing come from.
    """

    scales: Sequence[float]
    origins: Sequence[str]
    combinations: int


@dataclass(frozen=True, kw_only=True)
class DrawDose(Dose, DrawSettings):
    """Settings of steering drawings."""


@dataclass(frozen=True, kw_only=True)
class SteeredTelling:
    """What `steer-tell` leaves.

    Attributes:
        layers: that were steered.
        unsteered: log-likelihoods of the answers, and of those beside.
        told: origin -> place -> [layers][scales][answers].
        random: the same along a random direction of the same length.
        beside: of the question beside, along the direction itself.
    """

    layers: Sequence[int]
    unsteered: Sequence[Sequence[float]]
    told: Mapping[str, Mapping[str, Sequence[Sequence[Sequence[float]]]]]
    random: Mapping[str, Mapping[str, Sequence[Sequence[Sequence[float]]]]]
    beside: Mapping[str, Mapping[str, Sequence[Sequence[Sequence[float]]]]]


@dataclass(frozen=True, kw_only=True)
class SteeredDrawing:
    """What `steer-draw` leaves beside its pictures: the layers that were steered."""

    layers: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A grade: name of a picture -> attribute -> value that it shows, None where it shows none clearly."""

    values: Mapping[str, Mapping[str, str | None]]


def picture_of(kind: str, place: str, layer: int) -> str:
    """The name of a patched picture."""
    return f"{kind}; {place}; {layer}"


def steered_picture(kind: str, origin: str, place: str, layer: int, scale: float) -> str:
    """The name of a steered picture; `kind` is "direction" or "random"."""
    return f"{kind}; {origin}; {place}; {layer}; {scale:g}"
