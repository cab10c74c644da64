"""Between pixels and latents: the mean colour of every patch."""

from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 3


class Autoencoder(nn.Module):
    """The simplest pixel autoencoder; it has no weights.

    Args:
        patch: side of a patch in pixels.
    """

    # REPLACE: your autoencoder (`AutoencoderKL` of diffusers, say), with these two methods around it and its scale and
    # shift in them. What is published apart from the model is a `Part` (unispect.models.companions).

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, rows, columns] of pixels [pictures, 3, height, width] in -1..1."""
        return F.avg_pool2d(pixels, self.patch)

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of latents [pictures, channels, rows, columns]."""
        return latents.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)
