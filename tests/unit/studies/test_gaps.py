"""Gaps at equal lengths, decisions by several readings, and the multiverse, on simulated truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.core.findings import Finding, Interval, Verdict
from unispect.metrics.student import Error, student
from unispect.studies.decisions import UNDECIDED
from unispect.studies.states.agreement import Asked, BothPresets, finding
from unispect.studies.states.curves import Curves
from unispect.studies.states.gaps import MARGIN, Difference, NoCommonLength, Side, at_equal_length, plain
from unispect.studies.states.multiverse import (
    LENGTHS,
    Choices,
    Read,
    gaps,
    gated,
    layer_sets,
    of_differences,
    of_everywhere,
)
from unispect.studies.states.orders import closing, depends, differ, higher, reversed_by, same_order

ASKED = Asked("The order is the same.", "text prompts", "pictures", "rows", ("", ""))


def side(values, rows, kinds=None, prefix="t"):
    values = np.asarray(values, dtype=np.float64).reshape(len(rows), -1)
    names = tuple(f"{prefix}{i}" for i in range(len(rows)))
    return Side(names, values, np.log2(np.asarray(rows, dtype=np.float64)), tuple(kinds or ["k"] * len(rows)))


def around(estimate, error=0.02, freedom=30.0):
    return student(estimate, Error(error, freedom), n=40, clusters=40, unit="prompts")


def test_a_gap_by_length_alone_is_gone_at_equal_length():
    """Levels are log2 of the rows on both sides: text is shorter on average, and level at equal length."""
    rng = np.random.default_rng(0)
    rows = np.array([8] * 10 + [32] * 10 + [48] * 10 + [128] * 10)
    text = side(np.log2(rows) + rng.normal(0, 0.05, 40), rows)
    pictures = side(6 + rng.normal(0, 0.05, 20), [64] * 20, prefix="p")
    assert plain(text, pictures).interval(0).high < -0.3
    matched = at_equal_length(text, pictures).interval(0)
    assert abs(matched.estimate) < 0.05
    assert matched.low < 0 < matched.high
    assert matched.n == 50  # the shortest text plays no part


def test_lengths_that_do_not_meet_are_refused():
    pictures = side(np.zeros(6), [256] * 6, prefix="p")
    with pytest.raises(NoCommonLength, match="no prompts of the two sides"):
        at_equal_length(side(np.zeros(6), [16] * 6), pictures)
    with pytest.raises(NoCommonLength, match="on one side of it"):
        at_equal_length(side(np.zeros(6), [140, 150, 160, 170, 180, 190]), pictures)


def test_limits_at_equal_length_hold_what_they_say():
    """1,000 sets whose spread grows with length: coverage of a true gap of 0.3 within three binomial errors of 95 %."""
    rng = np.random.default_rng(1)
    rows = np.repeat([32, 45, 64, 90, 128], 4)
    held = 0
    for _ in range(1000):
        spread = np.log2(rows) / 20
        text = side(np.log2(rows) + 0.3 + spread * rng.normal(size=20), rows)
        pictures = side(6 + rng.normal(0, 0.1, 10), [64] * 10, prefix="p")
        found = at_equal_length(text, pictures).interval(0)
        held += found.low <= 0.3 <= found.high
    assert abs(held / 1000 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 1000) + 0.01


def test_prompts_on_both_sides_stay_paired():
    rng = np.random.default_rng(2)
    common = rng.normal(0, 3, 12)
    first = side(common + 0.2 + rng.normal(0, 0.01, 12), [16] * 12)
    second = side(common + rng.normal(0, 0.01, 12), [16] * 12)
    found = plain(first, second).interval(0)
    assert found.low > 0.15
    assert found.n == 12
    difference = Difference.between(
        *(Curves.of([(n, v) for n, v in zip(s.prompts, s.values.tolist(), strict=True)]) for s in (first, second))
    )
    assert difference.mean().estimate == pytest.approx(found.estimate)
    assert difference.mean().low == pytest.approx(found.low, rel=1e-3)


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ((0.5, 0.4), Verdict.SUPPORTED),
        ((-0.5, -0.4), Verdict.SUPPORTED),
        ((0.5, -0.4), Verdict.CANNOT_TELL),  # each differs, the other way round
        ((0.0, 0.5), Verdict.CANNOT_TELL),  # level by one width, apart by the other
        ((0.0, 0.02), Verdict.NOT_SUPPORTED),
        ((MARGIN, MARGIN), Verdict.CANNOT_TELL),
    ],
)
def test_a_difference_holds_by_every_width_or_not_at_all(readings, verdict):
    decision = differ([around(one) for one in readings])
    assert decision.verdict(decision.p) is verdict


@pytest.mark.parametrize(
    ("start", "end", "verdict"),
    [
        (1.0, 0.5, Verdict.SUPPORTED),
        (-1.0, 0.5, Verdict.SUPPORTED),  # through zero, and nearer than before
        (-1.0, -0.2, Verdict.SUPPORTED),
        (0.5, 1.0, Verdict.NOT_SUPPORTED),
        (0.5, -1.0, Verdict.NOT_SUPPORTED),
        (0.0, 0.0, Verdict.NOT_SUPPORTED),  # nothing to close
        (1.0, 1.0, Verdict.NOT_SUPPORTED),
        (1.0, 0.9, Verdict.CANNOT_TELL),
    ],
)
def test_closing_is_decided_without_sizes_of_noise(start, end, verdict):
    decision = closing([(around(start - end), around(start + end))])
    assert decision.verdict(decision.p) is verdict


def test_two_orders():
    cases = {
        (0.5, 0.6): "supported",
        (0.5, -0.6): "not supported",
        (0.5, 0.0): "not supported",
        (0.0, 0.0): "supported",
    }
    for (one, other), verdict in cases.items():
        decision = same_order([around(one)], [around(other), around(other)])
        assert decision.verdict(decision.p) == verdict, (one, other)
    split = same_order([around(0.5)], [around(0.5), around(-0.5)])
    assert split.verdict(split.p) is Verdict.CANNOT_TELL
    assert depends([differ([around(0.0)]), differ([around(0.5)])])
    assert reversed_by(around(0.3), around(-0.3))
    assert not reversed_by(around(0.3), around(-0.1))
    assert higher([]).p == 1


@pytest.mark.slow
@pytest.mark.parametrize("true", [0.0, MARGIN, -MARGIN])
def test_false_decisions_at_the_edges_of_the_margin_are_rare(true):
    """2,000 draws: at the margin "differ" and "level" are each claimed wrongly in at most 5 %."""
    rng = np.random.default_rng(3)
    claims = []
    for value in rng.normal(true, 0.02, 2000):
        decision = differ([around(value)])
        claims.append(decision.verdict(decision.p))
    wrong = Verdict.SUPPORTED
    assert claims.count(wrong) / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


def choices(leans, states, signed=True):
    return Choices([(f"choice {i}",) for i in range(len(leans))], leans, states, signed)


def test_a_headline_needs_nine_of_ten_and_no_sure_contradiction():
    said = Finding("a", "A claim.", Verdict.CANNOT_TELL, "Detail.", decision=differ([around(0.5)]))
    agreeing = choices([1] * 20, [1] * 15 + [9] * 5)
    assert (agreeing.sign, agreeing.verdict, agreeing.stands) == (1.0, 0.75, True)
    assert gated(said, agreeing).decision is said.decision
    few = choices([1] * 17 + [0] * 3, [1] * 17 + [9] * 3)
    assert gated(said, few).decision == UNDECIDED  # counted in its family all the same
    assert "85 % of 20 choices agree" in gated(said, few).detail
    contrary = choices([1] * 19 + [-1], [1] * 19 + [-1])
    assert gated(said, contrary).decision == UNDECIDED
    assert "1 surely say the opposite" in gated(said, contrary).detail
    level = choices([0] * 20, [0] * 20)
    assert level.stands
    assert not choices([0] * 20, [0] * 19 + [1]).stands
    assert not choices([1] * 20, [1] * 19 + [0], signed=False).stands
    assert choices([1] * 20, [1] * 19 + [0]).stands  # surely level by one choice is no opposite sign


def reading(gap, kinds, rng, *, spoiled=""):
    """Text of several kinds minus pictures, all layers alike; one kind of text lies far below."""
    sets = layer_sets(6)
    columns = [(width, layers) for width in ("own", "shared") for layers in sets]
    level = [3 + gap - 6 * (kind == spoiled) for kind in kinds for _ in range(4)]
    text = np.array(level)[:, None] + rng.normal(0, 0.05, (len(level), len(columns)))
    pictures = 3 + rng.normal(0, 0.05, (8, len(columns)))
    names = [kind for kind in kinds for _ in range(4)]
    return Read(side(text, [64] * len(level), names), side(pictures, [64] * 8, ["a"] * 4 + ["b"] * 4, "p"), columns)


def test_the_multiverse_crosses_all_choices_and_names_those_that_disagree():
    rng = np.random.default_rng(4)
    steady = of_differences(*gaps(reading(0.5, "abc", rng), LENGTHS))
    assert len(steady) == 2 * 6 * (1 + 3) * (1 + 2) * 2
    assert steady.names[0] == ("own", "all layers", "all text", "all pictures", "all lengths")
    assert steady.stands
    driven = of_differences(*gaps(reading(0.5, "abc", rng, spoiled="b"), LENGTHS))
    assert not driven.stands
    assert "text without b" in driven.doubt
    assert "text without b" in str(driven.row()[4])


def test_a_claim_about_every_layer_is_one_choice_per_reading():
    names = [("own", f"layer {i}", "all") for i in range(3)] + [("shared", f"layer {i}", "all") for i in range(3)]
    estimates = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.0])
    found = of_everywhere(names, (estimates, estimates - 0.05, estimates + 0.05))
    assert found.names == [("own", "all"), ("shared", "all")]
    assert (list(found.leans), list(found.states)) == ([1, 0], [1, 0])
    assert not found.stands


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.integers(0, 50))
def test_shifting_both_sides_alike_changes_no_gap(shift, seed):
    rng = np.random.default_rng(seed)
    rows = np.repeat([32, 64, 128], 4)
    text, pictures = rng.normal(size=12), rng.normal(size=6)
    before, after = (
        at_equal_length(side(text + by, rows), side(pictures + by, [64] * 6, prefix="p")) for by in (0.0, shift)
    )
    assert after.estimate == pytest.approx(before.estimate, abs=1e-9)
    assert after.error == pytest.approx(before.error, abs=1e-9)


def both(paper, controlled, rows, rng):
    sets = layer_sets(6)

    def read(gap, bandwidths):
        columns = [(width, layers) for width in bandwidths for layers in sets]
        text = (3 + gap)[:, None] + rng.normal(0, 0.03, (len(rows), len(columns)))
        kinds = [str(row) for row in rows]
        return Read(
            side(text, rows, kinds),
            side(3 + rng.normal(0, 0.03, (12, len(columns))), [64] * 12, ["a"] * 6 + ["b"] * 6, "p"),
            columns,
        )

    return BothPresets(read(paper(rows), ["sigma = 1"]), read(controlled(rows), ["own", "shared"]))


def test_a_flip_that_only_lengths_make_is_none():
    """Paper: text minus pictures is log2 of the rows over 64, so short text lies far below; plus 0.4 at any length."""
    rng = np.random.default_rng(5)
    rows = np.repeat([8, 16, 40, 64, 100], 6)
    found, seen = finding(
        "m", both(lambda rows: np.log2(rows / 64) + 0.4, lambda rows: 0.5 + 0 * rows, rows, rng), ASKED, headline=True
    )
    assert found.decision is not None
    assert found.decision.verdict(found.decision.p) is Verdict.SUPPORTED
    assert seen is not None
    assert seen.stands
    flipped, _ = finding(
        "m", both(lambda rows: np.log2(rows / 64) - 0.4, lambda rows: 0.5 + 0 * rows, rows, rng), ASKED, headline=True
    )
    assert flipped.decision is not None
    assert flipped.decision.verdict(flipped.decision.p) is Verdict.NOT_SUPPORTED


def test_no_interval_decides_nothing():
    nothing = Interval(0.5, math.nan, math.nan, 2, 2, method="no interval: too few")
    assert differ([nothing]).p == 1
    assert same_order([nothing], [around(0.5)]).p == 1
    few = plain(side([1.0, 2.0], [8, 8]), side([0.0, 0.1], [8, 8], prefix="p"))
    assert math.isnan(few.interval(0).low)
