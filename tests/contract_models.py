"""The models that the contract suite runs on: a name and how to make one at tiny random scale, without any download.

A new family adds one line here.
"""

from collections.abc import Callable
from pathlib import Path

import tiny_bagel
import tiny_harmon
import tiny_janus
import tiny_janus_flow
import tiny_omnigen2
import tiny_show_o
import tiny_show_o2

import unispect
from unispect.models.bagel.folder import load as load_bagel
from unispect.models.base import UnifiedModel
from unispect.models.harmon.folder import load as load_harmon
from unispect.models.janus_flow.folder import load as load_janus_flow
from unispect.models.janus_pro.folder import load
from unispect.models.omnigen2.folder import load as load_omnigen2
from unispect.models.show_o.folder import load as load_show_o
from unispect.models.show_o2.folder import load as load_show_o2
from unispect.organisms.families import SHIPPED


def janus_pro(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_janus.write_checkpoint(folder)
    return load(tiny_janus.TINY, folder, device=device, dtype=dtype)


def harmon(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_harmon.write_checkpoint(folder)
    return load_harmon(tiny_harmon.TINY, folder, device=device, dtype=dtype)


def janus_flow(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_janus_flow.write_checkpoint(folder)
    return load_janus_flow(tiny_janus_flow.TINY, folder, device=device, dtype=dtype)


def show_o2(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_show_o2.write_checkpoint(folder)
    return load_show_o2(tiny_show_o2.TINY, folder, device=device, dtype=dtype)


def show_o(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_show_o.write_checkpoint(folder)
    return load_show_o(tiny_show_o.TINY, folder, device=device, dtype=dtype)


def show_o_clip(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_show_o.write_checkpoint(folder, clip=True)
    return load_show_o(tiny_show_o.TINY, folder, device=device, dtype=dtype)


def omnigen2(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_omnigen2.write_checkpoint(folder)
    return load_omnigen2(tiny_omnigen2.TINY, folder, device=device, dtype=dtype)


def bagel(folder: Path, dtype: str, device: str = "cpu") -> UnifiedModel:
    if not folder.exists():
        tiny_bagel.write_checkpoint(folder)
    return load_bagel(tiny_bagel.TINY, folder, device=device, dtype=dtype)


def organism(name: str) -> Callable[..., UnifiedModel]:
    """A shipped one, which has real weights and needs no folder."""
    return lambda _, dtype, device="cpu": unispect.load(name, device=device, dtype=dtype)


MODELS: dict[str, Callable[..., UnifiedModel]] = {
    "janus-pro": janus_pro,
    "harmon": harmon,
    "janus-flow": janus_flow,
    "show-o": show_o,
    "show-o-clip-vit": show_o_clip,
    "show-o2": show_o2,
    "bagel": bagel,
    "omnigen2": omnigen2,
    **{family.organism: organism(family.organism) for family in SHIPPED.values()},
}
"""Name -> (folder for its files, dtype[, device]) -> model."""
