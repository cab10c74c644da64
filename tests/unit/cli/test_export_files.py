"""Charts, tables and the section of a model's page, from the command line."""

import csv
from pathlib import Path

import pytest
from PIL import Image
from pyarrow import parquet

import unispect
from tests.helpers.commands import here
from tests.helpers.viewed import layers_run


@pytest.mark.slow
def test_charts_and_tables_are_files_by_stable_names(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    outcome = here(capsys, "export", small_run, "--figures", tmp_path / "f", "--tables", tmp_path / "t")
    assert outcome.code == 0, outcome.err
    run = unispect.open(small_run)
    names = {name.replace("/", "-") for name in run.figures}
    assert {path.name for path in (tmp_path / "f").iterdir()} == {
        f"{name}.{ending}" for name in names for ending in ("svg", "pdf", "png")
    }
    one = min(names)
    assert (tmp_path / "f" / f"{one}.svg").read_text("utf-8").startswith("<svg")
    assert (tmp_path / "f" / f"{one}.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(tmp_path / "f" / f"{one}.png") as picture:
        assert min(picture.size) > 200
    assert len(list((tmp_path / "t").iterdir())) == 3 * (len(run.tables) + 1)
    with (tmp_path / "t" / "findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "t" / "findings.parquet").to_pylist()
    assert [row["claim"] for row in rows] == [row["claim"] for row in table] == [one.claim for one in run.findings]
    assert (tmp_path / "t" / "findings.tex").read_text("utf-8").count(r" \\") == len(rows) + 1


def test_the_section_of_a_models_page_is_a_file(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    outcome = here(capsys, "export", small_run.parent, "--model-card", tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text("utf-8")
    with unispect.open_run(small_run) as store:
        (card,) = store.cards()
    assert outcome.code == 0
    assert card in text
    root = next(line for line in here(capsys, "status", small_run).out.splitlines() if line.startswith("root "))
    assert root.removeprefix("root ") in text


def test_records_of_several_runs_are_a_file_each(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    unispect.run("drawing", "tiny-janus-pro", tmp_path / "runs" / "two", limit=1, seeds=(0,)).raise_failures()
    outcome = here(
        capsys, "export", small_run, tmp_path / "runs" / "two", "--format", "jsonl", "--out", tmp_path / "out"
    )
    assert outcome.code == 0, outcome.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"small.jsonl", "two.jsonl"}


def test_a_folder_may_have_a_dot_in_its_name(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    layers_run(tmp_path / "other", "m", prompts=1)
    command = ("export", small_run, tmp_path / "other", "--format", "jsonl", "--out")
    outcome = here(capsys, *command, tmp_path / "res-1.5")
    assert outcome.code == 0, outcome.err
    assert {path.name for path in (tmp_path / "res-1.5").iterdir()} == {"small.jsonl", "other.jsonl"}
    assert "is one file, and there are 2 runs" in here(capsys, *command, tmp_path / "one.jsonl").error
    (tmp_path / "folder.csv").mkdir()
    assert here(capsys, *command, tmp_path / "folder.csv").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "name at least one run folder"),
        (("RUN", "--figures", "f", "--format", "csv"), "--out and --format are for records"),
        (("RUN", "RUN2", "--out", "one.csv"), "is not a run folder"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words, small_run: Path, capsys: pytest.CaptureFixture[str]):
    given = [small_run if option == "RUN" else option for option in options]
    outcome = here(capsys, "export", *given)
    assert (outcome.code, words in outcome.error) == (2, True)
