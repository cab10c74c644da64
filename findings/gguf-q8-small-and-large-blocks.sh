#!/usr/bin/env bash
# Library: gguf 0.19.0 (with numpy 2.4.6).
#
# Behaviour: Q8_0 is thought of as 8 bits of precision whatever the scale of the weights. Its scale is a 16-bit float, so a block of
# numbers around 1e-5 comes back with errors of a tenth of the largest, one around 1e-6 as zeros, one around 1e7 as infinity and NaN,
# without an error or a warning. Q4_0, whose scale is sixteen times as large, keeps the small ones better than Q8_0 does.
#
# Source: gguf/quants.py, `Q8_0.quantize_blocks`: `d = abs(blocks).max(axis=1, keepdims=True) / 127`, stored by
# `d.astype(np.float16)`.
#
# Output seen (largest error over the largest number, of 256 random numbers times a scale):
#   1: Q8_0 0.004, Q4_0 0.062
#   1e-05: Q8_0 0.105, Q4_0 0.061
#   1e-06: Q8_0 1.000, Q4_0 0.119
#   1e+07: Q8_0 nan, Q4_0 nan
#
# Guess (noted before the first run): below 1 % at every scale, since blocks have scales of their own. Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/main.py" <<'PYTHON'
import sys

import gguf
import numpy as np

numbers = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
errors = {}
for scale in (1, 1e-5, 1e-6, 1e7):
    weights = numbers * np.float32(scale)
    for name in ("Q8_0", "Q4_0"):
        kind = gguf.GGMLQuantizationType[name]
        with np.errstate(all="ignore"):
            found = gguf.dequantize(gguf.quantize(weights, kind), kind)
            errors[scale, name] = float(np.abs(found - weights).max() / np.abs(weights).max())
    print(f"{scale:g}: Q8_0 {errors[scale, 'Q8_0']:.3f}, Q4_0 {errors[scale, 'Q4_0']:.3f}")
fine, coarse, gone = (errors[scale, "Q8_0"] for scale in (1, 1e-5, 1e-6))
if not (fine < 0.01 and coarse > errors[1e-5, "Q4_0"] and gone == 1 and not np.isfinite(errors[1e7, "Q8_0"])):
    sys.exit("changed: gguf no longer does what the head of this script says")
PYTHON

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq gguf==0.19.0 numpy==2.4.6
"$folder/venv/bin/python" "$folder/main.py"
