"""`unispect demo`: three studies on shipped models of three families, in workers, with no way out to a network."""

import os
from pathlib import Path

import pytest

from tests.helpers.commands import here
from tests.helpers.htmltree import parse
from unispect.cli import demo
from unispect.organisms import shipped
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


CONTROL = (demo.MODELS[-1],)
"""One model, of which the page says something of every study."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "models",
    [
        pytest.param(CONTROL, id="one control"),
        pytest.param(
            demo.MODELS,
            id="all",
            marks=pytest.mark.nightly("tests/e2e/test_demo.py::test_the_demo_ends_in_a_report_and_continues"),
        ),
    ],
)
def test_the_demo_ends_in_a_report_and_continues(
    models: tuple[str, ...],
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(demo, "MODELS", models)
    out = tmp_path / "demo"
    outcome = here(capsys, "demo", "--out", out)
    assert outcome.code == 0, outcome.err
    assert not small.exists()
    assert "Controls: " in outcome.out
    assert outcome.out.rstrip().endswith(f"report: {(out / 'report.html').as_uri()}")
    for name in models:
        assert f"\n{name}: " in outcome.out
    jobs = len(models) * len(demo.STUDIES)
    assert len([line for line in outcome.err.splitlines() if " done: " in line]) == jobs
    assert len(outcome.err.splitlines()) + len(outcome.out.splitlines()) <= jobs + len(models) + 6
    page = (out / "report.html").read_text("utf-8")
    assert len(page) <= 2_500_000
    lines = parse(page).one("ol", "models").all("li", "model")
    assert {line.one("h3").words for line in lines} == set(models)
    for line in lines:
        assert line.one("p", "answer").words.split()[1] in ("No", "Yes,", "Cannot")
        assert len(line.one("table", "bars").all("tr")) == 2
        assert line.one("div", "inside").all("svg", "spark")
        assert line.one("div", "seen").all("img")
    counts = [count for run in (out / "runs").iterdir() for count in _counts(run)]
    assert {(count.study, count.model.partition("@")[0]) for count in counts} == {
        (study, model) for study in demo.STUDIES for model in models
    }
    assert all(count.done == count.planned for count in counts)
    again = here(capsys, "demo", "--out", out)
    assert again.code == 0
    assert "left" not in again.err, "nothing was worked on"
    assert [count for run in (out / "runs").iterdir() for count in _counts(run)] == counts


def _counts(run: Path):
    with RunStore.open(run) as store:
        return store.counts()


def test_every_model_of_the_demo_ships_and_three_ways_of_drawing_stand_side_by_side():
    cards = [shipped.cards()[name] for name in demo.MODELS]
    assert {card.family for card in cards} == set(demo.COMPARED)
    assert len({card.paradigm for card in cards}) == len(demo.COMPARED)
    assert {card.planted for card in cards} == {"", "fluent", "mute"}
