"""What goes into a model: prompts, goals, and the segments that label every position of an input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from unispect.core.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

Modality = Literal["text", "image"]
Role = Literal["template", "prompt", "response", "filler"]
"""`template`: fixed by the model's chat format; `prompt`: the user's content; `response`: the reply; `filler`:
slots that carry no content yet (mask tokens, unused places of a fixed-length input)."""


class Goal(StrEnum):
    """What the reply should be; it selects the model's understanding or its generation path."""

    TEXT = "text"
    IMAGE = "image"


@dataclass(frozen=True)
class Prompt:
    """Text and pictures in reading order.

    A picture is a PIL image in mode RGB. `Prompt.of` is the usual way to build one.
    """

    parts: tuple[str | Image, ...]

    @classmethod
    def of(cls, *parts: str | Image) -> Prompt:
        return cls(parts)

    @property
    def text(self) -> str:
        """The text parts, joined without a separator."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.parts if not isinstance(part, str))


def prompts_said(said: object) -> list[Prompt]:
    """One prompt or several, as people give them: a `Prompt`, a text, a picture, or a sequence of these.

    Raises:
        UsageError: something else is among them; says what.
    """
    from PIL.Image import Image

    several = [said] if isinstance(said, str | Prompt | Image) else said
    if not isinstance(several, Iterable):
        raise UsageError(f"a prompt is a Prompt, a text or a picture, not {type(said).__name__}")
    found = []
    for one in several:
        if not isinstance(one, str | Prompt | Image):
            raise UsageError(f"a prompt is a Prompt, a text or a picture, not {type(one).__name__}")
        found.append(one if isinstance(one, Prompt) else Prompt.of(one))
    return found


def goal_said(said: Goal | str) -> Goal:
    """The goal, or the one of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Goal(said)
    except ValueError:
        raise UsageError(f"a goal is {' or '.join(map(repr, map(str, Goal)))}, not {said!r}") from None


@dataclass(frozen=True)
class Segment:
    """Positions `start` to `stop` (exclusive) of one sample's own sequence, padding not counted."""

    start: int
    stop: int
    modality: Modality
    role: Role

    def __len__(self) -> int:
        return self.stop - self.start


def positions(segments: tuple[Segment, ...], *, modality: Modality | None = None, roles: tuple[Role, ...]) -> list[int]:
    """Positions whose segment has one of `roles` and, if given, `modality`, in order."""
    return [
        position
        for segment in segments
        if segment.role in roles and modality in (None, segment.modality)
        for position in range(segment.start, segment.stop)
    ]


def last_of_prompt(segments: tuple[Segment, ...]) -> int:
    """The last position of the prompt's own text."""
    return max(own.stop for own in segments if (own.modality, own.role) == ("text", "prompt")) - 1


def start_of_reply(segments: tuple[Segment, ...]) -> int:
    """The last position before the reply: where its first token is decided, or before the slots of a picture begin."""
    last = last_of_prompt(segments)
    canvas = next((own.start for own in segments if own.role == "filler" and own.start > last), segments[-1].stop)
    return canvas - 1


def kept_segments(segments: Iterable[Segment], kept: Sequence[bool]) -> tuple[Segment, ...]:
    """What positions are when only those that are `kept` [length] are left, without gaps."""
    found: list[Segment] = []
    stop = 0
    for segment in segments:
        count = sum(kept[segment.start : segment.stop])
        if count:
            found.append(Segment(stop, stop + count, segment.modality, segment.role))
            stop += count
    return tuple(found)
