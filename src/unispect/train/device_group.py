"""The processes that train together: one, several with a copy each, or several that hold the model together.

Which it is, is decided by how the command was started (`accelerate launch`). With a copy each, gradients are added up
once per optimiser step, exactly: nothing is averaged that has to be a sum.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn

from unispect.core.errors import UsageError, unknown
from unispect.train.layouts import COPIES, TOGETHER, Layout
from unispect.train.recipe import Recipe

_TOGETHER = (DistributedType.FSDP, DistributedType.DEEPSPEED)
_BUCKET = 2**26
"""Numbers that are sent at a time."""


@dataclass(frozen=True)
class DeviceGroup:
    """This process among those that train.

    Attributes:
        accelerator: what they were started by.
        accumulation: pieces that each works on per optimiser step.
        mixed: computations are in bfloat16.
    """

    accelerator: Accelerator
    accumulation: int = 1
    mixed: bool = False

    @property
    def rank(self) -> int:
        return self.accelerator.process_index

    @property
    def size(self) -> int:
        return self.accelerator.num_processes

    @property
    def here(self) -> int:
        """Processes on this machine."""
        return int(os.environ.get("LOCAL_WORLD_SIZE", self.size))

    @property
    def main(self) -> bool:
        return self.accelerator.is_main_process

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def together(self) -> bool:
        """The processes hold one model together."""
        return self.accelerator.distributed_type in _TOGETHER

    @property
    def layout(self) -> Layout:
        """What the processes hold together."""
        if not self.together:
            return COPIES
        plugin = self.accelerator.state.deepspeed_plugin
        if self.accelerator.distributed_type != DistributedType.DEEPSPEED or plugin is None:
            return TOGETHER["fsdp"]
        return TOGETHER["zero3" if plugin.zero_stage == 3 else "zero2"]

    def track(self, title: str, facts: Mapping[str, Any]) -> None:
        """Begins to tell the tracker, if there is one: what is trained, in a word, and what it rests on."""
        if self.accelerator.log_with:
            self.accelerator.init_trackers(title, config={name: _flat(value) for name, value in facts.items()})

    def log(self, seen: Mapping[str, Any], step: int) -> None:
        """Tells the tracker, if there is one, what a step saw."""
        if self.accelerator.log_with:
            self.accelerator.log({name: value for name, value in seen.items() if value is not None}, step=step)

    def end(self) -> None:
        """What the tracker was told is written."""
        if self.accelerator.log_with:
            self.accelerator.end_training()

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()

    def precision(self) -> AbstractContextManager[Any]:
        # Those that hold a model together are told their precision by how they were started.
        if self.mixed and not self.together:
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def prepare(self, learner: nn.Module, optimisers: list[torch.optim.Optimizer], piece: int):
        """The learner and its optimisers, cut up among the processes where they hold the model together."""
        if not self.together:
            return learner, optimisers
        plugin = self.accelerator.state.deepspeed_plugin
        if self.accelerator.distributed_type == DistributedType.DEEPSPEED and plugin is not None:
            plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = piece
            plugin.deepspeed_config["gradient_accumulation_steps"] = self.accumulation
        self.accelerator.gradient_accumulation_steps = self.accumulation
        learner, *rest = self.accelerator.prepare(learner, *optimisers)
        return learner, rest

    def work(self, learner: nn.Module) -> AbstractContextManager[Any]:
        """Around a piece's forward and backward pass."""
        return self.accelerator.accumulate(learner) if self.together else nullcontext()

    def backward(self, loss: Tensor) -> None:
        if self.together:  # there, gradients are averaged over processes and pieces
            self.accelerator.backward(loss * self.size * self.accumulation)
        elif loss.requires_grad:
            loss.backward()

    def clip(self, parameters: Sequence[nn.Parameter], largest: float) -> Tensor | None:
        """The norm of the gradients of the whole step, which are then no longer than `largest`."""
        if self.together:
            return self.accelerator.clip_grad_norm_(parameters, largest)  # pyright: ignore
        self._add_gradients(parameters)
        return nn.utils.clip_grad_norm_(parameters, largest)

    def any(self, here: bool) -> bool:
        """It is so in one of the processes, all of which have to ask."""
        return bool(self.sum(torch.tensor([float(here)], device=self.device)))

    def sum(self, values: Tensor) -> Tensor:
        """The values of all processes added up."""
        if self.size == 1:
            return values
        found = self.accelerator.reduce(values, reduction="sum")
        assert isinstance(found, Tensor)
        return found

    def _add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        if self.size == 1:
            return
        # A parameter that no process used keeps having no gradient, as with one process.
        used = self.sum(torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)) > 0
        some = [parameter for parameter, one in zip(parameters, used.tolist(), strict=True) if one]
        bucket: list[nn.Parameter] = []
        for parameter in some:
            bucket.append(parameter)
            if sum(own.numel() for own in bucket) >= _BUCKET:
                self._add(bucket)
                bucket = []
        if bucket:
            self._add(bucket)

    def _add(self, bucket: Sequence[nn.Parameter]) -> None:
        flat = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in bucket])
        parts = self.sum(flat).split([p.numel() for p in bucket])
        for parameter, part in zip(bucket, parts, strict=True):
            parameter.grad = part.view_as(parameter).clone()

    def save(self, folder: Path) -> None:
        """What processes that hold the model together go on from, into a folder."""
        self.accelerator.save_state(str(folder))

    def restore(self, folder: Path) -> None:
        self.accelerator.load_state(str(folder))

    def whole(self, learner: nn.Module) -> dict[str, Tensor] | None:
        """The network's tensors, put together; None where the network here is whole."""
        if not self.together:
            return None
        state: dict[str, Any] = self.accelerator.get_state_dict(learner) or {}
        return {name.removeprefix("network."): tensor for name, tensor in state.items()}


def require_tracker(name: str) -> None:
    """Returns if the tracker can be used.

    Raises:
        UsageError: there is no such tracker, or its package is not installed.
    """
    if name not in TRACKERS:
        raise unknown("tracker", name, TRACKERS)
    if not any(map(find_spec, TRACKERS[name])):
        raise UsageError(f"--log {name} needs the package {TRACKERS[name][0]}: pip install {TRACKERS[name][0]}")


TRACKERS = {"tensorboard": ("tensorboard", "tensorboardX"), "trackio": ("trackio",), "wandb": ("wandb",)}
"""Where a training's numbers can also go -> packages one of which it needs."""


def _flat(value: Any) -> Any:
    """As trackers take values of what a training rests on."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def assemble(device: str, recipe: Recipe, tracker: str = "", folder: Path | None = None) -> DeviceGroup:
    """The processes that were started, and how a batch is shared out among them.

    Args:
        device: "auto", "cpu" or "cuda".
        recipe: what is learned and how.
        tracker: a name of `TRACKERS`, which is told what every step saw; empty for none.
        folder: of what a tracker writes here.

    Raises:
        UsageError: there is no such device or tracker, a tracker's package is not installed, or the batch cannot be
            shared out evenly.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(
            f"unknown device {device!r} for training; use auto, cpu or cuda ('accelerate launch' for several)"
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here; use auto or cpu")
    if tracker:
        require_tracker(tracker)
    accelerator = Accelerator(cpu=device == "cpu", log_with=tracker or None, project_dir=folder)
    group = DeviceGroup(accelerator, 1, recipe.precision == "bfloat16")
    each = recipe.micro_batch * group.size
    if recipe.batch % each:
        raise UsageError(
            f"a batch of {recipe.batch} cannot be shared out: {recipe.micro_batch} per device x {group.size} devices = "
            f"{each} does not divide it; change 'batch' or 'micro_batch'"
        )
    if group.together and recipe.optimiser == "muon":
        raise UsageError("muon needs whole matrices; set 'optimiser' to adamw where devices hold a model together")
    return DeviceGroup(accelerator, recipe.batch // each, group.mixed)
