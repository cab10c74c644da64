"""Where the meaning is lost: a table of cases, and how often the rule is wrong where the truth is planted."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from unispect.core.findings import Interval, Verdict
from unispect.core.seeds import generator_for
from unispect.metrics.extremes import largest
from unispect.metrics.shares import proportion
from unispect.studies.meaning.verdict import LOSSES, Evidence, Lost, claims, decide, likeliest, one_format
from unispect.studies.verdicts import KNOWN

WORDS, CHANCE = 22, 4 / 22
CELLS = 12
"""Layers and places of probes and patches."""
SEEDS = 200


def score(rate: float, words: int = WORDS) -> Interval:
    """Chance-corrected, of words of which this share is right."""
    return corrected(round((rate * (1 - CHANCE) + CHANCE) * words), words)


@cache
def corrected(right: int, words: int = WORDS, cells: int = 1) -> Interval:
    """The same of the largest of several shares, which is that of the words right in the best cell."""
    one = proportion(right, words, unit="words").mapped(1 / (1 - CHANCE), -CHANCE / (1 - CHANCE))
    top = largest([one] * cells)
    assert top.limits is not None
    return replace(top, limits=cache(top.limits))


def evidence(**rates: float | None) -> Evidence:
    """A model that draws and tells nothing, but for what is named."""
    usual = {"drawn": 1, "told": 0, "recalled": 0, "probed": 0, "selectivity": 0, "probed_known": 1}
    every = {**usual, "patched_known": 1, "patched_own": 1, **rates}
    return Evidence(**{name: None if rate is None else score(rate) for name, rate in every.items()})


CASES = [
    (Lost.NOT_WRITTEN, {}),
    (Lost.NOT_WRITTEN, {"patched_own": 0}),  # what drawing holds may be in another form
    (Lost.NOT_READ, {"probed": 1, "selectivity": 1}),
    (Lost.NOT_READ, {"probed": 1, "selectivity": 1, "probed_known": None}),
    (Lost.NOT_SAID, {"told": 1, "probed": 1}),
    (Lost.NOT_SAID, {"told": 1, "probed": None, "patched_known": None}),
    (Lost.NOT_LOST, {"told": 1, "recalled": 1, "probed": 1}),
    (Lost.NOT_DRAWN, {"drawn": 0}),
    (Lost.NOT_DRAWN, {"drawn": 0, "told": 1, "recalled": 1}),
    # Not sure of a part
    (Lost.CANNOT_TELL, {"drawn": KNOWN}),
    (Lost.CANNOT_TELL, {"told": KNOWN}),
    (Lost.CANNOT_TELL, {"told": 1, "recalled": KNOWN}),
    (Lost.CANNOT_TELL, {"probed": KNOWN}),
    # What was not measured, or was not shown to work
    (Lost.CANNOT_TELL, {"probed_known": 0}),
    (Lost.CANNOT_TELL, {"probed_known": None}),
    (Lost.CANNOT_TELL, {"patched_known": 0}),
    (Lost.CANNOT_TELL, {"patched_known": None}),
    (Lost.CANNOT_TELL, {"probed": 1, "selectivity": 1, "patched_known": 0}),
    (Lost.CANNOT_TELL, {"probed": None}),
    (Lost.CANNOT_TELL, {"probed": 1, "selectivity": -CHANCE}),  # control tasks are read as well
    (Lost.CANNOT_TELL, {"probed": 1, "selectivity": None}),
    (Lost.CANNOT_TELL, {"told": 1, "recalled": None}),
    (Lost.CANNOT_TELL, {"told": None}),
    (Lost.CANNOT_TELL, {"drawn": None}),
]


@pytest.mark.parametrize(("lost", "rates"), CASES)
def test_the_table_of_cases(lost, rates):
    found = evidence(**rates)
    assert decide(found) is lost
    every = claims(found)
    assert sum(one.verdict(one.p) is Verdict.SUPPORTED for one in every.values()) == (lost is not Lost.CANNOT_TELL)
    assert likeliest(found)[1] == every[likeliest(found)[0]]


def test_nothing_measured_is_nothing_said():
    assert decide(Evidence()) is Lost.CANNOT_TELL
    assert one_format(Evidence()).p == 1


def test_no_verdict_rests_on_a_missing_limit():
    whole = evidence(probed=1, selectivity=1)
    assert decide(whole) is Lost.NOT_READ
    for name in ("drawn", "told", "probed", "selectivity", "patched_known"):
        bare = replace(score(1), low=np.nan, high=np.nan, limits=None)
        assert decide(replace(whole, **{name: bare})) is Lost.CANNOT_TELL


@pytest.mark.parametrize(
    ("own", "known", "verdict"),
    [
        (1, 1, Verdict.SUPPORTED),
        (0, 1, Verdict.NOT_SUPPORTED),
        (0, 0, Verdict.CANNOT_TELL),
        (0, None, Verdict.CANNOT_TELL),
        (KNOWN, 1, Verdict.CANNOT_TELL),
    ],
)
def test_whether_telling_reads_what_drawing_holds_decides_nothing_about_where(own, known, verdict):
    found = one_format(evidence(patched_own=own, patched_known=known))
    assert found.verdict(found.p) is verdict
    for other in (0, 1, None):
        assert decide(evidence(patched_own=other)) is Lost.NOT_WRITTEN


WORLDS = {
    # What is true -> verdicts that are right; every other one but "cannot tell" is wrong.
    "nothing anywhere": (dict.fromkeys((one.name for one in fields(Evidence)), 0.0), {Lost.NOT_DRAWN}),
    "drawn at the border": ({"drawn": KNOWN}, set()),
    "told at the border": ({"told": KNOWN, "probed": KNOWN}, set()),
    "held at the border": ({"probed": KNOWN, "selectivity": KNOWN}, set()),
    "said at the border": ({"told": 0.95, "recalled": KNOWN, "probed": 0.95}, set()),
    "probes that do not work": ({"probed_known": KNOWN}, set()),
    "no way from states to answers": ({"patched_known": 0.0}, set()),
    "controls read as well": ({"probed": 0.95, "selectivity": 0.0}, set()),
    "fluent": ({"told": 0.95, "recalled": 0.95, "probed": 0.95, "selectivity": 0.95}, {Lost.NOT_LOST}),
    "not written": ({}, {Lost.NOT_WRITTEN}),
    "written but not read": ({"probed": 0.95, "selectivity": 0.95}, {Lost.NOT_READ}),
    "read but not said": ({"told": 0.95, "recalled": 0.05, "probed": 0.95, "selectivity": 0.95}, {Lost.NOT_SAID}),
}
OFTEN = {"fluent", "not written", "written but not read", "read but not said", "nothing anywhere"}
"""Worlds in which the rule must find what is there more often than not."""


def simulated(rates: dict[str, float], rng: np.random.Generator) -> Evidence:
    """Outcomes of 22 words; of what is searched for over layers and places, at every one of them by itself."""
    usual = {"drawn": 0.95, "told": 0.0, "recalled": 0.0, "probed": 0.0, "selectivity": 0.0, "probed_known": 0.95}
    every = {**usual, "patched_known": 0.95, "patched_own": 0.0, **rates}
    chances = np.repeat([1 / 7, 1 / 6, 1 / 5, 1 / 4], [7, 6, 5, 4])

    def outcome(rate: float, cells: int) -> Interval:
        right = (rng.random((cells, WORDS)) < chances + rate * (1 - chances)).sum(1)
        return corrected(int(right.max()), cells=cells)

    searched = {"probed", "probed_known", "patched_known", "patched_own"}
    return Evidence(**{name: outcome(rate, CELLS if name in searched else 1) for name, rate in every.items()})


@pytest.mark.parametrize("name", WORLDS)
def test_wrong_verdicts_stay_within_5_percent_of_200_seeds(name):
    rates, right = WORLDS[name]
    found = [decide(simulated(rates, generator_for("where lost", name, seed))) for seed in range(SEEDS)]
    wrong = sum(lost not in right and lost is not Lost.CANNOT_TELL for lost in found)
    assert wrong <= binom.ppf(0.99, SEEDS, 0.05)
    if name == "nothing anywhere":
        assert not any(lost in LOSSES for lost in found)
    if name in OFTEN:
        assert sum(lost in right for lost in found) > SEEDS / 2
