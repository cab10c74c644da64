"""Judging killed with -9 and resumed, as commands: the server counts what it was paid for."""

import pytest
from loopback_judge import loopback
from poster_loopback import grade_arguments, killed_and_resumed
from poster_run import CARD, replies

from unispect.runs import Invocation, RunStore


@pytest.mark.slow
def test_a_killed_judge_is_paid_for_no_grading_twice(tmp_path):
    run = replies(tmp_path, seeds=(0, 1))
    with RunStore.open(run, "w") as store:
        data = str(tmp_path / "data" / "subjects.yaml")
        made = Invocation(("unispect",), "posters", (CARD.reference,), settings={"data from": data})
        store.add_invocation(made, [CARD])
    with loopback() as server:
        step = killed_and_resumed("grades", grade_arguments(server.url), server, tmp_path, answered=11)
    units = 3 + 3 * 3 * 2 + 3 * 3
    assert (step.before, step.before + step.after) == (11, units)
    assert (step.twice, step.again) == (0, 0)
