"""What a judge is asked, as requests. `items_request` is given no key that could leak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image

from unispect.chat import Request
from unispect.core.prompts import Prompt
from unispect.studies.posters.judging.forms import Answers, Look, Statements
from unispect.studies.posters.judging.language import FROM_REFERENCE, FROM_REPLIES, ITEMS, LOOK

LOOK_TOKENS = 4096
ITEMS_TOKENS = 8192
"""An explanation of 40 words to each of 60 statements fits."""
LONGEST_SIDE = 1536
"""Larger pictures are shown to a judge reduced to this many pixels."""

Rendition = str | Image.Image


def look_request(reference: Image.Image, reply: Rendition, *, temperature: float | None) -> Request[Look]:
    """A rendition beside its original."""
    parts = ("The original:\n", fitted(reference), "\nThe rendition:\n", *_material(reply))
    return Request(Prompt.of(*parts), Look, LOOK, LOOK_TOKENS, temperature)


def reference_request(reference: Image.Image, *, temperature: float | None, seed: int) -> Request[Statements]:
    """Statements from the original alone."""
    prompt = Prompt.of("The poster:\n", fitted(reference))
    return Request(prompt, Statements, FROM_REFERENCE, LOOK_TOKENS, temperature, seed)


def looks_request(looks: Sequence[Look], *, temperature: float | None, seed: int) -> Request[Statements]:
    """Statements from what looks at replies noted; nobody can see whose replies, drawn or told, they were."""
    present = [note for look in looks for note in (*look.accurate, *(w.original for w in look.wrong), *look.missing)]
    absent = [note for look in looks for note in (*(w.shown for w in look.wrong), *look.added)]
    text = f"PRESENT\n{_listed(present)}\n\nABSENT\n{_listed(absent)}"
    return Request(Prompt.of(*_material(text)), Statements, FROM_REPLIES, LOOK_TOKENS, temperature, seed)


def items_request(
    statements: Sequence[str], reply: Rendition, *, temperature: float | None, seed: int
) -> Request[Answers]:
    """Statements in the order given, and one rendition."""
    numbered = "\n".join(f"{number}. {_line(statement)}" for number, statement in enumerate(statements, 1))
    prompt = Prompt.of(f"The statements:\n{numbered}\n\nThe rendition:\n", *_material(reply))
    return Request(prompt, Answers, ITEMS, ITEMS_TOKENS, temperature, seed)


def fitted(picture: Image.Image) -> Image.Image:
    """The picture, reduced if it is larger than a judge has to see."""
    if max(picture.size) <= LONGEST_SIDE:
        return picture
    smaller = picture.copy()
    smaller.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return smaller


def _material(reply: Rendition) -> Iterator[Rendition]:
    """A rendition between its marks; a text cannot hold them."""
    yield "BEGIN\n"
    yield (
        "\n".join(line for line in reply.splitlines() if line.strip() not in ("BEGIN", "END"))
        if isinstance(reply, str)
        else fitted(reply)
    )
    yield "\nEND"


def _listed(notes: Sequence[str]) -> str:
    return (
        "\n".join(f"- {note}" for note in dict.fromkeys(_line(note) for note in notes if note.strip())) or "- nothing"
    )


def _line(text: str) -> str:
    return " ".join(text.split())
