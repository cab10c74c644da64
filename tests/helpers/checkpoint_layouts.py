"""The layouts in which people hold checkpoints, each made of a family's tiny one, and what loading them ends in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from unispect.models.wrappers import WRAPPERS

Tensors = Mapping[str, Tensor]
WHOLE = "model.safetensors"


@dataclass(frozen=True)
class Held:
    """A layout.

    Attributes:
        name: of it, as it stands in the documentation.
        make: rewrites a folder with one file `model.safetensors`.
        file: name of the file or index that says which weights are meant; empty for none.
        refused: words of the refusal; empty where it is read.
    """

    name: str
    make: Callable[[Path], object]
    file: str = WHOLE
    refused: str = ""


def taken(folder: Path) -> dict[str, Tensor]:
    """The weights of a folder, which then holds none."""
    own = {key: value.clone() for key, value in load_file(folder / WHOLE).items()}
    (folder / WHOLE).unlink()
    return own


def cut(folder: Path, stem: str = "model", suffix: str = ".safetensors", *, index: bool = True) -> None:
    """In two parts, with their index or without."""
    own = taken(folder)
    names = sorted(own)
    parts = {f"{stem}-0000{number}-of-00002{suffix}": names[number - 1 :: 2] for number in (1, 2)}
    for file, keys in parts.items():
        write(folder / file, {key: own[key] for key in keys})
    if index:
        content = {"weight_map": {key: file for file, keys in parts.items() for key in keys}}
        (folder / f"{stem}{suffix}.index.json").write_text(json.dumps(content))


def write(path: Path, tensors: Tensors) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(dict(tensors), path)
    else:
        torch.save(dict(tensors), path)


def named(name: str, start: str = "") -> Callable[[Path], None]:
    """In one file of another name, with something in front of every name of a tensor."""
    return lambda folder: write(folder / name, {start + key: value for key, value in taken(folder).items()})


def wrapped_inside(folder: Path) -> None:
    """As a state of FSDP that was gathered, from a model whose layers were wrapped one by one, and compiled."""
    own = taken(folder).items()
    write(folder / WHOLE, {f"_fsdp_wrapped_module._orig_mod.{_wrapped(key)}": value for key, value in own})


def _wrapped(key: str) -> str:
    first, _, rest = key.partition(".")
    return f"{first}._fsdp_wrapped_module.{rest}" if rest else key


def in_a_training_state(folder: Path) -> None:
    """As a script leaves it: weights under `model`, beside the step."""
    torch.save({"model": {f"module.{key}": value for key, value in taken(folder).items()}, "step": 3}, folder / "x.pth")


def node_of_a_workflow(folder: Path) -> None:
    """The network behind `model.diffusion_model.`, the pixel autoencoder behind its own name."""
    own = taken(folder).items()
    write(folder / WHOLE, {key if key.startswith("vae.") else f"model.diffusion_model.{key}": v for key, v in own})


def littered(folder: Path) -> None:
    """With what trainers, converters and demonstrations leave beside weights."""
    for name in ("optimizer.bin", "training_args.bin", "rng_state_0.pth", "scheduler.pt"):
        torch.save({"state": 1}, folder / name)
    for place in ("checkpoint-500", "demo"):
        write(folder / place / WHOLE, {"x": torch.ones(2)})
    (folder / "model-Q4_K_M.gguf").write_bytes(b"GGUF" + bytes(60))
    (folder / "demo" / "cat.png").write_bytes(b"\x89PNG")


def twice(folder: Path) -> None:
    """The same under two names."""
    shutil.copy(folder / WHOLE, folder / "copy.safetensors")


def tuned_beside(folder: Path) -> None:
    write(folder / "tuned.safetensors", {key: value * 1.5 for key, value in load_file(folder / WHOLE).items()})


def only(*names: str) -> Callable[[Path], None]:
    """No weights, but files of these names."""

    def make(folder: Path) -> None:
        (folder / WHOLE).unlink()
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"GGUF" + bytes(60))

    return make


def deeper(folder: Path) -> None:
    write(folder / "run-a" / WHOLE, taken(folder))


def lost_part(folder: Path) -> None:
    cut(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


READ = (
    Held("one file", lambda folder: None),
    Held("parts with an index", cut, "model.safetensors.index.json"),
    Held("parts without an index", lambda folder: cut(folder, index=False), ""),
    Held("one file of any name", named("mine.safetensors"), "mine.safetensors"),
    Held("`pytorch_model.bin`", named("pytorch_model.bin"), "pytorch_model.bin"),
    Held(
        "`.bin` parts with an index",
        lambda folder: cut(folder, "pytorch_model", ".bin"),
        "pytorch_model.bin.index.json",
    ),
    Held("`model` in a training state, `module.`", in_a_training_state, "x.pth"),
    *(
        Held(f"`{start}` in front", named(WHOLE, start))
        for start in (*WRAPPERS, "_orig_mod.", "module._orig_mod.student.")
    ),
    Held("`model.diffusion_model.` in front of all but `vae.`", node_of_a_workflow),
    Held("FSDP, gathered", wrapped_inside),
    Held("optimiser, checkpoints, GGUF and demo beside", littered),
    Held("the same weights twice", twice),
)
"""Layouts that are read as what one file holds."""
REFUSED = (
    Held("two sets that differ", tuned_beside, "", "could be meant"),
    Held("a part is missing", lost_part, "", "model-00002-of-00002.safetensors"),
    Held("weights in an inner folder", deeper, "", "run-a"),
    Held("an adapter alone", only("adapter_model.safetensors", "adapter_config.json"), "", "adapter"),
    Held("FSDP, not gathered", only(".metadata", "__0_0.distcp"), "", "distcp"),
    Held("no weights", only(), "", "no weights"),
)
"""Layouts that are refused, by folder and by hub id."""


def layouts() -> Iterable[Held]:
    return (*READ, *REFUSED)
