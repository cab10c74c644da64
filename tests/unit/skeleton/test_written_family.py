"""A family of another package, as `unispect new-model` writes it, is as good as ours before anything of it is changed.

The contract suite, odd checkpoints and broken weights are tried on it beside ours (`odd_checkpoints.FAMILIES`).
"""

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import unispect
from tests.helpers.commands import here
from tests.helpers.skeletons import distribution
from unispect.core.errors import UsageError
from unispect.models import registry
from unispect.skeleton import KINDS, package_of, write

MOST = 300
"""Lines of code that the simplest family may take."""
EACH = tuple({kind.words: like for like, kind in reversed([*KINDS.items()])}.values())
"""A family of every kind."""


@dataclass(frozen=True)
class Installed:
    """A written package that Python finds by its entry point, and a folder with its weights."""

    name: str
    weights: Path
    package: Any


@pytest.fixture
def written(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Installed]:
    like = getattr(request, "param", "janus-pro")
    name = f"my-umm-{like}"
    monkeypatch.setenv("COLUMNS", "200")
    assert here(capsys, "new-model", name, "--like", like, "--out", tmp_path / name).code == 0
    monkeypatch.syspath_prepend(str(distribution(tmp_path / name, tmp_path / name)))
    registry._entries.cache_clear()
    package = package_of(name)
    weights = import_module(f"{package}.making").write_checkpoint(tmp_path / "weights")
    yield Installed(name, weights, package)
    monkeypatch.undo()
    registry._entries.cache_clear()
    for module in [own for own in sys.modules if own.partition(".")[0] == package]:
        del sys.modules[module]


def code_lines(text: str) -> int:
    """Lines that hold more than a comment or a docstring."""
    plain = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    found = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in plain
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(found)


def test_it_takes_few_lines(tmp_path: Path):
    write("my-umm", "janus-pro", tmp_path / "my-umm")
    lines = [code_lines(path.read_text("utf-8")) for path in (tmp_path / "my-umm" / "my_umm").glob("*.py")]
    assert len(lines) > 5
    assert sum(lines) <= MOST
    assert code_lines('"""A."""\n# b\nc = 1\n\n') == 1


def test_it_is_found_by_its_entry_point(written: Installed, capsys: pytest.CaptureFixture[str]):
    assert written.name in here(capsys, "models").out
    model = unispect.load(f"{written.name}={written.weights}")
    assert type(model).__module__ == f"{written.package}.model"
    assert registry.family_of(model.card).load.__self__.build.__module__ == f"{written.package}.network"
    with pytest.raises(UsageError, match=rf"{written.name} has no published weights: .*{written.name}=FOLDER"):
        unispect.load(written.name)
    assert "nowhere" in here(capsys, "models", written.name).out


@pytest.mark.slow
@pytest.mark.parametrize("written", EACH, indirect=True)
def test_studies_are_run_on_it_graded_and_reported(
    written: Installed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run, words, page = tmp_path / "run", tmp_path / "words.txt", tmp_path / "page.html"
    words.write_text("a red star\nis it round\n")
    how = ("--model", f"{written.name}={written.weights}", "--seeds", "0", "--out", run)
    asked = here(capsys, "run", "encoding", "response", "drawing", *how, "--data", f"text:{words}")
    assert (asked.code, undone(asked.out)) == (0, [])
    asked = here(capsys, "run", "concepts", *how, "--limit", "1", "--parts", "draw", "recall", "describe")
    assert (asked.code, undone(asked.out)) == (0, [])
    assert here(capsys, "report", run, "--out", page).code == 0
    assert all(f'id="{study}"' in page.read_text() for study in ("encoding", "response", "drawing", "concepts"))


def test_it_is_taught_words_and_keeps_them(written: Installed, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe, bound = tmp_path / "recipe.yaml", tmp_path / "bound"
    recipe.write_text("teach: {both: both}\nsteps: 2\nbatch: 4\nmicro_batch: 2\nlearning_rate: 1.0e-3\nwarmup: 0\n")
    named = f"{written.name}={written.weights}"
    asked = here(capsys, "train", "finetune", "--model", named, "--recipe", recipe, "--out", bound)
    assert asked.code == 0, asked.err
    after = unispect.load(f"{written.name}={bound}")
    assert after.card.taught == {"both": "both"}
    old, new = (load_file(folder / "model.safetensors") for folder in (written.weights, bound))
    assert old.keys() == new.keys()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert {"model.embed_tokens.weight", "lm_head.weight"} <= changed
    assert not {"image_in.weight", "image_head.weight"} & changed, "the recipe does not name them"


@pytest.mark.slow
def test_the_tests_of_every_kind_pass_before_anything_is_changed(tmp_path: Path):
    """As a user runs them, in one process; the contract suite is among them."""
    folders = [tmp_path / f"umm-{like}" for like in EACH]
    for folder, like in zip(folders, EACH, strict=True):
        write(folder.name, like, folder)
        distribution(folder, folder)
    found = os.pathsep.join([*map(str, folders), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", folders[0] / "pyproject.toml", *folders],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": found},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert (len(EACH), re.findall(r"(\d+) passed", done.stdout)) == (4, ["182"])
    assert "warning" not in done.stdout


def undone(out: str) -> list[str]:
    """Rows of the tables of kinds in which not all that was planned is done; there is at least one row."""
    rows = re.findall(r"^\w+ +\d+ +\d+ +\d+ +\d+$", out, re.M)
    assert rows, out
    return [row for row in rows if len(set(row.split()[1:3])) > 1]
