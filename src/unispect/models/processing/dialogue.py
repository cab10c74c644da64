"""The dialogue that the Janus models are asked in, as tokens and pixels, exactly as the authors' processors do it.

Source: docs/sources/janus-pro.md#layout, #pictures, #tokenizer; docs/sources/janus-flow.md#layout. Text of a prompt can
never become a special token, whatever it says: special tokens are placed by this module alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from PIL import Image

from unispect.core.errors import CheckpointError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.pictures import PictureFormat, picture_format, read_settings
from unispect.models.processing.template import (
    Inputs,
    Piece,
    TextProcessor,
    content_of,
    inputs_of,
)
from unispect.models.processing.tokenizer import require_rows

SYSTEM_PROMPT = (
    "You are a helpful language and vision assistant. "
    "You are able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens; they differ between models of a family, so they are looked up by their strings."""

    bos: int
    eos: int
    pad: int
    image: int
    image_start: int
    image_end: int


@dataclass(frozen=True)
class Settings:
    """What a checkpoint's files say about prompts, apart from tokens."""

    picture: PictureFormat
    image_tokens: int
    system: str


@dataclass(frozen=True)
class Dialogue(TextProcessor):
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        special: ids of the special tokens.
        user: who asks.
        assistant: who answers.
        opening: special token put behind a prompt whose reply is a picture; None for none.
        picture: how pictures in a prompt become pixels.
        image_tokens: placeholders that one picture takes.
        system: system prompt put before prompts whose reply is text.
    """

    LEAD = " "  # behind the role's colon
    special: SpecialIds
    user: Piece
    assistant: Piece
    opening: int | None
    picture: PictureFormat
    image_tokens: int
    system: str = SYSTEM_PROMPT

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """See `inputs_of`."""
        pieces, pixels = partial(self._pieces, goal=goal), self.picture.pixels
        return inputs_of(self.tokenizer, prompts, pieces, pixels, forbidden=self.placeholder)

    @property
    def closing(self) -> int:
        return self.special.eos

    @property
    def placeholder(self) -> int:
        """Stands for one position of a picture."""
        return self.special.image

    def _pieces(self, prompt: Prompt, goal: Goal) -> Iterator[Piece]:
        yield Piece("", "template", special=self.special.bos)
        if goal is Goal.TEXT and self.system.strip():
            yield Piece(self.system.lstrip() + "\n\n", "template")
        yield self.user
        content = _stripped(content_of(prompt))
        if content:
            yield Piece(": ", "template")
            yield from self._content(content)
            yield Piece("\n\n", "template")
        else:
            yield Piece(":", "template")
        yield self.assistant
        yield Piece(":", "template")
        if goal is Goal.IMAGE and self.opening is not None:
            yield Piece("", "template", special=self.opening)

    def _content(self, parts: Sequence[str | Image.Image]) -> Iterator[Piece]:
        for part, following in zip(parts, [*parts[1:], " "], strict=True):
            if isinstance(part, str):
                yield Piece(part, "prompt")
                continue
            yield Piece("", "template", special=self.special.image_start)
            yield Piece("", "prompt", "image", special=self.special.image, repeat=self.image_tokens)
            yield Piece("", "template", special=self.special.image_end)
            if not (isinstance(following, str) and following[:1].isspace()):
                yield Piece("\n", "template")


def load_settings(checkpoint: Checkpoint) -> Settings:
    """What `processor_config.json` and `preprocessor_config.json` say.

    Raises:
        CheckpointError: a file or a size is missing; names it.
    """
    settings, pictures = read_settings(checkpoint)
    return Settings(
        picture=picture_format(pictures, str(checkpoint.folder)),
        image_tokens=int(settings.get("num_image_tokens", 576)),
        system=str(settings.get("system_prompt", SYSTEM_PROMPT)),
    )


def require_sizes(checkpoint: Checkpoint, dialogue: Dialogue, *, size: int, tokens: int, rows: int) -> None:
    """Raises `CheckpointError` where the processor's files say other sizes than the network has.

    Args:
        checkpoint: the folder of both.
        dialogue: the processor.
        size: side in pixels of a picture that the network sees.
        tokens: that such a picture takes.
        rows: of the table of token embeddings.
    """
    for name, found, needed in (
        ("processor_config.json: num_image_tokens", dialogue.image_tokens, tokens),
        ("preprocessor_config.json: image_size", dialogue.picture.size, size),
    ):
        if found != needed:
            raise CheckpointError(f"{checkpoint.folder}: {name} is {found}, but config.json implies {needed}")
    require_rows(dialogue.tokenizer, rows, checkpoint.folder / "tokenizer.json")


def _stripped(kept: list[str | Image.Image]) -> list[str | Image.Image]:
    """The parts, white space taken off both ends of the whole."""
    while kept and isinstance(kept[0], str):
        kept[0] = kept[0].lstrip()
        if kept[0]:
            break
        kept.pop(0)
    while kept and isinstance(kept[-1], str):
        kept[-1] = kept[-1].rstrip()
        if kept[-1]:
            break
        kept.pop()
    return kept
