"""`unispect view`: what it takes and refuses."""

import socket
from pathlib import Path

import pytest

from tests.helpers.commands import here
from tests.helpers.viewed import strange_run
from unispect.viewer import serving


@pytest.fixture(autouse=True)
def never_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.uvicorn.Server, "run", lambda self, sockets: None)


def test_help_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = here(capsys, "view", "--help")
    assert outcome.code == 0
    for word in ("--port", "--host", "--beyond-this-machine", "--open", "Folders of runs"):
        assert word in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name at least one folder: unispect view RUN"),
        (["nowhere"], "nowhere is no folder"),
        (["."], "is not a run folder, and there is none in it"),
        (["run", "--host", "192.168.1.5"], "or say --beyond-this-machine"),
        (["run", "--host", "0.0.0.0"], "name the one that is meant"),
        (["run", "--host", "0.0.0.0", "--beyond-this-machine"], "name the one that is meant"),
        (["run", "--host", "no.such.name.invalid", "--beyond-this-machine"], "cannot be listened on"),
        (["run", "--port", "70000"], "70000 is no port"),
        (["run", "--port", "-1"], "-1 is no port"),
    ],
)
def test_what_cannot_be_viewed_is_said(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "run" in arguments:
        strange_run(tmp_path / "run", "a word")
    outcome = here(capsys, "view", *arguments)
    assert outcome.code == 2
    assert said in outcome.error


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = strange_run(tmp_path / "run", "a word")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = here(capsys, "view", run, "--port", taken.getsockname()[1])
    assert outcome.code == 2
    assert "leave --port out" in outcome.error


def test_the_address_is_printed_and_opened_on_request(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    run = strange_run(tmp_path / "run", "a word")
    quiet = here(capsys, "view", run)
    assert quiet.code == 0
    assert quiet.out.startswith("viewer: http://127.0.0.1:")
    assert opened == []
    loud = here(capsys, "view", run, "--open")
    assert opened == [loud.out.splitlines()[0].removeprefix("viewer: ")]
    tokens = {said.out.splitlines()[0].partition("token=")[2] for said in (quiet, loud)}
    assert len(tokens) == 2
    assert all(len(token) == 32 for token in tokens)
