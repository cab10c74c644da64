#!/usr/bin/env bash
# Library: diffusers 0.42.1 (the configuration is written by transformers 5.23.0).
#
# Behaviour: `from_config` ignores a key that the class does not know, with a warning, unless the key is "dtype": it warns that
# this one "will be ignored" too, then passes it on, and `__init__` raises TypeError. transformers 5 writes "dtype" into every
# configuration that has one, so settings of a part that a composite model keeps in a transformers configuration cannot be given
# to `from_config`, for that one key. The name that transformers 4 wrote, "torch_dtype", is ignored as any other.
#
# Source: diffusers/configuration_utils.py, `ConfigMixin.from_config`: after `extract_init_dict`, which warns and returns the
# unknown keys, `init_dict["dtype"] = unused_kwargs.pop("dtype")` runs for every class. It served the Flax models, whose
# `__init__` took a dtype (issue 1323 of huggingface/diffusers), and they are gone. A class of a few lines is used
# here because it needs no torch; `AutoencoderKL` and `DDIMScheduler` of the same version raise the same error.
#
# Output seen (standard error holds the warnings):
#   written by transformers: dtype = bfloat16
#   without "dtype": size 8
#   with "torch_dtype": size 8
#   with "dtype": TypeError: Part.__init__() got an unexpected keyword argument 'dtype'
#
# Guess: "dtype" is ignored with the warning, as every other unknown key. Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq diffusers==0.42.1 transformers==5.23.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import sys

from diffusers.configuration_utils import ConfigMixin, register_to_config
from transformers import PreTrainedConfig

EXPECTED = {
    'without "dtype"': "size 8",
    'with "torch_dtype"': "size 8",
    'with "dtype"': "TypeError: Part.__init__() got an unexpected keyword argument 'dtype'",
}


class Part(ConfigMixin):
    config_name = "config.json"

    @register_to_config
    def __init__(self, size: int = 4) -> None:
        pass


written = PreTrainedConfig(size=8, dtype="bfloat16").to_dict()
print("written by transformers: dtype =", written.get("dtype"))
without = {key: value for key, value in written.items() if key != "dtype"}
assert {"architectures", "model_type", "transformers_version"} <= set(without)

seen = {}
for name, settings in {
    'without "dtype"': without,
    'with "torch_dtype"': {**without, "torch_dtype": "bfloat16"},
    'with "dtype"': written,
}.items():
    try:
        seen[name] = f"size {Part.from_config(settings).config.size}"
    except TypeError as error:
        seen[name] = f"TypeError: {error}"
    print(f"{name}: {seen[name]}")
if written.get("dtype") != "bfloat16" or seen != EXPECTED:
    sys.exit("changed: diffusers or transformers no longer does what the head of this script says")
PYTHON
