"""A family of another package is as good as ours: shown by one that lives in `tests/plugin/family`.

The contract suite, odd checkpoints and broken weights are tried on it beside ours (`odd_checkpoints.FAMILIES`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import unispect
from tests.helpers.commands import here
from unispect.core.errors import UsageError
from unispect.models import registry

TESTS = Path(__file__).parents[2]
PLUGIN = TESTS / "plugin" / "family"
MOST = 300
"""Lines that a family may take."""


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder with a toy, and its package as an installed one would be found."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.syspath_prepend(str(PLUGIN))
    registry._entries.cache_clear()
    from toyfamily.making import write_checkpoint  # pyright: ignore[reportMissingImports]

    yield write_checkpoint(tmp_path / "toy")
    monkeypatch.undo()
    registry._entries.cache_clear()


def test_it_takes_few_lines_and_one_beside_them():
    """The one is that of the contract suite, which a package with tests of its own would have there."""
    lines = [line for path in PLUGIN.rglob("*") if path.is_file() and path.suffix != ".pyc" for line in read(path)]
    assert len(lines) <= MOST
    elsewhere = [*TESTS.rglob("*.py"), *(TESTS.parent / "src").rglob("*.py")]
    named = [
        (path.name, line.strip())
        for path in elsewhere
        if PLUGIN not in path.parents and path != Path(__file__)
        for line in read(path)
        if "toyfamily" in line
    ]
    assert named == [
        ("odd_checkpoints.py", '("toy", "tests.plugin.family.toyfamily.making", "tests.plugin.family.toyfamily"),')
    ]


def test_it_is_found_by_its_entry_point(toy: Path, capsys: pytest.CaptureFixture[str]):
    assert "colours of patches" in " ".join(here(capsys, "models").out.split())
    model = unispect.load(f"toy={toy}")
    assert type(model).__module__ == "toyfamily.model"
    assert registry.family_of(model.card).load.__self__.build.__module__ == "toyfamily.network"
    with pytest.raises(UsageError, match=r"toy has no published weights: name a folder .*toy=FOLDER"):
        unispect.load("toy")
    assert "nowhere" in here(capsys, "models", "toy").out


@pytest.mark.slow
def test_studies_are_run_on_it_graded_and_reported(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run, words, page = tmp_path / "run", tmp_path / "words.txt", tmp_path / "page.html"
    words.write_text("a red star\nis it round\n")
    how = ("--model", f"toy={toy}", "--seeds", "0", "--out", run)
    asked = here(capsys, "run", "encoding", "response", "drawing", *how, "--data", f"text:{words}")
    assert (asked.code, undone(asked.out)) == (0, [])
    asked = here(capsys, "run", "concepts", *how, "--limit", "1", "--parts", "draw", "recall", "describe")
    assert (asked.code, undone(asked.out)) == (0, [])
    assert here(capsys, "report", run, "--out", page).code == 0
    assert all(f'id="{study}"' in page.read_text() for study in ("encoding", "response", "drawing", "concepts"))


def test_it_is_taught_words_and_keeps_them(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe, bound = tmp_path / "recipe.yaml", tmp_path / "bound"
    recipe.write_text("teach: {both: both}\nsteps: 2\nbatch: 4\nmicro_batch: 2\nlearning_rate: 1.0e-3\nwarmup: 0\n")
    asked = here(capsys, "train", "finetune", "--model", f"toy={toy}", "--recipe", recipe, "--out", bound)
    assert asked.code == 0, asked.err
    after = unispect.load(f"toy={bound}")
    assert after.card.taught == {"both": "both"}
    old, new = (load_file(folder / "model.safetensors") for folder in (toy, bound))
    assert old.keys() == new.keys()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert {"backbone.embed_tokens.weight", "text_head.weight"} <= changed
    assert not {"colours.weight", "image_head.weight"} & changed, "the recipe does not name them"


def undone(out: str) -> list[str]:
    """Rows of the tables of kinds in which not all that was planned is done; there is at least one row."""
    rows = re.findall(r"^\w+ +\d+ +\d+ +\d+ +\d+$", out, re.M)
    assert rows, out
    return [row for row in rows if len(set(row.split()[1:3])) > 1]


def read(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()
