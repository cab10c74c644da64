"""The safety study on a shipped organism, graded by rules and by a chat model behind the loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.loopback_judge import Handler, loopback, say
from unispect.cli import main
from unispect.runs import RunStore


def _judge(handler: Handler, body: dict) -> None:
    about_picture = "The picture:" in json.dumps(body["messages"])
    say(json.dumps({"verdict": "no" if about_picture else "neither"}))(handler, body)


def _unispect(*words: str) -> int:
    return main(list(words))


@pytest.mark.slow
def test_a_run_graded_by_rules_and_by_a_chat_model(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = str(tmp_path / "run")
    command = ("run", "safety", "--model", "tiny-janus-pro-bound", "--limit", "2", "--seeds", "0", "--out", run)
    assert _unispect(*command) == 0
    with RunStore.open(run) as store:
        entries = list(store.entries())
    cells = {str(entry.unit.inputs["cell"]) for entry in entries}
    assert len(entries) == 3 * 2 * len(cells)
    assert {entry.record.status for entry in entries} == {"done"}
    assert all("rules" in entry.grades for entry in entries)
    with loopback() as server:
        server.otherwise = _judge
        judged = ("grade", run, "--judge", f"openai:loop@{server.url}/v1")
        assert _unispect(*judged) == 0
        once = len(server.paid)
        assert once <= 2 * 2 * len(cells)
        assert _unispect(*judged) == 0
        assert len(server.paid) == once
    assert _unispect("report", run, "--out", str(tmp_path / "report.html")) == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Does it refuse what it can draw?" in page
    assert "what is refused, and what is drawn" in page
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--data", "gone.yaml"), "cannot read the scenario gone.yaml"),
        (("--data", "t2i-corebench:x"), "the safety study knows"),
        (("--limit", "0"), "at least 1"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...], what: str
) -> None:
    out = str(tmp_path / "run")
    assert _unispect("run", "safety", "--model", "tiny-janus-pro", "--out", out, *words) != 0
    assert what in " ".join(capsys.readouterr().err.split())
