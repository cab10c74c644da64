#!/usr/bin/env bash
# Library: peft 0.21.2 (with torch 2.13.0 and transformers 5.23.0).
#
# Behaviour: `PeftModel.from_pretrained` warns of modules for which the adapter's file holds no tensors, and says nothing, at any
# level, of tensors in the file for which there is no module. An adapter whose configuration names one module of the two that
# its file has tensors for is loaded in half, without a word: a merged, edited or mismatched `adapter_config.json` changes
# what a published adapter does.
#
# Source: peft/peft_model.py, `PeftModel.from_pretrained`: of what `load_adapter` returns, `missing_keys` become a warning;
# `unexpected_keys` are not read.
#
# Output seen:
#   a module without tensors: 1 warning; adapted: one, two
#   tensors without a module: 0 warnings; adapted: one
#
# Guess: a warning that names them, as for modules without tensors (noted before the first run). Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 peft==0.21.2 transformers==5.23.0 numpy==2.4.6

"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import logging
import sys
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

EXPECTED = {"a module without tensors": (1, ["one", "two"]), "tensors without a module": (0, ["one"])}
folder = Path(sys.argv[1])


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(rows))


for name, modules in {"half": ["one"], "whole": ["one", "two"]}.items():
    get_peft_model(Network(), LoraConfig(r=2, target_modules=modules)).save_pretrained(str(folder / name))

seen = {}
for what, config, tensors in (
    ("a module without tensors", "whole", "half"),
    ("tensors without a module", "half", "whole"),
):
    place = folder / what.replace(" ", "-")
    place.mkdir()
    (place / "adapter_config.json").write_bytes((folder / config / "adapter_config.json").read_bytes())
    (place / "adapter_model.safetensors").write_bytes((folder / tensors / "adapter_model.safetensors").read_bytes())
    logged = []
    handler = logging.Handler()
    handler.emit = logged.append
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(Network(), str(place))
    logging.getLogger().removeHandler(handler)
    told = [one for one in heard if "adapter" in str(one.message)] + [one for one in logged if "two" in one.getMessage()]
    adapted = sorted({name.split(".")[2] for name, _ in model.named_parameters() if ".lora_" in name})
    seen[what] = (len(told), adapted)
    print(f"{what}: {len(told)} warning{'' if len(told) == 1 else 's'}; adapted: {', '.join(adapted)}")
if seen != EXPECTED:
    sys.exit("changed: peft no longer does what the head of this script says")
PYTHON
