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
HOLDS, FAILS = Truth.HOLDS, Truth.FAILS


def worlds() -> Iterator[World]:
    """Every one of them."""
    anything, most = "something of the words can be read", "most of them can be read where the reply starts"
    yield World(
        "probes",
        "states that say nothing of what words mean",
        partial(found, {}, 0.0),
        (Claim(anything, "any-", FAILS), Claim(most, "most-", FAILS)),
    )
    yield World(
        "probes",
        "every word's meaning where the reply starts, at one layer",
        partial(found, {(START, 1): 1.0}, 0.0),
        (Claim(anything, "any-", HOLDS), Claim(most, "most-", HOLDS)),
    )
    yield World(
        "probes",
        "every word's meaning at the word, at one layer",
        partial(found, {(WORD, 2): 1.0}, 0.0),
        (Claim(anything, "any-", HOLDS), Claim(most, "most-", FAILS)),
    )
    yield World(
        "probes",
        "three words in ten where the reply starts, at all layers",
        partial(found, {(START, layer): 0.3 for layer in range(3)}, 0.0),
        (Claim(anything, "any-", HOLDS), Claim(most, "most-", FAILS)),
    )
    yield World(
        "probes",
        "states that say nothing, with a bias to one value",
        partial(found, {}, 2.0),
        (Claim(anything, "any-", FAILS), Claim(most, "most-", FAILS)),
    )


def found(written: Mapping[Cell, float], bias: float, seed: int) -> Sequence[Finding]:
    """What is found in one draw of a world.

    Args:
        written: cell -> share of words whose meaning stands there.
        bias: how far the states of all words lie towards one value.
        seed: of everything.
    """
    generator = generator_for("planted probes", seed)
    sets = {("text", name): _attribute(len(values), written, bias, generator) for name, values in VALUES.items()}
    card = ModelCard("planted", "fake", "none", None, 64, 16, taught={"text": "text"})
    one = Reads("planted", card, Goal.TEXT, Goal.TEXT, "text", CELLS, sets)
    return settled(findings([one]))


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
