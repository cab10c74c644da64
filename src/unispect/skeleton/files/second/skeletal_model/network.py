"""Everything that has weights: a stock backbone that reads and writes, and a transformer that draws and hears it."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaModel

from .autoencoder import CHANNELS, Autoencoder
from .config import Config
from .times import TimeEmbedding


class LatentRows(nn.Module):
    """From latents to rows, with where they stand.

    Args:
        positions: of a picture.
        width: of a row.
    """

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.rows = nn.Linear(CHANNELS, width)
        self.positions = nn.Embedding(positions, width)

    def forward(self, latents: Tensor) -> Tensor:
        """Rows [pictures, positions, width] of latents [pictures, channels, rows, columns]."""
        return self.rows(latents.flatten(2).transpose(1, 2)) + self.positions.weight


class Drawer(nn.Module):
    """A transformer over what was said of a picture and its latents, all of which see each other.

    Args:
        config: sizes.
    """

    # REPLACE: your diffusion transformer, as long as `stream` gives the output of its blocks one after the other.

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, heads = int(config.backbone.hidden_size), int(config.backbone.num_attention_heads)
        self.said = nn.Linear(width, width)
        self.drawn = LatentRows(config.side**2, width)
        self.time = TimeEmbedding(width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(width)

    def stream(self, states: Tensor, latents: Tensor, moment: Tensor) -> Iterator[Tensor]:
        """The input of the first block, then the output of every block [length + positions, width], of one picture.

        Args:
            states: of its prompt [length, width], the language model's final ones.
            latents: [channels, rows, columns].
            moment: their time in 0..1, without an axis.
        """
        rows = torch.cat([self.said(states), self.drawn(latents[None])[0]])
        hidden = (rows + self.time(moment[None]))[None]
        yield hidden[0]
        for block in self.blocks:
            hidden = block(hidden)
            yield hidden[0]


class Network(nn.Module):
    """The network of sizes."""

    # REPLACE: your parts. unispect fills them from a checkpoint by the table in keys.py; a backbone of transformers
    # (Llama, Qwen2, Phi) is streamed layer by layer as it is.

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = int(config.backbone.hidden_size)
        self.config = config
        self.backbone = LlamaModel(config.backbone)
        self.text_head = nn.Linear(width, int(config.backbone.vocab_size), bias=False)
        self.image_in = LatentRows(config.side**2, width)
        self.drawer = Drawer(config)
        self.image_head = nn.Linear(width, CHANNELS, bias=False)
        self.image_tokenizer = Autoencoder(config.patch)

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone sees of pictures [pictures, 3, side, side]: [pictures, positions, width]."""
        # REPLACE: the vision tower and its aligner.
        return self.image_in(self.image_tokenizer.encode(pixels))

    def velocity(self, states: Tensor, latents: Tensor, moment: Tensor) -> Tensor:
        """Velocity [channels, rows, columns], float32, of the latents of one picture; see `Drawer.stream`."""
        *_, last = self.drawer.stream(states, latents, moment)
        drawn = self.drawer.norm(last[len(states) :])
        return self.image_head(drawn).T.unflatten(1, latents.shape[1:]).float()


def initialise(network: Network) -> None:
    """Draws first weights where those of the stock classes do not serve: nowhere."""
