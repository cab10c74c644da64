"""The wheel does what the README says where there is no checkout."""

import runpy
from pathlib import Path

import pytest

WHEEL = Path(__file__).parents[2] / "bench" / "wheel.py"


@pytest.mark.slow
def test_the_wheel_runs_the_readme_outside_of_the_repository(tmp_path: Path) -> None:
    script = runpy.run_path(str(WHEEL))
    wheel = script["built"](tmp_path)
    assert wheel.stat().st_size < 60e6, "the index refuses files of 100 MB"
    python = script["installed"](wheel, tmp_path / "environment")
    (tmp_path / "work").mkdir()
    told = script["use"](python, tmp_path / "work")
    assert "modal aphasia" in told
    assert "bits before a text reply" in told
