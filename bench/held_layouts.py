"""In which layouts tiny checkpoints of every family load, by folder, file and hub id: the table of docs/weights.md.

The hub is a stand-in on the loopback. What loads is held to what one file gives, number by number.
"""

import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
import torch

from tests.helpers.checkpoint_layouts import READ, REFUSED, Held
from tests.helpers.loopback_hub import LoopbackHub, loopback_hub
from tests.helpers.odd_checkpoints import FAMILIES
from unispect.core.errors import CheckpointError


@cache
def numbers(family: str, source: Path) -> dict[str, torch.Tensor]:
    """Name of a tensor -> its numbers, of a checkpoint of one file."""
    tiny, load = FAMILIES[family]
    return load(tiny.TINY, source, device="cpu").network.state_dict()


def outcome(family: str, source: str | Path, good: Path) -> str:
    """How loading ends: as one file does, otherwise, or in words."""
    tiny, load = FAMILIES[family]
    try:
        found = load(tiny.TINY, source, device="cpu").network.state_dict()
    except CheckpointError as error:
        return f"refused: {error}"
    same = all(torch.equal(value, found[name]) for name, value in numbers(family, good).items())
    return "loads" if same else "loads other numbers"


def outcomes(family: str, layout: Held, hub: LoopbackHub, into: Path) -> dict[str, str]:
    """Way of naming -> how it ends."""
    good = into / family
    if not good.is_dir():
        FAMILIES[family][0].write_checkpoint(good)
    folder = Path(shutil.copytree(good, into / f"{family}-{len(hub.repositories)}"))
    layout.make(folder)
    name = hub.put(f"owner/{folder.name}", folder)
    sources: dict[str, str | Path] = {"folder": folder, "hub id": name}
    if layout.file:
        sources |= {"file": folder / layout.file, "file on the hub": f"{name}/{layout.file}"}
    found = {way: outcome(family, source, good) for way, source in sources.items()}
    shutil.rmtree(folder)
    return found


def cell(found: dict[str, str]) -> str:
    """One word where all ways end alike."""
    ends = {way: said.partition(":")[0] for way, said in found.items()}
    return next(iter(ends.values())) if len(set(ends.values())) == 1 else str(ends)


def main(families: list[str]) -> None:
    families = families or list(FAMILIES)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        into = Path(place)
        with loopback_hub(patch, into / "cache") as hub:
            print(f"| layout | {' | '.join(families)} | words by folder; by hub id |\n|{'---|' * (len(families) + 2)}")
            for layout in (*READ, *REFUSED):
                rows = {family: outcomes(family, layout, hub, into) for family in families}
                first = rows[families[0]]
                said = [first[way].partition(": ")[2].replace(str(into), "") for way in ("folder", "hub id")]
                words = "; ".join(said) if layout.refused else ""
                print(f"| {layout.name} | {' | '.join(map(cell, rows.values()))} | {words} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
