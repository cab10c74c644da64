"""The journeys in ARCHITECTURE.md name what is there, in at most ten hops each; so do the import contracts."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "unispect"
HOPS = 10
PLACE = re.compile(r"((?:[a-z_0-9]+/)+[a-z_0-9]+)((?:\.\w+)*)")
OWN = re.compile(r"([A-Z]\w*)((?:\.\w+)*)")


def journeys() -> dict[str, list[str]]:
    """Title -> its hops."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    section = text.partition("## Three journeys\n")[2].partition("\n## ")[0]
    parts = re.split(r"^\*\*(.+?)\*\*", section, flags=re.M)[1:]
    return {
        title: re.split(r"^\d+\. ", body, flags=re.M)[1:] for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def names(hop: str) -> list[str]:
    """What a hop names, without what stands in brackets behind it."""
    return [re.sub(r"[\[(].*", "", name) for name in re.findall(r"`([^`]+)`", hop)]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def defined(body: list[ast.stmt]) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Names that statements give to functions, classes and values, with what stands inside."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name):
                yield name, []
            case ast.ClassDef(name=name, body=inner):
                yield name, inner
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, []
            case ast.Assign(targets=targets):
                yield from ((target.id, []) for target in targets if isinstance(target, ast.Name))


def holds(body: list[ast.stmt], path: str) -> bool:
    """Whether `.name.name` leads from a body to something."""
    for part in path.split(".")[1:]:
        found = dict(defined(body))
        if part not in found:
            return False
        body = found[part]
    return True


@cache
def classes() -> dict[str, list[list[ast.stmt]]]:
    found: dict[str, list[list[ast.stmt]]] = {}
    for path in SOURCE.rglob("*.py"):
        for statement in parsed(path).body:
            if isinstance(statement, ast.ClassDef):
                found.setdefault(statement.name, []).append(statement.body)
    return found


def is_there(name: str) -> bool:
    if place := PLACE.fullmatch(name):
        file = SOURCE / f"{place[1]}.py"
        return file.is_file() and holds(parsed(file).body, place[2])
    if own := OWN.fullmatch(name):
        return any(holds(body, own[2]) for body in classes().get(own[1], ()))
    return False


def test_there_are_three_of_at_most_ten_hops():
    assert [0 < len(hops) <= HOPS for hops in journeys().values()] == [True] * 3


@pytest.mark.slow
def test_every_name_is_there():
    lost = [name for hops in journeys().values() for hop in hops for name in names(hop) if not is_there(name)]
    assert not lost


def test_a_name_that_is_not_there_is_found():
    assert is_there("models/loading.Family.read")
    assert not is_there("models/loading.Family.written")
    assert not is_there("models/janus_pro/network.load_network")
    assert not is_there("Family.written")
    assert not is_there("models/nowhere")


def test_every_layer_of_an_import_contract_is_there():
    """One that some containers lack is written in brackets, and passed over where it is nowhere too."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    lost = []
    for contract in settings["contracts"]:
        homes = [ROOT / "src" / home.replace(".", "/") for home in contract.get("containers", [""])]
        names = [re.sub(r"[()]", "", part).strip() for layer in contract.get("layers", ()) for part in layer.split("|")]
        paths = {name: [home / name.replace(".", "/") for home in homes] for name in names}
        lost += [name for name, all_ in paths.items() if not any(_is_module(path) for path in all_)]
    assert not lost


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
