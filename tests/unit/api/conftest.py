"""A small run of an organism, made once for every test that reads it."""

from pathlib import Path

import pytest

import unispect

ORGANISM = "tiny-janus-pro-bound"


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two studies."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    model = unispect.load(ORGANISM)
    unispect.run("concepts", model, folder, limit=3, seeds=(0,)).raise_failures()
    unispect.run("encoding", model, folder, limit=2).raise_failures()
    return folder
