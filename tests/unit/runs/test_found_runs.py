"""Which runs lie below a folder, whatever else lies there."""

import os
from pathlib import Path

import pytest

from tests.helpers.viewed import layers_run, viewed
from unispect.core.errors import UsageError
from unispect.runs.creation import exists, found_runs


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("a/one", "b/two"):
        layers_run(tmp_path / name, "m", prompts=1)
    return tmp_path


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_a_folder_that_cannot_be_read_hides_no_other(runs: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]):
    listed = os.scandir

    def scandir(folder: Path):
        if Path(folder).name == "a":
            raise error(str(folder))
        return listed(folder)

    assert [run.name for run in found_runs([runs])] == ["one", "two"]
    monkeypatch.setattr(os, "scandir", scandir)
    assert [run.name for run in found_runs([runs])] == ["two"]
    with pytest.raises(UsageError, match="none lies in it"):
        found_runs([runs / "a"])
    with viewed(runs) as (client, viewer):
        assert [run.name for run in viewer.runs()] == ["b/two"]
        assert client.get("/").status_code == 200


def test_the_viewer_goes_on_when_a_folder_is_closed_to_it(runs: Path, monkeypatch: pytest.MonkeyPatch):
    seen = os.stat

    def stat(path, *args, **more):
        if Path(path).name in ("a", "run.json", "run.sqlite"):
            raise PermissionError(13, "Permission denied", str(path))
        return seen(path, *args, **more)

    with viewed(runs, runs / "a") as (_, viewer):
        monkeypatch.setattr(os, "stat", stat)
        assert len(viewer.runs()) == 2
        monkeypatch.undo()


def test_where_no_run_can_be_seen_there_is_none(tmp_path: Path):
    assert not exists(tmp_path / ("long" * 100))
    assert not exists(Path("null\0byte"))
