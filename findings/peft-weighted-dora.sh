#!/usr/bin/env bash
# Library: peft 0.21.2 (with torch 2.13.0 and transformers 5.23.0).
#
# Behaviour: `add_weighted_adapter` takes DoRA adapters and leaves out their magnitudes, which are half of what was learned: the
# new adapter says `use_dora`, and has magnitudes of its own that are made anew from the base's weights. Of one adapter with weight 1,
# by any combination type, it does not give that adapter's outputs. No error, no warning. Of LoRA it does.
#
# Source: peft/tuners/lora/model.py, `LoraModel.add_weighted_adapter`: `lora_A`, `lora_B` and the two of embeddings are
# combined; `lora_magnitude_vector` is in none of its lines.
#
# Output seen (the largest difference of outputs is rounding, or as large as what was learned):
#   LoRA: cat as learned, svd as learned, linear as learned; 0 warnings
#   DoRA: cat otherwise, svd otherwise, linear otherwise; 0 warnings
#
# Guess: of one adapter with weight 1, the outputs of that adapter (noted before the first run). Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 peft==0.21.2 transformers==5.23.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import torch
from peft import LoraConfig, get_peft_model
from torch import nn

WAYS = ("cat", "svd", "linear")
EXPECTED = {"LoRA": (["as learned"] * 3, 0), "DoRA": (["otherwise"] * 3, 0)}

seen = {}
for kind in EXPECTED:
    torch.manual_seed(0)
    base = nn.Sequential(nn.Linear(6, 6))
    rows = torch.randn(32, 6)
    wanted = 3 * base(rows).detach()
    config = LoraConfig(r=2, target_modules=["0"], use_dora=kind == "DoRA")
    model = get_peft_model(base, config, adapter_name="learned")
    optimiser = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        (model(rows) - wanted).square().mean().backward()
        optimiser.step()
    with torch.no_grad():
        learned = model(rows)
        with model.disable_adapter():
            moved = float((model(rows) - learned).abs().max())
    found = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for way in WAYS:
            model.add_weighted_adapter(["learned"], [1.0], way, combination_type=way)
            model.set_adapter(way)
            with torch.no_grad():
                apart = float((model(rows) - learned).abs().max()) / moved
            found.append("as learned" if apart < 1e-4 else "otherwise" if apart > 0.1 else f"apart by {apart:.2g}")
            model.set_adapter("learned")
    told = [one for one in heard if "dora" in str(one.message).lower() or "magnitude" in str(one.message).lower()]
    seen[kind] = (found, len(told))
    print(f"{kind}: {', '.join(f'{way} {what}' for way, what in zip(WAYS, found, strict=True))}; {len(told)} warnings")
if seen != EXPECTED:
    sys.exit("changed: peft no longer does what the head of this script says")
PYTHON
