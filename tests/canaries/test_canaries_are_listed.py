from importlib import import_module
from pathlib import Path

import pytest
from watching import Watched, watch

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "compatibility.md"


def _all() -> list[Watched]:
    modules = [import_module(path.stem) for path in sorted(HERE.glob("test_*_canaries.py"))]
    return [thing.watched for module in modules for thing in vars(module).values() if hasattr(thing, "watched")]


def test_the_document_lists_every_canary_and_no_other():
    start = "| library | what is relied on | where | decided in |"
    assert start in DOCUMENT.read_text("utf-8"), "the table of canaries is missing"
    listed = DOCUMENT.read_text("utf-8").partition(start)[2].splitlines()[2:]
    rows = [watched.row for watched in sorted(_all(), key=lambda watched: watched.library)]
    assert [line for line in listed if line.startswith("|")] == rows, "the table should be:\n" + "\n".join(rows)


def test_a_canary_that_fails_names_what_changed_and_where_to_look():
    @watch("torch", "Two and two are four.", met="metrics/entropy.py", source="`sum.cpp`", seen="2.0 to 2.13.0")
    def wrong() -> None:
        raise ValueError("five")

    with pytest.raises(AssertionError) as caught:
        wrong()
    said = str(caught.value)
    assert said.startswith("torch ")
    assert "has changed. Until 2.13.0: Two and two are four. Look at metrics/entropy.py; source: `sum.cpp`." in said
    assert said.endswith(" ValueError: five")


def test_a_canary_that_is_skipped_is_no_failure():
    @watch("torch", "x", met="x", source="x", seen="x")
    def skipped() -> None:
        pytest.skip("not here")

    with pytest.raises(pytest.skip.Exception):
        skipped()
