"""A small VQ tokenizer for the pictures of the concept world, trained from scratch.

The network is the stock Janus VQ model; this module only trains it. Latents and codebook live on the unit sphere, as
the published quantiser has them (Janus-Pro FACTS, section 5). Two phases: a plain autoencoder first, then the codebook
is set by spherical k-means on its latents and everything learns together. Without the first phase most codes die.

The encoder is kept local: a code sees its own patch and nothing else. A free encoder spreads what it knows over
neighbouring codes, the same patch gets another code in every combination, and the model that draws learns pictures by
heart instead of learning what the words mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.janus.modeling_janus import JanusVQVAE

from unispect.train.gradients import WORKERS, add_gradients, workers

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called with stage, step, steps, and running values."""


@dataclass(frozen=True)
class VQTraining:
    """How the tokenizer is trained; steps are optimiser steps."""

    autoencoder_steps: int = 300
    quantised_steps: int = 700
    batch: int = 8
    learning_rate: float = 2e-3
    commitment: float = 0.25
    kmeans_rounds: int = 12


def latents(vq: JanusVQVAE, pixels: Tensor) -> Tensor:
    """Unit-length latents [batch, 8, h, w] of pictures [batch, 3, H, W] in [-1, 1]."""
    return F.normalize(vq.quant_conv(vq.encoder(pixels)), dim=1)


def nearest_codes(vq: JanusVQVAE, latent: Tensor) -> Tensor:
    """Code numbers [batch, h*w] in raster order, by cosine."""
    codebook = F.normalize(vq.quantize.embedding.weight, dim=1)
    flat = latent.permute(0, 2, 3, 1).flatten(1, 2)
    return (flat @ codebook.T).argmax(-1)


def decode_latents(vq: JanusVQVAE, latent: Tensor) -> Tensor:
    return vq.decoder(vq.post_quant_conv(latent))


def picture_loss(drawn: Tensor, pixels: Tensor) -> Tensor:
    """Absolute plus squared error: the first keeps edges sharp, the second keeps colours.

    The black shape and its rim count five times: they are a tenth of the picture and carry one of its four attributes.
    """
    black = (pixels.amax(1, keepdim=True) < 0).float()
    weight = 1 + 4 * F.max_pool2d(black, 5, stride=1, padding=2)
    error = drawn - pixels
    return (weight * (error.abs() + error.square())).mean()


def _batches(count: int, batch: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    queue = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(queue) < batch:
            queue = torch.cat([queue, torch.randperm(count, generator=generator)])
        yield queue[:batch]
        queue = queue[batch:]


def _spherical_kmeans(points: Tensor, start: Tensor, rounds: int, generator: torch.Generator) -> Tensor:
    centres = start.clone()
    for _ in range(rounds):
        similarity, owner = (points @ centres.T).max(1)
        sums = torch.zeros_like(centres).index_add_(0, owner, points)
        empty = torch.bincount(owner, minlength=len(centres)) == 0
        # An empty cluster moves to one of the worst served points.
        worst = similarity.topk(max(int(empty.sum()) * 4, 1), largest=False).indices
        pick = worst[torch.randperm(len(worst), generator=generator)[: int(empty.sum())]]
        centres = F.normalize(sums, dim=1)
        centres[empty] = points[pick]
    return centres


def train_vq(
    vq: JanusVQVAE, pixels: Tensor, how: VQTraining, generator: torch.Generator, progress: Progress | None = None
) -> None:
    """Trains `vq` in place on pictures [count, 3, H, W] in [-1, 1]."""
    start_weights(vq, generator)
    masks = local_masks(vq.encoder)
    _keep_local([(weight, mask * _lost_gain(mask)) for weight, mask in masks])
    vq.train()
    steps = how.autoencoder_steps + how.quantised_steps
    optimiser = torch.optim.AdamW(vq.parameters(), lr=how.learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, how.learning_rate, total_steps=steps, pct_start=0.05)
    parameters = list(vq.parameters())
    with workers() as pool:
        for step, rows in enumerate(_batches(len(pixels), how.batch, steps, generator)):
            if step == how.autoencoder_steps:
                _set_codebook(vq, pixels, how, generator)
            halves = pixels[rows].chunk(WORKERS)
            quantised = step >= how.autoencoder_steps
            optimiser.zero_grad()
            losses = [partial(_loss, vq, half, how, quantised, len(half) / len(rows)) for half in halves]
            loss = sum(add_gradients(pool, parameters, losses))
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            _keep_local(masks)
            schedule.step()
            if progress and (step % 10 == 0 or step == steps - 1):
                progress("picture tokenizer", step + 1, steps, {"loss": loss})
    vq.eval()


def _loss(vq: JanusVQVAE, pixels: Tensor, how: VQTraining, quantised: bool, weight: float) -> Tensor:
    # No cache: cast weights would be shared with the other worker's graph, which is freed on its own.
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        latent = latents(vq, pixels)
        penalty = torch.zeros(())
        if quantised:
            codes = nearest_codes(vq, latent)
            chosen = F.normalize(vq.quantize.embedding(codes), dim=-1).permute(0, 2, 1).reshape(latent.shape)
            penalty = F.mse_loss(chosen, latent.detach()) + how.commitment * F.mse_loss(latent, chosen.detach())
            latent = latent + (chosen - latent).detach()
        drawn = decode_latents(vq, latent)
    return weight * (picture_loss(drawn.float(), pixels) + penalty)


def local_masks(encoder: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weights of the encoder with what may stay of them, so that no code sees beyond its own patch.

    Of a 3x3 map the centre stays; of one that halves the size, which is padded right and below, the upper left 2x2; of
    attention, nothing.
    """
    masks: list[tuple[Tensor, Tensor]] = []
    for name, module in encoder.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        mask = torch.zeros_like(module.weight)
        if module.stride == (2, 2):
            mask[:, :, :2, :2] = 1
        elif not name.endswith("proj_out"):
            mask[:, :, module.kernel_size[0] // 2, module.kernel_size[1] // 2] = 1
        masks.append((module.weight, mask))
    return masks


def _lost_gain(mask: Tensor) -> float:
    """What the weights that stay must be multiplied with to make up for those that go."""
    return float((mask.numel() / mask.sum().clamp(min=1)).sqrt())


@torch.no_grad()
def _keep_local(masks: list[tuple[Tensor, Tensor]]) -> None:
    for weight, mask in masks:
        weight.mul_(mask)


@torch.no_grad()
def start_weights(vq: JanusVQVAE, generator: torch.Generator) -> None:
    """Draws the convolutions anew at unit gain.

    The stock initialisation (normal, 0.02) suits large pre-trained models: here it shrinks the un-normalised skip path
    at every level and training hardly moves.
    """
    for module in vq.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@torch.no_grad()
def _set_codebook(vq: JanusVQVAE, pixels: Tensor, how: VQTraining, generator: torch.Generator) -> None:
    rows = torch.randperm(len(pixels), generator=generator)[:256]
    points = latents(vq, pixels[rows]).permute(0, 2, 3, 1).reshape(-1, vq.quantize.embedding.embedding_dim).float()
    size = vq.quantize.embedding.num_embeddings
    start = points[torch.randperm(len(points), generator=generator)[:size]]
    vq.quantize.embedding.weight.copy_(_spherical_kmeans(points, start, how.kmeans_rounds, generator))


@torch.no_grad()
def encode_pictures(vq: JanusVQVAE, pixels: Tensor, batch: int = 64) -> Tensor:
    """Code numbers [count, tokens] of pictures [count, 3, H, W]."""
    return torch.cat([nearest_codes(vq, latents(vq, chunk)) for chunk in pixels.split(batch)])
