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
        ("run: {limit: 2}\nlimt: 3\n", ("c.yaml: 'limt' stands beside sections", "run, grade, train")),
        ("run: {limit: 2}\ngrade: runs/a\n", ("c.yaml: 'grade' stands beside sections",)),
        ("grade: {gradings: 3}\ntrain: {}\n", ("c.yaml: there is no section 'run', but one for grade, train",)),
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


def test_a_section_without_lines_says_nothing(tmp_path, capsys):
    said = yaml.safe_load(
        here(capsys, *RUN, "--config", config(tmp_path, "run:\ngrade: {gradings: 3}\n"), "--print-config").out
    )
    assert "gradings" not in said
    finetune = ("train", "finetune", "--model", "tiny-janus-pro", "--out", "y", "--config")
    assert "no section 'finetune'" in here(capsys, *finetune, config(tmp_path, "train: {}\nrun: {limit: 1}\n")).error
    assert "'organism' stands beside" in here(capsys, *finetune, config(tmp_path, "train: {organism: {}}\n")).error


def test_what_has_no_option_is_taken_from_the_command_line_wherever_it_stands_there(tmp_path, capsys):
    file = config(tmp_path, "grade: {run: runs/a}\nrun: {study: [drawing, faces]}\n")
    said = yaml.safe_load(here(capsys, "grade", "--gradings", "3", "runs/b", "--config", file, "--print-config").out)
    assert said["run"] == "runs/b"
    said = yaml.safe_load(here(capsys, "grade", "--config", file, "--print-config", "--", "-c").out)
    assert said["run"] == "-c"
    said = yaml.safe_load(
        here(capsys, "run", *RUN[2:4], "--limit", "3", "encoding", *RUN[4:], "--config", file, "--print-config").out
    )
    assert said["study"] == ["encoding"]
    said = yaml.safe_load(here(capsys, "run", *RUN[2:], "--config", file, "--print-config").out)
    assert said["study"] == ["drawing", "faces"]
    dashed = config(tmp_path, "run: -d\n")
    assert yaml.safe_load(here(capsys, "grade", "--config", dashed, "--print-config").out)["run"] == "-d"


def test_one_run_is_graded_at_a_time(tmp_path, capsys):
    said = here(capsys, "grade", "--config", config(tmp_path, "run: [a, b]\n"), "--print-config")
    assert said.code == 2
    assert "holds one 'run', not several" in said.error


def test_only_some_commands_take_a_file(tmp_path, capsys):
    assert "--config is for these commands: run, grade" in here(capsys, "studies", "--config", "x.yaml").error
    assert "there is no such file" in here(capsys, *RUN, "--config", tmp_path / "none.yaml").error
    assert "--config needs a file" in here(capsys, *RUN, "--config").error
    assert "--print-config is for" in here(capsys, "models", "--print-config").error


def test_a_run_is_carried_out_as_its_file_says(tmp_path, capsys):
    file = config(tmp_path, "study: concepts\nmodel: [tiny-janus-pro]\nout: run\npreset: [paper]\n")
    assert "--preset says how states are measured" in here(capsys, "run", "--config", file).error
