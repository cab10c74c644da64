"""`unispect check table-1`."""

import json
from itertools import chain
from pathlib import Path

import pytest
from commands import here

from unispect.data.t2i_corebench import TYPES


def test_the_printed_numbers_need_no_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "200")  # cells are broken to fit
    out = here(capsys, "check", "table-1").out
    assert "10 of 10" in out
    assert "BAGEL-14B and Show-o2-7B (+5.19)" in out
    assert "The prompts" not in out


def test_prompts_predict_entropies(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in chain(*TYPES.values()):
        entries = {f"{name}-{i}": {"Prompt": f"the {name} prompt {i} of the set, the red one"} for i in range(2)}
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    out = here(capsys, "check", "table-1", "--data", f"t2i-corebench:{tmp_path}").out
    assert "no tokenizer given: words and marks stand in for tokens" in out
    assert "Printed minus predicted bits: Show-o's whole input" in out
    assert "all: mean 13, median 13, 0% over 256" in out


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert "--tokenizer needs prompts" in here(capsys, "check", "table-1", "--tokenizer", "x.json").error
    assert "lacks the four kinds of text" in here(capsys, "check", "table-1", "--data", "world").error
