"""Where the reference fixtures are, and what to do when they are not."""

import os
from pathlib import Path

import pytest

DEFAULT = Path(__file__).parents[3] / "shared" / "reference"


def reference_root() -> Path:
    """The folder of fixtures made from the authors' code: UNISPECT_REFERENCE, or `../shared/reference`."""
    return Path(os.environ.get("UNISPECT_REFERENCE", DEFAULT))


def need_reference(name: str) -> Path:
    """The fixture folder `name`; skips the test with the reason when it is not there."""
    folder = reference_root() / name
    if not folder.is_dir():
        pytest.skip(f"reference fixtures not found: {folder} (set UNISPECT_REFERENCE)")
    return folder
