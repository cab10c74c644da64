"""The training loop: resumes bit for bit, stops at nonsense, and says where."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from unispect.core.errors import CheckpointError, StateError
from unispect.core.prompts import Prompt
from unispect.models.base import Example, Losses
from unispect.train.loop import Groups, Schedule, train

SCHEDULE = Schedule(steps=12, learning_rate=0.1, weight_decay=0.0)


class Line:
    """Learns the one number that its examples name."""

    def __init__(self) -> None:
        self.weight = nn.Parameter(torch.tensor([3.0]))

    def loss(self, batch: Sequence[Example]) -> Losses:
        target = torch.tensor([float(str(example.reply)) for example in batch])
        return Losses(draw=None, tell=((self.weight - target) ** 2).mean())


def batches(step: int) -> Groups:
    return [(1.0, [Example(Prompt.of(""), str(step % 3))])]


class Stopped(Exception):
    pass


def stop_at(last: int):
    def look(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        if step >= last:
            raise Stopped

    return look


def test_a_stopped_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, parts = Line(), Line()
    train(whole, [whole.weight], batches, SCHEDULE, stage="s")
    with pytest.raises(Stopped):
        train(
            parts,
            [parts.weight],
            batches,
            SCHEDULE,
            stage="s",
            checkpoint=tmp_path / "c",
            every=4,
            progress=stop_at(10),
        )
    again = Line()
    train(again, [again.weight], batches, SCHEDULE, stage="s", checkpoint=tmp_path / "c", every=4)
    assert torch.equal(again.weight, whole.weight)


class Maps(Line):
    """Learns a number and a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Parameter(torch.ones(3, 3) + 2 * torch.eye(3))

    def loss(self, batch: Sequence[Example]) -> Losses:
        line = super().loss(batch).tell
        assert line is not None
        return Losses(draw=(self.map**2).mean(), tell=line)


def test_matrices_learn_by_muon_and_resume_too(tmp_path: Path) -> None:
    whole, parts, again = Maps(), Maps(), Maps()

    def run(model: Maps, **how: Any) -> None:
        train(model, [model.weight, model.map], batches, SCHEDULE, stage="s", matrices=[model.map], **how)

    run(whole)
    with pytest.raises(Stopped):
        run(parts, checkpoint=tmp_path / "c", every=4, progress=stop_at(10))
    run(again, checkpoint=tmp_path / "c", every=4)
    assert torch.equal(again.map, whole.map)
    # All gradients are positive: AdamW's first step would move every number as far, a matrix of rank one.
    first, start = Maps(), Maps().map.detach()
    train(first, [first.map], batches, replace(SCHEDULE, steps=1, warmup=0.0), stage="s", matrices=[first.map])
    spread = torch.linalg.svdvals(first.map.detach() - start)
    assert spread[-1] > 0.3 * spread[0]
    plain = Maps()
    train(plain, [plain.map], batches, replace(SCHEDULE, steps=1, warmup=0.0), stage="s")
    spread = torch.linalg.svdvals(plain.map.detach() - start)
    assert spread[-1] < 0.01 * spread[0]


def test_a_finished_training_is_not_trained_on(tmp_path: Path) -> None:
    line = Line()
    train(line, [line.weight], batches, SCHEDULE, stage="s", checkpoint=tmp_path / "c")
    again = Line()
    train(again, [again.weight], lambda step: pytest.fail("trained"), SCHEDULE, stage="s", checkpoint=tmp_path / "c")
    assert torch.equal(again.weight, line.weight)


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    line = Line()
    train(line, [line.weight], batches, SCHEDULE, stage="one", checkpoint=tmp_path / "c")
    with pytest.raises(CheckpointError, match="another training"):
        train(line, [line.weight], batches, SCHEDULE, stage="two", checkpoint=tmp_path / "c")


def test_a_loss_that_is_no_number_stops_with_stage_and_step() -> None:
    def spoiled(step: int) -> Groups:
        return [(1.0, [Example(Prompt.of(""), "nan" if step == 4 else "1")])]

    line = Line()
    with pytest.raises(StateError, match="binding: the loss is nan at step 5"):
        train(line, [line.weight], spoiled, SCHEDULE, stage="binding")


def test_the_rate_rises_then_falls_to_a_twentieth() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [schedule.share(step) for step in range(100)]
    assert rates[9] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.05, abs=0.01)
