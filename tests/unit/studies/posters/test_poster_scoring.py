"""Scores of graded posters: closed forms, and what intervals resample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from unispect.data.posters.items import Item
from unispect.metrics import shares
from unispect.studies.posters.scoring import MEASURES, Category, GradedReply, Tally, category, score, tally

STATUS = {"c": "CORRECT", "i": "INCORRECT", "m": "MISSING"}


def items(wanted, unwanted=""):
    return [
        *(Item(f"w{n}", True, STATUS[letter]) for n, letter in enumerate(wanted)),
        *(Item(f"u{n}", False, STATUS[letter]) for n, letter in enumerate(unwanted)),
    ]


def reply(poster, modality, wrong, of=10, sample=0):
    return GradedReply(poster, modality, items("i" * wrong + "c" * (of - wrong)), sample)


def test_a_verdict_and_what_was_wanted_make_the_category():
    found = [category(item) for item in items("cim", "ci")]
    assert found == [Category.CORRECT, Category.MINOR, Category.OMISSION, Category.CORRECT, Category.SEVERE]


def test_measures_are_shares_of_their_own_wholes():
    one = tally(items("cccciimm", "ci"))
    assert one == Tally(wanted=8, unwanted=2, omissions=2, minor=2, severe=1)
    assert {name: measure(one) for name, measure in MEASURES.items()} == {
        "error": 0.5,
        "hallucination": 0.3,
        "omission": 0.2,
        "minor of all": 0.2,
        "severe of all": 0.1,
        "minor rate": 0.25,
        "severe rate": 0.5,
    }


@given(st.text("cim", max_size=12), st.text("ci", max_size=6))
def test_every_item_counts_once(wanted, unwanted):
    one = tally(items(wanted, unwanted))
    assert one.items == len(wanted) + len(unwanted)
    assert one.errors == sum(letter != "c" for letter in wanted + unwanted)
    assert one.wanted_correct + one.unwanted_correct + one.errors == one.items
    values = {name: measure(one) for name, measure in MEASURES.items()}
    assert all(math.isnan(value) or 0 <= value <= 1 for value in values.values())
    assert math.isnan(values["severe rate"]) == (not unwanted)
    if one.items:
        assert values["error"] == pytest.approx(values["hallucination"] + values["omission"])
        assert values["hallucination"] == pytest.approx(values["minor of all"] + values["severe of all"])


def test_posters_count_equally_whatever_their_rubrics():
    found = score([reply("long", "text", 10, of=100), reply("short", "text", 1, of=2)])
    assert found.totals["text"]["error"].over_posters.estimate == pytest.approx((0.1 + 0.5) / 2)
    assert found.pooled["text"] == Tally(wanted=102, minor=11)
    assert found.gaps == {}


def test_grading_again_is_no_new_observation():
    once = [reply(str(n), "text", n) for n in range(8)]
    thrice = [one for one in once for _ in range(3)]
    few, many = (score(own).totals["text"]["error"].over_posters for own in (once, thrice))
    assert (few.estimate, few.low, few.high) == pytest.approx((many.estimate, many.low, many.high))
    assert (many.n, many.clusters) == (8, 8)
    alone = score(thrice).posters["3"]["text"]["error"]
    assert (alone.estimate, alone.n) == (pytest.approx(0.3), 1)
    assert math.isnan(alone.low)


def test_gradings_of_a_sample_are_averaged_before_samples():
    replies = [reply("p", "text", wrong, sample=0) for wrong in (0, 0, 0)] + [reply("p", "text", 10, sample=1)]
    assert score(replies).posters["p"]["text"]["error"].estimate == pytest.approx(0.5)


def test_samples_and_posters_are_two_sources_of_spread():
    # Posters differ, samples do not: asked again the score stays, other posters would move it.
    replies = [reply(str(p), "text", p, sample=s) for p in range(8) for s in range(10)]
    error = score(replies).totals["text"]["error"]
    width = shares.limits(0.0, 10, 0.95)[1]  # all repetitions agree: at most so many others would not
    assert error.over_samples.high - error.over_samples.low == pytest.approx(width)
    assert error.over_posters.high - error.over_posters.low > 0.2
    # Samples differ, posters do not.
    replies = [reply(str(p), "text", s, sample=s) for p in range(8) for s in range(10)]
    error = score(replies).totals["text"]["error"]
    assert error.over_posters.method.endswith("all observations agree")
    assert error.over_samples.low < 0.45 < error.over_samples.high
    assert error.over_samples.clusters == 10


def test_the_interval_over_posters_is_near_students():
    rng = np.random.default_rng(1)
    wrong = rng.integers(20, 60, size=40)
    error = score([reply(str(n), "image", int(w), of=100) for n, w in enumerate(wrong)]).totals["image"]["error"]
    half = stats.t.ppf(0.975, 39) * (wrong / 100).std(ddof=1) / math.sqrt(40)
    assert error.over_posters.low == pytest.approx(wrong.mean() / 100 - half, abs=0.1 * half)
    assert error.over_posters.high == pytest.approx(wrong.mean() / 100 + half, abs=0.1 * half)


def test_the_gap_is_paired_by_poster():
    # Text is three items worse on every poster, while posters differ a lot.
    replies = [reply(str(n), m, n + 3 * (m == "text"), of=20) for n in range(10) for m in ("image", "text")]
    replies.append(reply("told only", "text", 20, of=20))
    gap = score(replies).gaps["error"].over_posters
    assert (gap.estimate, gap.clusters) == (pytest.approx(0.15), 10)
    assert gap.method.endswith("all observations agree")


def test_posters_without_unwanted_items_are_left_out_of_the_severe_rate():
    replies = [
        GradedReply("a", "text", items("cc", "ii")),
        GradedReply("b", "text", items("cc", "cc")),
        GradedReply("c", "text", items("cc")),
    ]
    found = score(replies)
    assert found.totals["text"]["severe rate"].over_posters.estimate == pytest.approx(0.5)
    assert found.totals["text"]["severe rate"].over_posters.clusters == 2
    assert found.posters["c"]["text"]["severe rate"].method == "no observations"
    none = score([GradedReply("c", "text", items("cc"))]).totals["text"]["severe rate"]
    assert math.isnan(none.over_posters.estimate)
    assert math.isnan(none.over_samples.estimate)


def test_missing_samples_leave_posters_their_weight():
    replies = [reply("a", "text", 10, sample=0), *(reply("b", "text", 0, sample=s) for s in range(5))]
    error = score(replies).totals["text"]["error"]
    assert error.over_posters.estimate == pytest.approx(0.5)
    assert error.over_samples.estimate == pytest.approx(0.5)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_order_of_replies_does_not_matter_and_limits_hold_the_estimate(data):
    posters, samples = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    letters = st.text("cim", min_size=1, max_size=5)
    replies = [
        GradedReply(str(p), m, items(data.draw(letters), data.draw(st.text("ci", max_size=3))), s)
        for p in range(posters)
        for m in ("image", "text")
        for s in range(samples)
    ]
    found, other = score(replies), score(data.draw(st.permutations(replies)))
    for modality, measures in found.totals.items():
        for name, one in measures.items():
            for way in ("over_posters", "over_samples"):
                mine = getattr(one, way)
                assert mine.estimate == pytest.approx(getattr(other.totals[modality][name], way).estimate, nan_ok=True)
                if not math.isnan(mine.low):
                    assert 0 <= mine.low <= mine.estimate + 1e-9
                    assert mine.estimate - 1e-9 <= mine.high <= 1
