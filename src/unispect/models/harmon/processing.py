"""From prompts to tokens and pixels, as the authors' scripts do it.

Source: docs/sources/harmon.md#layout and #pictures. Text of a prompt can never become a special token, whatever it
says: special tokens are placed by this module alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.template import (
    Inputs,
    Piece,
    TextProcessor,
    content_of,
    ids_of,
    inputs_of,
    rgb,
    tokens_of,
)
from unispect.models.processing.tokenizer import load_tokenizer, token_id

DRAW = "Generate an image: "
DRAW_ANYTHING = "Generate an image."
_GREY = (127, 127, 127)


@dataclass(frozen=True)
class PictureFormat:
    """How a picture becomes pixels.

    Attributes:
        size: side of the square in pixels.
        pad: grey is added to make it square; otherwise it is squeezed.
    """

    size: int
    pad: bool = True

    def pixels(self, picture: Image.Image) -> Tensor:
        """Pixels [3, size, size] in -1..1."""
        picture = rgb(picture)
        side = max(picture.size)
        if self.pad and picture.width != picture.height:
            square = Image.new("RGB", (side, side), _GREY)
            square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
            picture = square
        values = np.asarray(picture.resize((self.size, self.size), Image.Resampling.BICUBIC), np.float32)
        return torch.from_numpy(2 * (values / np.float32(255)) - 1).permute(2, 0, 1)


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        start: opens a turn.
        end: closes a turn, and a reply.
        picture: how pictures in a prompt become pixels.
        picture_tokens: positions that the latents of one picture take.
        buffers: positions of the registers behind them.
    """

    start: int
    end: int
    picture: PictureFormat
    picture_tokens: int
    buffers: int

    @property
    def placeholder(self) -> int:
        """Stands for one position of a picture; no text has it. The authors add a token there."""
        return self.tokenizer.get_vocab_size()

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """See `inputs_of`. Pictures to be drawn anew are squeezed, those to be talked about are padded."""
        how = PictureFormat(self.picture.size, pad=self.picture.pad and goal is Goal.TEXT)
        return inputs_of(self.tokenizer, prompts, partial(self._pieces, goal=goal), how.pixels)

    def empty_ids(self) -> Tensor:
        """Token ids [length] of the unconditional branch of guidance, the same for every prompt."""
        pieces = self._turns([Piece(DRAW_ANYTHING, "template")])
        return ids_of(tokens_of(self.tokenizer, pieces))

    @property
    def closing(self) -> int:
        return self.end

    def _pieces(self, prompt: Prompt, goal: Goal) -> Iterator[Piece]:
        content = content_of(prompt)
        if goal is Goal.TEXT:
            yield from self._turns(list(self._seen(content, newline=True)))
        elif prompt.images:
            # What is drawn anew stands right behind the role, with no line of its own.
            yield from self._turns(list(self._seen(content, newline=False)))
        else:
            yield from self._turns([Piece(DRAW, "template"), *self._seen(content, newline=False)])

    def _turns(self, content: Sequence[Piece]) -> Iterator[Piece]:
        yield Piece("", "template", special=self.start)
        yield Piece("user\n", "template")
        yield from content
        yield Piece("", "template", special=self.end)
        yield Piece("\n", "template")
        yield Piece("", "template", special=self.start)
        yield Piece("assistant\n", "template")

    def _seen(self, parts: Sequence[str | Image.Image], *, newline: bool) -> Iterator[Piece]:
        for part, following in zip(parts, [*parts[1:], " "], strict=True):
            if isinstance(part, str):
                yield Piece(part, "prompt")
                continue
            place = self.placeholder
            yield Piece("", "prompt", "image", special=place, repeat=self.picture_tokens)
            yield Piece("", "template", "image", special=place, repeat=self.buffers)
            if newline and not (isinstance(following, str) and following[:1].isspace()):
                yield Piece("\n", "template")


def load_processor(checkpoint: Checkpoint, *, size: int, picture_tokens: int, buffers: int) -> Processor:
    """The processor of a checkpoint, whose files hold a tokenizer and nothing about pictures.

    Raises:
        CheckpointError: the tokenizer or one of its special tokens is missing.
    """
    tokenizer = load_tokenizer(checkpoint)
    start, end = (token_id(checkpoint, tokenizer, text, "Harmon") for text in ("<|im_start|>", "<|im_end|>"))
    return Processor(tokenizer, start, end, PictureFormat(size), picture_tokens, buffers)
