"""From prompts to tokens and pixels: bytes between two special tokens, the second of which says what is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.processing.pictures import CroppedFormat
from unispect.models.processing.template import Inputs, Piece, TextProcessor, content_of, inputs_of

BEGIN, TELL, DRAW, END, PICTURE = range(256, 261)
"""Special tokens, behind those of the 256 bytes: a vocabulary of 261."""


@dataclass(frozen=True)
class Processor(TextProcessor):
    """Tokenizer, template and picture format: side of a picture in pixels, and positions of it."""

    size: int
    positions: int

    @property
    def closing(self) -> int:
        return END

    @property
    def placeholder(self) -> int:
        """Stands for every position of a picture in a prompt."""
        return PICTURE

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
        """Token ids and pixels of a batch, and what every position is."""
        # REPLACE: how your model sees a picture (`CroppedFormat` and `PictureFormat` take mean and standard deviation).
        return inputs_of(self.tokenizer, prompts, partial(self._pieces, goal=goal), CroppedFormat(self.size).pixels)

    def empty_ids(self, length: int) -> list[int]:
        """Token ids of the unconditional branch of guidance, as long as those of its prompt."""
        # REPLACE: what your model was trained to draw from where it is told nothing.
        return [*[BEGIN] * (length - 1), DRAW]

    def _pieces(self, prompt: Prompt, goal: Goal) -> Iterator[Piece]:
        # REPLACE: your template. Every piece says what it is, so that a study can tell content from form.
        yield Piece("", "template", special=BEGIN)
        for part in content_of(prompt):
            if isinstance(part, str):
                yield Piece(part, "prompt")
            else:
                yield Piece("", "prompt", "image", special=PICTURE, repeat=self.positions)
        yield Piece("", "template", special=TELL if goal is Goal.TEXT else DRAW)


def bytes_tokenizer() -> Tokenizer:
    """Every byte is a token; no text becomes a special one."""
    # REPLACE: `unispect.models.processing.tokenizer.load_tokenizer(checkpoint)` reads tokenizer.json (see folder.py),
    # and `token_id` of that module finds the ids of special tokens.
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    return made
