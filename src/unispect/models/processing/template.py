"""A templated prompt as tokens that know what they are: modality and role of every position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from PIL import Image
from tokenizers import Tokenizer

from unispect.core.errors import DataError
from unispect.core.prompts import Modality, Role, Segment
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
