"""Making an organism when the disk is full, the process dies, or the folder is not what it should be.

Nothing is learned here: every step changes the weights by what it should, and what is written is the same.
"""

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.helpers.failing_disk import NEVER, contents, failing, first_moments, in_a_child, not_waiting
from unispect.core.errors import CheckpointError, StoreError, UsageError
from unispect.organisms import recipe
from unispect.organisms.corpus import Corpus, corpus_named
from unispect.organisms.making import janus_pro
from unispect.organisms.making.base import Recipe
from unispect.organisms.recipe import train_organism
from unispect.train.loop import Schedule
from unispect.train.output_folder import held
from unispect.train.state import load_state, save_state

STEPS = 2
FAMILY = "janus-pro"


@torch.no_grad()
def pretend(parameters, stage: str, checkpoint: Path) -> None:
    optimiser = torch.optim.SGD(parameters, lr=1.0)
    saved = load_state(checkpoint, parameters, [optimiser], stage)
    for step in range(saved["step"] if saved else 0, STEPS):
        for parameter in parameters:
            parameter.add_(0.01 * (step + 1))
        save_state(checkpoint, parameters, [optimiser], stage, step + 1)


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with not_waiting():
        yield


@pytest.fixture(autouse=True)
def _pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    def corpus(name: str) -> Corpus:
        empty = {"gates": lambda *_, **__: [], "lessons": lambda model: None, "pictures": lambda size: []}
        return replace(corpus_named(name), variants=("bound",), **empty)

    def tokenizer(model, pixels, how, generator, progress, checkpoint) -> None:
        named = dict(model.network.named_parameters())
        pretend([named[name] for name in model.parameter_groups()["image tokenizer"]], "tokenizer", checkpoint)

    def train(model, parameters, batches, schedule, *, stage, checkpoint, progress, **_) -> None:
        if progress:
            progress(stage, 0, STEPS, {})
        pretend(parameters, stage, checkpoint)

    monkeypatch.setattr(recipe, "corpus_named", corpus)
    monkeypatch.setattr(janus_pro, "MAKING", replace(janus_pro.MAKING, train_tokenizer=tokenizer))
    monkeypatch.setattr(recipe, "train", train)
    monkeypatch.setattr(recipe, "_pixels", lambda _: torch.zeros(1))


SHORT = Recipe(None, growing=Schedule(STEPS, 1e-3), binding={"bound": Schedule(STEPS, 1e-3)})


def grow(out: Path, look: Callable[..., None] | None = None) -> None:
    train_organism(FAMILY, out, recipe=SHORT, progress=look)


APART = 50
EACH = first_moments(APART, slow=26)


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("dies", [False, True], ids=["full", "killed"])
def test_whatever_happens_to_its_disk_the_same_command_ends_in_the_same_bytes(
    dies: bool, first: int, tmp_path: Path
) -> None:
    with failing(tmp_path / "whole", NEVER, dies=dies) as disk:
        grow(tmp_path / "whole")
    things = len(disk.seen)
    whole = contents(tmp_path / "whole")
    assert things > 100
    for at in range(first, things + 1, APART):
        out = tmp_path / str(at)

        def work(out: Path = out, at: int = at) -> None:
            with failing(out, at, dies=dies):
                grow(out)

        if dies:
            assert in_a_child(work) == -signal.SIGKILL
        else:
            with pytest.raises(StoreError, match="cannot be written: No space left on device"):
                work()
        grow(out)
        assert contents(out) == whole, disk.seen[at - 1]


@pytest.mark.slow
def test_a_second_process_is_refused_by_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with held(out, out / "training"), pytest.raises(StoreError, match="is being written by process"):
        grow(out)
    grow(out)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 10_000])
def test_what_an_interrupted_beginning_left_is_begun_again(content: str, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training.json").write_text(content)
    (tmp_path / ".training.json.7.tmp").write_text("{")
    grow(tmp_path)
    assert json.loads((tmp_path / "training.json").read_text())["family"] == FAMILY


@pytest.mark.slow
def test_damage_is_named_and_says_what_to_do(tmp_path: Path) -> None:
    grow(tmp_path)
    claim = tmp_path / "training.json"
    before = claim.read_text()
    claim.write_text(before[:40])
    with pytest.raises(StoreError, match=r"training\.json is damaged.*put the file back from a copy"):
        grow(tmp_path)
    claim.write_text("{}")
    with pytest.raises(UsageError, match="holds another training"):
        grow(tmp_path)
    claim.write_text(before)
    (tmp_path / "model.safetensors").unlink()
    kept = tmp_path / "training" / "picture-tokenizer.pt"
    for content in (b"", kept.read_bytes()[:1000]):
        kept.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"picture-tokenizer\.pt is damaged; delete it to begin again"):
            grow(tmp_path)
    torch.save({"another": torch.zeros(1)}, kept)
    with pytest.raises(CheckpointError, match=r"picture-tokenizer\.pt is damaged; delete it to begin again"):
        grow(tmp_path)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        grow(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Path]:
    """A folder outside, whose content must stay."""
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "thesis.txt").write_text("mine")
    yield tmp_path / "away"
    assert [path.name for path in (tmp_path / "away").iterdir()] == ["thesis.txt"]
    assert (tmp_path / "away" / "thesis.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["training", "config.json", "training/growing.pt", "training/run.lock", "bound.safetensors"]
)
def test_links_lead_nothing_out_of_the_folder(name: str, away: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    grow(out)
    for weights in out.glob("*.safetensors"):
        weights.unlink()
    if (out / name).is_dir():
        (out / name).rename(tmp_path / "moved")
        (out / name).symlink_to(away, target_is_directory=True)
    else:
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(away / "thesis.txt")
    with pytest.raises((UsageError, StoreError), match=r"is a link|cannot be written"):
        grow(out)


@pytest.mark.slow
def test_a_folder_that_is_deleted_meanwhile_is_noticed(tmp_path: Path) -> None:
    def delete(stage: str, *_) -> None:
        if stage == "growing up":
            (tmp_path / "out").rename(tmp_path / "moved")

    with pytest.raises(StoreError, match="was moved or deleted while the training wrote to it"):
        grow(tmp_path / "out", delete)
    assert not (tmp_path / "out").exists()
    grow(tmp_path / "moved")
