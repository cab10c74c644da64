#!/usr/bin/env bash
# Library: transformers 5.23.0 (with torch 2.13.0 and pillow 13.0.0).
#
# Behaviour: `Emu3ImageProcessor` pads the pictures of a batch with zeros to one size, and `Emu3VQVAE.encode` tokenises
# them padded and cuts the tokens of the padding out behind. Group norms take their means over the padding too, and
# attention and convolutions see it, so a picture beside a larger one has other image tokens than alone: what the model is
# shown of a picture depends on what else is in the batch. Beside one of its own size it has the same.
#
# Source: transformers/models/emu3/image_processing_emu3.py, `_pad_for_batching`; modeling_emu3.py, `Emu3VQVAE.encode`.
#
# Output seen:
#   alone: 1.00 of the image tokens are those of the picture alone
#   beside one of its size: 1.00 of the image tokens are those of the picture alone
#   beside a larger one: 0.41 of the image tokens are those of the picture alone
#   (26 different tokens of 120)
#
# Guess: the same tokens up to rounding, since `image_sizes` says what is padding (noted before the first run, and before the
# method was read). Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 transformers==5.23.0 pillow==13.0.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import torch
from PIL import Image
from transformers.models.emu3.configuration_emu3 import Emu3VQVAEConfig
from transformers.models.emu3.image_processing_emu3 import Emu3ImageProcessor
from transformers.models.emu3.modeling_emu3 import Emu3VQVAE

torch.manual_seed(0)
sizes = {"base_channels": 32, "channel_multiplier": [1, 1, 1, 1], "num_res_blocks": 1, "hidden_size": 32}
tokenizer = Emu3VQVAE(Emu3VQVAEConfig(**sizes, codebook_size=64, attn_resolutions=[])).eval()
# Random weights leave latents where few codes are near: these are spread as latents are.
tokenizer.quantize.embedding.weight.data *= 0.3
processor = Emu3ImageProcessor(min_pixels=64 * 64, max_pixels=256 * 256)


def picture(width: int, height: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def tokens(*pictures: Image.Image) -> torch.Tensor:
    """Image tokens of the first of the pictures."""
    inputs = processor(list(pictures), return_tensors="pt")
    with torch.no_grad():
        return tokenizer.encode(inputs["pixel_values"], inputs["image_sizes"]).image_tokens[0]


first = picture(96, 80, 1)
alone = tokens(first)
seen = {
    "alone": tokens(first),
    "beside one of its size": tokens(first, picture(96, 80, 2)),
    "beside a larger one": tokens(first, picture(160, 128, 3)),
}
shares = {name: float((own == alone).float().mean()) for name, own in seen.items()}
for name, share in shares.items():
    print(f"{name}: {share:.2f} of the image tokens are those of the picture alone")
print(f"({len(alone.unique())} different tokens of {alone.numel()})")
if shares["alone"] < 1 or shares["beside one of its size"] < 0.99 or shares["beside a larger one"] > 0.9:
    sys.exit("changed: transformers no longer does what the head of this script says")
PYTHON
