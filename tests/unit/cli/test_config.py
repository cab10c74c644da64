"""Options from a file, and the file that a command line stands for."""

from pathlib import Path

import pytest
import yaml

from tests.helpers.commands import here

RUN = ("run", "encoding", "--model", "tiny-janus-pro", "--out", "x")


def config(folder: Path, text: str) -> Path:
    (folder / "c.yaml").write_text(text)
    return folder / "c.yaml"


@pytest.mark.parametrize(
    "command",
    [
        (*RUN, "--seeds", "0", "1", "--preset", "paper", "--limit", "3", "--fresh", "--workers", "2"),
        (
            "run",
            "drawing",
            "--model",
            "openai:a+b",
            "--out",
            "x",
            "--max-cost",
            "1.5",
            "--no-seed",
            "--no-picture-seed",
        ),
        ("grade", "runs/posters", "--judge", "openai:x", "--answer-form", "words", "--plain-prompts"),
        ("train", "finetune", "--model", "tiny-janus-pro", "--recipe", "tiny-drawing", "--out", "y", "--save-at", "1"),
    ],
    ids=lambda command: command[0],
)
def test_what_is_printed_is_taken_back(command, tmp_path, capsys):
    printed = here(capsys, *command, "--print-config")
    assert printed.code == 0, printed.err
    verb = command[:2] if command[0] == "train" else command[:1]
    again = here(capsys, *verb, "--config", config(tmp_path, printed.out), "--print-config")
    assert again.out == printed.out
    assert len(yaml.safe_load(printed.out)) >= 4


def test_the_command_line_goes_before_the_file(tmp_path, capsys):
    file = config(tmp_path, "study: encoding\nlimit: 3\nbatch_size: 4\n")
    said = yaml.safe_load(here(capsys, *RUN, "--limit", "5", f"--config={file}", "--print-config").out)
    assert (said["study"], said["limit"], said["batch-size"]) == (["encoding"], 5, 4)
    said = yaml.safe_load(here(capsys, "run", *RUN[2:], "--config", file, "--print-config").out)
    assert said["study"] == ["encoding"]


def test_one_file_holds_a_section_for_each_command(tmp_path, capsys):
    file = config(
        tmp_path,
        "run: {limit: 2, seeds: [7]}\ngrade: {run: runs/a, gradings: 3}\ntrain: {finetune: {recipe: tiny-both}}\n",
    )
    said = yaml.safe_load(here(capsys, *RUN, "--config", file, "--print-config").out)
    assert (said["limit"], said["seeds"]) == (2, [7])
    said = yaml.safe_load(here(capsys, "grade", "--config", file, "--print-config").out)
    assert (said["run"], said["gradings"]) == ("runs/a", 3)
    finetune = ("train", "finetune", "--model", "tiny-janus-pro", "--out", "y")
    assert yaml.safe_load(here(capsys, *finetune, "--config", file, "--print-config").out)["recipe"] == "tiny-both"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limt: 3\n", ("c.yaml: unknown option 'limt'", "did you mean 'limit'?")),
        ("limit: many\n", ("[limit]", "c.yaml", "many")),
        ("run: {modle: x}\n", ("c.yaml: unknown option 'modle'", "did you mean 'model'?")),
        ("- a\n- b\n", ("c.yaml", "no mapping of options")),
        ("a: [\n", ("c.yaml",)),
        ("limit: 1\nlimit: 2\n", ("c.yaml", "limit")),
    ],
)
def test_what_is_wrong_with_a_file_is_named(text, words, tmp_path, capsys):
    outcome = here(capsys, *RUN, "--config", config(tmp_path, text))
    assert outcome.code == 2
    for word in words:
        assert word in outcome.error
    assert not (tmp_path / "x").exists()


def test_only_some_commands_take_a_file(tmp_path, capsys):
    assert "--config is for these commands: run, grade" in here(capsys, "studies", "--config", "x.yaml").error
    assert "there is no such file" in here(capsys, *RUN, "--config", tmp_path / "none.yaml").error
    assert "--config needs a file" in here(capsys, *RUN, "--config").error
    assert "--print-config is for" in here(capsys, "models", "--print-config").error


def test_a_run_is_carried_out_as_its_file_says(tmp_path, capsys):
    file = config(tmp_path, "study: concepts\nmodel: [tiny-janus-pro]\nout: run\npreset: [paper]\n")
    assert "--preset says how states are measured" in here(capsys, "run", "--config", file).error
