"""Decisions and verdicts: p values by inverting limits, absence as equivalence, and one correction over a section."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from unispect.core.findings import Decision, Finding, Interval, Verdict
from unispect.studies.decisions import (
    UNDECIDED,
    above,
    all_of,
    any_of,
    below,
    beyond,
    family_of,
    given,
    opposite,
    settled,
    within,
)


def student(estimate, error, df=9):
    def limits(level):
        half = float(stats.t.ppf((1 + level) / 2, df)) * error
        return estimate - half, estimate + half

    return Interval(estimate, *limits(0.95), df + 1, df + 1, limits=limits)


def finding(decision, **changes):
    return replace(Finding("a", "b", Verdict.CANNOT_TELL, "", decision=decision), **changes)


@pytest.mark.parametrize("value", [-0.1, 0.2, 0.45])
def test_a_p_value_inverts_the_limits(value):
    own = student(0.5, 0.1)
    assert own.p_above(value) == pytest.approx(stats.t.sf((0.5 - value) / 0.1, 9), rel=1e-6)
    assert own.negated().p_below(-value) == pytest.approx(own.p_above(value))
    assert own.p_below(value) == 1.0


def test_a_verdict_of_one_claim_is_what_its_interval_says():
    rng = np.random.default_rng(0)
    for estimate in rng.normal(0.2, 0.3, 60):
        own = student(float(estimate), 0.1)
        says = Verdict.SUPPORTED if own.low > 0.2 else Verdict.NOT_SUPPORTED if own.high < 0.2 else Verdict.CANNOT_TELL
        (one,) = settled([finding(above(own, 0.2))])
        assert one.verdict is says


def test_without_an_interval_nothing_is_decided():
    nothing = Interval(0.9, float("nan"), float("nan"), 1, 1)
    assert above(nothing, 0.2) == within(nothing, 0.2) == UNDECIDED


def test_where_one_level_is_known_it_decides_and_no_finer():
    own = Interval(0.5, 0.3, 0.7, 9, 9)
    assert own.p_above(0.2) == pytest.approx(0.025)
    with pytest.raises(ValueError, match=r"0\.95 only"):
        own.at(0.99)


def test_absence_needs_limits_inside_the_margin():
    assert within(student(0.0, 0.05)).verdict(within(student(0.0, 0.05)).p) is Verdict.SUPPORTED
    wide = within(student(0.0, 0.5))
    assert wide.verdict(wide.p) is Verdict.CANNOT_TELL
    far = within(student(1.0, 0.1))
    assert far.verdict(far.p) is Verdict.NOT_SUPPORTED
    assert opposite(far) == beyond(student(1.0, 0.1), 0.2)
    assert below(student(0.5, 0.1), 0.9) == above(student(-0.5, 0.1), -0.9)


def test_all_need_each_and_one_refutes_all():
    yes, no, open_ = Decision(0.001, 1.0), Decision(1.0, 0.001), Decision(0.3, 0.7)
    assert all_of([yes, yes]).supported == 0.001
    assert all_of([yes, no, open_]).refuted == pytest.approx(0.003)
    assert all_of([yes, open_]).supported == 0.3
    assert any_of([no, yes]) == Decision(0.002, 1.0)
    assert all_of([]) == UNDECIDED
    assert given(0.2, yes) == Decision(0.2, 1.0)


def test_verdicts_are_corrected_over_the_section_and_controls_are_not():
    near = Decision(0.02, 0.9)
    assert settled([finding(near)])[0].verdict is Verdict.SUPPORTED
    many = settled([finding(near), finding(UNDECIDED), finding(near, control=True)])
    assert [one.verdict for one in many] == [Verdict.CANNOT_TELL, Verdict.CANNOT_TELL, Verdict.SUPPORTED]
    assert many[0].adjusted == pytest.approx(0.08)
    assert np.isnan(many[2].adjusted)
    assert "2 other claims" in family_of([finding(near), finding(UNDECIDED), finding(near, control=True)])


def test_headlines_and_other_claims_are_corrected_apart():
    near = Decision(0.02, 0.9)
    first, second = settled([finding(near, headline=True), finding(near)])
    assert first.verdict is second.verdict is Verdict.SUPPORTED
    assert first.adjusted == second.adjusted == pytest.approx(0.04)
    three = settled([finding(near, headline=True), finding(near, headline=True), finding(near)])
    assert [one.verdict for one in three] == [Verdict.CANNOT_TELL, Verdict.CANNOT_TELL, Verdict.SUPPORTED]
    assert "2 headline claims and 1 other claim" in family_of(three)


def test_what_does_not_apply_stays_and_counts_nowhere():
    apart = finding(Decision(0.0001, 1.0), verdict=Verdict.NOT_APPLICABLE)
    untested = Finding("a", "b", Verdict.CANNOT_TELL, "")
    assert settled([apart, untested]) == (apart, untested)
    assert family_of([apart, untested]) == ""


@pytest.mark.slow
def test_one_false_decision_in_twenty_families_of_null_claims():
    """At the border of every claim: any decision is false one way or nearly so; the family keeps to 5 %."""
    rng = np.random.default_rng(1)
    families, claims, df = 400, 20, 15
    false = 0
    for _ in range(families):
        t = rng.standard_t(df, claims)
        found = [finding(Decision(float(stats.t.sf(one, df)), float(stats.t.cdf(one, df)))) for one in t]
        false += any(one.verdict is not Verdict.CANNOT_TELL for one in settled(found))
    assert false / families <= 0.075
