import json
from pathlib import Path

import pytest

from tests.helpers.commands import here
from unispect.cli.train import Steps
from unispect.core.cards import ModelCard, Verification
from unispect.doctor import machine
from unispect.doctor.checks import Check
from unispect.models.registry import cards

ROOT = Path(__file__).parents[3]


def test_models_lists_every_model_with_its_proof(capsys: pytest.CaptureFixture[str]):
    out = here(capsys, "models").out
    for name, card in cards().items():
        base = name.removesuffix(f"-{name.rpartition('-')[2]}") if card.taught else name
        row = next(line.split() for line in out.splitlines() if line.split()[:1] == [base])
        assert not card.taught or f"-{name.rpartition('-')[2]}" in " ".join(row).replace(",", "").split()
        assert card.hub == "" or "tested;" in row
    assert len(out.splitlines()) < 60, "a line each, one for all that was made of an organism"


def test_a_proof_that_was_not_made_is_not_claimed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    made = ModelCard("new", "f", "p", 1500.0, 64, 64, verification=Verification(keys="tests/x.py"))
    monkeypatch.setattr("unispect.cli.models.cards", lambda: {"new": made})
    row = next(line for line in here(capsys, "models").out.splitlines() if line.startswith("  new"))
    assert row.split() == ["new", "1.5", "B", "keys", "tested;", "never", "run"]


@pytest.mark.parametrize("card", cards().values(), ids=lambda card: card.id)
def test_every_claim_names_a_test_that_exists(card: ModelCard):
    for place in (card.verification.keys, card.verification.numbers, card.verification.contract):
        assert not place or (ROOT / place).is_file()


def test_lists_for_programs(capsys: pytest.CaptureFixture[str]):
    listed = json.loads(here(capsys, "models", "--json").out)
    assert [one["id"] for one in listed] == list(cards())
    one = json.loads(here(capsys, "models", "janus-pro-1b", "--json").out)
    assert (one["hub"], one["verification"]["real_weights"]) == ("deepseek-ai/Janus-Pro-1B", "")
    assert one in listed
    studies = {one["name"]: one for one in json.loads(here(capsys, "studies", "--json").out)}
    assert studies["encoding"]["options"] == ["--data", "--preset"]
    assert studies["safety"]["judges"] == ["rules", "PROVIDER:MODEL"]
    assert studies["posters"]["asked_to_grade"] is True


def test_one_model_in_full(capsys: pytest.CaptureFixture[str]):
    out = here(capsys, "models", "janus-pro-1b").out
    assert "deepseek-ai/Janus-Pro-1B" in out
    assert "real weights       never run" in out
    assert here(capsys, "models", "janus-pro-1c").error.endswith("did you mean 'janus-pro-1b'?")


def test_studies_lists_every_study_with_its_question(capsys: pytest.CaptureFixture[str]):
    out = here(capsys, "studies").out
    for name in ("concepts", "encoding", "response"):
        assert name in out
    assert "cannot be imported" not in out


def test_doctor_fails_when_a_check_does_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken():
        raise RuntimeError("no such library")

    looks = {"one": broken, "two": lambda: iter([Check("note", "two", "fine")])}
    monkeypatch.setattr(machine, "LOOKS", looks)
    outcome = here(capsys, "doctor")
    assert outcome.code == 1
    assert "FAIL  one: RuntimeError: no such library" in outcome.out
    assert "note  two: fine" in outcome.out
    monkeypatch.setattr(machine, "LOOKS", {"two": looks["two"]})
    assert here(capsys, "doctor").code == 0


class _Board:
    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def begin(self, job, stage, total, already):
        self.said.append((stage, total, already))

    def advance(self, job, kind, outcomes):
        self.said.append((kind, outcomes["done"]))

    def finish(self, job):
        self.said.append((job,))


def test_training_that_goes_on_shows_what_was_done_before():
    board = _Board()
    steps = Steps(board)
    steps("growing up", 200, 400, {})
    steps("growing up", 201, 400, {"draw": 1.23456})
    steps("growing up", 203, 400, {"draw": 1.2})
    steps("binding", 0, 300, {})
    steps("binding", 1, 300, {})
    assert board.said == [("growing up", 400, 200), ("draw 1.23", 1), ("draw 1.2", 2), ("binding", 300, 0), ("", 1)]
