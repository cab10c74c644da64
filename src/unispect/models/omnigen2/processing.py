"""From prompts to tokens, patches and pixels, as the authors' pipelines do it.

Source: docs/sources/omnigen2.md#layout and #pictures. Text of a prompt can never become a special token, whatever it
says: special tokens are placed by this module alone. The authors put all pictures before the text; here they stand
where the prompt has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.decode.positions import Positions
from unispect.models.processing.patches import load_patches, patches_of
from unispect.models.processing.template import (
    QWEN,
    Piece,
    QwenIds,
    TextProcessor,
    ids_of,
    require_prompts,
    rgb,
    segments_of,
    tokens_of,
)
from unispect.models.processing.tokenizer import load_tokenizer, token_id

SYSTEM = "You are a helpful assistant that generates high-quality images based on user instructions."


@dataclass(frozen=True)
class SpecialIds(QwenIds):
    """Ids of the special tokens, looked up by their strings; `draw` is what the model says to have a picture drawn."""

    stop: int
    image_pad: int
    draw: int


@dataclass(frozen=True)
class GivenFormat:
    """How pictures become pixels to draw from: never enlarged, sides cut to multiples of a position.

    Attributes:
        cell: side of a position of the transformer in pixels.
        max_pixels: most pixels of a picture.
        max_side: its longest side.
    """

    cell: int
    max_pixels: int
    max_side: int

    def size(self, picture: Image.Image) -> tuple[int, int]:
        """Width and height in pixels.

        Raises:
            DataError: a side is shorter than a position.
        """
        width, height = picture.size
        ratio = min((self.max_pixels / (width * height)) ** 0.5, self.max_side / max(width, height), 1.0)
        size = (int(width * ratio) // self.cell * self.cell, int(height * ratio) // self.cell * self.cell)
        if min(size) < 1:
            raise DataError(
                f"a picture of {width} x {height} pixels cannot be drawn from: make every side {self.cell} or longer"
            )
        return size

    def pixels(self, picture: Image.Image) -> Tensor:
        """Pixels [3, height, width] in -1..1."""
        picture = rgb(picture)
        values = np.asarray(picture.resize(self.size(picture), Image.Resampling.LANCZOS), np.float32)
        return torch.from_numpy(values / np.float32(255) * 2 - 1).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        ids: for every sample its token ids [length]; a picture that the language model sees takes as many placeholder
            ids as it has merged patches.
        patches: flattened patches of every picture of the batch that the language model sees [patches, numbers].
        grids: frames, rows and columns of patches of those pictures [pictures, 3]; None when there are none.
        seen: how many of them every sample has.
        given: for every sample, pixels [3, height, width] of the pictures to draw from.
        chat: prompts have the form of the authors' chat.
        positions: for every sample, where its tokens stand; filled in by the model.
    """

    ids: tuple[Tensor, ...]
    patches: tuple[Tensor, ...]
    grids: Tensor | None
    seen: tuple[int, ...]
    given: tuple[tuple[Tensor, ...], ...]
    chat: bool
    positions: tuple[Positions, ...] = ()


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        special: ids of the special tokens.
        picture: how pictures become what the language model sees.
        system: system line of prompts for a picture; empty for no system turn.
    """

    special: SpecialIds
    picture: Qwen2VLImageProcessorPil = field(repr=False)
    system: str = SYSTEM

    def encode(
        self, prompts: Sequence[Prompt], goal: Goal, *, system: str, chat: bool, given: GivenFormat
    ) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens, patches and pixels of a batch, and what every position is.

        Args:
            prompts: the batch.
            goal: of the replies.
            system: the system line.
            chat: prompts for a picture have the form of the authors' chat, where the language model sees their
                pictures and an answer begins.
            given: how pictures become pixels to draw from.

        Raises:
            UsageError: there are no prompts.
            DataError: a picture cannot be read, or not be used.
        """
        require_prompts(prompts)
        dialogue = chat or goal is Goal.TEXT
        looks = [[patches_of(self.picture, one) for one in prompt.images] if dialogue else [] for prompt in prompts]
        unit = self.picture.merge_size**2
        rows = [
            tokens_of(
                self.tokenizer,
                self._pieces(prompt, system, [len(patches) // unit for patches, _ in own] if dialogue else None),
                forbidden=self.special.image_pad,
            )
            for prompt, own in zip(prompts, looks, strict=True)
        ]
        flat = [look for own in looks for look in own]
        inputs = Inputs(
            ids=tuple(map(ids_of, rows)),
            patches=tuple(patches for patches, _ in flat),
            grids=torch.stack([grid for _, grid in flat]) if flat else None,
            seen=tuple(map(len, looks)),
            given=tuple(
                tuple(given.pixels(one) for one in prompt.images) if goal is Goal.IMAGE else () for prompt in prompts
            ),
            chat=dialogue,
        )
        return inputs, tuple(map(segments_of, rows))

    def bare_ids(self, text: str, *, chat: bool) -> Tensor:
        """Token ids [length] of a prompt for a picture that holds this text alone, as for the branches of guidance."""
        pieces = self._pieces(Prompt.of(text), self.system, [] if chat else None)
        return ids_of(tokens_of(self.tokenizer, pieces))

    @property
    def closing(self) -> int:
        return self.special.end

    def _pieces(self, prompt: Prompt, system: str, tokens: Sequence[int] | None) -> Iterator[Piece]:
        """The templated prompt; `tokens` of every picture in a chat, None where pictures are not shown."""
        if system:
            yield from self._turn(Piece(f"system\n{system}", "template"))
        yield from self._turn(Piece("user\n", "template"), *self._content(prompt, tokens))
        if tokens is not None:
            yield Piece("", "template", special=self.special.start)
            yield Piece("assistant\n", "template")

    def _turn(self, *pieces: Piece) -> Iterator[Piece]:
        yield Piece("", "template", special=self.special.start)
        yield from pieces
        yield Piece("", "template", special=self.special.end)
        yield Piece("\n", "template")

    def _content(self, prompt: Prompt, tokens: Sequence[int] | None) -> Iterator[Piece]:
        number = 0
        for part in prompt.parts:
            if isinstance(part, str):
                yield Piece(part, "prompt")
            elif tokens is not None:
                yield Piece(f"<img{number + 1}>: ", "template")
                yield Piece("", "template", special=self.special.picture_start)
                yield Piece("", "prompt", "image", special=self.special.image_pad, repeat=tokens[number])
                yield Piece("", "template", special=self.special.picture_end)
                number += 1


def load_processor(files: Checkpoint) -> Processor:
    """The processor of a folder that holds tokenizer and picture settings.

    Raises:
        CheckpointError: a file or a special token is missing; names it.
    """
    tokenizer = load_tokenizer(files)
    find = partial(token_id, files, tokenizer, needed_by="OmniGen2")
    settings, picture = load_patches(files)
    return Processor(
        tokenizer=tokenizer,
        special=SpecialIds(
            *map(find, QWEN), stop=find("<|endoftext|>"), image_pad=find("<|image_pad|>"), draw=find("<|img|>")
        ),
        picture=picture,
        system=str(settings.get("system_prompt", SYSTEM)),
    )
