#!/usr/bin/env bash
# Library: diffusers 0.42.1 (with torch 2.13.0).
#
# Behaviour: `FlowMatchEulerDiscreteScheduler.set_timesteps(sigmas=...)`, "custom values for sigmas to be used for each diffusion
# step", does not use them: the scheduler's shift is applied to them first. So sigmas that one scheduler shows, given to another of
# the same settings, become others. Where none are given, the end of the range is shifted twice: the last sigma is
# neither 1/1000, where times end, nor that shifted.
#
# Source: diffusers/schedulers/scheduling_flow_match_euler_discrete.py: `__init__` shifts `sigmas` and keeps their ends as `sigma_max`
# and `sigma_min`; `set_timesteps` spaces times between these, or takes the given sigmas, and in both cases runs
# `sigmas = self.shift * sigmas / (1 + (self.shift - 1) * sigmas)`.
#
# Output seen (shift 3, four steps):
#   given 1, 0.75, 0.5, 0.25: used 1.0000, 0.9000, 0.7500, 0.5000
#   its own: 1.0000, 0.8577, 0.6022, 0.0089; 1/1000 shifted once is 0.0030
#   its own, given to another: 1.0000, 0.9476, 0.8195, 0.0263
#   shift 1, given 1, 0.75, 0.5, 0.25: used 1.0000, 0.7500, 0.5000, 0.2500
#
# Guess: sigmas that are given are those that are used (noted before the first run). Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import sys

from diffusers import FlowMatchEulerDiscreteScheduler

GIVEN = [1.0, 0.75, 0.5, 0.25]
STEPS = len(GIVEN)
EXPECTED = {
    "given 1, 0.75, 0.5, 0.25: used": [1.0, 0.9, 0.75, 0.5],
    "its own:": [1.0, 0.8577, 0.6022, 0.0089],
    "its own, given to another:": [1.0, 0.9476, 0.8195, 0.0263],
    "shift 1, given 1, 0.75, 0.5, 0.25: used": GIVEN,
}


def sigmas(shift, **how):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(**how)
    return scheduler.sigmas[:STEPS].tolist()


own = sigmas(3.0, num_inference_steps=STEPS)
runs = [sigmas(3.0, sigmas=GIVEN), own, sigmas(3.0, sigmas=own), sigmas(1.0, sigmas=GIVEN)]
seen = dict(zip(EXPECTED, runs, strict=True))
for name, found in seen.items():
    once = 3 / 1000 / (1 + 2 / 1000)
    note = f"; 1/1000 shifted once is {once:.4f}" if name == "its own:" else ""
    print(f"{name} {', '.join(f'{one:.4f}' for one in found)}{note}")
if any(abs(a - b) > 1e-4 for name, found in seen.items() for a, b in zip(found, EXPECTED[name], strict=True)):
    sys.exit("changed: diffusers no longer does what the head of this script says")
PYTHON
