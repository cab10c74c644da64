import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import VALUES
from unispect.metrics.paired import mcnemar_exact
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.evidence import Description, DrawnPicture, Telling, Word, best, credit
from unispect.studies.concepts.comparison import WORLD

draw_scores = partial(scores.draw_scores, world=WORLD)
tell_scores = partial(scores.tell_scores, world=WORLD)
describe_scores = partial(scores.describe_scores, world=WORLD)


def words(attribute="shape"):
    return [Word("drawing", attribute, value) for value in VALUES[attribute]]


def tellings(*right, attribute="shape"):
    return [
        Telling("likelihood", word, "w", word.value if hit else None, float(hit))
        for word, hit in zip(words(attribute), right, strict=False)
    ]


def drawing(hits, lexicon="drawing"):
    truth = {"shape": "star", "color": "red", "pattern": "solid", "position": "top left"}
    shown = {attribute: value if attribute in hits else None for attribute, value in truth.items()}
    return DrawnPicture("name", lexicon, truth, 0, "", shown, "")


def test_credit_shares_ties():
    assert credit([0.0, -1.0], 0) == 1
    assert credit([0.0, -1.0], 1) == 0
    assert credit([0.0, 0.0, -1.0], 1) == 0.5
    assert credit([2.0] * 4, 3) == 0.25


def test_best_is_none_on_a_tie():
    assert best([0.0, -1.0], ["a", "b"]) == "a"
    assert best([0.0, 1e-6], ["a", "b"]) is None


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=7))
def test_credits_of_all_answers_sum_to_one(row):
    assert math.isclose(sum(credit(row, i) for i in range(len(row))), 1)


def test_every_word_counts_equally_however_often_it_was_drawn():
    often = [drawing(["shape"])] * 9
    other = DrawnPicture(
        "name", "drawing", {**often[0].truth, "shape": "plus"}, 0, "", dict.fromkeys(often[0].truth), ""
    )
    tallied = draw_scores([*often, other]).of("shape")
    assert scores.accuracy(tallied).estimate == pytest.approx(0.5)
    assert (tallied.asked, tallied.unclear) == (10, 0.1)


def test_corrected_is_zero_at_chance_and_one_at_best():
    at_chance = tell_scores(tellings(1, 0, 0, 0, 0, 0, 0))
    assert scores.corrected(at_chance).estimate == pytest.approx(0)
    assert scores.corrected(tell_scores(tellings(*[1] * 7))).estimate == 1
    assert at_chance.chance == pytest.approx(1 / 7)


def test_gap_is_the_difference_of_corrected_scores_over_words_that_have_both():
    drawn = tell_scores(tellings(1, 1, 1, 1))
    told = tell_scores(tellings(1, 0, 0))
    gap = scores.gap(drawn, told)
    expected = scores.corrected(drawn.among(told.words)).estimate - scores.corrected(told).estimate
    assert gap.estimate == pytest.approx(expected)
    assert gap.clusters == 3
    assert scores.gap(told, drawn).estimate == pytest.approx(-gap.estimate)


def test_pairs_and_their_test():
    drawn = tell_scores(tellings(1, 1, 1, 1, 0, 0, 0))
    told = tell_scores(tellings(1, 0, 0, 0, 1, 0))
    cells = scores.pairs(drawn, told)
    assert (cells.both, cells.only_drawn, cells.only_told, cells.neither) == (1, 3, 1, 1)
    assert cells.p == mcnemar_exact(3, 1)


def test_a_word_drawn_right_half_the_time_is_not_drawn():
    drawn = draw_scores([drawing(["shape"]), drawing([])]).of("shape")
    told = tell_scores([Telling("likelihood", Word("drawing", "shape", "star"), "w", None, 0.0)])
    assert scores.pairs(drawn, told).neither == 1


def test_descriptions_are_scored_against_the_truth():
    truth = drawing([]).truth
    said = {**truth, "color": "blue", "pattern": None}
    tallied = describe_scores([Description(truth, said)], "real")
    assert scores.accuracy(tallied).estimate == pytest.approx(0.5)
    assert tallied.unclear == 0.25


def test_nothing_asked_is_not_a_number():
    nothing = tell_scores([])
    assert math.isnan(scores.accuracy(nothing).estimate)
    assert math.isnan(nothing.unclear)
    assert math.isnan(nothing.chance)


def drawings(right, combinations=6, seeds=2):
    """All four words of each of some combinations, drawn; `right` decides from combination and seed."""
    found = []
    for index, concept in enumerate(load_split().held_out[:combinations]):
        for seed in range(seeds):
            truth = concept.values
            shown = truth if right(index, seed) else dict.fromkeys(truth)
            found.append(DrawnPicture("name", "drawing", truth, seed, "", shown, ""))
    return found


def test_a_drawing_counts_for_four_words_and_whole_combinations_widen_the_interval():
    together = scores.accuracy(draw_scores(drawings(lambda place, seed: place % 2 == 0)))
    apart = scores.accuracy(draw_scores(drawings(lambda place, seed: (place + seed) % 2 == 0)))
    assert together.unit == apart.unit == "words and combinations"
    assert together.clusters == 6
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_words_told_by_themselves_are_the_unit_and_people_are_where_somebody_is_asked_about():
    assert scores.accuracy(tell_scores(tellings(1, 1, 0, 0))).unit == "words"
    people = [
        DrawnPicture("name", "people", {"hair": "red"}, 0, "", {"hair": "red"}, "", item=str(n)) for n in range(5)
    ]
    found = scores.accuracy(draw_scores(people))
    assert (found.unit, found.clusters) == ("people", 5)


def test_pictures_that_are_told_are_combinations_too():
    seen = [Description(drawing.truth, drawing.shown) for drawing in drawings(lambda place, seed: place > 1, seeds=1)]
    assert scores.accuracy(describe_scores(seen, "real")).unit == "words and combinations"


def test_chance_taken_off_stretches_limits_and_keeps_other_levels():
    told = tell_scores(tellings(1, 1, 0, 0, 0, 0, 0))
    share, taken_off = scores.accuracy(told), scores.corrected(told)
    assert (taken_off.low, taken_off.high) == pytest.approx(
        tuple((x - 1 / 7) / (6 / 7) for x in (share.low, share.high))
    )
    assert taken_off.p_above(0) == pytest.approx(share.p_above(1 / 7), rel=1e-6)
    beyond = scores.beyond(share, 1 / 7)
    assert (beyond.low, beyond.high) == pytest.approx((taken_off.low, taken_off.high))


def test_a_gap_of_everything_drawn_and_nothing_told_is_decided_however_the_combinations():
    drawn = draw_scores(drawings(lambda place, seed: True, combinations=12))
    wrong = scores.Tally(0.0, 1, 0, np.zeros(1), np.array([-1]))
    told = scores.Scores(dict.fromkeys(drawn.words, wrong), WORLD)
    found = scores.gap(drawn, told)
    assert found.estimate > 1
    assert found.low > 0.5
    assert found.unit == "words and combinations"
