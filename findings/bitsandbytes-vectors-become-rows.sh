#!/usr/bin/env bash
# Library: bitsandbytes 0.50.2 (with torch 2.13.0, on a CPU).
#
# Behaviour: on a CPU, `dequantize_4bit(*quantize_4bit(vector))` gives a row [1, n] in place of the vector [n], if n is even; of an
# odd n it gives the vector. The state that it is given says the shape, [n]. Nothing fails at once: a row broadcasts where a vector
# was, its length is 1, and its last 64 numbers are all of it. `dequantize_blockwise` keeps the shape, and so do four bits
# of tensors of two and three axes.
#
# Source: bitsandbytes/backends/cpu/ops.py, the kernel of "bitsandbytes::dequantize_4bit": `if len(shape) == 1: shape = (1, shape[0])`,
# and the result has that shape; odd lengths are computed elsewhere (`shape_fallback`).
#
# Output seen (shape that was quantised, shape that came back):
#   4 bits: [64] -> [1, 64], [65] -> [65], [4, 64] -> [4, 64], [2, 2, 64] -> [2, 2, 64]
#   8 bits: [64] -> [64], [65] -> [65], [4, 64] -> [4, 64], [2, 2, 64] -> [2, 2, 64]
#
# Guess: the shape that was quantised. Not tried for itself: met while a guess on blocks of zeros was, which holds.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 bitsandbytes==0.50.2 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch
from bitsandbytes import functional

SHAPES = ([64], [65], [4, 64], [2, 2, 64])
WAYS = {
    "4 bits": (functional.quantize_4bit, functional.dequantize_4bit),
    "8 bits": (functional.quantize_blockwise, functional.dequantize_blockwise),
}
EXPECTED = {"4 bits": [[1, 64], [65], [4, 64], [2, 2, 64]], "8 bits": [list(shape) for shape in SHAPES]}

seen = {}
for name, (there, back) in WAYS.items():
    seen[name] = [list(back(*there(torch.ones(shape))).shape) for shape in SHAPES]
    print(f"{name}: {', '.join(f'{shape} -> {found}' for shape, found in zip(SHAPES, seen[name], strict=True))}")
if seen != EXPECTED:
    sys.exit("changed: bitsandbytes no longer does what the head of this script says")
PYTHON
