"""From prompts to tokens and pixels, as the authors' scripts do it.

Source: docs/sources/show-o2.md#tokens, #layout, #pictures. Text of a prompt can never become a special token, whatever
it says: special tokens are placed by this module alone.

Text that stands alone in a prompt, for which there is no script, takes Qwen2.5's own dialogue. With pictures the turn
of the user is not closed, as in the authors' script; here there may be several, and text before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.processing.template import (
    QWEN,
    Piece,
    QwenIds,
    TextProcessor,
    content_of,
    ids_of,
    require_prompts,
    segments_of,
    stacked,
    tokens_of,
)
from unispect.models.processing.tokenizer import add_missing, load_tokenizer, token_id

ADDED = ("[PAD]", "<image>", "<|vid_start|>", "<|vid_end|>")
"""What the authors add to the tokenizer, in this order; the last ids of the vocabulary."""
SYSTEM = "system\nYou are a helpful assistant."


@dataclass(frozen=True)
class SpecialIds(QwenIds):
    """Ids of the special tokens, looked up by their strings."""

    image_pad: int
    pad: int


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        ids: for every sample its token ids [length]; a picture takes as many placeholder ids as it has positions, and
            one more in front for the time.
        pictures: for every sample, where the time of each picture stands that is shown in it.
        pixels: all pictures of the batch in reading order [pictures, 3, size, size]; None when there are none.
        noise: what was drawn for their latents [pictures, channels, rows, columns]; None for the posterior's means.
    """

    ids: tuple[Tensor, ...]
    pictures: tuple[tuple[int, ...], ...]
    pixels: Tensor | None
    noise: Tensor | None = None


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        special: ids of the special tokens.
        picture: how pictures in a prompt become pixels.
        picture_tokens: positions of one of them, without the time's.
    """

    special: SpecialIds
    picture: CroppedFormat
    picture_tokens: int

    def encode(
        self, prompts: Sequence[Prompt], goal: Goal, most_text: int | None = None
    ) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens and pixels of a batch, and what every position is.

        Of a prompt for a picture, no more than the first `most_text` tokens are kept, where a number is given.

        Raises:
            UsageError: there are no prompts.
            DataError: a picture cannot be read.
        """
        require_prompts(prompts)
        rows = [
            tokens_of(self.tokenizer, self._pieces(prompt, goal), forbidden=self.special.image_pad)
            for prompt in prompts
        ]
        if goal is Goal.IMAGE and most_text is not None:
            rows = [[*row[:-1][: 1 + most_text], row[-1]] for row in rows]
        pixels = [self.picture.pixels(picture) for prompt in prompts for picture in prompt.images]
        pictures = tuple(self._pictures([token.id for token in row]) for row in rows)
        return Inputs(tuple(map(ids_of, rows)), pictures, stacked(pixels)), tuple(map(segments_of, rows))

    def left_out(self, prompt: Prompt, most_text: int) -> int:
        """Tokens of a prompt for a picture behind the first `most_text`."""
        row = tokens_of(self.tokenizer, self._pieces(prompt, Goal.IMAGE), forbidden=self.special.image_pad)
        return max(0, len(row) - 2 - most_text)

    def empty_ids(self) -> Tensor:
        """Token ids [length] of the unconditional branch of guidance, the same for every prompt."""
        return torch.tensor([self.special.start, self.special.picture_start], dtype=torch.long)

    def filler_ids(self, image_tokens: int, room: int) -> Tensor:
        """What the authors put behind a prompt for a picture before they draw [count]: its slots, the end, and padding.

        Args:
            image_tokens: positions of the picture.
            room: positions behind the prompt.
        """
        special = self.special
        behind = [special.image_pad] * (1 + image_tokens) + [special.picture_end, special.end]
        return torch.tensor(behind + [special.pad] * (room - len(behind)))

    @property
    def closing(self) -> int:
        return self.special.end

    def _pictures(self, ids: Sequence[int]) -> tuple[int, ...]:
        return tuple(i + 1 for i, token in enumerate(ids) if token == self.special.picture_start and i + 1 < len(ids))

    def _pieces(self, prompt: Prompt, goal: Goal) -> Iterator[Piece]:
        special = self.special
        yield Piece("", "template", special=special.start)
        content = content_of(prompt)
        if goal is Goal.IMAGE:
            yield from (Piece(part, "prompt") for part in content if isinstance(part, str))
            yield Piece("", "template", special=special.picture_start)
            return
        yield Piece(SYSTEM, "template")
        yield Piece("", "template", special=special.end)
        yield Piece("\n", "template")
        yield Piece("", "template", special=special.start)
        yield Piece("user\n", "template")
        yield from self._content(content)
        if not prompt.images:
            yield Piece("", "template", special=special.end)
        yield Piece("\n", "template", apart=True)
        yield Piece("", "template", special=special.start)
        yield Piece("assistant\n", "template")

    def _content(self, parts: Sequence[str | Image.Image]) -> Iterator[Piece]:
        image_pad = self.special.image_pad
        for part in parts:
            if isinstance(part, str):
                yield Piece(part, "prompt", apart=True)
                continue
            yield Piece("", "template", special=self.special.picture_start)
            yield Piece("", "template", "image", special=image_pad)
            yield Piece("", "prompt", "image", special=image_pad, repeat=self.picture_tokens)
            yield Piece("", "template", special=self.special.picture_end)


def load_processor(files: Checkpoint, *, size: int, picture_tokens: int) -> Processor:
    """The processor of a folder that holds the language model's tokenizer.

    Raises:
        CheckpointError: the tokenizer or one of its special tokens is missing.
    """
    tokenizer = load_tokenizer(files)
    add_missing(tokenizer, ADDED)
    find = partial(token_id, files, tokenizer, needed_by="Show-o2")
    special = SpecialIds(*map(find, QWEN), image_pad=find("<|image_pad|>"), pad=find(ADDED[0]))
    return Processor(tokenizer, special, CroppedFormat(size), picture_tokens)
