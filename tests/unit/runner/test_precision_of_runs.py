"""A run says in which precision it computes and goes on in the one that it began in."""

from pathlib import Path

import pytest
import torch

from tests.helpers import tiny_janus
from tests.helpers.commands import here
from unispect.models import devices
from unispect.models.janus_pro.folder import load, save
from unispect.runs import RunStore

CARD = tiny_janus.TINY


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tiny checkpoint stored in bfloat16, and two prompts beside it."""
    folder = tiny_janus.write_checkpoint(tmp_path / "weights")
    save(load(CARD, folder, device="cpu", dtype="float32"), folder / "model.safetensors", dtype=torch.bfloat16)
    (tmp_path / "prompts.txt").write_text("a red star\na thin line\n")
    return folder


def said_of(capsys: pytest.CaptureFixture[str], weights: Path, limit: int, *more: str) -> str:
    """Runs so many prompts through the model; the first line that is printed, behind the model's name."""
    place = weights.parent
    model = ("--model", f"janus-pro-1b={weights}", "--data", f"text:{place / 'prompts.txt'}")
    outcome = here(
        capsys,
        "run",
        "drawing",
        *model,
        "--limit",
        limit,
        "--seeds",
        0,
        "--device",
        "cpu",
        *more,
        "--out",
        place / "run",
    )
    assert outcome.code == 0, outcome.err
    return next(line for line in outcome.out.splitlines() if line.startswith("model")).partition(" on ")[2]


def made(weights: Path) -> set[str]:
    with RunStore.open(weights.parent / "run") as store:
        noted = {one.settings["dtype"] for one in store.manifest().invocations}
        records = {dtype for dtype, _ in ways(store)}
        assert records == noted
        return records


def ways(store: RunStore) -> dict[tuple[str, str], int]:
    """(dtype, device) -> records of the one model that is there."""
    ((study, model),) = {(entry.unit.study, entry.unit.model) for entry in store.entries()}
    return store.made_in(study, model)


def can(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr(devices, "computes_bfloat16", lambda: answer)


@pytest.mark.slow
def test_auto_goes_on_in_the_precision_of_the_folder(weights, capsys, monkeypatch):
    can(monkeypatch, True)
    assert said_of(capsys, weights, 1) == "cpu in bfloat16, as its weights are stored"
    assert made(weights) == {"bfloat16"}
    can(monkeypatch, False)
    assert said_of(capsys, weights, 2) == "cpu in bfloat16, as its records here were made"
    assert made(weights) == {"bfloat16"}


@pytest.mark.slow
def test_a_run_of_before_stays_in_float32(weights, capsys, monkeypatch):
    can(monkeypatch, False)
    assert said_of(capsys, weights, 1) == "cpu in float32"
    can(monkeypatch, True)
    assert said_of(capsys, weights, 2) == "cpu in float32"
    assert made(weights) == {"float32"}


@pytest.mark.slow
def test_a_precision_that_is_named_stands(weights, capsys, monkeypatch):
    can(monkeypatch, True)
    assert said_of(capsys, weights, 1, "--dtype", "float32") == "cpu in float32"
    assert said_of(capsys, weights, 2, "--dtype", "bfloat16") == "cpu in bfloat16"
    with RunStore.open(weights.parent / "run") as store:
        assert ways(store) == {("float32", "cpu"): 1, ("bfloat16", "cpu"): 1}


@pytest.mark.slow
def test_of_two_precisions_most_records_decide(weights, capsys, monkeypatch):
    can(monkeypatch, False)
    said_of(capsys, weights, 1, "--dtype", "bfloat16")
    with RunStore.open(weights.parent / "run") as store:
        assert store.precision_of("janus-pro-1b") == "bfloat16"
        assert store.precision_of("janus-pro-1") == store.precision_of("janus-pro-7b") == ""


@pytest.mark.slow
def test_workers_say_and_keep_it_too(weights, capsys, monkeypatch):
    said_of(capsys, weights, 1, "--dtype", "bfloat16")
    assert said_of(capsys, weights, 2, "--workers", "2") == "cpu in bfloat16, as its records here were made, 2 workers"
    assert made(weights) == {"bfloat16"}
