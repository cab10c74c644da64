"""What a picture of a prompt is asked: one question after the other, each with the answer that is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Hop = Literal["", "0-hop", "1-hop", "multi-hop"]
"""Steps of reasoning from the prompt's words to what must be seen; empty where the source does not say."""

HOPS: Final[Mapping[str, Hop]] = {"0-hop": "0-hop", "1-hop": "1-hop", "multi-hop": "multi-hop"}


@dataclass(frozen=True, kw_only=True)
class ChecklistItem:
    """One yes/no question about a picture.

    Attributes:
        id: unique in its benchmark: the prompt's own, and a number.
        dimension: what it tests, as the benchmark names it.
        question: as it is asked.
        expected: the right answer, "yes" or "no".
        hop: see `Hop`.
        tags: the source's other words for it.
        after: ids of questions of the same prompt that must be answered rightly before this one can be.
        attribute: of a world that rules can read, which the question is about; empty where there is none.
        values: of that attribute, for which the answer is yes.
    """

    id: str
    dimension: str
    question: str
    expected: str = "yes"
    hop: Hop = ""
    tags: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    attribute: str = ""
    values: tuple[str, ...] = ()


def hop_of(tags: tuple[str, ...]) -> Hop:
    """The hops that a source's tags name, however they are spelled ("multi_hop"); empty if none of them does."""
    named: list[Hop] = [HOPS[plain] for plain in map(_plain, tags) if plain in HOPS]
    return named[0] if named else ""


def without_hop(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The other tags."""
    return tuple(tag for tag in tags if _plain(tag) not in HOPS)


def _plain(tag: str) -> str:
    return tag.strip().lower().replace("_", "-")
