"""Which subjects file replies are graded with, where a folder names one."""

import shutil
from pathlib import Path

import pytest

from tests.helpers import poster_run
from tests.helpers.commands import here
from unispect.runner.notes import DATA_FROM
from unispect.runs import Invocation, RunStore


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def named(run: Path, subjects: Path) -> Path:
    """The run, which from now on says that it was made with those subjects."""
    with RunStore.open(run, "w") as store:
        store.add_invocation(Invocation(("run", "posters"), study="posters", settings={DATA_FROM: str(subjects)}))
    return run


def test_a_file_that_a_folder_names_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = poster_run.replies(tmp_path, titles=("Amber",), seeds=(0,))
    subjects = tmp_path / "data" / "subjects.yaml"
    with poster_run.judging() as server:
        outcome = here(capsys, "grade", named(run, subjects), "--judge", f"openai:loop@{server.url}/v1")
    assert f"{subjects}, as {run} says; --data names another" in outcome.out
    assert outcome.code == 0


def test_one_that_lies_in_the_folder_is_refused_until_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = poster_run.replies(tmp_path, titles=("Amber",), seeds=(0,))
    shutil.copytree(tmp_path / "data", run / "data")
    subjects = run / "data" / "subjects.yaml"
    named(run, subjects)
    with poster_run.judging() as server:
        command = ("grade", run, "--judge", f"openai:loop@{server.url}/v1")
        outcome = here(capsys, *command)
        assert outcome.code == 2
        assert f"names a subjects file of its own, {subjects}: say that it is meant: --data {subjects}" in outcome.err
        assert not server.seen
        assert here(capsys, *command, "--data", subjects).code == 0
