"""Everything that has weights: a stock backbone over bytes, image tokens and open positions, with a head for each."""

import torch
from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaModel

from . import image_tokenizer
from .config import Config


class Network(nn.Module):
    """The network of sizes."""

    # REPLACE: your parts. unispect fills them from a checkpoint by the table in keys.py; a backbone of transformers
    # (Llama, Qwen2, Phi) is streamed layer by layer as it is.

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.backbone.hidden_size
        self.config = config
        self.backbone = LlamaModel(config.backbone)
        self.text_head = nn.Linear(width, int(config.backbone.vocab_size), bias=False)
        self.image_in = nn.Embedding(config.codes + 1, width)
        self.image_head = nn.Linear(width, config.codes, bias=False)
        self.image_tokenizer = image_tokenizer.ImageTokenizer(config.codes, config.patch)

    def canvas_rows(self, tokens: Tensor) -> Tensor:
        """Input embeddings [..., width] of image tokens [...], -1 where a position is open: the last of the table."""
        return self.image_in(torch.where(tokens < 0, self.config.codes, tokens))

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone sees of pictures [pictures, 3, side, side]: [pictures, positions, width]."""
        # REPLACE: the vision tower and its aligner, where pictures are seen by one.
        return self.image_in(self.image_tokenizer.encode(pixels))


def initialise(network: Network) -> None:
    """Draws first weights where those of the stock classes do not serve."""
    image_tokenizer.initialise(network.image_tokenizer)
