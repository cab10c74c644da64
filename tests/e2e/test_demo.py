"""`unispect demo`: three studies on shipped models of three families, in workers, with no way out to a network."""

import os
import re
from pathlib import Path

import pytest
from commands import here

from unispect.cli import demo
from unispect.runs import RunStore

NO_NETWORK = """
import pathlib, socket

def refuse(self, address, *more):
    if self.family != socket.AF_UNIX:
        pathlib.Path({mark!r}).touch()
        raise OSError(f"no network in this test: {{address}}")
    return connect(self, address, *more)

connect = socket.socket.connect
socket.socket.connect = socket.socket.connect_ex = refuse
"""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A demo of few units whose workers cannot reach a network; the file that an attempt would leave."""
    monkeypatch.setattr(demo, "STUDIES", {"concepts": (1, (0,)), "encoding": (1, (0,)), "response": (1, (0,))})
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_NETWORK.format(mark=str(tmp_path / "called out")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    return tmp_path / "called out"


@pytest.mark.slow
def test_the_demo_ends_in_a_report_and_continues(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "demo"
    outcome = here(capsys, "demo", "--out", out)
    assert outcome.code == 0, outcome.err
    assert not small.exists()
    assert "Controls: " in outcome.out
    assert outcome.out.rstrip().endswith(f"report: {out / 'report.html'}")
    page = (out / "report.html").read_text("utf-8")
    for name in demo.MODELS:
        assert name in page
    counts = [count for run in (out / "runs").iterdir() for count in _counts(run)]
    assert {(count.study, count.model.partition("@")[0]) for count in counts} == {
        (study, model) for study in demo.STUDIES for model in demo.MODELS
    }
    assert all(count.done == count.planned for count in counts)
    again = here(capsys, "demo", "--out", out)
    assert again.code == 0
    assert not re.search(r"\d+ to do", again.err.replace("grade by rules", ""))
    assert [count for run in (out / "runs").iterdir() for count in _counts(run)] == counts


def _counts(run: Path):
    with RunStore.open(run) as store:
        return store.counts()
