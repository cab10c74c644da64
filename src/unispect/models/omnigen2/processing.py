"""From prompts to tokens, patches and pixels, as the authors' pipelines do it.

Source: docs/sources/omnigen2.md#layout and #pictures. Text of a prompt can never become a special token, whatever it
says: special tokens are placed by this module alone. The authors put all pictures before the text; here they stand
where the prompt has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from unispect.core.errors import CheckpointError, DataError, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.config_sections import check_settings
from unispect.models.config_values import check_values
from unispect.models.decode.positions import Positions
from unispect.models.processing.pictures import PICTURES_IDLE
from unispect.models.processing.template import Piece, rgb, segments_of, tokens_of
from unispect.models.processing.tokenizer import load_tokenizer, plain, token_id

SYSTEM = "You are a helpful assistant that generates high-quality images based on user instructions."

_PICTURES = (
    "do_convert_rgb",
    "do_normalize",
    "do_rescale",
    "do_resize",
    "image_mean",
    "image_std",
    "max_pixels",
    "merge_size",
    "min_pixels",
    "patch_size",
    "resample",
    "rescale_factor",
    "size",
    "temporal_patch_size",
)
"""Picture settings that the stock processor reads."""


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens, looked up by their strings; `draw` is what the model says to have a picture drawn."""

    start: int
    end: int
    stop: int
    picture_start: int
    picture_end: int
    place: int
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
class Processor:
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        tokenizer: never given text with special tokens to recognise.
        special: ids of the special tokens.
        picture: how pictures become what the language model sees.
        system: system line of prompts for a picture; empty for no system turn.
    """

    tokenizer: Tokenizer = field(repr=False)
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
        if not prompts:
            raise UsageError("there are no prompts to encode")
        dialogue = chat or goal is Goal.TEXT
        looks = [[self._look(one) for one in prompt.images] if dialogue else [] for prompt in prompts]
        unit = self.picture.merge_size**2
        rows = [
            tokens_of(
                self.tokenizer,
                self._pieces(prompt, system, [len(patches) // unit for patches, _ in own] if dialogue else None),
                forbidden=self.special.place,
            )
            for prompt, own in zip(prompts, looks, strict=True)
        ]
        flat = [look for own in looks for look in own]
        inputs = Inputs(
            ids=tuple(torch.tensor([token.id for token in row], dtype=torch.long) for row in rows),
            patches=tuple(patches for patches, _ in flat),
            grids=torch.stack([grid for _, grid in flat]) if flat else None,
            seen=tuple(map(len, looks)),
            given=tuple(
                tuple(given.pixels(one) for one in prompt.images) if goal is Goal.IMAGE else () for prompt in prompts
            ),
            chat=dialogue,
        )
        return inputs, tuple(segments_of(row) for row in rows)

    def bare_ids(self, text: str, *, chat: bool) -> Tensor:
        """Token ids [length] of a prompt for a picture that holds this text alone, as for the branches of guidance."""
        pieces = self._pieces(Prompt.of(text), self.system, [] if chat else None)
        return torch.tensor([token.id for token in tokens_of(self.tokenizer, pieces)], dtype=torch.long)

    def answer_ids(self, text: str) -> list[int]:
        """Token ids of a complete reply: the text, then the end token."""
        text = text.strip()
        return [*(plain(self.tokenizer, text).ids if text else []), self.special.end]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a reply, stripped, special tokens removed."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True).strip()

    def _look(self, picture: Image.Image) -> tuple[Tensor, Tensor]:
        """Patches [patches, numbers] of a picture, and its grid [3]."""
        try:
            found = self.picture(images=[rgb(picture)], return_tensors="pt")
        except ValueError as error:
            raise DataError(
                f"a picture of {picture.width} x {picture.height} pixels cannot be shown: {error}"
            ) from error
        return found["pixel_values"], found["image_grid_thw"][0]

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
                yield Piece("", "prompt", "image", special=self.special.place, repeat=tokens[number])
                yield Piece("", "template", special=self.special.picture_end)
                number += 1


def load_processor(files: Checkpoint) -> Processor:
    """The processor of a folder that holds tokenizer and picture settings.

    Raises:
        CheckpointError: a file or a special token is missing; names it.
    """
    tokenizer = load_tokenizer(files)

    def find(text: str) -> int:
        return token_id(files, tokenizer, text, "OmniGen2")

    settings: Mapping[str, Any] = files.optional_json("processor_config.json") or {}
    # transformers 5 writes the picture settings into the processor's own file.
    pictures = files.optional_json("preprocessor_config.json") or settings.get("image_processor")
    if pictures is None:
        raise CheckpointError(f"{files.folder / 'preprocessor_config.json'} is missing: fetch the checkpoint again")
    check_values(settings, f"{files.folder / 'processor_config.json'}")
    where = f"{files.folder}: the picture settings"
    check_settings(pictures, where, read=_PICTURES, fixed={"do_center_crop": False}, idle=PICTURES_IDLE)
    kept = {name: value for name, value in pictures.items() if name in _PICTURES and value is not None}
    return Processor(
        tokenizer=tokenizer,
        special=SpecialIds(
            start=find("<|im_start|>"),
            end=find("<|im_end|>"),
            stop=find("<|endoftext|>"),
            picture_start=find("<|vision_start|>"),
            picture_end=find("<|vision_end|>"),
            place=find("<|image_pad|>"),
            draw=find("<|img|>"),
        ),
        picture=Qwen2VLImageProcessorPil(**kept),
        system=str(settings.get("system_prompt", SYSTEM)),
    )
