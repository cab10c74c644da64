"""From prompts to tokens and pixels, exactly as the authors' processor does it.

Source: FACTS sections 2, 3 and 8. Text of a prompt can never become a special token, whatever it says: special tokens
are placed by this module alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from unispect.core.errors import CheckpointError, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.template import Piece, rgb, segments_of, tokens_of
from unispect.models.processing.tokenizer import load_tokenizer, named_tokens, plain, token_id

SYSTEM_PROMPT = (
    "You are a helpful language and vision assistant. "
    "You are able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)
USER, ASSISTANT = "<|User|>", "<|Assistant|>"


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens; they differ between models of the family, so they are looked up by their strings."""

    bos: int
    eos: int
    pad: int
    image: int
    image_start: int
    image_end: int


@dataclass(frozen=True)
class PictureFormat:
    """How a picture becomes pixels.

    Attributes:
        size: side of the square in pixels.
        min_size: no side is made shorter than this.
        mean: per channel, in 0..1.
        std: per channel, in 0..1.
        background: colour of the padding.
    """

    size: int
    min_size: int = 14
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    background: tuple[int, ...] = (127, 127, 127)

    def pixels(self, picture: Image.Image) -> Tensor:
        """Normalised pixels [3, size, size]: longest side to `size`, centred on a grey square."""
        picture = rgb(picture)
        longest = max(picture.size)
        # The authors cut the fraction off where others round it.
        width, height = (max(int(side / longest * self.size), self.min_size) for side in picture.size)
        resized = picture.resize((width, height), Image.Resampling.BICUBIC)
        side = max(width, height)
        square = Image.new("RGB", (side, side), self.background)
        square.paste(resized, ((side - width) // 2, (side - height) // 2))
        values = np.asarray(square, np.float32) / np.float32(255)
        values = (values - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        ids: for every sample its token ids [length]; every picture takes its share of placeholder ids.
        pixels: all pictures of the batch in reading order [pictures, 3, size, size]; None when there are none.
    """

    ids: tuple[Tensor, ...]
    pixels: Tensor | None


@dataclass(frozen=True)
class Processor:
    """Tokenizer, template and picture format of one checkpoint.

    Attributes:
        tokenizer: never given text with special tokens to recognise.
        special: ids of the special tokens.
        picture: how pictures in a prompt become pixels.
        image_tokens: positions that one picture takes.
        system: system prompt put before prompts whose reply is text.
    """

    tokenizer: Tokenizer = field(repr=False)
    special: SpecialIds
    picture: PictureFormat
    image_tokens: int
    system: str = SYSTEM_PROMPT

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens and pixels of a batch, and what every position is.

        Raises:
            UsageError: there are no prompts.
            DataError: a picture cannot be read.
        """
        if not prompts:
            raise UsageError("there are no prompts to encode")
        rows = [
            tokens_of(self.tokenizer, self._pieces(prompt, goal), forbidden=self.special.image) for prompt in prompts
        ]
        pictures = [self.picture.pixels(picture) for prompt in prompts for picture in prompt.images]
        inputs = Inputs(
            ids=tuple(torch.tensor([token.id for token in row], dtype=torch.long) for row in rows),
            pixels=torch.stack(pictures) if pictures else None,
        )
        return inputs, tuple(segments_of(row) for row in rows)

    def emptied(self, ids: Tensor) -> Tensor:
        """Token ids [length] of the unconditional branch of guidance.

        All but the first and the last token are the pad token, which is looked at like any other (FACTS section 4).
        """
        return torch.cat([ids[:1], torch.full_like(ids[1:-1], self.special.pad), ids[-1:]])

    def answer_ids(self, text: str) -> list[int]:
        """Token ids of a complete reply: the text after the role's colon and a space, then the end token."""
        text = text.strip()
        ids = plain(self.tokenizer, f" {text}").ids if text else []
        return [*ids, self.special.eos]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a reply, stripped, special tokens removed."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True).strip()

    def _pieces(self, prompt: Prompt, goal: Goal) -> Iterator[Piece]:
        yield Piece("", "template", special=self.special.bos)
        if goal is Goal.TEXT and self.system.strip():
            yield Piece(self.system.lstrip() + "\n\n", "template")
        yield self._role(USER)
        content = _stripped(prompt.parts)
        if content:
            yield Piece(": ", "template")
            yield from self._content(content)
            yield Piece("\n\n", "template")
        else:
            yield Piece(":", "template")
        yield self._role(ASSISTANT)
        yield Piece(":", "template")
        if goal is Goal.IMAGE:
            yield Piece("", "template", special=self.special.image_start)

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

    def _role(self, name: str) -> Piece:
        return Piece(name, "template", special=self.tokenizer.token_to_id(name))


def load_processor(checkpoint: Checkpoint) -> Processor:
    """The processor of either published layout.

    Raises:
        CheckpointError: a file, a special token or a size is missing; names it.
    """
    tokenizer = load_tokenizer(checkpoint)
    settings = checkpoint.optional_json("processor_config.json") or {}
    # transformers 5 writes the picture settings into the processor's own file.
    pictures = checkpoint.optional_json("preprocessor_config.json") or settings.get("image_processor")
    if pictures is None:
        raise CheckpointError(
            f"{checkpoint.folder / 'preprocessor_config.json'} is missing: fetch the checkpoint again"
        )
    picture = _picture_format(pictures, str(checkpoint.folder))
    return Processor(
        tokenizer=tokenizer,
        special=_special_ids(checkpoint, tokenizer, settings),
        picture=picture,
        image_tokens=int(settings.get("num_image_tokens", 576)),
        system=str(settings.get("system_prompt", SYSTEM_PROMPT)),
    )


def _special_ids(checkpoint: Checkpoint, tokenizer: Tokenizer, settings: Mapping[str, Any]) -> SpecialIds:
    named = named_tokens(checkpoint)

    def find(text: object) -> int:
        return token_id(checkpoint, tokenizer, text, "Janus-Pro")

    return SpecialIds(
        bos=find(named.get("bos_token") or "<｜begin▁of▁sentence｜>"),
        eos=find(named.get("eos_token") or "<｜end▁of▁sentence｜>"),
        pad=find(named.get("pad_token") or settings.get("pad_tag") or "<｜▁pad▁｜>"),
        image=find(settings.get("image_tag") or "<image_placeholder>"),
        image_start=find(settings.get("image_start_tag") or "<begin_of_image>"),
        image_end=find(settings.get("image_end_tag") or "<end_of_image>"),
    )


def _picture_format(settings: Mapping[str, Any], where: str) -> PictureFormat:
    size = settings.get("image_size", settings.get("size"))
    if isinstance(size, Mapping):
        size = size.get("height")
    if not isinstance(size, int):
        raise CheckpointError(f"{where}: the picture settings give no image_size; fetch the checkpoint again")
    found = PictureFormat(size=size, min_size=int(settings.get("min_size", 14)))
    mean = tuple(settings.get("image_mean") or found.mean)
    return replace(
        found,
        mean=mean,
        std=tuple(settings.get("image_std") or found.std),
        background=tuple(settings.get("background_color") or (int(255 * value) for value in mean)),
    )


def _stripped(parts: Sequence[str | Image.Image]) -> list[str | Image.Image]:
    """The parts without empty ones, white space taken off both ends of the whole."""
    kept = [part for part in parts if not isinstance(part, str) or part]
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
