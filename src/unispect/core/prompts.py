"""What goes into a model: prompts, goals, and the segments that label every position of an input."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

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
