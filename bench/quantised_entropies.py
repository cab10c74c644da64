"""Whether quantising weights moves entropies: `encoding` on an organism and on copies of it, prompt by prompt.

    PYTHONPATH=src python bench/quantised_entropies.py [--model NAME...] [--limit N] [--repeats N]

Linear layers that stand in a row of layers are stored in 8-bit floats with a scale per row, in NF4 and in INT8 as
bitsandbytes does. A prompt's number is its entropy in bits, mean over layers and templates; how far a copy's lies from
the organism's is what is told. As any two models are, each is measured at bandwidths of its own and on rows drawn by
seeds of its own, so that it is measured several times; the interval of 95 % is over prompts and times (variances of
their means added, degrees of freedom by Welch and Satterthwaite). `itself` is the organism again by other seeds.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))

from load import QUANTISED

import unispect
from unispect.core.typed import read_payload
from unispect.models.taught import WEIGHTS, Taught
from unispect.organisms.shipped import folder_of
from unispect.runs import RunStore
from unispect.studies.encoding.records import Trajectory
from unispect.train.folder import Bound, Whole, write_bound

ITSELF = "itself"
CURVE = {"paper": "content", "controlled": "value"}

Levels = Mapping[tuple[str, str], np.ndarray]
"""Preset and modality -> [times, prompts], entropy in bits."""


def write(name: str, folder: Path) -> None:
    """An organism as a folder of whole weights in float32."""
    model: Any = unispect.load(name, device="cpu", dtype="float32")
    network = Whole(model.network.state_dict(), model.network.config)
    folder.mkdir()
    taught = Taught(name, name, "", model.card.taught, 0, 0)
    write_bound(Bound(model.card, network, folder_of(model.card), torch.float32), folder, taught)


def quantise(file: Path, kind: str) -> float:
    """Stores linear layers in a kind; which share of all numbers they are."""
    tensors = load_file(file)
    chosen = {key: value for key, value in tensors.items() if value.ndim == 2 and ".layers." in key}
    share = sum(value.numel() for value in chosen.values()) / sum(value.numel() for value in tensors.values())
    for key, value in chosen.items():
        tensors |= QUANTISED[kind](key, value.half() if kind == "int8" else value)
    save_file(tensors, file)
    return share


def levels(model: str, out: Path, limit: int, seeds: range) -> Levels:
    """What `encoding` measures of every prompt that has rows enough, once for every seed."""
    times = defaultdict(list)
    for seed in seeds:
        options = unispect.Options(limit=limit, seeds=(seed,))
        unispect.run("encoding", model, out / str(seed), options=options, device="cpu", dtype="float32")
        found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        with RunStore.open(out / str(seed)) as store:
            for unit, record in ((entry.unit, entry.record) for entry in store.entries()):
                if unit.kind != "trajectory" or (left := read_payload(Trajectory, record)).left_out:
                    continue
                preset, modality, prompt = (
                    str(one) for one in (unit.settings["preset"], unit.inputs["modality"], unit.inputs["id"])
                )
                found[preset, modality][prompt].append(float(np.mean(left.curves[CURVE[preset]])))
        for key, prompts in found.items():
            times[key].append([np.mean(prompts[prompt]) for prompt in sorted(prompts)])
    return {key: np.array(each) for key, each in times.items()}


def half_width(moved: np.ndarray) -> float:
    """Of the interval of 95 % around the mean of [times, prompts]."""
    parts = [(stats.sem(moved.mean(axis)) ** 2, moved.shape[1 - axis] - 1) for axis in (0, 1)]
    whole = sum(part for part, _ in parts)
    if not whole:
        return 0.0
    freedom = whole**2 / sum(part**2 / own for part, own in parts)
    return float(stats.t.ppf(0.975, freedom) * whole**0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["tiny-janus-pro-fluent", "tiny-bagel-fluent"])
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| organism | copy | quantised | preset, prompts | entropy | moved by | one prompt, at most |")
    print(f"|{'---|' * 7}", flush=True)
    for name in args.model:
        with tempfile.TemporaryDirectory() as place:
            usual: Levels = {}
            for number, kind in enumerate(("", ITSELF, *QUANTISED)):
                folder = Path(place) / str(number)
                write(name, folder)
                share = quantise(folder / WEIGHTS, kind) if kind in QUANTISED else 0
                first = args.repeats * (kind == ITSELF)
                seeds = range(first, first + args.repeats)
                found = levels(f"{name}={folder}", folder / "run", args.limit, seeds)
                usual = usual or found
                for (preset, modality), before in sorted(usual.items()) if kind else ():
                    moved = found[preset, modality] - before
                    mean, half = moved.mean(), half_width(moved)
                    print(
                        f"| {name} | {kind} | {share:.0%} | {preset}, {moved.shape[1]} {modality} "
                        f"| {before.mean():.3f} | {mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}] "
                        f"| {abs(moved.mean(0)).max():.4f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
