"""From prompts to tokens and pixels: the dialogue of Emu3-Chat and the prompt of Emu3-Gen.

Source: docs/sources/emu3.md#layout, #pictures. Text of a prompt can never become a special token, whatever it says:
special tokens are placed by this module alone. The authors put all pictures before the text; here they stand where the
prompt has them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unispect.core.errors import CheckpointError, DataError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.config_sections import check_settings
from unispect.models.emu3.config import PLACEHOLDER, ROW_END, image_token
from unispect.models.processing.pictures import PICTURES_IDLE, read_settings
from unispect.models.processing.template import (
    Piece,
    TextProcessor,
    content_of,
    ids_of,
    require_prompts,
    rgb,
    segments_of,
    tokens_of,
)
from unispect.models.processing.tokenizer import load_tokenizer, named_tokens, token_id

SYSTEM = "You are a helpful assistant."
Grid = tuple[int, int]
"""Rows and columns of image tokens."""
_LONGEST = 200
"""Times that a side of a picture may be longer than the other."""
_HALF = [0.5, 0.5, 0.5]
_DONE = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": True,
    "do_pad": True,
    "resample": int(Image.Resampling.BICUBIC),
    "rescale_factor": 1 / 255,
    "image_mean": _HALF,
    "image_std": _HALF,
}


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens, looked up by their strings."""

    bos: int
    eos: int
    image: int
    image_start: int
    image_end: int
    grid_end: int
    row_end: int
    frame_end: int


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        ids: for every sample its token ids [length]; a picture takes as many placeholder ids as it has image tokens.
        pixels: all pictures of the batch in reading order, [3, height, width] each, of sizes of their own.
    """

    ids: tuple[Tensor, ...]
    pixels: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class SeenFormat:
    """How a picture in a prompt becomes pixels: sides are whole image tokens, and their ratio is nearly kept.

    Attributes:
        stride: side of an image token in pixels.
        min_pixels: smaller pictures are enlarged to so many.
        max_pixels: larger ones are made smaller.
    """

    stride: int
    min_pixels: int
    max_pixels: int

    def grid(self, picture: Image.Image) -> Grid:
        """Rows and columns of the image tokens of a picture.

        Raises:
            DataError: a side is far longer than the other.
        """
        sides = picture.height, picture.width
        if max(sides) > _LONGEST * min(sides):
            raise DataError(f"a picture of {sides[1]} x {sides[0]} pixels is too narrow; cut it")
        rows, columns = (round(side / self.stride) for side in sides)
        pixels = rows * columns * self.stride**2
        if pixels > self.max_pixels:
            over = math.sqrt(sides[0] * sides[1] / self.max_pixels)
            rows, columns = (max(1, math.floor(side / over / self.stride)) for side in sides)
        elif pixels < self.min_pixels:
            under = math.sqrt(self.min_pixels / (sides[0] * sides[1]))
            rows, columns = (math.ceil(side * under / self.stride) for side in sides)
        return rows, columns

    def pixels(self, picture: Image.Image) -> Tensor:
        """Pixels [3, height, width] in -1..1."""
        rows, columns = self.grid(picture)
        size = (columns * self.stride, rows * self.stride)
        values = np.asarray(rgb(picture).resize(size, Image.Resampling.BICUBIC), np.float32) / np.float32(255)
        return torch.from_numpy((values - np.float32(0.5)) / np.float32(0.5)).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        special: ids of the special tokens.
        picture: how pictures in a prompt become pixels.
    """

    LEAD = " "  # behind the role's colon
    special: SpecialIds
    picture: SeenFormat

    @property
    def closing(self) -> int:
        return self.special.eos

    @property
    def placeholder(self) -> int:
        """Stands for one position of a picture."""
        return self.special.image

    def encode(
        self, prompts: Sequence[Prompt], goal: Goal, grid: Grid, positive: str = ""
    ) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens and pixels of a batch, and what every position is.

        Args:
            prompts: of the batch.
            goal: of all of them.
            grid: of the picture to draw, which the prompt tells.
            positive: put behind every prompt for a picture.

        Raises:
            UsageError: there are no prompts.
            DataError: a picture cannot be read, or a text contains the token that stands for pictures.
        """
        require_prompts(prompts)
        pieces = self._told if goal is Goal.TEXT else partial(self._drawn, grid=grid, positive=positive)
        rows = [tokens_of(self.tokenizer, pieces(prompt), forbidden=self.placeholder) for prompt in prompts]
        pixels = tuple(self.picture.pixels(picture) for prompt in prompts for picture in prompt.images)
        return Inputs(tuple(map(ids_of, rows)), pixels), tuple(map(segments_of, rows))

    def instead(self, text: str, grid: Grid) -> Tensor:
        """Token ids [length] of a prompt for a picture that says something else than the user's."""
        return ids_of(tokens_of(self.tokenizer, self._drawn(Prompt.of(text), grid)))

    def _told(self, prompt: Prompt) -> Iterator[Piece]:
        yield Piece("", "template", special=self.special.bos)
        yield Piece(f"{SYSTEM} USER: ", "template")
        for part in content_of(prompt):
            if isinstance(part, str):
                yield Piece(part, "prompt")
                yield Piece(" ", "template")
            else:
                yield from self._seen(self.picture.grid(part))
        yield Piece("ASSISTANT:", "template")

    def _drawn(self, prompt: Prompt, grid: Grid, positive: str = "") -> Iterator[Piece]:
        yield Piece("", "template", special=self.special.bos)
        for part in content_of(prompt):
            assert isinstance(part, str)
            yield Piece(part, "prompt")
        yield Piece(positive, "template")
        yield from self._opening(grid)

    def _opening(self, grid: Grid) -> Iterator[Piece]:
        rows, columns = grid
        yield Piece("", "template", special=self.special.image_start)
        yield Piece(f"{rows}*{columns}", "template")
        yield Piece("", "template", special=self.special.grid_end)

    def _seen(self, grid: Grid) -> Iterator[Piece]:
        rows, columns = grid
        yield from self._opening(grid)
        for _ in range(rows):
            yield Piece("", "prompt", "image", special=self.special.image, repeat=columns)
            yield Piece("", "template", "image", special=self.special.row_end)
        yield Piece("", "template", special=self.special.frame_end)
        yield Piece("", "template", special=self.special.image_end)


def load_processor(checkpoint: Checkpoint) -> Processor:
    """The processor of a checkpoint.

    Raises:
        CheckpointError: a file, a special token or a size is missing; names it.
    """
    tokenizer = load_tokenizer(checkpoint)
    named = named_tokens(checkpoint)
    extra = named.get("extra_special_tokens")
    named = {**(extra if isinstance(extra, dict) else {}), **named}
    find = partial(token_id, checkpoint, tokenizer, needed_by="Emu3")
    special = SpecialIds(
        bos=find(named.get("bos_token") or "<|extra_203|>"),
        eos=find(named.get("eos_token") or "<|extra_204|>"),
        image=find(named.get("image_token") or PLACEHOLDER),
        image_start=find(named.get("boi_token") or "<|image start|>"),
        image_end=find(named.get("eoi_token") or "<|image end|>"),
        grid_end=find(named.get("image_wrapper_token") or "<|image token|>"),
        row_end=find(ROW_END),
        frame_end=find(named.get("eof_token") or "<|extra_201|>"),
    )
    _, pictures = read_settings(checkpoint)
    where = f"{checkpoint.folder}: the picture settings"
    read = ("min_pixels", "max_pixels", "spatial_factor")
    check_settings(pictures, where, read=read, fixed=_DONE, idle=(*PICTURES_IDLE, "size"))
    usual = {"min_pixels": 512 * 512, "max_pixels": 1024 * 1024, "spatial_factor": 8}
    sizes = {key: pictures[key] if pictures.get(key) is not None else usual[key] for key in read}
    if sizes["min_pixels"] > sizes["max_pixels"]:
        raise CheckpointError(
            f"{where} ask for at least {sizes['min_pixels']} and at most {sizes['max_pixels']} pixels"
        )
    return Processor(tokenizer, special, SeenFormat(sizes["spatial_factor"], sizes["min_pixels"], sizes["max_pixels"]))


def require_same_tokens(processor: Processor, vocabulary: dict[str, int], codes: int, where: str) -> None:
    """Raises `CheckpointError` where the tokenizer numbers tokens otherwise than `vocabulary_map` of config.json."""
    for name in (PLACEHOLDER, ROW_END, image_token(0), image_token(codes - 1)):
        if processor.tokenizer.token_to_id(name) != vocabulary[name]:
            raise CheckpointError(
                f"{where}: token {name!r} is {vocabulary[name]} in vocabulary_map and "
                f"{processor.tokenizer.token_to_id(name)} in tokenizer.json; take the tokenizer that the weights "
                "came with"
            )
