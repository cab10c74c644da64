"""A small run of an organism, made once for the commands that read it."""

from pathlib import Path

import pytest

import unispect


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one study, in a folder of its own."""
    folder = tmp_path_factory.mktemp("parent") / "small"
    unispect.run("encoding", "tiny-janus-pro-bound", folder, limit=2, seeds=(0,)).raise_failures()
    return folder
