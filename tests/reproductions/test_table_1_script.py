"""`python -m reproductions.table_1`."""

import json
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from reproductions.table_1.__main__ import main
from tests.helpers.commands import here, script
from unispect.data.t2i_corebench import TYPES


def test_the_printed_numbers_need_no_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "200")  # cells are broken to fit
    out = script(capsys, main).out
    assert "10 of 10" in out
    assert "BAGEL-14B and Show-o2-7B (+5.19)" in out
    assert "The prompts" not in out


def test_prompts_predict_entropies(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in chain(*TYPES.values()):
        entries = {f"{name}-{i}": {"Prompt": f"the {name} prompt {i} of the set, the red one"} for i in range(2)}
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    out = script(capsys, main, "--data", f"t2i-corebench:{tmp_path}").out
    assert "no tokenizer given: words and marks stand in for tokens" in out
    assert "Printed minus predicted bits: Show-o's whole input" in out
    assert "all: mean 13, median 13, 0% over 256" in out


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert "--tokenizer needs prompts" in script(capsys, main, "--tokenizer", "x.json").err
    assert "lacks the four kinds of text" in script(capsys, main, "--data", "world").err


@pytest.mark.parametrize(
    ("old", "now"),
    [
        (["table-1", "--data", "t2i-corebench:a b"], "python -m reproductions.table_1 --data 't2i-corebench:a b'"),
        (["table-1"], "python -m reproductions.table_1"),
        (["posters", "real_world_data"], "python -m reproductions.posters real_world_data"),
    ],
)
def test_the_old_command_says_where_the_script_is(old: list[str], now: str, capsys: pytest.CaptureFixture[str]):
    outcome = here(capsys, "check", *old)
    assert (outcome.code, outcome.error.endswith(f"in a clone of it: {now}")) == (2, True)


def test_scripts_are_no_part_of_the_wheel():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["src/unispect"]}


@pytest.mark.slow
def test_scripts_run_as_their_readme_says():
    command = [sys.executable, "-m", "reproductions.table_1"]
    child = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert "Statements held to the printed numbers" in child.stdout
