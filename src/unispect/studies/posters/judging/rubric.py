"""A rubric: neutral statements about one poster, and which of them are true of it. Tidied by rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from unispect.core.seeds import seed_for
from unispect.core.units import JSON
from unispect.studies.posters.judging.forms import Statements

SHORTEST, LONGEST = 10, 200
"""Characters of a statement; the shorter limit is the published one."""
MOST = 40
"""Statements of each kind."""

_KEY = re.compile(
    r"\b(should|must|ought|instead|rather than|unlike|incorrect\w*|wrong\w*|mistaken\w*|missing|omitted|"
    r"hallucinat\w*|rendition|original|replica|reference|reply|actual(ly)?|in fact)\b",
    re.IGNORECASE,
)
"""Words that say what a statement is there for, unless they are quoted from the poster."""
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|'[^']*'(?!\w)")


@dataclass(frozen=True)
class Rubric:
    """What is held against a rendition.

    Attributes:
        wanted: true of the poster.
        unwanted: false of it.
    """

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @property
    def key(self) -> Mapping[str, bool]:
        """Statement -> whether it is wanted, in the rubric's order. The judge never sees it."""
        return {statement: wanted for wanted, own in ((True, self.wanted), (False, self.unwanted)) for statement in own}


def tidied(statements: Statements) -> tuple[Rubric, dict[str, JSON]]:
    """The rubric, and why how many statements were left out.

    Left out are statements that are too short or too long, that stand on both lists, that were there already, that say
    what they are there for, and what is over `MOST`. What remains is in alphabetical order.
    """
    dropped: Counter[str] = Counter()
    wanted = _usable(statements.present, dropped)
    unwanted = _usable(statements.absent, dropped)
    both = wanted.keys() & unwanted.keys()
    dropped["on both lists"] += 2 * len(both)
    kept = [[text for key, text in own.items() if key not in both] for own in (wanted, unwanted)]
    dropped["too many"] += sum(max(0, len(own) - MOST) for own in kept)
    first, second = (tuple(sorted(own[:MOST], key=str.casefold)) for own in kept)
    return Rubric(first, second), {why: count for why, count in sorted(dropped.items()) if count}


def blind_order(statements: Iterable[str], unit: str) -> list[str]:
    """Statements in an order that only they and the unit decide."""
    return sorted(statements, key=lambda statement: (seed_for("posters items", unit, statement), statement))


def _usable(statements: Iterable[str], dropped: Counter[str]) -> dict[str, str]:
    """Comparable form -> statement, first come first kept."""
    kept: dict[str, str] = {}
    for raw in statements:
        text = " ".join(raw.split()).removesuffix(".")
        key = re.sub(r"[\W_]+", " ", text.casefold()).strip()
        why = _unusable(text) or ("there already" if key in kept else "")
        if why:
            dropped[why] += 1
        else:
            kept[key] = text
    return kept


def _unusable(text: str) -> str:
    if len(text) < SHORTEST:
        return "too short"
    if len(text) > LONGEST:
        return "too long"
    return "says what it is there for" if _KEY.search(_QUOTED.sub("", text)) else ""
