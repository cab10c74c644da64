"""How often published statements are decided at their border, where every decision is wrong or as good as wrong.

    python bench/statements.py [--repeats 1000] [--layers 6] > table.md

Every row plants mean curves at which the number of a statement is exactly what it must exceed, once in a single place
(the other parts surely hold) and once in all of them; or kinds that are the same. Prompts add a level of their own (sd
.5 bit, half of it skewed) and what changes from layer to layer (sd .3 bit). Given are shares of studies in which the
statement is decided, by itself; the section's correction makes them smaller.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset, Verdict
from unispect.studies.encoding.traces import Trace as Level
from unispect.studies.response.traces import Trace as Reply
from unispect.studies.statements.evidence import Evidence
from unispect.studies.statements.parts import LEAST
from unispect.studies.statements.registry import STATEMENTS
from unispect.studies.statements.shapes import FLAT, HIGH, NEAR

Floats = NDArray[np.float64]
Curves = Mapping[str, Floats]
TEXTS = ("deductive", "composition", "inductive", "abductive")
PICTURES = ("coarse", "relation", "single")
ROWS = 32


@dataclass(frozen=True)
class Null:
    """Mean curves at the border of a statement.

    Attributes:
        statement: its id.
        where: what lies at the border.
        text: kind -> curve; of prompts, or of replies.
        image: likewise.
        thirds: added to text of the three thirds of lengths [3, layers].
    """

    statement: str
    where: str
    text: Curves
    image: Curves
    thirds: Floats | None = None


def noise(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Of prompts, [prompts, layers]: levels, one part skewed, and layers, mean 0."""
    skewed = (np.exp(0.7 * rng.standard_normal(shape[0])) - np.exp(0.245)) / 1.02
    level = 0.354 * (rng.standard_normal(shape[0]) + skewed)
    return level[:, None] + 0.3 * rng.standard_normal(shape)


def evidence(null: Null, each: int, rng: np.random.Generator) -> Evidence:
    """One study with so many prompts of each kind."""
    levels, replies, place = [], [], 0
    for modality, curves in (("text", null.text), ("image", null.image)):
        for kind, curve in curves.items():
            values = curve + noise(rng, (each, len(curve)))
            rows = np.full(each, ROWS)
            if modality == "text" and null.thirds is not None:
                third = np.arange(each) % 3
                values, rows = values + null.thirds[third], ROWS * (1 + third)
            for number, (own, count) in enumerate(zip(values.tolist(), rows.tolist(), strict=True)):
                name = f"{modality} {kind} {number}"
                levels.append(Level("m", Preset.PAPER, modality, "text", kind, name, count, count, 1, own, "", {}))
    if null.statement.startswith("R"):
        shared = noise(rng, (each, len(null.text["text"])))
        for task, curve in (("write", null.text["text"]), ("draw", null.image["image"])):
            for place, own in enumerate((curve + shared + noise(rng, shared.shape)).tolist()):
                replies.append(Reply("m", Preset.PAPER, task, 0, str(place), 8, 8, 1, 1.0, {"P": own}, ""))
    card = ModelCard("m", "f", "p", 1.0, 64, 64)
    return Evidence(card, "m", Preset.PAPER, levels, replies, "write")


def nulls(layers: int) -> list[Null]:
    """All borders of statements about one model."""
    last = layers - 1
    one, x = np.ones(layers), np.arange(layers) / last
    quarter, early = max(1, round(last / 4)), max(1, last // 3)

    def at(place: int | slice, value: float) -> Floats:
        found = np.zeros(layers)
        found[place] = value
        return found

    def texts(curve: Floats, **others: Floats) -> Curves:
        return {kind: others.get(kind, curve) for kind in TEXTS}

    def pictures(curve: Floats, **others: Floats) -> Curves:
        return {kind: others.get(kind, curve) for kind in PICTURES}

    high, low = 9 * one, 5 * one
    border = FLAT - LEAST
    drop = at(slice(1, early + 1), -(0.25 * 8 + LEAST))
    collapsed = 8 * one + at(slice(1, early + 1), -4.0)
    return [
        Null("T1", "the gap", texts(low), pictures(low + LEAST)),
        Null("T2", "one pair of kinds", texts(low, deductive=low - 1), pictures(low + 0.75 + LEAST)),
        Null("T2", "all pairs", texts(low), pictures(low + LEAST)),
        Null("T3", "one kind", texts(low + 2, deductive=low, inductive=low + LEAST), {}),
        Null("T3", "all kinds", texts(low + LEAST, deductive=low), {}),
        Null("F4a", "one step", texts(low), {}, np.outer([0, 2, 2 + LEAST], one)),
        Null("F4a", "both steps", texts(low), {}, np.outer([0, LEAST, 2 * LEAST], one)),
        Null("F4d", "the level", texts((np.log2(ROWS) / 2 + LEAST) * one), {}),
        Null("F4e-large", "every early layer", texts(8 * one + drop), {}),
        Null("F4e-small", "one early layer", texts(8 * one + at(1, -(0.25 * 8 - LEAST))), {}),
        Null("F4e-small", "every early layer", texts(8 * one + at(slice(1, early + 1), -(0.25 * 8 - LEAST))), {}),
        Null("F4f", "the same curve", texts(4 + 4 * x), {}, np.zeros((3, layers))),
        Null("F4g", "the same curve", texts(low), {}, np.zeros((3, layers))),
        Null("F5a", "kinds are the same", texts(low), {}),
        Null("F5a", "one pair at one layer", texts(low, deductive=low + at(1, NEAR - LEAST)), {}),
        Null("F5a", "one kind at every layer", texts(low, deductive=low + NEAR - LEAST), {}),
        Null("F6a", "kinds are the same", {}, pictures(low)),
        Null("F6a", "one kind at every layer", {}, pictures(low, coarse=low + NEAR - LEAST)),
        Null("F6b", "one step", {}, pictures(np.repeat([0, 2, 2 + LEAST], -(-layers // 3))[:layers] + low)),
        Null("F6c", "one pair of layers", {}, pictures(low + at(1, border))),
        Null("F6c", "the first layer against all", {}, pictures(low + at(0, border))),
        Null("F6d", "one layer", {}, pictures(5 * one - at(1, 5 - 5 * (HIGH + LEAST)))),
        Null("F6d", "every layer", {}, pictures(5 * (HIGH + LEAST) * one)),
        Null("S1", "the range of pictures", texts(collapsed), pictures(high + at(1, border))),
        Null("S1", "the collapse", texts(8 * one + drop), pictures(high)),
        Null("S2", "the meeting", texts(low + at(slice(1, None), 3)), pictures(low + 1 + (2 + border) * x)),
        Null("S3", "the surge", texts(low + at(slice(quarter, None), LEAST)), pictures(high)),
        Null("S3", "the plateau", texts(low + at(slice(1, None), 3) + at(last, border)), pictures(high)),
        Null("S4", "the rise", texts(low + at(slice((last) // 2, None), LEAST)), pictures(low)),
        Null("R1", "one layer", {"text": low + 2 + at(1, -2 + LEAST)}, {"image": low}),
        Null("R1", "every layer", {"text": low + LEAST}, {"image": low}),
        Null("R2", "the beginning", {"text": low + 3 * x}, {"image": low + 3 * x + at(slice(0, quarter + 1), LEAST)}),
        Null("R2", "the end", {"text": low + 3 * x}, {"image": low + 3 * x + 0.25 - LEAST}),
    ]


def decided(null: Null, each: int, repeats: int, seed: int = 0) -> tuple[float, float]:
    """Shares of studies in which the statement is supported, and not supported."""
    judge = next(one.judge for one in STATEMENTS if one.id == null.statement)
    rng = np.random.default_rng([seed, each, *null.statement.encode(), *null.where.encode()])
    verdicts = [_verdict(judge, evidence(null, each, rng)) for _ in range(repeats)]
    return verdicts.count(Verdict.SUPPORTED) / repeats, verdicts.count(Verdict.NOT_SUPPORTED) / repeats


def _verdict(judge: Callable | None, own: Evidence) -> Verdict:
    return judge(own).verdict if judge else Verdict.NOT_APPLICABLE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--each", type=int, nargs="+", default=[3, 6, 12, 24])
    options = parser.parse_args()
    print(f"| statement | at the border | {' | '.join(f'{each} prompts' for each in options.each)} |")
    print(f"|---|---|{'---|' * len(options.each)}")
    for null in nulls(options.layers):
        cells = [decided(null, each, options.repeats) for each in options.each]
        shares = " | ".join(f"{100 * yes:.1f} / {100 * no:.1f}" for yes, no in cells)
        print(f"| {null.statement} | {null.where} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
