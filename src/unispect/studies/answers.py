"""What studies that ask a model unit by unit have in common, as it stands in their units and records (see `asking`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.encoded import Cut


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """Inputs with a prompt in words."""

    prompt: str


@dataclass(frozen=True, kw_only=True)
class Questioned:
    """Inputs with a question."""

    question: str


@dataclass(frozen=True, kw_only=True)
class OfDrawing:
    """Inputs about what the model drew: `drawing` is the unit that drew it."""

    drawing: str


@dataclass(frozen=True, kw_only=True)
class DrawSettings:
    """How a picture is sampled; None for the model's own."""

    guidance: float | None
    temperature: float | None


@dataclass(frozen=True, kw_only=True)
class WriteSettings:
    """How a text is sampled."""

    max_new_tokens: int
    temperature: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """The text of a record."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Written(Said):
    """What is left of a text that was written.

    Attributes:
        finished: whether it came to an end; not where the model never came to an answer.
        refused: what a provider said who refused.
        thoughts: what the model said to itself first.
        cut: what of the prompt was not read.
        log_probabilities: of the tokens written, thoughts included, where a provider was asked for them and sent them.
    """

    finished: bool
    refused: str = ""
    thoughts: str = ""
    cut: Cut | None = None
    log_probabilities: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The log-likelihood of each answer."""

    scores: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class ScoreRows:
    """The log-likelihoods of each answer, question by question (or order by order)."""

    scores: Sequence[Sequence[float]]
