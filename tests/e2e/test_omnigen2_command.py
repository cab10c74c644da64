"""OmniGen2 through the command line: the authors' tiny checkpoint, and a study of replies that have no states."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers import tiny_omnigen2
from tests.helpers.commands import here
from tests.helpers.reference import need_reference
from unispect.runs import RunStore


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(f"a small red star and {n} blue dogs in the green grass" for n in range(4)))
    return path


def test_the_model_is_listed(capsys: pytest.CaptureFixture[str]):
    listed = here(capsys, "models")
    assert listed.code == 0
    assert "omnigen2" in listed.out
    told = here(capsys, "models", "omnigen2")
    assert told.code == 0
    assert "OmniGen2/OmniGen2" in told.out


@pytest.mark.parametrize("processor", ["processor", "mllm_processor"])
def test_the_authors_checkpoint_is_measured(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], processor: str
):
    weights = tmp_path / "weights"
    for part in ("mllm", "transformer", "vae", "scheduler", "processor"):
        name = processor if part == "processor" else part
        shutil.copytree(need_reference("omnigen2") / part, weights / name, copy_function=shutil.copyfile)
        (weights / name).chmod(0o755)
    command = ("run", "encoding", "--model", f"omnigen2={weights}", "--data", f"text:{prompts}", "--preset", "paper")
    outcome = here(capsys, *command, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("model   omnigen2@sha256:")
    layers = 1 + json.loads((weights / "mllm" / "config.json").read_text())["num_hidden_layers"]
    with RunStore.open(tmp_path / "run") as store:
        entries = [entry for entry in store.entries() if entry.unit.kind == "trajectory"]
    assert {entry.unit.settings["goal"] for entry in entries} == {"text", "image"}
    assert all(len(entry.record.payload["content"]) == layers for entry in entries)


@pytest.mark.slow
def test_pictures_have_no_curve_but_a_reason_and_a_reading_of_their_own(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A tiny model, at its own size: published pictures are too large for a test."""
    from unispect.models.omnigen2 import card

    monkeypatch.setitem(card.CARDS, "omnigen2", card.CARDS["omnigen2"])
    monkeypatch.setitem(card.CARDS["omnigen2"].defaults, "image_size", 64)  # type: ignore[arg-type]
    monkeypatch.setitem(card.CARDS["omnigen2"].defaults, "steps", 2)  # type: ignore[arg-type]
    weights = tiny_omnigen2.write_checkpoint(tmp_path / "weights")
    command = ("run", "response", "--model", f"omnigen2={weights}", "--data", f"text:{prompts}", "--seeds", "0")
    outcome = here(capsys, *command, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "states of pictures drawn from text (not applicable: pictures are drawn by a second network" in outcome.out
    page = here(capsys, "report", tmp_path / "run", "--out", tmp_path / "report.html")
    assert page.code == 0, page.err
    shown = (tmp_path / "report.html").read_text()
    assert "not applicable" in shown
    assert "Picture replies have no states: pictures are drawn by a second network" in shown
    assert "Decoder side, not the paper&#39;s protocol" in shown
