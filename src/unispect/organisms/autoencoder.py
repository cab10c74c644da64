"""Training of what stands between pixels and image tokens or latents, shared by the organisms' picture tokenizers.

The encoder is kept local: a code or latent sees its own patch and nothing else. A free encoder spreads what it knows
over its neighbours, the same patch gets another code in every combination, and the model that draws learns pictures by
heart instead of learning what the words mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unispect.core.seeds import seed_for
from unispect.train.gradients import WORKERS, add_gradients, workers
from unispect.train.loop import Progress
from unispect.train.state import load_state, save_state

Loss = Callable[[Tensor, int, torch.Generator], Tensor]
"""Mean loss of pictures [batch, 3, H, W] at a step counted from 0, with the generator of its noise."""
Coder = TypeVar("Coder", bound=nn.Module)
Trained = TypeVar("Trained", bound="QuantiserTraining")
STAGE = "picture tokenizer"
EVERY = 100
"""Steps between states to go on from."""
_ATTENTION = ("proj_out", "attentions.0.proj")
"""How the names of convolutions end that bring in what attention found."""


@dataclass
class _RowOrder:
    """Which pictures come next: all of them in a random order, then all of them in another.

    Attributes:
        count: of pictures.
        generator: of the orders.
        waiting: numbers of those that are left of the last order.
    """

    count: int
    generator: torch.Generator
    waiting: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))

    def next(self, batch: int) -> Tensor:
        while len(self.waiting) < batch:
            self.waiting = torch.cat([self.waiting, torch.randperm(self.count, generator=self.generator)])
        rows, self.waiting = self.waiting[:batch], self.waiting[batch:]
        return rows

    def state(self) -> dict[str, Tensor]:
        return {"waiting": self.waiting.clone(), "generator": self.generator.get_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.waiting = state["waiting"]
        self.generator.set_state(state["generator"])


def train_autoencoder(
    network: nn.Module,
    encoder: nn.Module,
    loss: Loss,
    pixels: Tensor,
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    generator: torch.Generator,
    progress: Progress | None = None,
    at: Mapping[int, Callable[[], None]] | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Trains `network` in place on pictures [count, 3, H, W] in [-1, 1], from convolutions drawn anew.

    With `checkpoint`, everything that decides the rest is saved there every `EVERY` steps, and a training that was
    stopped goes on from the last save, to the same bytes.

    Args:
        network: everything that learns.
        encoder: the part of it that is kept local.
        loss: of pictures, at a step.
        pixels: the pictures to learn from.
        steps: optimiser steps.
        batch: pictures per step.
        learning_rate: the highest, after a short warm-up.
        generator: of everything random.
        progress: told now and then how far it is.
        at: what else to do before a step.
        checkpoint: where to go on from.

    Raises:
        CheckpointError: the saved state is damaged, or of another training.
    """
    start_convolutions(network, generator)
    masks = local_masks(encoder)
    _keep_local([(weight, mask * _lost_gain(weight, mask)) for weight, mask in masks])
    network.train()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=0.05)
    row_order = _RowOrder(len(pixels), generator)
    whole = list(network.state_dict().values())
    saved = load_state(checkpoint, whole, [optimiser], STAGE) if checkpoint else None
    if saved:
        schedule.load_state_dict(saved["schedule"])
        row_order.restore(saved["lot"])
    start: int = saved["step"] if saved else 0
    if progress:
        progress(STAGE, start, steps, {})
    with workers() as pool:
        for step in range(start, steps):
            rows = row_order.next(batch)
            if at and step in at:
                at[step]()
            optimiser.zero_grad()
            losses = [
                partial(_share, loss, pixels[part], step, seed_for(STAGE, step, index), len(part) / len(rows))
                for index, part in enumerate(rows.chunk(WORKERS))
            ]
            value = sum(add_gradients(pool, parameters, losses))
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            _keep_local(masks)
            schedule.step()
            if progress and (step % 10 == 9 or step == steps - 1):
                progress(STAGE, step + 1, steps, {"loss": value})
            if checkpoint and ((step + 1) % EVERY == 0 or step == steps - 1):
                more = {"schedule": schedule.state_dict(), "lot": row_order.state()}
                save_state(checkpoint, whole, [optimiser], STAGE, step + 1, more)
    network.eval()


@dataclass(frozen=True)
class QuantiserTraining:
    """How a tokenizer of codes is trained: as a plain autoencoder first, then with its latents quantised.

    Attributes:
        autoencoder_steps: optimiser steps without quantisation.
        quantised_steps: optimiser steps with it.
        batch: pictures per step.
        learning_rate: the highest.
    """

    autoencoder_steps: int = 300
    quantised_steps: int = 700
    batch: int = 8
    learning_rate: float = 2e-3


def train_quantiser(
    vq: Coder,
    loss: Callable[[Coder, Trained, Tensor, int, torch.Generator], Tensor],
    begin: Callable[[Coder, Tensor, Trained, torch.Generator], None],
    pixels: Tensor,
    how: Trained,
    generator: torch.Generator,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Trains `vq` in place on pictures [count, 3, H, W] in [-1, 1]; continues from `checkpoint` if it was stopped.

    Args:
        vq: has an `encoder`.
        loss: `loss(vq, how, pixels, step, generator)`.
        begin: `begin(vq, pixels, how, generator)`, done before the first quantised step.
        pixels: the pictures to learn from.
        how: steps and rate.
        generator: of everything random.
        progress: told now and then how far it is.
        checkpoint: where to go on from.
    """
    train_autoencoder(
        vq,
        vq.get_submodule("encoder"),
        partial(loss, vq, how),
        pixels,
        steps=how.autoencoder_steps + how.quantised_steps,
        batch=how.batch,
        learning_rate=how.learning_rate,
        generator=generator,
        progress=progress,
        at={how.autoencoder_steps: partial(begin, vq, pixels, how, generator)},
        checkpoint=checkpoint,
    )


def picture_loss(drawn: Tensor, pixels: Tensor) -> Tensor:
    """Absolute plus squared error: the first keeps edges sharp, the second keeps colours.

    The black shape and its rim count five times: they are a tenth of the picture and carry one of its four attributes.
    """
    black = (pixels.amax(1, keepdim=True) < 0).float()
    weight = 1 + 4 * F.max_pool2d(black, 5, stride=1, padding=2)
    error = drawn - pixels
    return (weight * (error.abs() + error.square())).mean()


def local_masks(encoder: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weights of the encoder with what may stay of them, so that no code sees beyond its own patch.

    Of a 3x3 map the centre stays; of one that halves the size, which is padded right and below, the upper left 2x2; of
    attention, nothing. Of a map that also looks back in time, only the present stays.
    """
    masks: list[tuple[Tensor, Tensor]] = []
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Linear) and ".to_out." in name:
            masks.append((module.weight, torch.zeros_like(module.weight)))
        if not isinstance(module, (nn.Conv2d, nn.Conv3d)):
            continue
        mask = torch.zeros_like(module.weight)
        now = _present(mask)
        if module.stride == (2, 2):
            now[:, :, :2, :2] = 1
        elif not name.endswith(_ATTENTION):
            now[:, :, now.shape[2] // 2, now.shape[3] // 2] = 1
        masks.append((module.weight, mask))
    return masks


@torch.no_grad()
def start_convolutions(network: nn.Module, generator: torch.Generator) -> None:
    """Draws the convolutions anew at unit gain.

    The stock initialisation (normal, 0.02) suits large pre-trained models: here it shrinks the un-normalised skip path
    at every level and training hardly moves. Of what looks back in time, the past starts, and stays, at zero: pictures
    have none.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.zeros_(module.weight)
            nn.init.kaiming_normal_(_present(module.weight), nonlinearity="linear", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _share(loss: Loss, pixels: Tensor, step: int, seed: int, weight: float) -> Tensor:
    return weight * loss(pixels, step, torch.Generator().manual_seed(seed))


def _present(weight: Tensor) -> Tensor:
    """The kernel [out, in, height, width] of a convolution that also looks back in time, for its newest frame."""
    return weight if weight.dim() == 4 else weight[:, :, -1]


def _lost_gain(weight: Tensor, mask: Tensor) -> float:
    """What the weights that stay must be multiplied with to make up for those that go."""
    return float((weight.count_nonzero() / mask.sum().clamp(min=1)).sqrt())


@torch.no_grad()
def _keep_local(masks: list[tuple[Tensor, Tensor]]) -> None:
    for weight, mask in masks:
        weight.mul_(mask)
