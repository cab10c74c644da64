"""The faces study through the command line, on an organism that never saw a face."""

from pathlib import Path

import pytest

from tests.helpers.commands import here
from unispect.runs import RunStore


@pytest.mark.slow
def test_faces_are_asked_graded_continued_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = tmp_path / "run"
    command = ("run", "faces", "--model", "tiny-janus-pro", "--limit", 2, "--seeds", 0, "--out", run)
    outcome = here(capsys, *command)
    assert outcome.code == 0, outcome.err
    with RunStore.open(run) as store:
        entries = list(store.entries())
    assert {entry.record.status for entry in entries} == {"done"}
    graded = {entry.unit.kind for entry in entries if "rules" in entry.grades}
    assert graded == {"draw", "recall", "describe"}
    for entry in entries:
        if entry.unit.kind == "draw":  # its picture tokenizer knows concepts only
            assert set(entry.grades["rules"].payload["values"].values()) == {None}
    assert "0 units done" in here(capsys, *command).out
    page = tmp_path / "page.html"
    assert here(capsys, "report", run, "--out", page).code == 0
    assert "Can it tell whose face it can draw?" in page.read_text("utf-8")


def test_a_folder_without_metadata_is_named_before_anything_is_loaded(tmp_path: Path, capsys):
    outcome = here(
        capsys, "run", "faces", "-m", "tiny-janus-pro", "--data", f"photos:{tmp_path}", "--out", tmp_path / "r"
    )
    assert outcome.code == 1
    assert "face_metadata.json" in outcome.error
    assert not (tmp_path / "r").exists()
