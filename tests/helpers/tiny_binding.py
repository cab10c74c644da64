"""Tiny random models of every family under names of their own, so that binding finds them as it finds any other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch

from tests.helpers import odd_checkpoints
from unispect.models import registry
from unispect.train.finetune import FinetuneConfig, PreparedFinetune, finetune, finished, prepare, tidy
from unispect.train.loop import Progress
from unispect.train.recipe import Recipe

FAMILIES: Mapping[str, ModuleType] = {family: files for family, (files, _) in odd_checkpoints.FAMILIES.items()}


@contextmanager
def known() -> Iterator[None]:
    """The registry knows them as `tiny-random-<family>`."""
    names = {f"tiny-random-{family}": family for family in FAMILIES}
    entries = {
        name: registry.Entry(replace(FAMILIES[family].TINY, id=name), odd_checkpoints.FAMILIES[family][1])
        for name, family in names.items()
    }
    with patch.object(registry, "_entries", lambda: entries):
        yield


def order(family: str, folder: Path, out: Path, **changes) -> FinetuneConfig:
    """An order for the model of a family, whose files are written into `folder` if they are not there."""
    if not folder.exists():
        FAMILIES[family].write_checkpoint(folder)
    settings = {"teach": {"both": "both"}, "steps": 2, "batch": 4, "micro_batch": 2, "learning_rate": 1e-3, "warmup": 0}
    return FinetuneConfig(f"tiny-random-{family}={folder}", Recipe(**(settings | changes)), "test", out, "cpu")


class Binder:
    """Carries one order out in any number of folders, as the command does; what was learned is forgotten in between.

    Getting ready takes longer than a binding of few steps.

    Attributes:
        made: the order, ready to be carried out.
    """

    def __init__(self, folder: Path, **changes) -> None:
        self.made = prepare(order("janus-pro", folder / "model", folder / "out", **changes))
        self._before = [parameter.detach().clone() for parameter in self.made.learned.parameters]

    def order(self, out: Path) -> FinetuneConfig:
        return replace(self.made.order, out=out)

    @torch.no_grad()
    def ready(self, out: Path) -> PreparedFinetune:
        for parameter, first in zip(self.made.learned.parameters, self._before, strict=True):
            parameter.copy_(first)
            parameter.grad = None
        return replace(self.made, order=self.order(out))

    def finetune(self, out: Path, progress: Progress | None = None) -> FinetuneConfig:
        asked = self.order(out)
        if finished(asked):
            tidy(asked)
        else:
            finetune(self.ready(out), progress)
        return asked
