"""Abilities over items drawn at random: recovered, with limits that hold; degenerate answers have finite ones."""

import numpy as np
import pytest

from unispect.metrics.item_response import _Model, fit

TRUE = np.array([1.2, 0.4, -0.6])


def simulated(seed: int, *, prompts: int = 60, each: int = 3, seeds: int = 2, spread: float = 1.0, sharp: float = 0.4):
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, spread, prompts * each)
    slope = np.exp(rng.normal(0, sharp, prompts * each))
    chance = 1 / (1 + np.exp(-slope[:, None] * (TRUE - difficulty[:, None])))
    asked = np.full(chance.shape, seeds)
    return rng.binomial(asked, chance), asked, list(np.repeat(np.arange(prompts), each)), difficulty


def test_the_gradient_is_that_of_the_loss():
    right, asked, _, _ = simulated(0, prompts=10)
    model, at = _Model(right.astype(float), asked.astype(float)), np.array([0.5, 0.1, -0.3, -0.2, -0.7])
    steps = np.eye(at.size) * 1e-5
    slopes = [(model.loss(at + step)[0] - model.loss(at - step)[0]) / 2e-5 for step in steps]
    assert model.loss(at)[1] == pytest.approx(slopes, abs=1e-5)
    assert model.scores(at).sum(0) == pytest.approx(-model.loss(at)[1] - model._prior(at)[1])


def test_what_was_planted_is_recovered():
    right, asked, clusters, difficulty = simulated(1, prompts=400, seeds=3)
    found = fit(right, asked, clusters)
    assert found is not None
    assert found.abilities == pytest.approx(TRUE, abs=0.2)
    assert found.difficulty_spread == pytest.approx(1.0, abs=0.15)
    assert found.discrimination_spread == pytest.approx(0.4, abs=0.15)
    assert np.corrcoef(found.difficulties, difficulty)[0, 1] > 0.75


def test_limits_hold_what_was_planted():
    """Of 80 simulations; `bench/item_response.py` counts over more."""
    held = 0
    for seed in range(40):
        right, asked, clusters, _ = simulated(100 + seed)
        found = fit(right, asked, clusters)
        assert found is not None
        one, two = found.interval([1, 0, 0]), found.interval([1, 0, -1])
        held += int(one.low <= TRUE[0] <= one.high) + int(two.low <= TRUE[0] - TRUE[2] <= two.high)
    assert 70 <= held <= 80


def test_questions_of_a_prompt_stand_together():
    """Every question asked three times over is no more than one: limits are as wide."""
    right, asked, _, _ = simulated(2, prompts=100, each=1)
    once = fit(right, asked)
    thrice = fit(np.repeat(right, 3, axis=0), np.repeat(asked, 3, axis=0), list(np.repeat(np.arange(100), 3)))
    assert once is not None
    assert thrice is not None
    assert thrice.covariance[0, 0] == pytest.approx(once.covariance[0, 0], rel=0.1)


def test_who_is_always_right_or_never_has_an_ability():
    right, asked, clusters, _ = simulated(3)
    right, asked = (np.column_stack([one, one[:, :2]]) for one in (right, asked))
    right[:, 3], right[:, 4] = asked[:, 3], 0
    found = fit(right, asked, clusters)
    assert found is not None
    assert np.isfinite(found.covariance).all()
    assert found.abilities[3] == found.abilities.max() < 20
    assert found.abilities[4] == found.abilities.min() > -20


def test_items_that_tell_nobody_apart_are_no_ground():
    right = np.zeros((50, 2))
    right[:25] = 1
    assert fit(right, np.ones((50, 2))) is None
    assert fit(np.zeros((50, 2)), np.zeros((50, 2))) is None


def test_order_and_absence_change_nothing():
    right, asked, clusters, _ = simulated(4)
    one = fit(right, asked, clusters)
    order = np.random.default_rng(0).permutation(len(right))
    more = fit(
        np.vstack([right[order], np.zeros((5, 3))]),
        np.vstack([asked[order], np.zeros((5, 3))]),
        [*(clusters[i] for i in order), *(f"unasked {i}" for i in range(5))],
    )
    assert one is not None
    assert more is not None
    assert more.abilities == pytest.approx(one.abilities, abs=1e-4)
    assert np.corrcoef(more.difficulties[: len(order)], one.difficulties[order])[0, 1] > 0.9999


def test_more_right_than_asked_is_refused():
    with pytest.raises(ValueError, match="no more can be right"):
        fit([[2.0]], [[1.0]])
    with pytest.raises(ValueError, match=r"must be \[items, respondents\]"):
        fit([[1.0]], [[1.0, 1.0]])
