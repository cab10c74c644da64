"""At 80 and at 60 columns no line is wider than the terminal and no word is broken."""

import re
from pathlib import Path

import pytest

from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.cli.console import say, show_table, wrapped
from unispect.cli.words import VERBS
from unispect.core.units import Plan, Skip
from unispect.data.sources import FILES, WORLDS
from unispect.doctor import machine
from unispect.doctor.checks import Check
from unispect.runner.notes import plan_lines
from unispect.runs import RunStore

TRAINED = ("finetune", "organism", "sweep", "recipes", "layouts")
COMMANDS = [
    ("models",),
    ("models", "janus-pro-1b"),
    ("models", "tiny-harmon-mute"),
    ("studies",),
    ("train", "recipes"),
    ("train", "layouts"),
    ("--help",),
    *((verb, "--help") for verb in VERBS),
    *(("train", verb, "--help") for verb in TRAINED),
    ("check", "run", "--help"),
]
_STYLED = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(params=[80, 60])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Columns of a terminal that standard output is taken for."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    return request.param


def lines_of(text: str) -> list[str]:
    return _STYLED.sub("", text).splitlines()


def held(text: str, width: int, whole: str) -> list[str]:
    """The lines of what was printed, if none is wider and all their words are those of `whole`."""
    lines = lines_of(text)
    wide = [line for line in lines if len(line) > width and len(line.split()) > 1]
    assert not wide, "only a single word may be wider"
    words = {word for line in lines_of(whole) for word in line.split()}
    broken = [word for line in lines for word in line.split() if word not in words and not set(word) & set("─╮╯╭╰│")]
    assert not broken
    return lines


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_listings_and_help_fit(
    command: tuple[str, ...], width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    narrow = here(capsys, *command)
    monkeypatch.setenv("COLUMNS", "400")
    assert narrow.code == 0
    held(narrow.out, width, here(capsys, *command).out)


def test_the_status_of_long_names_fits(
    tmp_path: Path, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    units = [unit(number, model=f"tiny-janus-pro-bound@{'5004da27' * 5}") for number in range(3)]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([record(units[0])])
    narrow = here(capsys, "status", tmp_path / "run")
    monkeypatch.setenv("COLUMNS", "400")
    lines = held(narrow.out, width, here(capsys, "status", tmp_path / "run").out)
    assert ["kind", "planned", "done", "failed", "skipped", "to", "do"] in [line.split() for line in lines]
    assert lines[-1].split() == ["draw", "3", "1", "0", "0", "2"]


def test_what_a_run_says_of_its_plan_fits(width: int, capsys: pytest.CaptureFixture[str]):
    plan = Plan(
        (tuple(unit(number, kind=kind) for number, kind in enumerate(("likelihood", "describe", "visualise"))),),
        tuple(
            Skip(f"descriptions of words taught by {how}", "the model was never taught any") for how in ("text", "both")
        ),
    )
    for line in plan_lines(plan):
        say(f"        {line}")
    out = capsys.readouterr().out
    assert all(line.startswith("        ") for line in out.splitlines())
    held(out, width, "\n".join(plan_lines(plan)))


def test_the_doctor_fits(width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    said = "this processor computes in it: on the CPU, weights that are stored in it run in it (--dtype auto)"
    monkeypatch.setattr(machine, "LOOKS", {"one": lambda: iter([Check("note", "bfloat16", said)])})
    out = here(capsys, "doctor").out
    assert max(map(len, lines_of(out))) <= width
    assert any(line.startswith("      ") for line in lines_of(out)), "goes on below what was found"


def test_a_pipe_gets_lines_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, here(capsys, "models").out.splitlines())) > 60


def test_a_word_that_is_wider_than_the_terminal_stays_whole():
    path = "/a/" + "long/" * 30
    assert wrapped(f"report: {path}", 60) == f"report:\n{path}"


def test_cells_that_fit_stand_side_by_side(width: int, capsys: pytest.CaptureFixture[str]):
    show_table(("name", "what", "number"), [("a", "b c", "1"), ("bb", "d", "20")], right=("number",))
    assert [line.split() for line in lines_of(capsys.readouterr().out)] == [
        ["name", "what", "number"],
        ["a", "b", "c", "1"],
        ["bb", "d", "20"],
    ]


def test_the_help_of_run_lists_every_source(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = here(capsys, "run", "--help").out
    for name in (*FILES, *WORLDS):
        assert re.search(rf"(?<![-\w]){re.escape(name)}(?![-\w])", said), name
