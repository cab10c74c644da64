#!/usr/bin/env bash
# Library: Pillow 13.0.0 (the files are written by tifffile 2026.3.3).
#
# Behaviour: a grey TIFF may say that its zero is white (tag 262, PhotometricInterpretation, is 0). Pillow inverts such a file
# of 8 bits on opening. One of 16 bits is opened as it is stored, so it comes out as a negative, without a warning, if its
# bytes are in little-endian order; in big-endian order it is not opened at all. Saving has the same border: with
# `tiffinfo={262: 0}` Pillow inverts 8 bits before writing, and writes 16 bits as they are under a tag that turns them over.
#
# Source: PIL/TiffImagePlugin.py: `OPEN_INFO` has ("L", "L;I"), I for inverted, for 8 bits, ("I;16", "I;16") for 16 bits in
# order II with 0 just as with 1, and no entry in order MM with 0; `_save` inverts modes "1" and "L" alone. Pull request 5655 of
# python-pillow/Pillow, which brought the writing, speaks of these two modes only.
#
# Output seen:
#   opened  uint8  II: L     [255, 205, 55]
#   opened  uint8  MM: L     [255, 205, 55]
#   opened  uint16 II: I;16  [0, 50, 200]
#   opened  uint16 MM: UnidentifiedImageError
#   written uint8  : [255, 205, 55]
#   written uint16 : [0, 50, 200]
#
# Guess: 16 bits are inverted as 8 bits are ([65535, 65485, 65335]), in either order of bytes. Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

STORED = [0, 50, 200]
EXPECTED = {
    "opened  uint8  II": "L     [255, 205, 55]",
    "opened  uint8  MM": "L     [255, 205, 55]",
    "opened  uint16 II": "I;16  [0, 50, 200]",
    "opened  uint16 MM": "UnidentifiedImageError",
    "written uint8  ": "[255, 205, 55]",
    "written uint16 ": "[0, 50, 200]",
}

seen = {}
for kind in ("uint8", "uint16"):
    for order, name in (("<", "II"), (">", "MM")):
        file = io.BytesIO()
        tifffile.imwrite(file, np.array([STORED], kind), photometric="miniswhite", byteorder=order)
        file.seek(0)
        try:
            picture = Image.open(file)
            assert picture.tag_v2[262] == 0
            result = f"{picture.mode:5} {np.asarray(picture)[0].tolist()}"
        except UnidentifiedImageError:
            result = "UnidentifiedImageError"
        seen[f"opened  {kind:6} {name}"] = result
for kind in ("uint8", "uint16"):
    file = io.BytesIO()
    Image.fromarray(np.array([STORED], kind)).save(file, "TIFF", tiffinfo={262: 0})
    file.seek(0)
    with tifffile.TiffFile(file) as written:
        assert written.pages[0].photometric == 0
        seen[f"written {kind:6} "] = str(written.asarray()[0].tolist())

for name, result in seen.items():
    print(f"{name}: {result}")
if seen != EXPECTED:
    sys.exit("changed: Pillow no longer does what the head of this script says")
PYTHON
