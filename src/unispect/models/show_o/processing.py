"""From prompts to tokens and pixels, exactly as Show-o's own scripts do it, and who may look at what.

Source: docs/sources/show-o.md#tokens, #layout, #pictures. Text of a prompt can never become a special token, whatever
it says.

A picture stands in front of the text in everything that the authors trained. Elsewhere, and with several pictures, the
same rules are applied in reading order: every row sees all pictures, also those that stand behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unispect.core.errors import CheckpointError, DataError, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.checkpoint import Checkpoint
from unispect.models.decode.mask import AttentionMask, causal, open_to_all
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.processing.template import (
    Piece,
    TextProcessor,
    Token,
    content_of,
    ids_of,
    require_prompts,
    segments_of,
    tokens_of,
)
from unispect.models.processing.tokenizer import load_tokenizer, require_rows, token_id
from unispect.models.show_o.config import ShowOConfig

PICTURE = -1
"""Stands in token ids for one position of a prompt's picture."""
_END_OF_TEXT = "<|endoftext|>"
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_OPAQUE = 128


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds for this family.

    Attributes:
        goal: what the replies will be.
        ids: for every sample its token ids [length]; `PICTURE` where those of a prompt's picture are not known yet.
        attention_masks: the attention mask of every sample.
        pixels: all pictures of the batch in reading order [pictures, 3, size, size]; None when there are none.
        shown: which positions of every picture stand in `ids` [pictures, image tokens].
    """

    goal: Goal
    ids: tuple[Tensor, ...]
    attention_masks: tuple[AttentionMask, ...]
    pixels: Tensor | None = None
    shown: Tensor | None = None


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, templates and picture format of one checkpoint.

    Attributes:
        config: which token is what, and how many positions there are.
        end: begins a text (`<|sot|>`) and ends it (`<|eot|>`): both are the same token.
        drawn: how pictures become pixels of the picture tokenizer.
        seen: how pictures in a prompt for text become pixels.
    """

    LEAD = " "
    config: ShowOConfig
    end: int
    drawn: CroppedFormat
    seen: CroppedFormat

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Tokens and pixels of a batch, and what every position is.

        Raises:
            UsageError: there are no prompts, or a picture to be completed has no transparent part.
            DataError: a picture cannot be read.
        """
        require_prompts(prompts)
        rows = [list(self._talk(prompt) if goal is Goal.TEXT else self._canvas(prompt)) for prompt in prompts]
        ids = tuple(map(ids_of, rows))
        mask = self.text_mask if goal is Goal.TEXT else self.drawing_mask
        pictures = [picture for prompt in prompts for picture in prompt.images]
        pixels = shown = None
        if pictures:
            how = self.seen if goal is Goal.TEXT else self.drawn
            pixels = torch.stack([how.pixels(picture) for picture in pictures])
            shown = torch.ones(len(pictures), self.config.seen_places, dtype=torch.bool)
            if goal is Goal.IMAGE:
                shown = torch.stack([self._opaque(picture) for picture in pictures])
        inputs = Inputs(goal, ids, tuple(map(mask, ids)), pixels, shown)
        return inputs, tuple(map(segments_of, rows))

    @property
    def most_text(self) -> int:
        """Tokens of a prompt for a picture that have a place; the authors cut off the others."""
        return self.config.text_tokens - 3

    def left_out(self, prompt: Prompt, goal: Goal) -> int:
        """Tokens of a prompt that are cut off."""
        return max(0, len(self._text(prompt)) - self.most_text) if goal is Goal.IMAGE else 0

    def canvas_ids(self, text: str = "", known: Tensor | None = None) -> Tensor:
        """Token ids [text tokens + image tokens + 2] of a picture to be drawn; nothing of it is known unless given.

        An empty text is that of the unconditional branch of guidance. `known` are codes [image tokens], -1 where open.
        """
        ids = ids_of(self._canvas(Prompt.of(text)))
        if known is not None:
            image_tokens = slice(self.config.text_tokens + 1, -1)
            ids[image_tokens] = torch.where(known < 0, ids[image_tokens], known + self.config.first_code)
        return ids

    def canvas_segments(self) -> tuple[Segment, ...]:
        """What the positions of the unconditional branch of guidance are."""
        return segments_of(list(self._canvas(Prompt.of(""))))

    def text_mask(self, ids: Tensor) -> AttentionMask:
        """Causal attention, where every row sees the pictures.

        Pictures of image tokens are seen with the tokens around them and, if they stand in front, all before them.
        """
        spans = list(_runs(ids == PICTURE))
        if not spans:
            return None
        if self.config.clip is None:
            spans = [(start - 1, stop + 1) for start, stop in spans]
            front, *rest = spans
            while rest and rest[0][0] == front[1]:
                front = (front[0], rest.pop(0)[1])
            spans = [(0, front[1]) if front[0] == 1 else front, *rest]
        return open_to_all(len(ids), spans)

    def drawing_mask(self, ids: Tensor) -> Tensor:
        """Text is causal, the picture sees everything, neither attends to filled-up positions of text."""
        pads = int((ids == self.config.special("[PAD]")).sum())
        attention_mask = causal(len(ids))
        attention_mask[self.config.text_tokens :] = True
        attention_mask[pads:, :pads] = False
        return attention_mask

    @property
    def closing(self) -> int:
        return self.end

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a reply, stripped; special and image tokens removed."""
        return super().decode([token for token in ids if token < self.config.words])

    def _talk(self, prompt: Prompt) -> Iterator[Token]:
        """Tokens of a prompt for text."""
        return iter(tokens_of(self.tokenizer, self._pieces(content_of(prompt))))

    def _pieces(self, parts: Sequence[str | Image.Image]) -> Iterator[Piece]:
        special, seen_by_codes = self.config.special, self.config.clip is None
        start = Piece("", "template", special=self.end)
        if all(isinstance(part, str) for part in parts):
            yield start
            yield from (Piece(part, "prompt") for part in parts if isinstance(part, str))
            return
        yield Piece("", "template", special=special("mmu"))
        if not seen_by_codes and self.config.system:
            yield Piece(self.config.system, "template")
        opening = [start, Piece("USER: \n", "template")] if seen_by_codes else [Piece("USER: ", "template", apart=True)]
        for part in parts:
            if isinstance(part, str):
                yield from opening
                opening = []
                yield Piece(part, "prompt")
                continue
            yield Piece("", "template", special=special("soi"))
            yield Piece("", "prompt", "image", special=PICTURE, repeat=self.config.seen_places)
            yield Piece("", "template", special=special("eoi"))
        yield from opening
        yield Piece(" ASSISTANT:", "template")

    def _text(self, prompt: Prompt) -> list[Token]:
        return tokens_of(self.tokenizer, [Piece(prompt.text, "prompt")])

    def _canvas(self, prompt: Prompt) -> Iterator[Token]:
        """Tokens of a prompt for a picture: text in its positions, then the picture's, filled where they are shown."""
        special, config = self.config.special, self.config
        text = self._text(prompt)[: self.most_text]
        block = [
            Token(special("t2i"), "text", "template"),
            Token(self.end, "text", "template"),
            *text,
            Token(self.end, "text", "template"),
        ]
        for _ in range(config.text_tokens - len(block)):
            yield Token(special("[PAD]"), "text", "filler")
        yield from block
        yield Token(special("soi"), "text", "template")
        shown = self._opaque(prompt.images[0]).tolist() if prompt.images else [False] * config.image_tokens
        for known in shown:
            yield Token(PICTURE, "image", "prompt") if known else Token(config.mask, "image", "filler")
        yield Token(special("eoi"), "text", "template")

    def _opaque(self, picture: Image.Image) -> Tensor:
        """Which positions [image tokens] of a picture are given: those without a transparent pixel.

        Raises:
            UsageError: nothing is left to be drawn.
            DataError: the picture cannot be read.
        """
        try:
            alpha = self.drawn.square(picture.convert("RGBA").getchannel("A"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"a picture to be completed cannot be read ({error}); replace it") from error
        side, stride = self.config.side, self.config.magvit.stride
        blocks = (np.asarray(alpha) >= _OPAQUE).reshape(side, stride, side, stride).all((1, 3))
        if blocks.all():
            raise UsageError("a picture in a prompt for a picture is completed: make the part to be drawn transparent")
        return torch.from_numpy(blocks.flatten())


def load_processor(files: Checkpoint, config: ShowOConfig) -> Processor:
    """The processor of a model whose text tokenizer is in a folder.

    Raises:
        CheckpointError: the tokenizer is missing, or another than the sizes ask for.
    """
    tokenizer = load_tokenizer(files)
    if tokenizer.get_vocab_size() != config.words:
        raise CheckpointError(
            f"{files.folder / 'tokenizer.json'} has {tokenizer.get_vocab_size()} tokens, but config.json says "
            f"llm_vocab_size {config.words}; fetch both again"
        )
    require_rows(tokenizer, config.words, files.folder / "tokenizer.json")
    drawn = seen = CroppedFormat(config.image_size)
    if config.clip is not None:
        seen = CroppedFormat(int(config.clip.image_size), _CLIP_MEAN, _CLIP_STD, floored=True)  # type: ignore[arg-type]
    return Processor(tokenizer, config, token_id(files, tokenizer, _END_OF_TEXT, "Show-o"), drawn, seen)


def _runs(flags: Tensor) -> Iterator[tuple[int, int]]:
    """Start and stop of every run of True."""
    edges = torch.diff(torch.nn.functional.pad(flags.int(), (1, 1)))
    yield from zip((edges == 1).nonzero().flatten().tolist(), (edges == -1).nonzero().flatten().tolist(), strict=True)
