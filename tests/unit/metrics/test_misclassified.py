"""Shares corrected for a grader's errors: closed forms, what no grader can tell, and how often intervals hold."""

import math

import numpy as np
import pytest

from bench.misclassified import held, held_by_people
from unispect.core.seeds import generator_for
from unispect.metrics.crossed import crossed_mean
from unispect.metrics.misclassified import NO_BETTER, Erring, corrected, predicted


def share(right: int, wrong: int):
    return crossed_mean([1.0] * right + [0.0] * wrong, {"pictures": list(range(right + wrong))})


def erring(hits: int, misses: int, alarms: int, quiet: int) -> Erring:
    said = [1.0] * hits + [0.0] * misses + [1.0] * alarms + [0.0] * quiet
    true = [True] * (hits + misses) + [False] * (alarms + quiet)
    return Erring(said, true, list(range(len(said))))


def test_the_estimate_is_rogan_and_gladens():
    found = corrected(share(46, 54), erring(90, 10, 20, 80))
    assert found.estimate == pytest.approx((0.46 - 0.2) / (0.9 - 0.2))
    assert found.low < found.estimate < found.high


def test_a_grader_that_hardly_errs_changes_hardly_anything():
    raw = share(30, 70)
    found = corrected(raw, erring(2000, 0, 0, 2000))
    assert found.estimate == raw.estimate
    assert (found.low, found.high) == (pytest.approx(raw.low, abs=0.002), pytest.approx(raw.high, abs=0.002))


def test_of_a_grader_no_better_than_chance_nothing_is_said():
    for errs in (erring(50, 50, 50, 50), erring(20, 80, 60, 40), erring(6, 4, 4, 6)):
        found = corrected(share(30, 70), errs)
        assert math.isnan(found.estimate)
        assert (found.low, found.high, found.method) == (0.0, 1.0, NO_BETTER)
        assert found.p_above(0.0) == 1.0


def test_what_is_yes_may_be_called_no():
    errs = erring(85, 15, 10, 90)
    turned = Erring([1 - one for one in errs.said], [not one for one in errs.true], errs.together)
    one, other = corrected(share(40, 60), errs), corrected(share(60, 40), turned)
    assert other.estimate == pytest.approx(1 - one.estimate)
    assert (other.low, other.high) == (pytest.approx(1 - one.high, abs=1e-3), pytest.approx(1 - one.low, abs=1e-3))


def test_more_known_items_and_less_error_make_it_narrower_and_a_higher_level_wider():
    raw = share(50, 150)

    def width(errs: Erring, level: float = 0.95) -> float:
        found = corrected(raw, errs).at(level)
        return found.high - found.low

    assert width(erring(900, 100, 100, 900)) < width(erring(90, 10, 10, 90)) < width(erring(80, 20, 20, 80))
    assert width(erring(90, 10, 10, 90), 0.8) < width(erring(90, 10, 10, 90)) < width(erring(90, 10, 10, 90), 0.99)


def test_without_known_items_of_both_kinds_there_is_no_interval():
    found = corrected(share(30, 70), erring(40, 2, 0, 0))
    assert math.isnan(found.low)
    assert found.method.startswith("no interval")


def test_questions_of_one_picture_are_no_independent_trials():
    alone = erring(45, 5, 5, 45)
    said, true = [*alone.said] * 4, [*alone.true] * 4
    together = Erring(said, true, [*alone.together] * 4)
    for one, other in ((alone.sensitivity, together.sensitivity), (alone.specificity, together.specificity)):
        assert (one.low, one.high) == (pytest.approx(other.low, abs=0.01), pytest.approx(other.high, abs=0.01))
    apart = Erring(said, true, list(range(400)))
    assert apart.sensitivity.low > together.sensitivity.low


def test_errors_that_go_together_are_seen():
    pictures = [place for place in range(40) for _ in range(2)]
    yes_sayers = [float(place % 4 == 0) for place in pictures]
    assert Erring(yes_sayers, [True, False] * 40, pictures).correlation == pytest.approx(1.0)
    assert Erring([1.0, 0.0] * 40, [True, False] * 40, pictures).correlation == 0.0


def test_people_take_the_graders_bias_away():
    rng = np.random.default_rng(0)
    truth = (rng.random(400) < 0.7).astype(float)
    graded = np.where(rng.random(400) < 0.3, 0.0, truth)
    found = predicted(truth[:100], graded[:100], list(range(100)), graded[100:], list(range(100, 400)))
    raw = crossed_mean(graded, {"pictures": list(range(400))})
    assert raw.high < 0.7
    assert found.low < 0.7 < found.high
    assert found.estimate == pytest.approx(graded[100:].mean() + (truth[:100] - graded[:100]).mean())


def test_pictures_that_people_saw_stand_on_one_side():
    with pytest.raises(ValueError, match="1 clusters stand on both sides"):
        predicted([1.0], [1.0], ["a"], [1.0], ["a"])


@pytest.mark.parametrize(("grader", "p"), [((0.95, 0.9), 0.1), ((0.8, 0.85), 0.5), ((0.7, 0.75), 0.9)])
def test_intervals_hold_the_truth(grader, p):
    rng = generator_for("test misclassified", *grader)
    found = np.array([held(rng, grader, 60, 80, p)[::2] for _ in range(150)])
    assert 0.91 <= found[:, 0].mean() <= 1.0
    assert found[:, 1].mean() < 0.97 or p == 0.5
    people = [held_by_people(rng, grader, 40, 120, p)[0] for _ in range(150)]
    assert 0.91 <= np.mean(people) <= 1.0
