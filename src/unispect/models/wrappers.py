"""What training code wraps around a model, as it shows in names of tensors: `module.`, `_orig_mod.` and their like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

INNER = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Parts of names that compiling, sharding and checkpointing put anywhere; no model has parts of these names."""
_DEEPEST = 4
"""Parts in front of a name that wrappers may make up."""
WRAPPERS = ("module.", "model.diffusion_model.", "base_model.model.", "model.", "diffusion_model.")
"""What stands in front of names of a network even where parts published apart lie beside it without: DDP and DeepSpeed,
ComfyUI, PEFT, and scripts that wrap a model."""


def without_inner_wrappers(key: str) -> str:
    """A name without the parts that wrappers put in anywhere."""
    parts = key.split(".")
    kept = [part for part in parts if part not in INNER]
    return key if len(kept) == len(parts) else ".".join(kept)


def common_start(keys: Iterable[str]) -> str:
    """The dotted parts with which all of several names begin, with a dot behind; empty where there are none."""
    split = [key.split(".")[:-1] for key in keys]
    shared: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "".join(f"{part}." for part in shared)


def wrapper_of(keys: Sequence[str], known: Sequence[str]) -> str:
    """What stands in front of names and has to go for some of them to begin as a published name does.

    That is what all names begin with, or one of `WRAPPERS`, which not all need.

    Args:
        keys: names of all tensors.
        known: beginnings of published names, of which a whole set holds at least one.

    Returns:
        It, with a dot behind; empty where nothing has to go, or nothing that goes would help.
    """
    if not keys or any(key.startswith(tuple(known)) for key in keys):
        return ""
    parts = common_start(keys).split(".")[:-1]
    for depth in range(1, min(len(parts), _DEEPEST) + 1):
        start = "".join(f"{part}." for part in parts[:depth])
        if any(key.startswith(tuple(start + own for own in known)) for key in keys):
            return start
    for start in WRAPPERS:
        if any(key.startswith(tuple(start + own for own in known)) for key in keys):
            return start if len({key.removeprefix(start) for key in keys}) == len(set(keys)) else ""
    return ""
