"""Worlds about probes: states of words that hold their meanings at one layer and place, at none, or of some words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from tests.planted_truth.case import Claim, Truth, World
from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.core.prompts import Goal
from unispect.core.seeds import generator_for
from unispect.data.concepts.world import VALUES
from unispect.metrics.probes import Probe
from unispect.studies.decisions import settled
from unispect.studies.probing_attributes.claims import findings
from unispect.studies.probing_attributes.reads import Cell, OfAttribute, Reads
from unispect.studies.probing_attributes.records import LAST, START, WORD

CELLS: tuple[Cell, ...] = tuple((place, layer) for place in (WORD, LAST, START) for layer in range(3))
WIDTH, FORMS, NOISE = 24, 4, 0.15
STRENGTH = 100.0
HOLDS, FAILS, BORDER = Truth.HOLDS, Truth.FAILS, Truth.UNKNOWABLE


def worlds() -> Iterator[World]:
    """Every one of them."""
    anything, most = "something of the words can be read", "most of them can be read where the reply starts"
    yield World(
        "probes",
        "states that say nothing of what words mean",
        partial(found, {"text": {}}, 0.0),
        (Claim(anything, "any-", FAILS), Claim(most, "most-", FAILS)),
    )
    yield World(
        "probes",
        "every word's meaning where the reply starts, at one layer",
        partial(found, {"text": {(START, 1): 1.0}}, 0.0),
        (Claim(anything, "any-", HOLDS), Claim(most, "most-", HOLDS)),
    )
    yield World(
        "probes",
        "every word's meaning at the word, at one layer",
        partial(found, {"text": {(WORD, 2): 1.0}}, 0.0),
        (Claim(anything, "any-", HOLDS), Claim(most, "most-", FAILS)),
    )
    yield World(
        "probes",
        "three words in ten where the reply starts, at all layers",
        partial(found, {"text": {(START, layer): 0.3 for layer in range(3)}}, 0.0),
        (Claim(anything, "any-", HOLDS), Claim(most, "most-", FAILS)),
    )
    yield World(
        "probes",
        "states that say nothing, with a bias to one value",
        partial(found, {"text": {}}, 2.0),
        (Claim(anything, "any-", FAILS), Claim(most, "most-", FAILS)),
    )
    less, last = "less of words taught by drawing gets to where it starts to tell", (START, 2)
    for share, truth in ((0.0, HOLDS), (0.7, BORDER), (0.9, FAILS)):
        yield World(
            "probes",
            f"where the reply starts, nine words in ten taught both ways and {share:.0%} taught by drawing",
            partial(found, {"both": {last: 0.9}, "drawing": {last: share}}, 0.0),
            (Claim(less, "less-", truth),),
        )


def found(written: Mapping[str, Mapping[Cell, float]], bias: float, seed: int) -> Sequence[Finding]:
    """What is found in one draw of a world.

    Args:
        written: how words were taught -> cell -> share of them whose meaning stands there.
        bias: how far the states of all words lie towards one value.
        seed: of everything.
    """
    generator = generator_for("planted probes", seed)
    card = ModelCard("planted", "fake", "none", None, 64, 16, taught={taught: taught for taught in written})
    every = []
    for taught, cells in written.items():
        sets = {(taught, name): _attribute(len(values), cells, bias, generator) for name, values in VALUES.items()}
        every.append(Reads("planted", card, Goal.TEXT, Goal.TEXT, taught, CELLS, sets))
    return settled(findings(every))


def _attribute(values: int, written: Mapping[Cell, float], bias: float, generator: np.random.Generator) -> OfAttribute:
    codes = generator.normal(size=(values, WIDTH)) / np.sqrt(WIDTH)
    truth = np.arange(values)
    luck = generator.random(values)  # the same words are known at all cells
    read = []
    for cell in CELLS:
        labels = np.tile(truth, FORMS)
        probe = Probe.of(codes[labels] + NOISE * generator.normal(size=(len(labels), WIDTH)), labels, STRENGTH)
        known = luck < written.get(cell, 0.0)
        rows = NOISE * generator.normal(size=(values, WIDTH)) + known[:, None] * codes + bias * codes[0]
        read.append(probe.read(rows))
    return OfAttribute(np.array(read), truth, (), np.zeros((len(CELLS), 1)))
