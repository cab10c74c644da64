"""A training's journal goes on where the training does, and its watch says when all is lost."""

import json
from pathlib import Path

import pytest

from unispect.core.errors import StateError
from unispect.train.journal import Journal, Watch


def test_lines_after_the_last_saved_step_are_written_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "lines")
    journal.cut(0)
    for step in range(1, 6):
        journal.add({"step": step, "loss": 1.0})
    with journal.path.open("a") as file:
        file.write('{"step": 6, "lo')
    journal.cut(3)
    assert [json.loads(line)["step"] for line in journal.path.read_text().splitlines()] == [1, 2, 3]


def test_growth_is_noticed_at_its_step_and_noise_is_not() -> None:
    watch = Watch(factor=3.0)
    for step in range(1, 101):
        watch.look(step, 1.0 + 0.8 * (step % 2), 1.0)

    def grow() -> None:
        for step in range(101, 120):
            watch.look(step, 12.0, 1.0)

    with pytest.raises(StateError, match=r"has grown to .* at step 10[1-9], 3 times its lowest"):
        grow()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_named(value: float) -> None:
    with pytest.raises(StateError, match=f"the loss is {value} at step 7"):
        Watch(4.0).look(7, value, 1.0)
    with pytest.raises(StateError, match=f"the gradient is {value} at step 7"):
        Watch(4.0).look(7, 1.0, value)


def test_a_watch_that_was_stopped_goes_on_as_itself() -> None:
    whole, one, other = Watch(4.0), Watch(4.0), Watch(4.0)
    for step in range(30):
        whole.look(step, 2 / (step + 1), None)
        (one if step < 15 else other).look(step, 2 / (step + 1), None)
        if step == 14:
            other.restore(json.loads(json.dumps(one.state())))
    assert other.state() == whole.state()
