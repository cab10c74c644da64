"""Every promise names a test, and every test that is named is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "promises.md"
ROW = re.compile(r"\| \[(\w+)\]\((\w+\.md)\) \| ([^|]+) \| ([^|]+) \|")


def rows() -> list[re.Match[str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    found = [ROW.fullmatch(line) for line in lines]
    assert all(found), [line for line, row in zip(lines, found, strict=True) if not row]
    return [row for row in found if row]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_promise_names_tests_that_are_there() -> None:
    assert len(rows()) > 40
    for row in rows():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[4])
        assert named, row[3]
        assert len(named) == row[4].count("`") // 2, row[4]
        for file, test in named:
            assert (ROOT / file).exists(), file
            assert test in functions_of(file), f"{file}::{test}"


def test_every_page_of_promises_is_there_and_has_some() -> None:
    pages = {row[2] for row in rows()}
    assert pages == {"reliability.md", "runs.md", "chat.md", "scale.md", "training.md"}
    assert all((ROOT / "docs" / page).exists() for page in pages)


def test_no_promise_stands_twice() -> None:
    promises = [row[3] for row in rows()]
    assert len(promises) == len(set(promises))
