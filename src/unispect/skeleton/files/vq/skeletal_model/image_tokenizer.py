"""Between pixels and image tokens: every patch is one colour of a codebook."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ImageTokenizer(nn.Module):
    """The simplest vector quantiser.

    Args:
        codes: of the codebook.
        patch: side of a patch in pixels.
    """

    # REPLACE: your VQ model (an encoder, a codebook and a decoder), with these two methods around it.

    def __init__(self, codes: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.codebook = nn.Embedding(codes, 3)

    def encode(self, pixels: Tensor) -> Tensor:
        """Image tokens [pictures, positions], in raster order, of pixels [pictures, 3, height, width] in -1..1."""
        colours = F.avg_pool2d(pixels.float(), self.patch).flatten(2).transpose(1, 2)
        apart = colours[:, :, None] - self.codebook.weight.float()
        return apart.square().sum(-1).argmin(-1)

    def decode(self, tokens: Tensor) -> Tensor:
        """Pixels [pictures, 3, side, side] in -1..1 of image tokens [pictures, positions] of square pictures."""
        side = round(tokens.shape[1] ** 0.5)
        colours = self.codebook(tokens).transpose(1, 2).unflatten(2, (side, side))
        return colours.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)


def initialise(tokenizer: ImageTokenizer) -> None:
    """Draws a first codebook."""
    with torch.no_grad():
        tokenizer.codebook.weight.uniform_(-1, 1)
