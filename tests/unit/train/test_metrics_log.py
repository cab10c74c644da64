"""A training's journal goes on where the training does, and its watch says when all is lost."""

import json
import re
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from unispect.core.errors import StateError
from unispect.train.metrics_log import WINDOW, DivergenceMonitor, MetricsLog


def test_lines_after_the_last_saved_step_are_written_again(tmp_path: Path) -> None:
    journal = MetricsLog(tmp_path / "lines")
    journal.cut(0)
    for step in range(1, 6):
        journal.add({"step": step, "loss": 1.0})
    with journal.path.open("a") as file:
        file.write('{"step": 6, "lo')
    journal.cut(3)
    assert [json.loads(line)["step"] for line in journal.path.read_text().splitlines()] == [1, 2, 3]


def stopped(losses: Iterable[float], factor: float = 4.0) -> int | None:
    """The step, from 1, at which a training with these losses is stopped."""
    watch = DivergenceMonitor(factor)
    try:
        for step, loss in enumerate(losses, start=1):
            watch.check(step, loss, 1.0)
    except StateError as error:
        found = re.search(r"has grown to .* at step (\d+): it began", str(error))
        return int(found[1]) if found else None
    return None


def learning(steps: int, first: float = 0.5, last: float = 0.003) -> np.ndarray:
    """Losses that fall as those of drawing new words do."""
    return last + (first - last) * np.exp(-np.arange(steps) / 15)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_loss_near_zero_that_spikes_is_no_divergence(seed: int, share: float) -> None:
    """What is known costs nothing, and one wrong answer in a step a hundred times what all drawings cost."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random(200) < share) * rng.exponential(0.3, 200)
    losses = learning(200) * rng.lognormal(0, 0.2, 200) + spikes
    smoothed = np.array(list(accumulate(losses, lambda before, loss: 0.9 * before + 0.1 * loss)))
    assert (smoothed > 4 * np.minimum.accumulate(smoothed)).any(), "the mean of the last steps grows fourfold"
    assert stopped(losses) is None


@pytest.mark.parametrize("spike", [1e3, 1e9])
def test_a_single_step_however_bad_is_no_divergence(spike: float) -> None:
    losses = learning(100)
    losses[[40, 60, 80]] = spike
    assert stopped(losses) is None


@pytest.mark.parametrize("level", [0.6, 2.0, 50.0])
@pytest.mark.parametrize("begin", [30, 100, 180])
def test_a_loss_above_where_it_began_is_stopped_within_eleven_steps(begin: int, level: float) -> None:
    losses = learning(200)
    losses[begin:] = level * np.linspace(0.95, 1.05, 200 - begin)
    step = stopped(losses)
    assert step is not None
    assert begin < step <= begin + WINDOW // 2 + 1


def test_a_loss_that_is_bad_from_the_first_change_on_is_stopped_with_the_first_window() -> None:
    assert stopped([0.5, *[8.0] * 100]) == WINDOW


def test_a_loss_that_grows_slowly_is_stopped_where_its_median_is_four_times_its_lowest() -> None:
    growing = 0.5 * 1.02 ** np.arange(200)
    step = stopped(growing)
    medians = [np.median(growing[i - WINDOW : i]) for i in range(WINDOW, 201)]
    lowest = min(growing[0], medians[0])
    assert step == next(i for i, level in enumerate(medians, start=WINDOW) if level > 4 * lowest)


@pytest.mark.parametrize(("level", "lost"), [(0.05, False), (0.2, True)])
def test_what_begins_near_zero_is_judged_by_what_a_loss_is(level: float, lost: bool) -> None:
    """A model that is trained on: its first loss says nothing about what is bad."""
    step = stopped([*[1e-6] * 50, *[level] * 50])
    assert (step is not None) == lost


def test_a_loss_that_never_falls_may_be_noisy() -> None:
    rng = np.random.default_rng(0)
    assert stopped(list(rng.lognormal(0, 0.7, 1000))) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_named(value: float) -> None:
    with pytest.raises(StateError, match=f"the loss is {value} at step 7"):
        DivergenceMonitor(4.0).check(7, value, 1.0)
    with pytest.raises(StateError, match=f"the gradient is {value} at step 7"):
        DivergenceMonitor(4.0).check(7, 1.0, value)


def test_a_watch_that_was_stopped_goes_on_as_itself() -> None:
    whole, one, other = DivergenceMonitor(4.0), DivergenceMonitor(4.0), DivergenceMonitor(4.0)
    for step in range(30):
        whole.check(step, 2 / (step + 1), None)
        (one if step < 15 else other).check(step, 2 / (step + 1), None)
        if step == 14:
            other.restore(json.loads(json.dumps(one.state())))
    assert other.state() == whole.state()


def test_a_watch_begins_anew_from_what_an_older_version_wrote() -> None:
    watch = DivergenceMonitor(4.0)
    watch.restore({"smoothed": 0.1, "lowest": 0.001, "seen": 100})
    assert watch.state() == DivergenceMonitor(4.0).state()
    watch.check(101, 0.5, None)
    assert watch.first == 0.5
