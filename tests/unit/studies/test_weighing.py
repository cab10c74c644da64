import math

import numpy as np
import pytest
from scipy import stats

from unispect.core.findings import Decision, Interval
from unispect.metrics.student import Error, student
from unispect.studies.decisions import power, times_as_many
from unispect.studies.weighing import Part, simes, weighed

NOWHERE = Interval(0.0, -1.0, 1.0, 3, 3)


def part(what, supported, refuted):
    return Part(what, Decision(supported, refuted), NOWHERE)


def test_every_part_must_hold():
    found = weighed([part("one", 0.001, 1.0), part("other", 0.3, 1.0)])
    assert found.decision.supported == 0.3
    assert (found.against, found.left_open) == ((), ("other",))
    assert found.weakest.what == "other"


def test_what_fails_is_named_and_refutes():
    found = weighed([part("one", 0.001, 1.0), part("other", 1.0, 0.001)])
    assert found.decision.refuted == pytest.approx(0.002)
    assert found.words[0] == "Against it: other."


def test_what_contradicts_is_named_and_blocks():
    found = weighed([part("one", 0.001, 1.0)], ["shape", "shape"])
    assert found.decision.supported == 1
    assert found.against == ("shape",)


def test_nothing_asked_is_nothing_decided():
    found = weighed([])
    assert (found.decision, found.interval, found.words) == (Decision(1.0, 1.0), None, ())


def test_simes_is_bonferroni_for_one_and_the_common_p_for_all():
    assert simes([0.01, 1.0, 1.0, 1.0]) == pytest.approx(0.04)
    assert simes([0.02] * 5) == pytest.approx(0.02)
    assert simes([]) == 1


def test_simes_holds_its_level_where_tests_share_what_they_are_about():
    rng = np.random.default_rng(0)
    common, own = rng.standard_normal((4000, 1)), rng.standard_normal((4000, 5))
    for share in (0.0, 0.5, 0.9):
        p = stats.norm.sf(math.sqrt(share) * common + math.sqrt(1 - share) * own)
        hits = sum(simes(row) <= 0.05 for row in p.tolist())
        assert hits <= stats.binom.ppf(0.999, 4000, 0.05)


def estimated(error, freedom=200.0, at=0.0):
    return student(at, Error(error, freedom), n=10, clusters=10)


@pytest.mark.parametrize("both", [False, True])
def test_power_is_how_often_nothing_is_found_to_be_nothing(both):
    error = 0.07
    rng = np.random.default_rng(0)
    hits = 0
    for at in rng.normal(0, error, 4000):
        found = estimated(error, at=float(at))
        hits += found.high < 0.2 and (found.low > -0.2 or not both)
    assert power(estimated(error), both=both) == pytest.approx(hits / 4000, abs=0.03)


@pytest.mark.parametrize("both", [False, True])
def test_as_many_times_the_words_have_the_wanted_power(both):
    error = 0.15
    times = times_as_many(estimated(error), both=both)
    assert times > 1
    assert power(estimated(error / math.sqrt(times)), both=both) == pytest.approx(0.8, abs=0.01)


def test_without_limits_at_other_levels_no_power_is_known():
    assert math.isnan(power(NOWHERE))
    assert math.isnan(times_as_many(NOWHERE))
