"""Linear probes learn what scikit-learn's ridge classifier learns, and their penalty sees no test example."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unispect.metrics.probes import FOLDS, STRENGTHS, Probe, Scale, strength


def data(seed: int, classes: int = 4, each: int = 6, width: int = 10, noise: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    rows = rng.normal(size=(classes, width))[labels] + noise * rng.normal(size=(len(labels), width))
    return rows * rng.uniform(0.1, 100, size=width) + rng.normal(size=width), labels


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("width", [3, 60])
def test_a_probe_is_the_ridge_classifier_on_standardised_columns(classes: int, width: int):
    rows, labels = data(classes, classes, 5, width)
    fresh, _ = data(classes + 100, classes, 5, width)
    for penalty in STRENGTHS:
        probe = Probe.of(rows, labels, penalty)
        theirs = make_pipeline(StandardScaler(), RidgeClassifier(alpha=penalty)).fit(rows, labels)
        scores = theirs.decision_function(fresh)
        ours = probe.decisions(fresh)
        np.testing.assert_allclose(ours[:, 1] if classes == 2 else ours, scores, atol=1e-8)
        assert (probe.read(fresh) == theirs.predict(fresh)).all()


def test_labels_need_not_begin_at_0_nor_follow_each_other():
    rows, labels = data(1)
    plain, named = Probe.of(rows, labels, 10.0), Probe.of(rows, 3 * labels + 2, 10.0)
    assert (named.read(rows) == 3 * plain.read(rows) + 2).all()
    assert named.classes == (2, 5, 8, 11)


def test_the_penalty_is_the_strongest_that_reads_other_groups_best():
    rows, labels = data(3, each=8, noise=2.0)
    groups = [f"group {at % 8}" for at in range(len(labels))]
    ways = [make_pipeline(StandardScaler(), RidgeClassifier(alpha=penalty)) for penalty in STRENGTHS]
    numbers = [at % 8 for at in range(len(labels))]
    right = []
    for way in ways:
        hits = sum(
            (way.fit(rows[own], labels[own]).predict(rows[other]) == labels[other]).sum()
            for own, other in GroupKFold(FOLDS).split(rows, labels, numbers)
        )
        right.append(hits / len(labels))
    best = max(right)
    assert strength(rows, labels, groups) == (
        max(penalty for penalty, share in zip(STRENGTHS, right, strict=True) if share == best),
        pytest.approx(best),
    )
    assert len(set(right)) > 1


def test_groups_are_never_split():
    """Each group's rows are one point of its own: who has seen a part of a group reads the rest of it."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 5)
    rows = rng.normal(size=(12, 40))[groups]
    labels = rng.integers(3, size=12)[groups]
    assert Probe.of(rows, labels, 1.0).read(rows).tolist() == labels.tolist()
    assert strength(rows, labels, groups.tolist())[1] < 0.7
    assert strength(rows, labels, range(len(labels)))[1] == 1.0


def test_a_column_that_does_not_vary_changes_nothing():
    rows, labels = data(4)
    wider = np.column_stack([rows, np.full(len(rows), 7e4), np.full(len(rows), 0.1) + 1e-17])
    np.testing.assert_allclose(
        Probe.of(wider, labels, 1.0).decisions(wider), Probe.of(rows, labels, 1.0).decisions(rows)
    )


def test_another_scale_takes_a_shift_between_routes_away():
    rows, labels = data(5, noise=0.1)
    moved = 3 * rows
    moved[:, 0] += 1e6
    probe = Probe.of(rows, labels, 1.0)
    assert (probe.read(moved, Scale.of(moved)) == labels).all()
    np.testing.assert_allclose(probe.decisions(moved, Scale.of(moved)), probe.decisions(rows), atol=1e-6)
    assert (probe.read(moved) != labels).any()


@pytest.mark.parametrize(
    ("rows", "labels", "said"),
    [
        (np.ones((3, 2)), [1, 1, 1], "at least two labels"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), [0, 1], "not finite"),
        (np.ones((2, 2)), [0, 1, 1], "2 examples need as many labels, not 3"),
        (np.ones(3), [0, 1, 1], "rows"),
    ],
)
def test_what_cannot_be_learned_is_said(rows: np.ndarray, labels: list[int], said: str):
    with pytest.raises(ValueError, match=said):
        Probe.of(rows, labels, 1.0)


def test_a_penalty_needs_two_groups():
    with pytest.raises(ValueError, match="two groups"):
        strength(np.ones((4, 2)), [0, 1, 0, 1], "aaaa")
