"""Logs for Inspect: opened by inspect-ai itself, a sample for each record."""

import base64
import json
from pathlib import Path

import pytest

import unispect
from tests.helpers.commands import here


def test_inspect_opens_what_is_written(ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = pytest.importorskip("inspect_ai.log", reason="inspect-ai is not installed: pip install 'unispect[inspect]'")
    outcome = here(capsys, "export", ran, "--format", "inspect", "--out", tmp_path / "logs")
    assert outcome.code == 0, outcome.err
    files = sorted((tmp_path / "logs").iterdir())
    logs = {found.eval.task: found for found in map(log.read_eval_log, map(str, files))}
    assert set(logs) == {"concepts", "encoding"}
    with unispect.open_run(ran) as store:
        entries = {entry.unit.id: entry for entry in store.entries("concepts")}
        samples = {sample.id: sample for sample in logs["concepts"].samples}
        assert set(samples) == set(entries)
        drawn = next(entry for entry in entries.values() if entry.record.blobs)
        one = samples[drawn.unit.id]
        (sha256,) = drawn.record.blobs.values()
        picture = next(part.image for part in one.output.message.content if part.type == "image")
        assert base64.b64decode(picture.partition(",")[2]) == store.open_blob(sha256)
    wanted, seen = drawn.unit.inputs["concept"], drawn.grades["rules"].payload["values"]
    assert json.loads(one.target) == wanted
    right = all(seen[name] == value for name, value in wanted.items() if name in seen)
    assert one.scores["rules"].value == ("C" if right else "I")


def test_without_inspect_the_extra_is_named(ran: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai", None)
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", None)
    outcome = here(capsys, "export", ran, "--format", "inspect", "--out", tmp_path / "logs")
    assert outcome.code == 2
    assert "pip install 'unispect[inspect]'" in outcome.error
    assert not (tmp_path / "logs").exists()
