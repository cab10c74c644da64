import pytest
from rich.console import Console
from rich.progress import Progress

from unispect.cli.progress import Bars, JobLines, Lines, Overall, open_board
from unispect.engine.progress import Watch


def test_without_a_terminal_there_are_few_plain_lines(capsys: pytest.CaptureFixture[str]):
    with open_board() as board:
        watch = Watch(board, "job")
        watch.begin("stage 1 of 1", 1000, 0)
        for _ in range(500):
            watch.advance("draw", {"done": 1, "failed": 1})
        watch.end()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "job, stage 1 of 1: 1000 to do"
    assert len(lines) == 5
    assert lines[-1] == "job, stage 1 of 1: 1000 of 1000 (draw), 500 failed"


def test_what_was_done_earlier_is_said_and_counted(capsys: pytest.CaptureFixture[str]):
    board = Lines()
    board.begin("job", "s", 10, 9)
    board.advance("job", "tell", {"done": 1})
    board.begin("job", "t", 4, 4)
    assert capsys.readouterr().err.splitlines() == ["job, s: 9 of 10 done earlier", "job, s: 10 of 10 (tell)"]


def test_control_characters_are_spelled_out(capsys: pytest.CaptureFixture[str]):
    Lines().begin("a\x1b[2Jb", "s", 10, 0)
    assert "\x1b" not in capsys.readouterr().err


def test_a_job_keeps_one_bar_for_all_its_stages():
    bars = Progress(console=Console(quiet=True))
    board = Bars(bars)
    board.begin("job [red]", "stage 1", 10, 4)
    board.advance("job [red]", "draw", {"done": 3, "failed": 1})
    (task,) = bars.tasks
    assert (task.completed, task.total, task.fields["note"]) == (8, 10, "1 failed")
    board.begin("job [red]", "stage 2", 20, 0)
    board.begin("other", "stage 1", 5, 0)
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [
        ("job [red], stage 2", 0, 20),
        ("other, stage 1", 0, 5),
    ]


def ticking(*seconds: float):
    """A clock that says one second after the other."""
    return iter(seconds).__next__


def test_of_several_jobs_each_leaves_one_line_without_a_terminal(capsys: pytest.CaptureFixture[str]):
    board = JobLines(Overall({"a": 3.0, "b": 1.0, "c": 1.0}, ticking(0.0, 60.0, 61.0)))
    for job, outcomes in {"a": {"done": 5}, "b": {}, "c": {"done": 1, "failed": 2}}.items():
        board.begin(job, "stage 1 of 1", 5, 0 if outcomes else 5)
        if outcomes:
            board.advance(job, "draw", outcomes)
        board.finish(job)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 3 done: a, about 40 s left",
        "2 of 3 done: b, about 20 s left",
        "3 of 3 done: c, 2 failed",
    ]


def test_a_bar_above_the_others_counts_jobs_and_those_that_are_over_leave():
    bars = Progress(console=Console(quiet=True))
    board = Bars(bars, Overall({"a": 1.0, "b": 1.0}, ticking(0.0, 30.0)))
    for job in ("a", "b"):
        board.begin(job, "stage 1", 10, 0)
    board.advance("a", "draw", {"done": 10})
    board.finish("a")
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [
        ("jobs", 1, 2),
        ("b, stage 1", 0, 10),
    ]
    assert bars.tasks[0].fields["note"] == "about 30 s left"
