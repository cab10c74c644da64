"""The network: Qwen2's backbone between a masked autoencoder's two halves, and a pixel autoencoder around it all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from unispect.models.harmon.config import HarmonConfig
from unispect.models.harmon.mar import Grid, Mar
from unispect.models.harmon.vae import build_vae

_SPREAD = 0.02


class HarmonNetwork(nn.Module):
    """Everything that has weights.

    Attributes:
        llm: the backbone; causal for text and pictures alike.
        lm_head: text logits, where they are not tied to the token embeddings.
        mar: encoder, decoder and diffusion head of latents.
        proj_in: encoder features -> what the backbone reads.
        proj_out: the backbone's final states -> what is added to the features before the decoder.
        vae: between pixels and latents.
    """

    def __init__(self, config: HarmonConfig) -> None:
        super().__init__()
        width, seen = int(config.text.hidden_size), config.mar.encoder.width
        self.config = config
        self.llm = Qwen2Model(config.text)
        self.lm_head = (
            None if config.text.tie_word_embeddings else nn.Linear(width, int(config.text.vocab_size), bias=False)
        )
        self.mar = Mar(config.mar)
        self.proj_in = _projection(seen, width, width)
        self.proj_out = _projection(width, width, seen)
        self.vae = build_vae(config.vae)

    def text_logits(self, states: Tensor) -> Tensor:
        """Logits [..., vocabulary] of final states [..., width]."""
        return F.linear(states, self.llm.embed_tokens.weight) if self.lm_head is None else self.lm_head(states)

    def seen(self, latents: Tensor, positions: Tensor, grid: Grid, real: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features [samples, buffers + visible, width] of visible latents, and what the backbone reads of them.

        The backbone reads the latents first and the buffers behind them.
        """
        features = self.mar.encode(latents, positions, grid, real)
        return features, self.buffers_last(self.proj_in(features))

    def expected(self, features: Tensor, states: Tensor, positions: Tensor, grid: Grid, real: Tensor | None = None):
        """Conditions of the diffusion head [samples, positions, width], from features and the backbone's final
        states.
        """
        return self.mar.decode(features + self.proj_out(self.buffers_first(states)), positions, grid, real)

    def buffers_last(self, rows: Tensor) -> Tensor:
        return torch.cat([rows[:, self.mar.buffers_count :], rows[:, : self.mar.buffers_count]], 1)

    def buffers_first(self, rows: Tensor) -> Tensor:
        count = rows.shape[1] - self.mar.buffers_count
        return torch.cat([rows[:, count:], rows[:, :count]], 1)


def initialise(network: HarmonNetwork) -> None:
    """Draws first weights: matrices and tables are normal with spread 0.02.

    As in the authors' code the diffusion head starts out saying nothing: its gates and its last map are zero.
    """
    mar = network.mar
    for table in (
        mar.fake_latent,
        mar.mask_token,
        mar.encoder_pos_embed_learned,
        mar.decoder_pos_embed_learned,
        mar.diffusion_pos_embed_learned,
    ):
        nn.init.normal_(table, std=_SPREAD)
    for module in (*mar.modules(), *network.proj_in, *network.proj_out):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    mar.head.silence()


def _projection(into: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(into, hidden), nn.SiLU(), nn.Linear(hidden, out))
