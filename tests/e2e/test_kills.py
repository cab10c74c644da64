"""Real commands killed with SIGKILL at random moments while they write.

By day three of them are killed twice in one folder, at night all in four; `make kills` does it two hundred times.
"""

import random

import pytest

from tests.helpers.killing import CASES, Tally, campaign, compared


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    with campaign(tmp_path_factory.mktemp("kills")) as made:
        yield made


THREE = pytest.mark.nightly("tests/e2e/test_kills.py::test_a_killed_command_goes_on_to_what_an_undisturbed_one_leaves")
ASKED = pytest.mark.nightly("tests/e2e/test_posters_killed.py::test_nothing_is_paid_for_twice")
MERGED = pytest.mark.nightly(
    "tests/unit/runs/test_merge.py::test_a_kill_anywhere_leaves_a_whole_run_and_the_same_call_finishes_it"
)
BOUND = pytest.mark.nightly("tests/unit/train/test_failing_disk.py::test_a_kill_at_any_moment_costs_nothing")
AT_NIGHT = {"run, API": ASKED, "grade": ASKED, "merge": MERGED, "bind": BOUND}
"""Commands that others kill by day too."""


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=THREE)])
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=AT_NIGHT.get(case.name, ())) for case in CASES]
)
def test_a_killed_command_goes_on_to_what_an_undisturbed_one_leaves(kills, case, rounds):
    whole = kills.undisturbed(case)
    assert whole.ends
    assert whole.moments > 20
    hits = 0
    for number in range(rounds):
        found = kills.round(whole, 2, random.Random(f"{case.name} {number}"), waits=False)
        assert found.clean, found.said
        hits += found.kills
    assert hits >= min(rounds, 2)


def test_what_is_killed_at_night_alone_is_named() -> None:
    assert AT_NIGHT.keys() < {case.name for case in CASES}


def test_whatever_is_missing_twice_there_or_changed_is_counted():
    right = {"a": b"1", "b": b"2", "c": b"3"}
    found = Tally()
    compared(right, {"a": b"1", "b": b"22", "d": b"4"}, right, found)
    assert (found.lost, found.doubled, found.different) == (1, 1, 1)
    assert not found.clean
    assert not Tally(paid=3, allowed=2).clean
    assert not Tally(strays=1).clean
    assert Tally(kills=4, paid=2, allowed=2).clean
