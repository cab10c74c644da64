"""Everything that has weights: a stock backbone over bytes and latents, with a head for each."""

from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaModel

from .autoencoder import CHANNELS, Autoencoder
from .config import Config
from .times import TimeEmbedding


class LatentRows(nn.Module):
    """From latents at a time to input rows of the backbone.

    Args:
        width: of a row.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rows = nn.Linear(CHANNELS, width)
        self.time = TimeEmbedding(width)

    def forward(self, latents: Tensor, times: Tensor) -> Tensor:
        """Rows [pictures, positions, width] of latents [pictures, channels, rows, columns] at times [pictures]."""
        return self.rows(latents.flatten(2).transpose(1, 2)) + self.time(times)[:, None]


class Network(nn.Module):
    """The network of sizes."""

    # REPLACE: your parts. unispect fills them from a checkpoint by the table in keys.py; a backbone of transformers
    # (Llama, Qwen2, Phi) is streamed layer by layer as it is. Where latents pass through weights of their own:
    # models/bagel/backbone.py.

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.backbone.hidden_size
        self.config = config
        self.backbone = LlamaModel(config.backbone)
        self.text_head = nn.Linear(width, int(config.backbone.vocab_size), bias=False)
        self.image_in = LatentRows(width)
        self.image_head = nn.Linear(width, CHANNELS, bias=False)
        self.image_tokenizer = Autoencoder(config.patch)

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone sees of pictures [pictures, 3, side, side]: [pictures, positions, width]."""
        # REPLACE: the vision tower and its aligner, where pictures are seen by one; here, finished latents are seen.
        return self.image_in(self.image_tokenizer.encode(pixels), pixels.new_ones(len(pixels)))


def initialise(network: Network) -> None:
    """Draws first weights where those of the stock classes do not serve: nowhere."""
