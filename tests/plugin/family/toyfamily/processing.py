"""From prompts to tokens and pixels: bytes between two special tokens, the second of which says what is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.processing.template import Inputs, Piece, TextProcessor, content_of, inputs_of

BEGIN, TELL, DRAW, END, PICTURE = range(256, 261)


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format: side of a picture in pixels, and patches of it."""

    size: int
    patches: int

    @property
    def closing(self) -> int:
        return END

    @property
    def placeholder(self) -> int:
        return PICTURE

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        return inputs_of(self.tokenizer, prompts, partial(self._pieces, goal=goal), CroppedFormat(self.size).pixels)

    def emptied(self, ids: Tensor) -> Tensor:
        """Token ids [length] of the unconditional branch of guidance, as long as those of the prompt."""
        return torch.cat([torch.full_like(ids[:-1], BEGIN), ids[-1:]])

    def _pieces(self, prompt: Prompt, goal: Goal) -> Iterator[Piece]:
        yield Piece("", "template", special=BEGIN)
        for part in content_of(prompt):
            if isinstance(part, str):
                yield Piece(part, "prompt")
            else:
                yield Piece("", "prompt", "image", special=PICTURE, repeat=self.patches)
        yield Piece("", "template", special=TELL if goal is Goal.TEXT else DRAW)


def bytes_tokenizer() -> Tokenizer:
    """Every byte is a token; no text becomes a special one."""
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    return made
