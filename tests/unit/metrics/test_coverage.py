"""Intervals hold the truth as often as they say, at sizes of the studies: a short version of bench/coverage.py.

Bounds are the wanted ones, 93 to 97 %, less what so few simulations leave open (three standard errors).
"""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench" / "coverage.py"
LEAST, MOST, FALSE = 93.0, 97.0, 5.0


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("coverage_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def error(row) -> float:
    return 300 * math.sqrt(0.05 * 0.95 / row.simulations)


def too_low(rows) -> list[str]:
    return [f"{r.size}, {r.truth}: {r.shares['ours']:.1f}" for r in rows if r.shares["ours"] < LEAST - error(r)]


def too_high(rows) -> list[str]:
    return [f"{r.size}, {r.truth}: {r.shares['ours']:.1f}" for r in rows if r.shares["ours"] > MOST + error(r)]


@pytest.mark.slow
def test_shares_of_words_crossed_with_combinations(bench) -> None:
    """In the middle: near the ends, and where whole clusters succeed or fail, limits of few clusters are too wide."""
    rows = list(bench.crossed(120, False, sizes=(bench.SIZES[0], bench.SIZES[5]), shares=(0.5, 0.8)))
    assert len(rows) == 32
    assert not too_low(rows)
    assert not too_high([row for row in rows if "of each" in row.truth])


@pytest.mark.slow
def test_gaps_of_words_drawn_in_combinations_and_told_alone(bench) -> None:
    rows = list(bench.gaps(150, False, sizes=(bench.SIZES[0],), levels=((0.5, 0.5), (0.9, 0.2))))
    assert len(rows) == 12
    assert not too_low(rows)


@pytest.mark.slow
def test_means_of_few_skewed_values(bench) -> None:
    rows = list(bench.means(300, False, prompts=(3, 5, 8, 22)))
    kept = [row for row in rows if "6.2" not in row.truth and (row.size, row.truth[:3]) != ("3 prompts", "exp")]
    assert len(kept) == 19
    assert not too_low(kept)
    assert not too_high(kept)


@pytest.mark.slow
def test_differences_of_few_prompts(bench) -> None:
    rows = list(bench.groups(150, False, pairs=((3, 3, 0), (4, 16, 0), (8, 8, 8))))
    kept = [row for row in rows if "exponential" not in row.truth and "1.75" not in row.truth]
    assert len(kept) == 18
    assert not too_low(kept)
    assert not too_high([row for row in kept if "normal" in row.truth])


@pytest.mark.slow
def test_correlations_of_words_that_share_combinations_are_not_found_where_there_are_none(bench) -> None:
    for row in bench.associations(120, True, rhos=(0.0,), difficulties=(0.0, 2.0)):
        assert row.shares["p by combinations"] <= FALSE + error(row)
        assert row.shares["limits"] <= FALSE + error(row)
        if "sd 2.0" in row.truth:
            assert row.shares["p by words"] > FALSE + error(row)  # what permuting words would have found


def test_correlations_that_are_there_are_found(bench) -> None:
    (row,) = bench.associations(100, False, rhos=(1.0,), difficulties=(0.0,))
    assert row.shares["p by combinations"] > 40
