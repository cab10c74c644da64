"""What `unispect new-model` writes, and what it refuses."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.commands import here
from unispect.models.registry import _FAMILIES
from unispect.skeleton import FILES, KINDS, files_of, write

ROOT = Path(__file__).parents[3]
TEMPLATE = re.compile(r"skeletal.?model", re.I)


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.*")}


@pytest.mark.parametrize("like", KINDS)
def test_what_is_written_names_the_model_and_marks_what_to_replace(like: str, tmp_path: Path):
    write("my-umm-1.5b", like, tmp_path / "umm")
    found = texts(tmp_path / "umm")
    assert not [name for name, text in found.items() if TEMPLATE.search(name + text)]
    assert '"my-umm-1.5b" = "my_umm_1_5b.card:ENTRY"' in found["pyproject.toml"]
    assert "class MyUmm15b(Port)" in found["my_umm_1_5b/model.py"]
    assert {"README.md", "tests/test_contract.py", "tests/test_loading.py"} <= found.keys()
    marked = {name.rpartition("/")[2] for name, text in found.items() if "# REPLACE" in text}
    assert {"card.py", "config.py", "network.py", "keys.py", "processing.py"} <= marked


def test_there_is_a_kind_for_every_family_of_ours():
    assert {like.replace("-", "_") for like in KINDS} == set(_FAMILIES)


def test_help_and_page_name_every_family_once(capsys: pytest.CaptureFixture[str]):
    told = " ".join(here(capsys, "new-model", "--help").out.replace("│", " ").split())
    rows = [line for line in (ROOT / "docs" / "add-a-model.md").read_text("utf-8").splitlines() if line[:2] == "| "]
    named = [cell.strip() for row in rows for cell in row.split("|")[3:4]]
    assert sorted(cell.strip("`") for cell in named if cell.strip("`") in KINDS) == sorted(KINDS)
    assert all(like in told for like in KINDS)


def test_every_template_is_written_for_some_kind():
    used = {path for kind in KINDS.values() for path in (FILES / folder for folder in kind.folders)}
    assert used == {path for path in FILES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert all(files_of(kind) for kind in KINDS.values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["MyUMM"], "'MyUMM' cannot be a model's name: .*as in 'myumm'"),
        (["a/b"], "as in 'a-b'"),
        (["my--umm"], "as in 'my-umm'"),
        (["1.5b"], "as in 'b'"),
        (["Ü"], "cannot be a model's name"),
        (["json"], "Python has a package or a word 'json' already"),
        (["class"], "Python has a package or a word 'class' already"),
        (["tests"], "Python has a package or a word 'tests' already"),
        (["torch"], "Python has a package or a word 'torch' already"),
        (["bagel-7b-mot"], "there is a model bagel-7b-mot already"),
        (["my-umm", "--like", "janus"], "unknown family 'janus'; did you mean 'janus-pro'?"),
        (["my-umm", "--like", "llama9"], "unknown family 'llama9'; known: bagel, "),
    ],
)
def test_names_that_cannot_be_are_refused_and_nothing_is_written(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    outcome = here(capsys, "new-model", *arguments)
    assert outcome.code == 2
    assert re.search(words.replace("?", r"\?"), outcome.error)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    held, file, empty = tmp_path / "held", tmp_path / "file", tmp_path / "empty"
    for folder in (held, empty):
        folder.mkdir()
    (held / "mine.txt").write_text("mine")
    file.write_text("mine")
    for place in (held, file):
        outcome = here(capsys, "new-model", "my-umm", "--out", place)
        assert outcome.code == 2
        assert f"{place} is there already and is not empty; nothing was written" in outcome.error
    assert texts(held) == {"mine.txt": "mine"}
    assert file.read_text() == "mine"
    outcome = here(capsys, "new-model", "my-umm", "--out", empty)
    assert outcome.code == 0
    assert "docs/add-a-model.md" in outcome.out
    assert (empty / "my_umm" / "model.py").is_file()


@pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is of the extra supply")
def test_a_wheel_holds_every_template():
    from hatchling.builders.wheel import WheelBuilder

    held = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    templates = {
        path.relative_to(ROOT / "src").as_posix() for kind in KINDS.values() for path in files_of(kind).values()
    }
    assert len(templates) > 20
    assert templates <= held


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is of the extra dev")
@pytest.mark.parametrize("like", KINDS)
def test_what_is_written_is_clean(like: str, tmp_path: Path):
    write("my-umm", like, tmp_path / "umm")
    for command in (["check"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=tmp_path / "umm",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
