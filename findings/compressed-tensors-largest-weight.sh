#!/usr/bin/env bash
# Library: compressed-tensors 0.20.1 (with torch 2.13.0, on a CPU).
#
# Behaviour: of a row that is quantised to symmetric integers, the largest weight never comes back. In 4 bits a largest weight that is
# positive comes back 0.933 times as large (14/15), in every row; a negative one 1.067 times as large (16/15), or 0.933, by the last
# digit of the scale. So a layer and its negative do not dequantise to each other's negatives, although the numbers are called
# symmetric, and the weights that matter most carry the largest error. In 8 bits the same factors are 0.9961 and 1.0039.
#
# Source: compressed_tensors/quantization/utils/helpers.py, `calculate_qparams`: the scale of symmetric integers is the largest absolute
# value over half of the whole range, 15/2 for 4 bits, so that the largest weight lies at 7.5 or -7.5, between two integers;
# 8 is clamped to 7, and -8 is in range.
#
# Output seen (factor by which the largest weight of 10,000 rows comes back: how many rows):
#   4 bits, largest positive: {0.9333: 10000}
#   4 bits, largest negative: {0.9333: 774, 1.0667: 9226}
#   8 bits, largest positive: {0.9961: 10000}
#   8 bits, largest negative: {0.9961: 1176, 1.0039: 8824}
#
# Guess: the scale is the largest absolute value over 7 (127), so that the largest weight comes back as it was, whatever its sign.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/main.py" <<'PYTHON'
import sys
from collections import Counter

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
from compressed_tensors.quantization.utils import calculate_qparams

torch.manual_seed(0)
weights = torch.randn(10_000, 64)
largest = 1.25 * weights.abs().amax(1)
seen = {}
for bits in (4, 8):
    settings = QuantizationArgs(num_bits=bits, type="int", symmetric=True, strategy="channel")
    for sign, name in ((1, "positive"), (-1, "negative")):
        weights[:, 0] = sign * largest
        least, most = weights.amin(1, keepdim=True), weights.amax(1, keepdim=True)
        scale, zero = calculate_qparams(least, most, settings)
        back = dequantize(quantize(weights, scale, zero, settings), scale, zero, settings)
        factors = Counter(round(value, 4) for value in (back[:, 0] / weights[:, 0]).tolist())
        seen[bits, name] = dict(sorted(factors.items()))
        print(f"{bits} bits, largest {name}: {seen[bits, name]}")
if not (
    set(seen[4, "positive"]) == {0.9333}
    and set(seen[4, "negative"]) == {0.9333, 1.0667}
    and set(seen[8, "positive"]) == {0.9961}
    and set(seen[8, "negative"]) == {0.9961, 1.0039}
):
    sys.exit("changed: compressed-tensors no longer does what the head of this script says")
PYTHON

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 compressed-tensors==0.20.1 transformers==5.23.0 numpy==2.4.6
"$folder/venv/bin/python" "$folder/main.py"
