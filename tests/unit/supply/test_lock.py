"""What is installed is what was locked: pyproject.toml, constraints.txt and the Makefile say the same."""

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAMED = {
    "build-system": PROJECT["build-system"]["requires"],
    "dependencies": PROJECT["project"]["dependencies"],
    **PROJECT["project"]["optional-dependencies"],
}
UNLOCKED = {"inspect"}
"""Extras that nothing here installs: forty packages that no other needs, for one format of `unispect export`."""
ASKED = [(where, Requirement(text)) for where, texts in NAMED.items() if where not in UNLOCKED for text in texts]
FILES = tuple(f"constraints{kind}.txt" for kind in ("", "-dev", "-docs", "-cuda", "-quantised"))


def entries(file: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Name -> what is required, and digests."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / file).read_text().rstrip()):
        first, *rest = entry.split(" \\\n")
        requirement = Requirement(first)
        found[canonicalize_name(requirement.name)] = requirement, [one.strip() for one in rest]
    return found


LOCKED = {name: entry for file in FILES for name, entry in entries(file).items()}


def release(name: str) -> str:
    (pin,) = LOCKED[canonicalize_name(name)][0].specifier
    return pin.version


@pytest.mark.parametrize("file", FILES)
def test_every_package_is_one_release_whose_files_have_digests(file: str) -> None:
    assert entries(file)
    for name, (requirement, digests) in entries(file).items():
        assert [pin.operator for pin in requirement.specifier] == ["=="], name
        assert requirement.url is None
        assert digests, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in digests), name
    assert not re.search(r"https?:|file:|--index|--find", (ROOT / file).read_text())


@pytest.mark.parametrize(("where", "asked"), ASKED, ids=lambda value: str(value))
def test_what_is_asked_for_is_locked_within_its_bounds(where: str, asked: Requirement) -> None:
    if asked.name == "unispect":
        assert asked.extras <= NAMED.keys()
        return
    assert asked.specifier.contains(release(asked.name)), where
    assert any(bound.operator in ("<", "==") for bound in asked.specifier), "the next major may break it"


def test_what_builds_the_package_is_one_release() -> None:
    (builder,) = NAMED["build-system"]
    assert builder == f"hatchling=={release('hatchling')}"
    assert builder in NAMED["supply"], "so that it is installed before anything is built"


def reached(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Names that a package leads to here, itself included; where it is not installed, itself alone."""
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    yield name
    for text in requires(name) or ():
        asked = Requirement(text)
        if asked.marker is None or any(asked.marker.evaluate({"extra": one}) for one in ("", *extras)):
            yield from reached(canonicalize_name(asked.name), frozenset(asked.extras), seen)


@pytest.mark.slow
def test_nothing_is_locked_that_nothing_asks_for() -> None:
    needed: set[str] = set()
    running: set[str] = set()
    (everything,) = (one for where, one in ASKED if where == "all")
    runs = {"dependencies", "build-system", *everything.extras}
    try:
        for where, asked in ASKED:
            if asked.name != "unispect" and where not in ("quantised", "docs"):  # in files of their own
                found = set(reached(canonicalize_name(asked.name), frozenset(asked.extras), set()))
                needed |= found
                running |= found if where in runs or asked.name == "editables" else set()
    except PackageNotFoundError as error:
        pytest.skip(f"{error.args[0]} is not installed here: what it asks for is not known")
    for file, asked_for in (("constraints.txt", running), ("constraints-dev.txt", needed)):
        here = {name for name, (one, _) in entries(file).items() if not one.marker or one.marker.evaluate()}
        assert here <= asked_for, file


def test_torch_of_the_makefile_is_a_release_that_pip_understands() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "-s", "-f", "Makefile", "-f", "-", "said"],
        input="said:\n\t@echo $(TORCH)\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == f"torch=={release('torch')}"


def test_the_oldest_releases_are_read_from_every_line() -> None:
    """As `make test-oldest` does; a bound that it cannot read would be none."""
    makefile = (ROOT / "Makefile").read_text()
    command = re.search(r"^\tsed -n '(s/\^ .*?)' pyproject\.toml", makefile, re.MULTILINE)
    assert command
    found = subprocess.run(
        ["sed", "-n", command[1], str(ROOT / "pyproject.toml")], capture_output=True, text=True, check=True
    )
    oldest = dict(line.split("==") for line in found.stdout.split())
    every = ("dependencies", "run", "models", "report", "faces", "train", "test")
    for asked in (Requirement(text) for name in every for text in NAMED[name] if not text.startswith("unispect[")):
        if asked.name == "torch":
            continue  # the build that constraints.txt names
        lower = [bound.version for bound in asked.specifier if bound.operator == ">="]
        assert oldest[asked.name] == lower[0]


def wheel(folder: Path) -> Path:
    path = folder / "harmless-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("harmless.py", "")
        archive.writestr("harmless-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n")
        archive.writestr(
            "harmless-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("harmless-1.0.dist-info/RECORD", "")
    return path


@pytest.mark.slow
def test_a_file_with_another_digest_is_refused_by_what_setup_runs(tmp_path: Path) -> None:
    flags = re.search(r"^locked = \$\(BIN\)/python (-m pip install .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert flags
    digest = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()

    def install(listed: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "listed.txt").write_text(listed)
        offline = ("--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "there"))
        command = [sys.executable, *flags[1].split(), *offline, "-r", str(tmp_path / "listed.txt")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    for listed, said in (
        (f"harmless==1.0 --hash=sha256:{'0' * 64}\n", "DO NOT MATCH THE HASHES"),
        ("harmless==1.0\n", "Hashes are required"),
    ):
        refused = install(listed)
        assert refused.returncode != 0
        assert said in refused.stderr
        assert not (tmp_path / "there").exists()
    assert install(f"harmless==1.0 --hash=sha256:{digest}\n").returncode == 0
    assert (tmp_path / "there" / "harmless.py").exists()
