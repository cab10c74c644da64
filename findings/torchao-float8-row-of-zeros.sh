#!/usr/bin/env bash
# Library: torchao 0.18.0 (with torch 2.13.0, on a CPU).
#
# Behaviour: `Float8WeightOnlyConfig` makes NaN of a row of zeros. A layer that was initialised with zeros, or one from which rows
# were pruned, is valid and common; after `quantize_` its stored numbers and its dequantised weights are NaN, without an
# error or a warning. The integers of the same package keep zeros.
#
# Source: torchao/quantization/quant_primitives.py, `_choose_scale_float8`: `scale = max_abs / quant_max`, with a floor only where
# `hp_value_lb` is given; the row is then divided by it.
#
# Output seen (weights after dequantising, one row of zeros and one of ones):
#   Float8Tensor: [nan, 1.0]
#   Int8Tensor: [0.0, 0.9960784912109375]
#
# Guess: zeros stay zeros in either.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/main.py" <<'PYTHON'
import math
import sys

import torch
from torch import nn
from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, quantize_

seen = {}
for config in (Float8WeightOnlyConfig(), Int8WeightOnlyConfig(version=2)):
    model = nn.Sequential(nn.Linear(64, 2, bias=False))
    model[0].weight.data[0], model[0].weight.data[1] = 0, 1
    quantize_(model, config)
    name = type(model[0].weight).__name__
    seen[name] = model[0].weight.dequantize()[:, 0].tolist()
    print(f"{name}: {seen[name]}")
if not (math.isnan(seen["Float8Tensor"][0]) and seen["Float8Tensor"][1] == 1 and seen["Int8Tensor"][0] == 0):
    sys.exit("changed: torchao no longer does what the head of this script says")
PYTHON

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 torchao==0.18.0 numpy==2.4.6
# torchao says on standard error which of its GPU libraries it cannot load, which is meant.
"$folder/venv/bin/python" "$folder/main.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
