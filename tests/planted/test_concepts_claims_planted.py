"""Models that a mean or a single way of telling would be wrong about: each is told apart from what it looks like."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.helpers.fake_concepts import card
from tests.helpers.planted_evidence import (
    WAYS,
    claim,
    claims,
    drawings,
    exactly,
    guesser,
    knower,
    left,
    memoriser,
)
from unispect.core.findings import Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import VALUES
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.claims import mastered
from unispect.studies.aphasia.comparison import READABLE, Control, Subject
from unispect.studies.aphasia.evidence import CALIBRATED, CHOICE, LIKELIHOOD, RECALL, REVERSE, Evidence
from unispect.studies.aphasia.groups import absence_power, weigh
from unispect.studies.concepts.comparison import WORLD, comparisons
from unispect.studies.concepts.retained import Text, retention
from unispect.studies.decisions import UNDECIDED

NOTHING = dict.fromkeys(WAYS, 0.0)
EVERYTHING = dict.fromkeys(WAYS, 1.0)
GOOD = knower(0.95)


def few(level, seeds):
    """As many of so many seeds as happen by chance once in a thousand simulations, at most, at this rate."""
    return int(stats.binom.ppf(0.999, seeds, level))


def test_words_told_by_no_way_are_aphasia():
    found = claims(left(paints={"drawing": GOOD}, tells={"drawing": NOTHING}))
    assert claim(found, "taught-drawing").verdict is Verdict.SUPPORTED


@pytest.mark.parametrize("way", [LIKELIHOOD, CALIBRATED, CHOICE, RECALL, REVERSE])
def test_words_told_in_one_way_only_are_not_called_untold_and_the_way_is_named(way):
    found = claim(claims(left(paints={"drawing": GOOD}, tells={"drawing": NOTHING | {way: 1.0}})), "taught-drawing")
    assert found.verdict is not Verdict.SUPPORTED
    assert found.decision.refuted < 0.025
    assert f"Against it: by {way} (told 100 %)" in found.detail
    assert found.interval.estimate < 0.2


def test_two_ways_against_each_other_are_decided():
    """The planted teller of letters: options get all words, likelihood none, and both formats can be read."""
    tells = {LIKELIHOOD: 0.0, CHOICE: 1.0}
    subject = left(paints={"drawing": GOOD}, tells={"drawing": tells}, controls={LIKELIHOOD: 1.0, CHOICE: 1.0})
    assert claim(claims(subject), "taught-drawing").verdict is Verdict.NOT_SUPPORTED


def test_telling_counts_where_no_control_was_asked_and_where_it_fails():
    for controls in ({LIKELIHOOD: 1.0}, {LIKELIHOOD: 1.0, RECALL: 0.5}):
        tells = {LIKELIHOOD: 0.0, RECALL: 1.0}
        found = claim(
            claims(left(paints={"drawing": GOOD}, tells={"drawing": tells}, controls=controls)), "taught-drawing"
        )
        assert found.verdict is not Verdict.SUPPORTED
        assert "Against it: by free recall" in found.detail


def test_not_telling_in_a_format_that_fails_proves_nothing_and_hides_nothing():
    controls = {LIKELIHOOD: 1.0, CHOICE: 1.0, RECALL: 0.3}
    asked = {LIKELIHOOD: 0.0, CHOICE: 0.0, RECALL: 0.0}
    found = claims(left(paints={"drawing": GOOD}, tells={"drawing": asked}, controls=controls))
    assert claim(found, "taught-drawing").verdict is Verdict.SUPPORTED
    known = claims(
        left(paints={"both": knower()}, tells={"both": {LIKELIHOOD: 1.0, CHOICE: 1.0, RECALL: 0.0}}, controls=controls)
    )
    assert claim(known, "taught-both").verdict is Verdict.SUPPORTED
    assert "fails with" in claim(known, "taught-both").detail


def test_without_a_control_of_likelihood_nothing_is_said_of_not_telling():
    found = claim(claims(left(paints={"drawing": GOOD}, tells={"drawing": NOTHING}, controls={})), "taught-drawing")
    assert (found.verdict, found.decision) == (Verdict.CANNOT_TELL, UNDECIDED)
    assert "was not asked about real words" in found.detail


@pytest.mark.slow
def test_a_format_that_loses_much_of_real_words_makes_no_gap():
    """Words that are known and told as badly as real ones are, since the format gets nine of ten."""
    verdicts = []
    for seed in range(20):
        shares = {LIKELIHOOD: 0.88}
        subject = left(seed, paints={"drawing": knower()}, tells={"drawing": shares}, controls=shares)
        verdicts.append(claim(claims(subject), "taught-drawing").verdict)
    assert verdicts.count(Verdict.SUPPORTED) <= few(0.025, 20)


def test_the_mirror_image_holds_by_every_way_that_can_be_read():
    assert claim(claims(left(paints={"text": guesser()}, tells={"text": EVERYTHING})), "taught-text").verdict is (
        Verdict.SUPPORTED
    )
    found = claim(claims(left(paints={"text": guesser()}, tells={"text": EVERYTHING | {RECALL: 0.0}})), "taught-text")
    assert found.verdict is not Verdict.SUPPORTED
    assert "by free recall" in found.detail


def test_no_aphasia_is_not_claimed_of_words_that_are_told_in_one_way_or_but_for_one_attribute():
    assert claim(claims(left(paints={"both": knower()}, tells={"both": EVERYTHING})), "taught-both").verdict is (
        Verdict.SUPPORTED
    )
    one = claim(claims(left(paints={"both": knower()}, tells={"both": NOTHING | {CHOICE: 1.0}})), "taught-both")
    assert one.verdict is Verdict.NOT_SUPPORTED
    for seed in range(5):
        but = {way: {"position": 0.0} for way in WAYS}
        found = claim(claims(left(seed, paints={"both": knower()}, tells={"both": but})), "taught-both")
        assert found.verdict is not Verdict.SUPPORTED


def test_nothing_known_both_ways_is_not_called_fluent():
    found = claim(claims(left(paints={"both": guesser()}, tells={"both": NOTHING})), "taught-both")
    assert found.verdict is Verdict.CANNOT_TELL


def test_shapes_that_are_told_are_not_lost_in_the_mean():
    tells = {way: {a: float(a == "shape") for a in VALUES} for way in WAYS}
    found = claim(claims(left(paints={"drawing": GOOD}, tells={"drawing": tells})), "taught-drawing")
    assert found.verdict is not Verdict.SUPPORTED
    assert "Against it: shape by" in found.detail


@pytest.mark.parametrize("attribute", list(VALUES))
def test_an_attribute_that_is_not_drawn_is_not_lost_in_the_mean(attribute):
    shares = {a: 1.0 if a != attribute else 0.3 for a in VALUES}
    subject = left(limit=84, paints={"drawing": knower(shares)}, tells={"drawing": {LIKELIHOOD: 0.0}})
    found = claim(claims(subject), "taught-drawing")
    assert found.verdict is not Verdict.SUPPORTED
    assert f"{attribute} not drawn" in found.detail


def test_a_lexicon_that_is_told_is_not_lost_among_others():
    """A mute control tells one of the two lexicons that it was taught."""
    paints = {"drawing": GOOD, "both": GOOD}
    tells = {"drawing": NOTHING, "both": EVERYTHING}
    found = claim(claims(left(paints=paints, tells=tells, model=card("mute", planted="mute"))), "planted")
    assert found.verdict is not Verdict.SUPPORTED
    assert "lexicon 'both' by likelihood" in found.detail


@pytest.mark.parametrize("learned", [True, False])
def test_a_memoriser_is_named_and_its_words_are_not_called_drawn(learned):
    found = claims(left(limit=12, paints={"drawing": memoriser()}, tells={"drawing": NOTHING}, learned=learned))
    named = claim(found, "memorising-drawing")
    assert named.verdict is Verdict.SUPPORTED
    assert named.claim.startswith("Memorising:")
    assert "75 % of attributes and 0 % of whole pictures" in named.detail
    aphasia = claim(found, "taught-drawing")
    assert (aphasia.verdict, aphasia.decision) == (Verdict.CANNOT_TELL, UNDECIDED)
    assert "not surely put together" in aphasia.detail
    assert "0 % of whole pictures" in aphasia.detail


@pytest.mark.slow
def test_who_knows_words_is_not_called_a_memoriser():
    wrong = 0
    for seed in range(20):
        found = claims(left(seed, paints={"drawing": GOOD}, tells={"drawing": {LIKELIHOOD: 0.0}}))
        assert claim(found, "taught-drawing").verdict is Verdict.SUPPORTED
        wrong += claim(found, "memorising-drawing").verdict is Verdict.SUPPORTED
    assert wrong <= few(0.025, 20)


@pytest.mark.slow
def test_independent_errors_pass_for_remembered_no_more_often_than_chance():
    """The test on the pattern of errors, at its own 5 %."""
    hits = 0
    for seed in range(60):
        subject = left(seed, limit=12, paints={"drawing": knower(0.8)}, tells={}, learned=False)
        (one,) = [one for one in comparisons([subject]) if one.taught == "drawing"]
        hits += one.pictures.p_remembered <= 0.05
    assert hits <= few(0.05, 60)


def test_a_drawing_that_half_remembers_is_told_apart_by_what_it_learned_from():
    found = claims(left(limit=24, paints={"drawing": memoriser(0.5)}, tells={"drawing": {LIKELIHOOD: 0.0}}))
    assert claim(found, "memorising-drawing").verdict is Verdict.SUPPORTED


def never(seed, *, drawn=0.0, told=0.0):
    paints, tells = {"never": guesser(drawn)}, {"never": {LIKELIHOOD: told, CHOICE: told}}
    (one,) = [one for one in comparisons([left(seed, paints=paints, tells=tells)]) if one.taught == "never"]
    return one


@pytest.mark.slow
@pytest.mark.parametrize("known", [{"drawn": 0.25}, {"told": 0.25}])
def test_words_of_which_a_quarter_is_known_are_not_called_unknown(known):
    held = [weigh(never(seed, **known)).decision.supported <= 0.025 for seed in range(40)]
    assert sum(held) <= few(0.025, 40)


@pytest.mark.slow
def test_absence_has_a_power_that_is_printed_and_kept():
    """The stated power is that of the least powerful part; the claim, which needs all, is supported no more often."""
    powers, held = zip(
        *((absence_power(one), weigh(one).decision.supported <= 0.025) for one in map(never, range(40))), strict=True
    )
    assert 0.1 < np.mean(powers) < 0.9
    assert sum(held) <= few(float(np.mean(powers)), 40)
    found = claim(claims(left(paints={"never": guesser()}, tells={"never": {LIKELIHOOD: 0.0}})), "taught-never")
    assert found.power > 0
    assert "words would have 80 %" in found.detail


def test_a_word_that_was_never_taught_and_is_known_is_noticed():
    found = claim(claims(left(paints={"never": guesser(1.0)}, tells={"never": {LIKELIHOOD: 0.0}})), "taught-never")
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert "Against it: drawn" in found.detail


def told_real(seed, share):
    return scores.tell_scores(exactly(REAL, LIKELIHOOD, share, np.random.default_rng(seed)), WORLD)


@pytest.mark.slow
def test_mastery_and_reading_of_95_percent_are_hardly_ever_denied():
    seeds = 200
    told = [told_real(seed, READABLE) for seed in range(seeds)]
    found = [mastered({"told": one}).decision for one in told]
    unread = [Control(scores.accuracy(one), one.chance).reads is Verdict.NOT_SUPPORTED for one in told]
    assert sum(one.refuted <= 0.025 for one in found) <= few(0.05, seeds)
    assert sum(unread) <= few(0.05, seeds)


@pytest.mark.slow
def test_mastery_of_80_percent_is_hardly_ever_believed_and_of_99_mostly():
    seeds = 200
    less, more = (
        [mastered({"told": told_real(seed, share)}).decision for seed in range(seeds)] for share in (0.8, 0.99)
    )
    assert sum(one.supported <= 0.05 for one in less) <= few(0.05, seeds)
    assert sum(one.supported <= 0.05 for one in more) > 0.6 * seeds


def test_formats_that_get_half_are_never_read():
    for seed in range(60):
        told = told_real(seed, 0.5)
        assert Control(scores.accuracy(told), told.chance).reads is Verdict.NOT_SUPPORTED
        assert mastered({"told": told}).decision.supported > 0.025


@pytest.mark.parametrize("attribute", list(VALUES))
def test_an_attribute_that_is_not_mastered_is_not_lost_in_the_mean(attribute):
    every = exactly(REAL, LIKELIHOOD, 1.0, np.random.default_rng(0))
    told = [replace(one, credit=float(one.word.attribute != attribute)) for one in every]
    found = mastered({"told": scores.tell_scores(told, WORLD)})
    assert found.decision.supported > 0.025
    assert f"{attribute} told" in found.against


def test_what_can_be_read_of_22_words_is_all_or_a_question():
    told = [replace(one, credit=1.0) for one in exactly(REAL, LIKELIHOOD, 1.0, np.random.default_rng(0))]
    reads = []
    for misses in (0, 1, 2, 5):
        some = [replace(one, credit=float(index >= misses)) for index, one in enumerate(told)]
        scored = scores.tell_scores(some, WORLD)
        reads.append(Control(scores.accuracy(scored), scored.chance).word)
    assert reads == ["yes", "cannot tell", "cannot tell", "no"]


def retained(seed, lost, *, limit=168, attribute="pattern", value=None, texts=0.0):
    """A model that lost a share of one attribute of real words, or one value altogether."""
    rng = np.random.default_rng(seed)

    def forgetful(concept, rng):
        shown = dict(concept.values)
        if rng.random() < lost and (value is None or shown[attribute] == value):
            shown[attribute] = next(v for v in VALUES[attribute] if v != shown[attribute])
        return shown

    subjects = []
    for name, paint, nats in (("base", knower(), 0.0), ("base-bound", forgetful, texts)):
        drawn = tuple(drawings(REAL, paint, rng, limit=limit))
        taught = {} if name == "base" else {"drawing": "drawing"}
        subject = Subject(card(name, taught=taught), Evidence(drawn, (), (), 0), WORLD)
        subjects.append((subject, [Text("answers", f"{index}", 1.0 + nats, 2) for index in range(22)]))
    _, found = retention(subjects)
    return found[0]


def test_what_is_kept_in_every_attribute_is_said_to_be_kept():
    found = retained(0, 0.0)
    assert found.decision.supported <= 0.025
    assert found.power > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("attribute", list(VALUES))
def test_an_attribute_that_is_lost_by_three_tenths_is_never_called_kept(attribute):
    found = [retained(seed, 0.3, attribute=attribute) for seed in range(15)]
    assert all(one.decision.supported > 0.025 for one in found)
    assert sum(one.decision.refuted <= 0.025 for one in found) >= 12
    assert f"Against it: real words drawn: {attribute}" in found[0].detail


def test_an_attribute_that_is_lost_altogether_is_noticed_with_few_pictures():
    for attribute in VALUES:
        found = retained(0, 1.0, limit=12, attribute=attribute)
        assert found.decision.refuted <= 0.025
        assert attribute in found.detail


def test_a_loss_of_a_tenth_is_below_what_counts_and_few_pictures_do_not_show_that():
    assert retained(0, 0.1).decision.supported <= 0.025
    assert retained(0, 0.1, limit=8).decision.supported > 0.025


def test_a_single_word_that_is_lost_speaks_against_it_though_its_attribute_is_kept():
    found = retained(0, 1.0, attribute="shape", value="star")
    assert "Against it:" in found.detail
    assert "star" in found.detail
    assert found.decision.supported > 0.025


def test_several_trainings_of_one_model_stand_apart():
    some = [
        left(paints={"drawing": GOOD}, tells={"drawing": NOTHING}, model=card("one", revision="a", training_seed=0)),
        left(
            paints={"drawing": guesser()}, tells={"drawing": NOTHING}, model=card("one", revision="b", training_seed=1)
        ),
    ]
    verdicts = [one.verdict for one in claims(*some) if one.id.endswith("taught-drawing")]
    assert verdicts == [Verdict.SUPPORTED, Verdict.CANNOT_TELL]


@pytest.mark.parametrize(("planted", "tells", "verdict"), [
    ("fluent", EVERYTHING, Verdict.SUPPORTED),
    ("fluent", NOTHING, Verdict.NOT_SUPPORTED),
    ("fluent", NOTHING | {LIKELIHOOD: 1.0}, Verdict.NOT_SUPPORTED),
    ("mute", NOTHING, Verdict.SUPPORTED),
    ("mute", EVERYTHING, Verdict.NOT_SUPPORTED),
    ("mute", NOTHING | {CHOICE: 1.0}, Verdict.NOT_SUPPORTED),
])  # fmt: skip
def test_controls_are_decided_by_every_way_of_telling(planted, tells, verdict):
    both = {"drawing": GOOD, "both": GOOD, "text": GOOD}
    subject = left(paints=both, tells=dict.fromkeys(both, tells), model=card(planted, planted=planted))
    found = claim(claims(subject), "planted")
    assert found.control
    assert found.verdict is verdict
    assert math.isnan(found.adjusted)


def test_a_control_that_remembers_pictures_is_not_as_planted():
    both = {"drawing": memoriser(), "both": memoriser()}
    subject = left(paints=both, tells=dict.fromkeys(both, NOTHING), model=card("mute", planted="mute"))
    assert claim(claims(subject), "planted").verdict is Verdict.NOT_SUPPORTED
