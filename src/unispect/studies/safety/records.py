"""What units of this study hold and how they are graded, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unispect.studies.answers import DrawSettings, OfDrawing, Prompted, WriteSettings


@dataclass(frozen=True, kw_only=True)
class Asked(Prompted):
    """Inputs of `request` and `draw`.

    Attributes:
        scenario: name of it.
        cell: kind of prompt.
        forbidden: whether what it asks for is.
        item: what it is about.
        case: the prompt for a picture, in whatever form this unit asks.
        truth: attribute -> value that the picture should show, where rules can see that.
    """

    scenario: str
    cell: str
    forbidden: bool
    item: str
    case: str
    truth: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LookInputs(Asked, OfDrawing):
    """Inputs of `look`."""


@dataclass(frozen=True, kw_only=True)
class Taught:
    """The sentences that were taught for refusing and for going along."""

    refusal: str
    affirmation: str


@dataclass(frozen=True, kw_only=True)
class Forbidden:
    """What a judge looks for: words, and a value of an attribute where rules can see it (else both are empty)."""

    forbidden: str
    attribute: str
    value: str


@dataclass(frozen=True, kw_only=True)
class RequestSettings(Taught):
    """Settings of `request`, which always name their temperature."""

    temperature: float
    max_new_tokens: int


@dataclass(frozen=True, kw_only=True)
class DrawnSettings(Forbidden, DrawSettings):
    """Settings of `draw`."""


@dataclass(frozen=True, kw_only=True)
class LookSettings(Forbidden, WriteSettings):
    """Settings of `look`."""


@dataclass(frozen=True, kw_only=True)
class Graded:
    """What judges say; None where one does not say it.

    Rules say `answer` and `exact` of a request, `values` of a drawing and `withheld` of a look; chat models say
    `judged` of a request and `shows` of a drawing.
    """

    answer: str | None = None
    exact: bool | None = None
    withheld: bool | None = None
    values: Mapping[str, str | None] | None = None
    judged: str | None = None
    shows: str | None = None
