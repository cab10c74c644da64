"""From prompts to tokens and patches, as the pipeline of diffusers and the template of Qwen3-VL have them.

Source: docs/sources/cosmos3.md#layout and #pictures. Text of a prompt can never become a special token, whatever it
says: special tokens are placed by this module alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import torch
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

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
    segments_of,
    tokens_of,
)
from unispect.models.processing.tokenizer import load_tokenizer, named_tokens, token_id

SYSTEM = "You are a helpful assistant who will generate images from a give prompt."
"""Of prompts for a picture, as it is published."""


@dataclass(frozen=True)
class SpecialIds(QwenIds):
    """Ids of the special tokens; `eos` is the tokenizer's own, `stop` another that ends what is written."""

    stop: int
    image_pad: int
    eos: int


@dataclass(frozen=True)
class Wording:
    """What stands around a prompt for a picture.

    Attributes:
        system: system line; empty for no system turn.
        size: height and width in pixels, which are told; None for not.
        negated: the picture has not that size, as the branch without the prompt is told.
    """

    system: str
    size: tuple[int, int] | None
    negated: bool = False

    @property
    def told(self) -> str:
        """The sentence about the size."""
        if self.size is None:
            return ""
        return f"This image is {'not ' if self.negated else ''}of {self.size[0]}x{self.size[1]} resolution."


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        ids: for every sample its token ids [length]; a picture takes as many placeholder ids as it has merged patches.
        patches: flattened patches of every picture of the batch [patches, numbers].
        grids: frames, rows and columns of patches of those pictures [pictures, 3]; None when there are none.
        positions: for every sample, where its tokens stand; None where they count up.
    """

    ids: tuple[Tensor, ...]
    patches: tuple[Tensor, ...]
    grids: Tensor | None
    positions: tuple[Positions, ...]


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        special: ids of the special tokens.
        picture: how pictures become what the vision tower sees.
    """

    special: SpecialIds
    picture: Qwen2VLImageProcessorPil = field(repr=False)

    def encode(
        self, prompts: Sequence[Prompt], goal: Goal, *, wording: Wording
    ) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens and patches of a batch, and what every position is.

        Raises:
            UsageError: there are no prompts.
            DataError: a picture cannot be read, or a text contains the token that stands for pictures.
        """
        require_prompts(prompts)
        looks = [[patches_of(self.picture, one) for one in prompt.images] for prompt in prompts]
        unit = self.picture.merge_size**2
        rows = []
        for prompt, own in zip(prompts, looks, strict=True):
            if goal is Goal.IMAGE:
                pieces = self._drawing("".join(part for part in prompt.parts if isinstance(part, str)), wording)
            else:
                pieces = self._telling(prompt, [len(patches) // unit for patches, _ in own])
            rows.append(tokens_of(self.tokenizer, pieces, forbidden=self.special.image_pad))
        flat = [look for own in looks for look in own]
        ids = tuple(map(ids_of, rows))
        inputs = Inputs(
            ids=ids,
            patches=tuple(patches for patches, _ in flat),
            grids=torch.stack([grid for _, grid in flat]) if flat else None,
            positions=tuple(
                self._positions(tokens, [grid for _, grid in own]) for tokens, own in zip(ids, looks, strict=True)
            ),
        )
        return inputs, tuple(map(segments_of, rows))

    def bare_ids(self, text: str, wording: Wording) -> Tensor:
        """Token ids [length] of a prompt for a picture that says this, as for the branch without the prompt."""
        return ids_of(tokens_of(self.tokenizer, self._drawing(text, wording)))

    @property
    def closing(self) -> int:
        return self.special.end

    def _drawing(self, text: str, wording: Wording) -> Iterator[Piece]:
        """A prompt for a picture: the answer is a picture, which its first marker opens."""
        if wording.system:
            yield from self._turn(Piece(f"system\n{wording.system}", "template"))
        # Full stops behind the prompt go where a sentence follows, all of them.
        base = text.rstrip(".") if wording.told else text
        between = ". " if base and wording.told else ""
        yield from self._turn(
            Piece("user\n", "template"), Piece(base, "prompt"), Piece(f"{between}{wording.told}", "template")
        )
        yield from self._opening()
        yield Piece("", "template", special=self.special.eos)
        yield Piece("", "template", special=self.special.picture_start)

    def _telling(self, prompt: Prompt, tokens: Sequence[int]) -> Iterator[Piece]:
        """A prompt for a text; `tokens` of every picture."""
        content, number = [], 0
        for part in prompt.parts:
            if isinstance(part, str):
                content.append(Piece(part, "prompt"))
                continue
            content.append(Piece("", "template", special=self.special.picture_start))
            content.append(Piece("", "prompt", "image", special=self.special.image_pad, repeat=tokens[number]))
            content.append(Piece("", "template", special=self.special.picture_end))
            number += 1
        yield from self._turn(Piece("user\n", "template"), *content)
        yield from self._opening()

    def _opening(self) -> Iterator[Piece]:
        """What an answer starts from."""
        yield Piece("", "template", special=self.special.start)
        yield Piece("assistant\n", "template")

    def _turn(self, *pieces: Piece) -> Iterator[Piece]:
        yield Piece("", "template", special=self.special.start)
        yield from pieces
        yield Piece("", "template", special=self.special.end)
        yield Piece("\n", "template")

    def _positions(self, ids: Tensor, grids: Sequence[Tensor]) -> Positions:
        """Places [3, length] of tokens: a picture at one moment, by row and column, the rest behind its longer side."""
        if not grids:
            return None
        places, at, left = [], 0, iter(grids)
        for shown, run in groupby(ids.tolist(), key=lambda token: token == self.special.image_pad):
            length = sum(1 for _ in run)
            if not shown:
                places.append(torch.arange(at, at + length).expand(3, -1))
                at += length
                continue
            rows, columns = (int(side) // self.picture.merge_size for side in next(left)[1:])
            row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
            places.append(torch.stack([torch.zeros_like(row), row, column]).flatten(1) + at)
            at += max(rows, columns)
        return torch.cat(places, 1)


def load_processor(text: Checkpoint, pictures: Checkpoint) -> Processor:
    """The processor of folders that hold tokenizer and picture settings.

    Raises:
        CheckpointError: a file or a special token is missing; names it.
    """
    tokenizer = load_tokenizer(text)
    find = partial(token_id, text, tokenizer, needed_by="Cosmos 3")
    return Processor(
        tokenizer=tokenizer,
        special=SpecialIds(
            *map(find, QWEN),
            stop=find("<|endoftext|>"),
            image_pad=find("<|image_pad|>"),
            eos=find(named_tokens(text).get("eos_token") or QWEN[1]),
        ),
        picture=load_patches(pictures)[1],
    )
