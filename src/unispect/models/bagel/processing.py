"""From prompts to blocks of tokens and pictures, as the authors' inferencer has them.

Source: docs/sources/bagel.md#layout, #writing, #pictures. There is no dialogue: every text is one block between two
markers, every picture one or two. Text of a prompt can never become a special token, whatever it says (the authors'
would); special tokens are placed by this module alone. Texts that touch each other are one text here, where the authors
would make blocks of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.bagel.chain_of_thought import SYSTEM, ChainOfThought
from unispect.models.bagel.config import BagelConfig
from unispect.models.bagel.layout import Block, Kind
from unispect.models.bagel.resize import Resize, opaque
from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.pictures import posterior_noise
from unispect.models.processing.template import (
    QWEN,
    Piece,
    QwenIds,
    TextProcessor,
    content_of,
    require_prompts,
    segments_of,
    tokens_of,
)
from unispect.models.processing.tokenizer import load_tokenizer, token_id

PLACE = 0
"""Stands in token ids for a position of a picture; what is embedded for it is never used."""


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        ids: for every sample its token ids [length]; `PLACE` at the positions of pictures.
        blocks: for every sample what its ids are.
        pictures: pixels [3, height, width] in -1..1 of every block that shows a picture, in reading order.
        noise: for each of them what is drawn for its latents [channels, rows, columns]; None for means, and where the
            block is no latents'.
        grids: for every sample the rows and columns of positions of the picture to be drawn; None for the model's own.
        thinking: how thoughts are written before a picture is drawn; None for none.
    """

    ids: tuple[Tensor, ...]
    blocks: tuple[tuple[Block, ...], ...]
    pictures: tuple[Tensor, ...]
    noise: tuple[Tensor | None, ...]
    grids: tuple[tuple[int, int] | None, ...]
    thinking: ChainOfThought | None = None


@dataclass(frozen=True)
class Shown:
    """How pictures of prompts become blocks.

    Attributes:
        twice: pictures are brought to the autoencoder's size before they are brought to the tower's, also where only
            the tower sees them, as in the authors' inferencer; without it, as in their scripts for benchmarks.
        kept: pictures of a prompt for a picture are also given as latents; RecA's scripts can leave that out.
        drawn: latents are drawn from the autoencoder's posterior, as the authors always do, and not its means.
        seed: of what is drawn, together with the picture itself.
    """

    twice: bool = True
    kept: bool = True
    drawn: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, markers and picture sizes of one checkpoint.

    Attributes:
        special: ids of the special tokens.
        seen: sizes of pictures for the vision tower.
        kept: sizes of pictures for the autoencoder.
        seen_patch: side in pixels of a position of the tower's.
        cell: side in pixels of a position of latents.
        latent: channels of a latent, and its side in pixels.
    """

    special: QwenIds
    seen: Resize
    kept: Resize
    seen_patch: int
    cell: int
    latent: tuple[int, int]

    def encode(
        self, prompts: Sequence[Prompt], goal: Goal, *, shown: Shown, thinking: ChainOfThought | None
    ) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens, blocks and pixels of a batch, and what every position is.

        Raises:
            UsageError: there are no prompts.
            DataError: a picture cannot be read.
        """
        require_prompts(prompts)
        made = [_Sequence(self) for _ in prompts]
        for own, prompt in zip(made, prompts, strict=True):
            if thinking is not None:
                own.text(SYSTEM[goal], fixed=True)
            for part in _merge_adjacent_text(prompt):
                if isinstance(part, str):
                    own.text(part)
                else:
                    own.picture(part, goal, shown)
            if goal is Goal.TEXT:
                own.opening()
        return (
            Inputs(
                ids=tuple(torch.tensor(own.ids, dtype=torch.long) for own in made),
                blocks=tuple(tuple(own.blocks) for own in made),
                pictures=tuple(pixels for own in made for pixels in own.pictures),
                noise=tuple(noise for own in made for noise in own.noise),
                grids=tuple(own.grid for own in made),
                thinking=thinking,
            ),
            tuple(tuple(own.segments) for own in made),
        )

    def thought(self, ids: Sequence[int]) -> str:
        """Thoughts that were written, with special tokens among them, up to the first that ends or begins a text."""
        said = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        start, end = (str(self.tokenizer.id_to_token(token)) for token in (self.special.start, self.special.end))
        return said.split(end)[0].split(start)[0]

    def thought_ids(self, text: str) -> list[int]:
        """Ids [length] of the block that thoughts become behind a prompt.

        They are read again from their text, which may give other ids than were written, and special tokens among them
        count (docs/sources/bagel.md#writing).
        """
        return [self.special.start, *self._reader.encode(text, add_special_tokens=False).ids, self.special.end]

    def marker_ids(self) -> Tensor:
        """Ids [2] of what stands around a picture."""
        return torch.tensor([self.special.picture_start, self.special.picture_end])

    @property
    def closing(self) -> int:
        return self.special.end

    @cached_property
    def _reader(self) -> Tokenizer:
        """The tokenizer for what the model itself says."""
        reader = Tokenizer.from_str(self.tokenizer.to_str())
        reader.encode_special_tokens = False
        return reader


class _Sequence:
    """A prompt that grows block by block."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self.ids: list[int] = []
        self.blocks: list[Block] = []
        self.segments: list[Segment] = []
        self.pictures: list[Tensor] = []
        self.noise: list[Tensor | None] = []
        self.grid: tuple[int, int] | None = None

    def text(self, text: str, *, fixed: bool = False) -> None:
        special = self._processor.special
        self._add(
            [
                Piece("", "template", special=special.start),
                Piece(text, "template" if fixed else "prompt"),
                Piece("", "template", special=special.end),
            ],
            "text",
            fixed=fixed,
        )

    def opening(self) -> None:
        """What an answer starts from."""
        self._add([Piece("", "template", special=self._processor.special.start)], "text", fixed=True)

    def picture(self, picture: Image.Image, goal: Goal, shown: Shown) -> None:
        """The picture as latents, where one is to be drawn from it, and as the vision tower sees it."""
        processor = self._processor
        resized = processor.kept.resized(picture) if shown.twice or goal is Goal.IMAGE else opaque(picture)
        if goal is Goal.IMAGE:
            self.grid = (resized.height // processor.cell, resized.width // processor.cell)
            if shown.kept:
                pixels = processor.kept.pixels(resized)
                self._picture(pixels, processor.cell, "kept", self._noise(pixels, shown))
        self._picture(processor.seen.pixels(resized), processor.seen_patch, "seen")

    def _noise(self, pixels: Tensor, shown: Shown) -> Tensor | None:
        """What is drawn for the latents of a picture; None for means."""
        if not shown.drawn:
            return None
        channels, stride = self._processor.latent
        return posterior_noise(pixels, (channels, pixels.shape[1] // stride, pixels.shape[2] // stride), shown.seed)

    def _picture(self, pixels: Tensor, side: int, kind: Kind, noise: Tensor | None = None) -> None:
        special = self._processor.special
        grid = (pixels.shape[1] // side, pixels.shape[2] // side)
        self.pictures.append(pixels)
        self.noise.append(noise)
        self._add(
            [
                Piece("", "template", special=special.picture_start),
                Piece("", "prompt", "image", special=PLACE, repeat=grid[0] * grid[1]),
                Piece("", "template", special=special.picture_end),
            ],
            kind,
            grid,
        )

    def _add(self, pieces: Sequence[Piece], kind: Kind, grid: tuple[int, int] = (0, 0), *, fixed: bool = False) -> None:
        tokens = tokens_of(self._processor.tokenizer, pieces)
        start = len(self.ids)
        self.ids += [token.id for token in tokens]
        self.blocks.append(Block(kind, start, len(tokens), grid, fixed))
        self.segments += segments_of(tokens, start)


def load_processor(files: Checkpoint, config: BagelConfig) -> Processor:
    """The processor of a folder that holds the tokenizer.

    Raises:
        CheckpointError: the tokenizer or one of its special tokens is missing.
    """
    tokenizer = load_tokenizer(files)
    special = QwenIds(*(token_id(files, tokenizer, text, "BAGEL") for text in QWEN))
    latent = (config.autoencoder.channels, config.autoencoder.stride)
    return Processor(tokenizer, special, config.seen, config.kept, config.seen_patch, config.cell, latent)


def _merge_adjacent_text(prompt: Prompt) -> Iterator[str | Image.Image]:
    """The parts of a prompt, texts that touch as one; an empty text where there is nothing else."""
    held = ""
    parts = content_of(prompt)
    for part in parts or [""]:
        if isinstance(part, str):
            held += part
            continue
        if held:
            yield held
        held = ""
        yield part
    if held or not parts:
        yield held
