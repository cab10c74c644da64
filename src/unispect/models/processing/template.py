"""A templated prompt as tokens that know what they are: modality and role of every position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import ClassVar, NamedTuple

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Modality, Prompt, Role, Segment
from unispect.models.processing.tokenizer import plain


@dataclass(frozen=True)
class Piece:
    """A stretch of the templated prompt: plain text, or one token given by `special`.

    Plain text is tokenised together with the plain text before it, unless it stands `apart`.
    """

    text: str
    role: Role
    modality: Modality = "text"
    special: int | None = None
    repeat: int = 1
    apart: bool = False


class Token(NamedTuple):
    id: int
    modality: Modality
    role: Role


@dataclass(frozen=True)
class Inputs:
    """What `Encoded.inputs` holds where a picture is placeholders among tokens and nothing else is to be said.

    Attributes:
        ids: for every sample its token ids [length]; every picture takes its share of placeholder ids.
        pixels: all pictures of the batch in reading order [pictures, 3, size, size]; None when there are none.
    """

    ids: tuple[Tensor, ...]
    pixels: Tensor | None


@dataclass(frozen=True)
class QwenIds:
    """Ids of the special tokens that every family on Qwen has, in the order of `QWEN`: around turns and pictures."""

    start: int
    end: int
    picture_start: int
    picture_end: int


QWEN = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")


@dataclass(frozen=True)
class TextProcessor:
    """What the processors of all families do alike: replies as token ids and back.

    Attributes:
        tokenizer: never given text with special tokens to recognise.
    """

    LEAD: ClassVar[str] = ""
    """What stands between a prompt and the text of its reply."""
    tokenizer: Tokenizer = field(repr=False)

    @property
    def closing(self) -> int:
        """The token that ends a reply."""
        raise NotImplementedError

    def answer_ids(self, text: str) -> list[int]:
        """Token ids of a complete reply: `LEAD` and the text, then the end token."""
        text = text.strip()
        return [*(plain(self.tokenizer, f"{self.LEAD}{text}").ids if text else []), self.closing]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a reply, stripped, special tokens removed."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True).strip()


def require_prompts(prompts: Sequence[Prompt]) -> None:
    """Raises `UsageError` where there are none."""
    if not prompts:
        raise UsageError("there are no prompts to encode")


def inputs_of(
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    pieces: Callable[[Prompt], Iterable[Piece]],
    pixels: Callable[[Image.Image], Tensor],
    *,
    forbidden: int | None = None,
) -> tuple[Inputs, tuple[tuple[Segment, ...], ...]]:
    """Tokens and pixels of a batch, and what every position is.

    Args:
        tokenizer: see `tokens_of`.
        prompts: of the batch.
        pieces: a prompt in its template.
        pixels: a picture as pixels [3, size, size].
        forbidden: see `tokens_of`.

    Raises:
        UsageError: there are no prompts.
        DataError: a picture cannot be read, or a text contains the forbidden token.
    """
    require_prompts(prompts)
    rows = [tokens_of(tokenizer, pieces(prompt), forbidden=forbidden) for prompt in prompts]
    seen = stacked([pixels(picture) for prompt in prompts for picture in prompt.images])
    return Inputs(tuple(map(ids_of, rows)), seen), tuple(map(segments_of, rows))


def content_of(prompt: Prompt) -> list[str | Image.Image]:
    """The parts of a prompt, but for empty texts."""
    return [part for part in prompt.parts if not isinstance(part, str) or part]


def ids_of(tokens: Iterable[Token]) -> Tensor:
    """Token ids [length]."""
    return torch.tensor([token.id for token in tokens], dtype=torch.long)


def stacked(pixels: Sequence[Tensor]) -> Tensor | None:
    """Pictures of one size as one tensor [pictures, 3, height, width]; None where there are none."""
    return torch.stack(list(pixels)) if pixels else None


def tokens_of(tokenizer: Tokenizer, pieces: Iterable[Piece], *, forbidden: int | None = None) -> list[Token]:
    """Token ids with what they are. Plain text between two special tokens is tokenised in one go, but for pieces apart.

    Args:
        tokenizer: never takes plain text for a special token.
        pieces: the templated prompt in order.
        forbidden: a token that plain text must not contain, since it stands for pictures.

    Raises:
        DataError: plain text contains the forbidden token, or half a character.
    """
    tokens: list[Token] = []
    plain_run: list[Piece] = []
    for piece in pieces:
        if plain_run and (piece.special is not None or piece.apart):
            tokens += _plain_tokens(tokenizer, plain_run, forbidden)
            plain_run = []
        if piece.special is None:
            plain_run.append(piece)
        else:
            tokens += [Token(piece.special, piece.modality, piece.role)] * piece.repeat
    return [*tokens, *_plain_tokens(tokenizer, plain_run, forbidden)]


def segments_of(tokens: Sequence[Token], start: int = 0) -> tuple[Segment, ...]:
    """What every position is, as runs of like positions from `start` on."""
    segments: list[Segment] = []
    for (modality, role), run in groupby(tokens, key=lambda token: (token.modality, token.role)):
        begin = segments[-1].stop if segments else start
        segments.append(Segment(begin, begin + sum(1 for _ in run), modality, role))
    return tuple(segments)


def rgb(picture: Image.Image) -> Image.Image:
    """The picture in RGB.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return picture.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        name = getattr(picture, "filename", "") or "a picture"
        raise DataError(f"{name} cannot be read ({error}); replace it") from error


def _plain_tokens(tokenizer: Tokenizer, run: list[Piece], forbidden: int | None) -> Iterator[Token]:
    """A token that touches content belongs to the prompt, also where it begins with the template's space."""
    roles: list[Role] = [piece.role for piece in run for _ in piece.text]
    encoding = plain(tokenizer, "".join(piece.text for piece in run))
    for token, (start, stop) in zip(encoding.ids, encoding.offsets, strict=True):
        if token == forbidden:
            raise DataError("the prompt's text contains the token that stands for pictures; take it out")
        role: Role = "prompt" if "prompt" in roles[start : max(stop, start + 1)] else "template"
        yield Token(token, "text", role)
