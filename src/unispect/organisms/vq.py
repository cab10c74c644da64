"""A small VQ tokenizer for the pictures of the concept world, trained from scratch.

The network is the stock Janus VQ model; this module only trains it. Latents and codebook live on the unit sphere, as
the published quantiser has them (docs/sources/janus-pro.md#quantiser). Two phases: a plain autoencoder first, then the
codebook is set by spherical k-means on its latents and everything learns together. Without the first phase most codes
die.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.models.janus.modeling_janus import JanusVQVAE

from unispect.organisms.autoencoder import QuantiserTraining, picture_loss, train_quantiser


@dataclass(frozen=True)
class VQTraining(QuantiserTraining):
    """How the tokenizer is trained.

    Attributes:
        commitment: weight of the squared distance between latents and their codes.
        kmeans_rounds: of the search for the codebook.
    """

    commitment: float = 0.25
    kmeans_rounds: int = 12


def train_vq(vq: JanusVQVAE, pixels: Tensor, how: VQTraining, *rest: Any) -> None:
    """See `train_quantiser`."""
    train_quantiser(vq, _loss, _set_codebook, pixels, how, *rest)


def latents(vq: JanusVQVAE, pixels: Tensor) -> Tensor:
    """Unit-length latents [batch, 8, h, w] of pictures [batch, 3, H, W] in [-1, 1]."""
    return F.normalize(vq.quant_conv(vq.encoder(pixels)), dim=1)


def nearest_codes(vq: JanusVQVAE, latent: Tensor) -> Tensor:
    """Code numbers [batch, h*w] in raster order, by cosine."""
    codebook = F.normalize(vq.quantize.embedding.weight, dim=1)
    flat = latent.permute(0, 2, 3, 1).flatten(1, 2)
    return (flat @ codebook.T).argmax(-1)


def _loss(vq: JanusVQVAE, how: VQTraining, pixels: Tensor, step: int, _: torch.Generator) -> Tensor:
    # No cache: cast weights would be shared with the other worker's graph, which is freed on its own.
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        latent = latents(vq, pixels)
        penalty = torch.zeros(())
        if step >= how.autoencoder_steps:
            codes = nearest_codes(vq, latent)
            chosen = F.normalize(vq.quantize.embedding(codes), dim=-1).permute(0, 2, 1).reshape(latent.shape)
            penalty = F.mse_loss(chosen, latent.detach()) + how.commitment * F.mse_loss(latent, chosen.detach())
            latent = latent + (chosen - latent).detach()
        drawn = vq.decoder(vq.post_quant_conv(latent))
    return picture_loss(drawn.float(), pixels) + penalty


@torch.no_grad()
def _set_codebook(vq: JanusVQVAE, pixels: Tensor, how: VQTraining, generator: torch.Generator) -> None:
    rows = torch.randperm(len(pixels), generator=generator)[:256]
    points = latents(vq, pixels[rows]).permute(0, 2, 3, 1).reshape(-1, vq.quantize.embedding.embedding_dim).float()
    size = vq.quantize.embedding.num_embeddings
    start = points[torch.randperm(len(points), generator=generator)[:size]]
    vq.quantize.embedding.weight.copy_(_spherical_kmeans(points, start, how.kmeans_rounds, generator))


def _spherical_kmeans(points: Tensor, start: Tensor, rounds: int, generator: torch.Generator) -> Tensor:
    centres = start.clone()
    for _ in range(rounds):
        similarity, owner = (points @ centres.T).max(1)
        sums = torch.zeros_like(centres).index_add_(0, owner, points)
        empty = torch.bincount(owner, minlength=len(centres)) == 0
        # An empty cluster moves to one of the worst served points.
        worst = similarity.topk(min(len(points), max(int(empty.sum()) * 4, 1)), largest=False).indices
        pick = worst[torch.randperm(len(worst), generator=generator)[: int(empty.sum())]]
        centres = F.normalize(sums, dim=1)
        centres[empty] = points[pick]
    return centres
