"""Logs for Inspect: opened by inspect-ai itself, a sample for each record."""

import base64
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import unispect
from tests.helpers.commands import here
from unispect.api import inspect_log
from unispect.api.inspect_log import export_inspect
from unispect.core.units import Grade, Record, Unit
from unispect.runs import Invocation, RunStore


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


def test_failed_records_are_no_completed_samples_and_half_a_character_is_written(tmp_path: Path):
    log = pytest.importorskip("inspect_ai.log", reason="inspect-ai is not installed: pip install 'unispect[inspect]'")
    units = [Unit("s", 1, "say", "m@1", {"prompt": f"{number} \ud800"}) for number in range(3)]
    with RunStore.create(tmp_path / "run") as store:
        store.add_invocation(Invocation(("tests",), study="s"), [])
        store.plan(units)
        store.record(
            [Record(units[0].id, {"text": "\udfff"}), Record(units[1].id, {}, "failed", "ValueError: no\ud800")]
        )
        store.record([Record(units[2].id, {}, "skipped", "cannot")])
        store.grade([Grade(units[0].id, "judge", {"said": "\ud800"})])
        (path,) = export_inspect(store, tmp_path / "logs").paths
    found = log.read_eval_log(str(path))
    assert (found.results.total_samples, found.results.completed_samples) == (3, 1)
    assert [bool(sample.error) for sample in sorted(found.samples, key=lambda one: one.input)] == [False, True, True]
    assert found.samples[0].input.endswith("\ufffd")


class Named:
    """A type of Inspect's log, whatever it holds."""

    def __init__(self, **held: object):
        self.__dict__.update(held)


def test_what_failed_is_not_counted_as_completed(monkeypatch: pytest.MonkeyPatch):
    names = ("EvalConfig", "EvalDataset", "EvalLog", "EvalMetric", "EvalResults", "EvalScore", "EvalSpec")
    log = ModuleType("inspect_ai.log")
    log.__dict__.update(dict.fromkeys(names, Named))
    monkeypatch.setitem(sys.modules, "inspect_ai", ModuleType("inspect_ai"))
    monkeypatch.setitem(sys.modules, "inspect_ai.log", log)
    samples = [Named(error=error, scores={}) for error in (None, "failed", None)]
    results = inspect_log._log("s", "m@1", "", samples).results
    assert (results.total_samples, results.completed_samples) == (3, 2)
