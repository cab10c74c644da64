"""Every promise names a test, and every test that is named is there."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
HEADING = re.compile(r"## \[(\w+\.md)\]\((\w+\.md)\)")
TEST = re.compile(r"`((?:tests|src)/[\w/]+\.py)::(\w+)`")


def rows(page: str) -> list[list[str]]:
    """The cells of every row of the tables of a page whose last column is called "shown by"."""
    found, inside = [], False
    for line in (DOCS / page).read_text("utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if inside and not line.startswith("|---"):
            found.append(cells)
        inside = inside or cells[-1] == "shown by"
    return found


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_promise_names_tests_that_are_there() -> None:
    here, there = rows("promises.md"), rows("reliability.md")
    assert len(here) > 90
    assert len(there) > 25
    for promise, *_, shown in here + there:
        named = TEST.findall(shown)
        assert named, promise
        assert len(named) == shown.count("::"), shown
        for file, test in named:
            assert (ROOT / file).exists(), file
            assert test in functions_of(file), f"{file}::{test}"


def test_every_page_of_promises_is_there_once() -> None:
    found = [line for line in (DOCS / "promises.md").read_text("utf-8").splitlines() if line.startswith("## [")]
    headings = [HEADING.fullmatch(line) for line in found]
    pages = [match[1] for match in headings if match and match[1] == match[2]]
    assert pages == ["runs.md", "chat.md", "scale.md", "training.md", "data.md", "weights.md", "intervene.md"]
    assert all((DOCS / page).exists() for page in pages)


def test_no_promise_stands_twice() -> None:
    promises = [row[0] for row in rows("promises.md")]
    assert len(promises) == len(set(promises))
