"""What `--help` of each verb says: its arguments by name, and options from a file only where it takes them."""

import pytest

from tests.helpers.commands import here
from unispect.cli.config import POSITIONAL
from unispect.cli.words import VERBS
from unispect.organisms.families import FAMILIES

COMMANDS = [*((verb,) for verb in VERBS), ("train", "organism"), ("train", "finetune"), ("train", "recipes")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_a_verb(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    said = here(capsys, *command, "--help")
    assert said.code == 0, said.err
    assert f"Usage: unispect {' '.join(command)}" in said.out
    assert "ARGS" not in said.out
    assert '[default: ""]' not in said.out
    assert ("--config FILE.yaml" in said.out) is (command in POSITIONAL)
    assert said.out.count("--debug after any command") == 1


def test_the_families_of_organisms_are_listed(capsys: pytest.CaptureFixture[str]):
    said = " ".join(here(capsys, "train", "organism", "--help").out.replace("│", " ").split())
    listed = said.partition("Architecture family: ")[2].partition(".")[0]
    assert listed.replace(" or ", ", ").split(", ") == list(FAMILIES)
