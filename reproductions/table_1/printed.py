"""Table 1 of arXiv 2604.10949 as printed, held to the statements made of it.

`table_1.csv` holds every number of the table: embedding entropy of four kinds of text and six of pictures. The paper
prints no intervals, so a statement holds for a row of it or does not.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("table_1.csv")
TEXT = ("composition", "abductive", "inductive", "deductive")
IMAGE = ("attribute", "logical", "relation", "coarse", "single", "cross")
GRIDS = {"Show-o-1.3B": 24**2, "Show-o2-7B": 27**2}
"""Positions of a picture that is seen, where no template stands beside it in the published values."""
SAME_LANGUAGE_MODEL = ("BAGEL-14B", "Show-o2-7B")


@dataclass(frozen=True)
class Printed:
    """One row of the table.

    Attributes:
        model: as printed.
        values: kind -> bits.
    """

    model: str
    values: Mapping[str, float]

    @property
    def text(self) -> float:
        """Mean over kinds of text."""
        return _mean([self.values[kind] for kind in TEXT])

    @property
    def image(self) -> float:
        """Mean over kinds of pictures."""
        return _mean([self.values[kind] for kind in IMAGE])

    @property
    def gap(self) -> float:
        return self.image - self.text

    def spread(self, kinds: Sequence[str]) -> float:
        """Largest minus smallest value over some kinds."""
        own = [self.values[kind] for kind in kinds]
        return max(own) - min(own)


@dataclass(frozen=True)
class Check:
    """A statement held to the printed numbers.

    Attributes:
        id: of the statement.
        claim: in words.
        holds: rows it holds for.
        fails: row -> the number that speaks against it.
    """

    id: str
    claim: str
    holds: tuple[str, ...]
    fails: Mapping[str, str]


@cache
def printed() -> tuple[Printed, ...]:
    """The rows of the table, in order."""
    text = TABLE.read_text("utf-8")
    return tuple(
        Printed(row["model"], {kind: float(row[kind]) for kind in (*TEXT, *IMAGE)})
        for row in csv.DictReader(text.splitlines())
    )


def checks() -> tuple[Check, ...]:
    """T1 to T4 and F4b on the printed numbers, and the ceilings that row counts set."""
    rows = {row.model: row for row in printed()}
    pairs = {
        f"{name} and {other}": (row, rows[other])
        for name, row in rows.items()
        if (other := name.replace("-", "-RecA-", 1)) in rows
    }
    one, other = (rows[name].text for name in SAME_LANGUAGE_MODEL)
    return (
        _check("T1", "Pictures have a higher embedding entropy than text.", rows, lambda row: (row.gap, row.gap > 0)),
        _check(
            "T2",
            "The gap between modalities exceeds what kinds of prompt differ by.",
            rows,
            lambda row: (margin := row.gap - max(row.spread(TEXT), row.spread(IMAGE)), margin > 0),
        ),
        _check(
            "T3",
            "Deductive prompts have the lowest embedding entropy of all text.",
            rows,
            lambda row: (
                margin := min(row.values[kind] for kind in TEXT if kind != "deductive") - row.values["deductive"],
                margin > 0,
            ),
        ),
        _check(
            "T4",
            "RecA leaves embedding entropy as it was, within 0.1 bit of both means.",
            pairs,
            lambda pair: (
                apart := max(abs(pair[0].text - pair[1].text), abs(pair[0].image - pair[1].image)),
                apart <= 0.1,
            ),
        ),
        _check(
            "F4b",
            "Models with the same language model (the Qwen2.5-7B family) have similar text entropy, within 0.5 bit.",
            {" and ".join(SAME_LANGUAGE_MODEL): abs(one - other)},
            lambda apart: (apart, apart <= 0.5),
        ),
        _check(
            "ceiling",
            "No value for pictures exceeds log2 of the positions of a picture alone.",
            {model: (rows[model], grid) for model, grid in GRIDS.items()} | _janus(rows),
            lambda pair: (excess := max(pair[0].values[kind] for kind in IMAGE) - math.log2(pair[1]), excess <= 0),
        ),
    )


def _janus(rows: Mapping[str, Printed]) -> dict[str, tuple[Printed, int]]:
    return {name: (row, 24**2) for name, row in rows.items() if name.startswith("Janus")}


def _check(name: str, claim: str, rows: Mapping[str, object], judge: Callable) -> Check:
    judged = {model: judge(row) for model, row in rows.items()}
    return Check(
        name,
        claim,
        tuple(model for model, (_, holds) in judged.items() if holds),
        {model: f"{number:+.2f}" for model, (number, holds) in judged.items() if not holds},
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
