import math
from dataclasses import replace

import numpy as np
import pytest

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.core.units import Entry, Record, Unit
from unispect.studies.cautions import losses_of
from unispect.studies.names import names_of
from unispect.studies.states.curves import Curves, Gaps, contrast, correlation
from unispect.studies.verdicts import shown


def curves(values, names=None, prefix="p"):
    return Curves.of(
        [(n, v) for n, v in zip(names or [f"{prefix}{i}" for i in range(len(values))], values, strict=True)]
    )


def interval(low, high):
    return Interval((low + high) / 2, low, high, 10, 10)


def test_means_and_series():
    found = curves([[0, 1, 2], [2, 3, 4], [1, 2, 3]])
    assert [found.at(layer).estimate for layer in range(3)] == [1, 2, 3]
    assert found.mean().estimate == 2
    series = found.series("text", dash=True)
    assert (series.label, list(series.x), list(series.y), series.dash) == ("text", [0, 1, 2], [1, 2, 3], True)
    assert all(low <= y <= high for low, y, high in zip(series.low, series.y, series.high, strict=True))


def test_one_curve_has_no_band_and_none_has_no_length():
    assert curves([[1, 2]]).series("alone").low == ()
    assert curves([[1, 2], [2, 4]]).series("two prompts").low == ()
    empty = Curves.of([])
    assert len(empty) == 0
    assert math.isnan(empty.mean().estimate)


def noisy(centre, seed, prompts=8):
    """Curves of two layers around `centre`, each prompt with noise of its own."""
    return curves(
        (np.array(centre) + np.random.default_rng(seed).normal(size=(prompts, 2))).tolist(), prefix=f"{seed}-"
    )


def test_closing_has_limits_whatever_the_signs_and_holds_the_truth():
    text, pictures = noisy([9, 0], 1), noisy([0, 0], 2)
    found = contrast(Gaps.between(text, pictures))
    assert not found.end.excludes(0)
    assert found.closing.estimate == pytest.approx(abs(found.end.estimate) - abs(found.start.estimate))
    assert found.closing.low < -9 < found.closing.high < 0
    flipped = contrast(Gaps.between(pictures, text)).closing
    assert (flipped.low, flipped.high) == pytest.approx((found.closing.low, found.closing.high))


def test_an_area_has_limits_only_where_every_sign_is_known():
    near, far = (contrast(Gaps.between(noisy(centre, 3), noisy([0, 0], 4))).area for centre in ([5, 0], [5, -5]))
    assert math.isnan(near.low)
    assert "the sign is open" in near.method
    assert far.low < 5 < far.high


def test_every_interval_says_that_prompts_would_be_others():
    found = contrast(Gaps.between(noisy([5, 0], 5), noisy([0, 0], 6)))
    assert {one.unit for one in (found.start, found.mean, found.area, found.closing)} == {"prompts"}
    assert noisy([0, 0], 7).mean().unit == "prompts"


def test_contrast_is_the_difference_of_means():
    first = curves([[1, 5], [3, 5]], prefix="a")
    second = curves([[4, 4], [4, 4], [4, 4]], prefix="b")
    found = contrast(Gaps.between(first, second))
    assert found.start.estimate == -2
    assert found.end.estimate == 1
    assert found.mean.estimate == -0.5
    assert found.area.estimate == 1.5
    assert found.closing.estimate == -1
    assert (found.start.n, found.start.clusters) == (5, 5)


def test_shared_prompts_stay_paired():
    """Prompts differ by far more than the two sides do; pairing removes that and independence would not."""
    rng = np.random.default_rng(0)
    level = 10 * rng.normal(size=(40, 1))
    names = [f"p{i}" for i in range(40)]
    first, second = curves((level + 0.3).tolist(), names), curves(level.tolist(), names)
    paired = Gaps.between(first, second).interval(lambda gaps: gaps[..., 0])
    assert paired.estimate == pytest.approx(0.3)
    assert paired.high - paired.low < 1e-6
    apart = Gaps.between(first, curves(level.tolist(), prefix="q")).interval(lambda gaps: gaps[..., 0])
    assert apart.high - apart.low > 4


def test_several_curves_of_a_prompt_are_one_cluster():
    once = curves([[float(i)] for i in range(12)])
    thrice = curves([[float(i)] for i in range(12)] * 3, [f"p{i}" for i in range(12)] * 3)
    assert thrice.at(0).clusters == once.at(0).clusters == 12
    assert thrice.at(0).low == pytest.approx(once.at(0).low)


def test_correlation_is_pearsons():
    rng = np.random.default_rng(2)
    x = rng.normal(size=50)
    y = 1e6 + x + rng.normal(size=50)
    found = correlation(x.tolist(), y.tolist())
    assert found.estimate == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found.low < found.estimate < found.high
    assert correlation([1, 2, 3, 4], [2, 4, 6, 8]).estimate == pytest.approx(1)
    assert math.isnan(correlation([1, 2, 3], [5, 5, 5]).estimate)


def entry(model, status="done", error=""):
    unit = Unit("encoding", 1, "trajectory", model, {"id": error or status})
    return Entry(unit, Record(unit.id, {}, status=status, error=error))


def test_models_are_named_by_id_unless_two_share_it():
    card = ModelCard("tiny", "f", "p", None, 1, 1)
    cards = {"tiny@1": card.at("1"), "tiny@2": card.at("2"), "big@1": ModelCard("big", "f", "p", None, 1, 1)}
    one_of_each = {name: cards[name] for name in ("tiny@1", "big@1")}
    assert names_of([entry("tiny@1"), entry("big@1")], one_of_each) == {"tiny@1": "tiny", "big@1": "big"}
    assert names_of([entry("tiny@1"), entry("big@1")], cards) == {"tiny@1": "tiny@1", "big@1": "big"}  # as elsewhere
    assert names_of([entry("tiny@1"), entry("tiny@2")], cards) == {"tiny@1": "tiny@1", "tiny@2": "tiny@2"}
    assert names_of([entry("unknown@3")], {}) == {"unknown@3": "unknown"}
    doses = {f"tiny@{n}": replace(cards["tiny@1"], revision=str(n), bound_steps=10 * n) for n in (1, 2)}
    names = {"tiny@1": "tiny, 10 steps", "tiny@2": "tiny, 20 steps"}
    assert names_of([entry("tiny@1"), entry("tiny@2")], doses) == names


def test_losses_are_counted_by_reason():
    entries = [
        entry("m"),
        entry("m", "failed", "NaN"),
        entry("m", "failed", "NaN"),
        entry("m", "skipped", "cannot draw"),
    ]
    assert losses_of(entries) == ("2 of 4 units failed: NaN", "1 of 4 units skipped: cannot draw")
    many = [entry("m", "failed", f"reason {i}") for i in range(7)]
    assert losses_of(many)[-1] == "2 more units failed for other reasons."


def test_an_interval_in_a_sentence():
    assert shown(interval(1, 2)) == "+1.50 [+1.00, +2.00]"
    assert shown(Interval(1.0, math.nan, math.nan, 1, 1, method="no interval: one cluster only")).startswith(
        "+1.00 (no"
    )
