"""A small lookup-free quantiser for the pictures of the concept world, trained from scratch.

The network is the family's own (`models.show_o.magvit`); this module only trains it. A code is the signs of the
latents' channels, so there is no codebook to place. Two phases: a plain autoencoder first; then its latents are turned
such that their signs keep as much of them as they can (iterative quantisation: Gong and Lazebnik, 2011), and everything
learns together, with signs in the forward pass and the gradient passed straight through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.show_o.magvit import Magvit
from unispect.organisms.autoencoder import QuantiserTraining, picture_loss, train_quantiser


@dataclass(frozen=True)
class LFQTraining(QuantiserTraining):
    """How the tokenizer is trained.

    Attributes:
        commitment: weight of the squared distance between latents and their signs.
        balance: weight of the squared mean of every sign, which keeps all of them in use.
        noise: standard deviation of what is added to latents before they are quantised.
        rounds: of the search for the turn.
    """

    commitment: float = 0.1
    balance: float = 0.1
    noise: float = 0.1
    rounds: int = 30


def train_lfq(vq: Magvit, pixels: Tensor, how: LFQTraining, *rest: Any) -> None:
    """See `train_quantiser`."""
    train_quantiser(vq, _loss, _turn, pixels, how, *rest)


def _loss(vq: Magvit, how: LFQTraining, pixels: Tensor, step: int, generator: torch.Generator) -> Tensor:
    # No cache: cast weights would be shared with the other worker's graph, which is freed on its own.
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        latent = vq.encoder(pixels)
        penalty = torch.zeros(())
        if step < how.autoencoder_steps:
            latent = latent + how.noise * torch.randn(latent.shape, generator=generator)
            penalty = 0.01 * latent.float().square().mean()
        else:
            signs = torch.where(latent > 0, 1.0, -1.0)
            mean = latent.float().clamp(-1, 1).mean((0, 2, 3))
            penalty = how.commitment * F.mse_loss(latent.float(), signs) + how.balance * mean.square().mean()
            latent = latent + (signs - latent).detach()
        drawn = vq.decoder(latent)
    return picture_loss(drawn.float(), pixels) + penalty


@torch.no_grad()
def _turn(vq: Magvit, pixels: Tensor, how: LFQTraining, generator: torch.Generator) -> None:
    """Moves a shift and a linear map into the maps around the latents, such that signs are close to latents.

    Latents are brought to mean zero and unit spread in every direction, then turned; the decoder undoes both, so that
    only quantisation itself changes what is drawn.
    """
    rows = torch.randperm(len(pixels), generator=generator)[:256]
    points = torch.cat([vq.encoder(part) for part in pixels[rows].split(64)]).permute(0, 2, 3, 1).flatten(0, 2).double()
    centre = points.mean(0)
    values, axes = torch.linalg.eigh(torch.cov((points - centre).T))
    spread = values.clamp_min(1e-6).sqrt()
    white = (points - centre) @ axes / spread
    start = torch.randn(vq.bits, vq.bits, generator=generator, dtype=torch.float64)
    turn = torch.linalg.qr(start).Q
    for _ in range(how.rounds):
        left, _, right = torch.linalg.svd(torch.where(white @ turn > 0, 1.0, -1.0).double().T @ white)
        turn = (left @ right).T
    into = ((axes / spread) @ turn).T  # latents -> turned
    back = (axes * spread) @ turn  # turned -> latents, before the shift
    conv, undo = vq.encoder.quant_conv, vq.decoder.post_quant_conv
    weight, bias = conv.weight[:, :, 0, 0].double(), conv.bias.double()  # type: ignore[union-attr]
    conv.weight.copy_((into @ weight)[..., None, None])
    conv.bias.copy_(into @ (bias - centre))  # type: ignore[union-attr]
    weight = undo.weight[:, :, 0, 0].double()
    undo.bias.add_(weight @ centre)  # type: ignore[union-attr]
    undo.weight.copy_((weight @ back)[..., None, None])
