"""What runs only at night is proven by day with less: no nightly test is the only proof of anything."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")


def _is_nightly(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "nightly"


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text("utf-8"))


def _nightly() -> Iterator[tuple[str, list[ast.expr]]]:
    """File and arguments of every mark; none where it is not called."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if "mark.nightly" not in path.read_text("utf-8"):
            continue
        file = str(path.relative_to(ROOT))
        calls = [node for node in ast.walk(_tree(file)) if isinstance(node, ast.Call) and _is_nightly(node.func)]
        marks = [node for node in ast.walk(_tree(file)) if _is_nightly(node)]
        yield from ((file, call.args) for call in calls)
        yield from ((file, []) for _ in range(len(marks) - len(calls)))


def _whole_at_night(test: ast.FunctionDef) -> bool:
    """All of its cases are nightly, not one parameter only."""
    return any(_is_nightly(one.func if isinstance(one, ast.Call) else one) for one in test.decorator_list)


def test_every_nightly_test_names_one_by_day_that_shows_the_same() -> None:
    found = list(_nightly())
    assert len(found) > 5
    for file, arguments in found:
        assert len(arguments) == 1, f"{file}: a nightly test names one other"
        named = ast.literal_eval(arguments[0])
        match = TEST.fullmatch(named)
        assert match, f"{file}: {named}"
        shown, name = match.groups()
        assert (ROOT / shown).exists(), f"{file}: {named}"
        tests = {node.name: node for node in _tree(shown).body if isinstance(node, ast.FunctionDef)}
        assert name in tests, f"{file}: {named}"
        assert not _whole_at_night(tests[name]), f"{file}: {named} is nightly too"
