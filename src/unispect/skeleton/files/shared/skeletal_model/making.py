"""A folder with a tiny model of random weights, to begin with: `python -m skeletal_model.making FOLDER`."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from .card import CARD
from .config import TINY_SIZES
from .folder import save, start

TINY = replace(CARD, id="tiny-random-skeletal-model")


def write_files(folder: Path) -> Path:
    """All files of a checkpoint folder but the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(TINY_SIZES, indent=2), "utf-8")
    return folder


def write_checkpoint(folder: Path, *, seed: int = 0, spread: float = 4.0) -> Path:
    """A complete folder; `spread` scales first weights, so that what comes out depends on what goes in."""
    model = start(TINY, write_files(folder), seed=seed)
    for name, parameter in model.network.named_parameters():
        if parameter.ndim == 2 and name.startswith(("backbone.", "text_head.", "image_head.")):
            parameter.data *= spread
    save(model, folder / "model.safetensors")
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m skeletal_model.making FOLDER")
    write_checkpoint(Path(sys.argv[1]))
