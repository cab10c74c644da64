#!/usr/bin/env bash
# Library: transformers 5.20.0 and 5.24.0 (the processors that need no torchvision; no torch).
#
# Behaviour: within one major version, image processors with `do_convert_rgb` came to give a model other pixels for a transparent
# picture. 5.20.0 drops the alpha channel, so the colour that was stored under a transparent pixel shows (black in many files,
# red here) and half transparent counts as opaque; 5.24.0 lays the picture over white. Scores of one checkpoint on such pictures
# are not comparable across the two, and nothing in the processor's settings says which it was.
#
# Source: transformers/image_transforms.py, `convert_to_rgb`: `image.convert("RGB")` in 5.20.0, `alpha_composite` over white in
# 5.24.0.
#
# Output seen (clear red, half transparent red; first pixel as red, green, blue):
#   5.20.0 CLIPImageProcessorPil: [255, 0, 0] [255, 0, 0]
#   5.20.0 SiglipImageProcessorPil: [255, 0, 0] [255, 0, 0]
#   5.20.0 Qwen2VLImageProcessorPil: [255, 0, 0] [255, 0, 0]
#   5.24.0 CLIPImageProcessorPil: [255, 255, 255] [255, 127, 127]
#   5.24.0 SiglipImageProcessorPil: [255, 255, 255] [255, 127, 127]
#   5.24.0 Qwen2VLImageProcessorPil: [255, 255, 255] [255, 127, 127]
#
# Guess: black behind transparent pixels, as in version 4 (noted before the first run). Missed twice: 5.20.0 puts nothing
# behind, 5.24.0 puts white.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/main.py" <<'PYTHON'
import sys

import numpy as np
import transformers
from PIL import Image

EXPECTED = {
    "5.20.0": [[255, 0, 0], [255, 0, 0]],
    "5.24.0": [[255, 255, 255], [255, 127, 127]],
}[transformers.__version__]
AS_IT_IS = {"do_resize": False, "do_rescale": False, "do_normalize": False, "do_convert_rgb": True}
PROCESSORS = {
    "CLIPImageProcessorPil": {"do_center_crop": False},
    "SiglipImageProcessorPil": {},
    "Qwen2VLImageProcessorPil": {"patch_size": 2, "merge_size": 1, "temporal_patch_size": 1},
}

same = True
for name, settings in PROCESSORS.items():
    processor = getattr(transformers, name)(**AS_IT_IS, **settings)
    pixels = []
    for alpha in (0, 128):
        picture = Image.new("RGBA", (4, 4), (255, 0, 0, alpha))
        values = np.asarray(processor(picture, return_tensors="np")["pixel_values"])
        # [1, colour, height, width], or [patch, colour x height x width] of Qwen2-VL; every pixel is the same.
        pixels.append(values[0].reshape(3, -1)[:, 0].astype(int).tolist())
    print(f"{transformers.__version__} {name}: {pixels[0]} {pixels[1]}")
    same = same and pixels == EXPECTED
if not same:
    sys.exit("changed: transformers no longer does what the head of this script says")
PYTHON

for version in 5.20.0 5.24.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq "transformers==$version" pillow==13.0.0 numpy==2.4.6
    # transformers says on standard error that it found no torch, which is meant.
    "$folder/$version/bin/python" "$folder/main.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
done
