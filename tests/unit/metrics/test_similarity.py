"""CKA and mutual neighbours: closed forms, definitions of others written out, chance, and how often they decide."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from unispect.metrics.similarity import (
    LEAST,
    Measure,
    Space,
    centred,
    jackknife,
    likeness,
    neighbours,
    null,
    orders_within,
    permuted,
)

Floats = NDArray[np.float64]
MEASURES: tuple[Measure, ...] = ("cka", "knn")


def rows(seed: int, n: int = 12, width: int = 6) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width))


def alike(x: Floats, y: Floats, measure: Measure = "cka", groups: list[int] | None = None, k: int = 3):
    return likeness([Space.of(x, measure, k=k)], [Space.of(y, measure, k=k)], groups or [0] * len(x))


def unbiased_hsic(x: Floats, y: Floats) -> float:
    """The estimate of Song et al. 2012 (equation 4) over all distinct quadruples, as they define it."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    total, quadruples = 0.0, 0
    for i, j, q, r in itertools.permutations(range(n), 4):
        total += k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
        quadruples += 1
    return total / quadruples


def test_cka_is_made_of_the_unbiased_estimates_of_song_et_al():
    x, y = rows(1, 9, 3), rows(2, 9, 4)
    expected = unbiased_hsic(x, y) / math.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))
    assert alike(x, y).value == pytest.approx(expected, abs=1e-12)
    product = float((centred(x @ x.T) * centred(y @ y.T)).sum())
    assert product / (9 * 6) == pytest.approx(unbiased_hsic(x, y), abs=1e-12)


def test_cka_by_the_formula_of_nguyen_et_al():
    x, y = rows(3, 20, 30), rows(4, 20, 8)

    def hsic(k: Floats, m: Floats) -> float:
        n, k, m = len(k), k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        one = np.ones(n)
        first = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
        return float(first - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))

    k, m = x @ x.T, y @ y.T
    assert alike(x, y).value == pytest.approx(hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m)))


@pytest.mark.parametrize("seed", range(3))
def test_cka_does_not_ask_for_place_scale_or_rotation(seed: int):
    x, y = rows(seed), rows(seed + 10)
    turn, _ = np.linalg.qr(rows(seed + 20, 6, 6))
    assert alike(x, x).value == pytest.approx(1)
    assert alike(x, 3 * x @ turn + 7).value == pytest.approx(1)
    assert alike(x, y).value == pytest.approx(alike(5 * x - 1, y @ turn).value)
    assert alike(x, y).value == pytest.approx(alike(y, x).value)


def test_cka_of_wide_independent_states_is_about_0_where_the_plain_one_is_near_1():
    """The bias that Murphy et al. 2024 describe: more dimensions than items."""
    values, plain = [], []
    for seed in range(40):
        x, y = rows(seed, 20, 1000), rows(seed + 100, 20, 1000)
        values.append(alike(x, y).value)
        centre = np.eye(20) - 1 / 20
        k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
        plain.append((k * m).sum() / math.sqrt((k * k).sum() * (m * m).sum()))
    assert abs(np.mean(values)) < 0.02
    assert min(plain) > 0.9


def by_definition(x: Floats, y: Floats, k: int) -> float:
    """Huh et al. 2024, section 3: the mean share of k nearest neighbours, by inner product of normalised features,
    that both have."""

    def nearest(states: Floats, item: int) -> set[int]:
        unit = [row / np.linalg.norm(row) for row in states]
        others = sorted((j for j in range(len(states)) if j != item), key=lambda j: -float(unit[item] @ unit[j]))
        return set(others[:k])

    return float(np.mean([len(nearest(x, item) & nearest(y, item)) / k for item in range(len(x))]))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_mutual_neighbours_by_definition(k: int):
    for seed in range(5):
        x = rows(seed)
        y = x + 0.5 * rows(seed + 50)
        assert alike(x, y, "knn", k=k).value == pytest.approx(by_definition(x, y, k))


def test_neighbours_that_tie_share_the_last_places():
    """Expected overlap if ties were broken at random in each space by itself, counted over all ways to break them."""
    near = np.array([[9, 3, 2, 2, 2, 1.0]] * 6)
    weights = neighbours(near, 2)
    assert weights[0].tolist() == pytest.approx([0, 1, 1 / 3, 1 / 3, 1 / 3, 0])
    ways = [{1, other} for other in (2, 3, 4)]
    expected = np.mean([len(one & other) for one in ways for other in ways])
    assert float(weights[0] @ weights[0]) == pytest.approx(expected)
    assert np.allclose(neighbours(rows(1, 9, 9), 4).sum(axis=1), 4)


def test_spaces_in_which_nothing_varies_are_at_chance_or_undefined():
    same = np.ones((12, 6)) * 100
    same[::2] += 1e-4  # rounding
    assert math.isnan(alike(same, rows(1)).value)
    assert math.isnan(permuted([Space.of(same, "cka")], [Space.of(rows(1), "cka")], np.arange(12)[None])[0])
    flat = alike(np.ones((12, 6)), rows(1), "knn")
    assert flat.value == pytest.approx(3 / 11)
    assert flat.corrected == pytest.approx(0)


@pytest.mark.parametrize("measure", MEASURES)
def test_chance_is_the_mean_over_all_permutations_within_groups(measure: Measure):
    x, y, groups = rows(1, 8, 4), rows(2, 8, 4), [0, 0, 0, 1, 1, 1, 2, 2]
    x[:3] += 2
    y[:3] += 2
    orders = np.array(
        [
            [*a, *b, *c]
            for a, b, c in itertools.product(*(itertools.permutations(own) for own in ((0, 1, 2), (3, 4, 5), (6, 7))))
        ]
    )
    spaces = [Space.of(one, measure, k=2) for one in (x, y)]
    drawn = permuted(spaces[:1], spaces[1:], orders)
    found = alike(x, y, measure, groups, k=2)
    assert found.chance == pytest.approx(drawn.mean())
    assert drawn[0] == pytest.approx(found.value)
    one_by_one = [alike(x, y[order], measure, groups, k=2).value for order in orders[:5]]
    assert drawn[:5] == pytest.approx(one_by_one)
    alone = alike(x, y, measure, k=2)
    assert alone.chance == pytest.approx(0 if measure == "cka" else 2 / 7, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_leaving_an_item_out_is_asking_without_it(measure: Measure):
    x, y, groups = rows(1, 14), rows(1, 14) + rows(2, 14), [0, 1] * 7
    found = alike(x, y, measure, groups)
    for item in range(14):
        keep = [i for i in range(14) if i != item]
        again = alike(x[keep], y[keep], measure, [groups[i] for i in keep])
        assert found.without[item] == pytest.approx(again.corrected)


def test_several_spaces_are_the_mean_over_all_pairs():
    x, y = [rows(seed) for seed in (1, 2)], [rows(seed) for seed in (3, 4, 5)]
    groups = [0] * 12
    found = likeness([Space.of(one, "cka") for one in x], [Space.of(one, "cka") for one in y], groups)
    assert found.value == pytest.approx(np.mean([alike(a, b).value for a in x for b in y]))


def test_items_change_places_within_their_groups_alone():
    groups = ["a", "b", "a", "b", "b"]
    orders = orders_within(groups, 300, np.random.default_rng(1))
    assert all([groups[i] for i in order] == groups for order in orders)
    assert len({tuple(order) for order in orders}) == 12


def test_p_values_count_the_value_itself_and_together_they_are_larger():
    drawn = np.random.default_rng(1).normal(size=(3, 99))
    found = null([10.0, float(drawn[1].max()), -10.0], drawn)
    assert found.p == pytest.approx([0.01, 0.02, 1.0])
    assert found.corrected[0] == pytest.approx(0.01)
    assert all(found.corrected >= found.p)
    assert found.anywhere == pytest.approx(0.01)
    assert found.quantile[0] == pytest.approx(np.quantile(drawn[0], 0.95))
    silent = null([math.nan, 1.0], np.stack([np.full(99, np.nan), drawn[0]]))
    assert math.isnan(silent.p[0])
    assert silent.p[1] == pytest.approx(silent.corrected[1])
    assert null([math.nan], np.full((1, 9), np.nan)).anywhere == 1


def test_independent_spaces_are_found_alike_at_the_level_of_the_test():
    """At any of four places, with groups in both: at most 5 % and the error of 200 draws."""
    groups = [0] * 7 + [1] * 6 + [2] * 5 + [3] * 4
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        offsets = rng.normal(size=(4, 8)) * 3
        orders = orders_within(groups, 199, rng)
        values, drawn = [], []
        for _ in range(4):
            first, second = ([Space.of(rng.normal(size=(22, 8)) + offsets[groups], "cka")] for _ in range(2))
            values.append(float((first[0].relations() * second[0].relations()).sum()))  # pyright: ignore
            drawn.append(permuted(first, second, orders))
        found += null(values, np.array(drawn)).anywhere <= 0.05
    assert found <= 17  # 99th percentile of a binomial of 200 at 5 %


def correlated(rng: np.random.Generator, n: int, share: float, spread: Floats) -> tuple[Floats, Floats, float]:
    """Two spaces that have a share of their variance in common; the CKA of endlessly many items is its square."""
    common, one, other = rng.normal(size=(3, n, len(spread))) * spread
    return (
        math.sqrt(share) * common + math.sqrt(1 - share) * one,
        math.sqrt(share) * common + math.sqrt(1 - share) * other,
        share**2,
    )


@pytest.mark.parametrize(("n", "share"), [(22, 0.0), (22, 0.7), (48, 0.95)])
def test_intervals_hold_what_endlessly_many_items_would_give(n: int, share: float):
    held = 0
    for seed in range(120):
        x, y, truth = correlated(np.random.default_rng(seed), n, share, 1 / np.sqrt(np.arange(1, 33)))
        found = alike(x, y)
        interval = jackknife(found.corrected, found.without, unit="words")
        held += interval.low <= truth <= interval.high
    assert held >= 0.9 * 120


def test_intervals_where_nothing_can_be_said():
    x = rows(1, 12)
    found = alike(x, x)
    assert math.isnan(jackknife(found.corrected, found.without, unit="words").low)
    assert "fewer than" in jackknife(0.5, [0.4] * (LEAST - 1), unit="words").method
    assert "undefined" in jackknife(math.nan, [0.4] * LEAST, unit="words").method
    wide = jackknife(0.9, 0.9 + 0.01 * rows(1, 12, 1)[:, 0], unit="words")
    assert wide.low < 0.9 < wide.high < 1
    assert wide.p_above(0.2) < 0.05
    plain = jackknife(0.9, 0.9 + 0.01 * rows(1, 12, 1)[:, 0], unit="words", bounded=False)
    left = 0.9 + 0.01 * rows(1, 12, 1)[:, 0]
    assert plain.at(0.683).high - plain.at(0.683).low == pytest.approx(
        2 * math.sqrt(11 / 12 * ((left - left.mean()) ** 2).sum()), rel=0.3
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_what_cannot_be_compared_is_refused(measure: Measure):
    with pytest.raises(ValueError, match="too few"):
        Space.of(rows(1, LEAST - 1), measure)
    with pytest.raises(ValueError, match="finite"):
        Space.of(np.full((12, 3), np.nan), measure)
    with pytest.raises(ValueError, match="neighbours to tell apart"):
        neighbours(np.eye(8), 7)
    with pytest.raises(ValueError, match="points nowhere"):
        Space.of(np.zeros((12, 3)), "knn")
