"""Verdicts on planted truths: wrong ones stay within 5 %, as far as so few repetitions can show.

bench/planted.py measures every world over 200 repetitions; here are those on which fixed 95 % limits of single numbers
failed, repeated often enough to tell a failing rule from a sound one. Everything is seeded: nothing is left to luck.
"""

import re
from functools import cache
from itertools import chain

import pytest
from scipy.stats import binom

from tests.planted_truth import inside, outside, patches, probes, several, states
from tests.planted_truth.case import ANY, BOUND, Claim, Truth, World, counted
from unispect.core.findings import Finding, Verdict

SOUND = {
    r"aphasia: drawn .95": 5,
    r"memoriser": 8,
    r"letters-only teller": 8,
    r"recall-only teller": 8,
    r"never taught, yet 25% told": 16,
    r"real words drawn, told and described 0.95": 8,
    r"real words drawn, told and described 0.75": 8,
    r"30% of the patterns lost": 8,
    r"states of pictures x 0.5": 4,
    r"trainings differ by .*, 1 families against 2": 12,
    r"flat curves of one model": 14,
    r"all words told, whatever is put in": 12,
    r"one memory": 8,
    r"two memories": 12,
}
"""World -> repetitions."""
SEEN = {
    (r"aphasia: drawn .95", "words taught by drawing: aphasia"): Verdict.SUPPORTED,
    (r"100% of the patterns lost", "learning new words cost little"): Verdict.NOT_SUPPORTED,
    (r"text .3 nats a word less likely", "learning new words cost little"): Verdict.NOT_SUPPORTED,
    (r"text 1 bit lower, .*, 6 prompts", "text and pictures run at different entropies"): Verdict.SUPPORTED,
    (r"one memory", "the words' states, moved, are told"): Verdict.SUPPORTED,
    (r"two memories", "the words' states, moved, are told"): Verdict.NOT_SUPPORTED,
    (r"two memories", "real words' states are followed"): Verdict.SUPPORTED,
    (r"text replies .5 bit higher, .*, 16 prompts", "text replies lie above"): Verdict.SUPPORTED,
    (r"memoriser", "learned combinations drawn"): Verdict.SUPPORTED,
}
"""World and claim that every one of three repetitions must decide: a rule that never decides is of no use."""


@cache
def every():
    return tuple(
        chain(outside.worlds(), inside.worlds(), several.worlds(), states.worlds(), probes.worlds(), patches.worlds())
    )


def world(pattern):
    return next(one for one in every() if re.match(pattern, one.truth))


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "times"), SOUND.items())
def test_wrong_decisions_stay_within_their_bound(pattern, times):
    counts = counted(world(pattern), range(times))
    allowed = int(binom.ppf(0.99, times, BOUND))
    assert not [one.claim for one in counts if one.absent == times and one.claim != ANY]
    assert {one.claim: one.wrong for one in counts if one.wrong > allowed} == {}


@pytest.mark.parametrize(("pattern", "claim", "verdict"), [(*key, verdict) for key, verdict in SEEN.items()])
def test_what_is_plainly_there_is_seen(pattern, claim, verdict):
    (count,) = [one for one in counted(world(pattern), range(3)) if one.claim.startswith(claim)]
    assert (count.supported if verdict is Verdict.SUPPORTED else count.refuted) == 3


def test_a_decision_counts_as_wrong_where_the_truth_is_another():
    found = [Finding("one", "", Verdict.SUPPORTED, ""), Finding("other", "", Verdict.CANNOT_TELL, "")]
    wrong = {truth: Claim("", "one", truth) for truth in Truth}
    counts = counted(World("", "", lambda seed: found, tuple(wrong.values())), range(3))
    assert {one.truth: one.wrong for one in counts[:-1]} == {
        Truth.HOLDS: 0,
        Truth.FAILS: 3,
        Truth.UNKNOWABLE: 3,
        Truth.SHOWN: 0,
    }
    assert counts[-1].wrong == 3
    (missing, _) = counted(World("", "", lambda seed: found, (Claim("", "none", Truth.HOLDS),)), range(2))
    assert (missing.absent, missing.wrong) == (2, 0)


def test_worlds_have_names_of_their_own():
    names = [one.truth for one in every()]
    assert len(set(names)) == len(names)
