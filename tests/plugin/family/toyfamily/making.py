"""A folder with a toy of random weights, to begin with."""

import json
from dataclasses import replace
from pathlib import Path

from .card import CARD
from .folder import save, start

TINY = replace(CARD, id="tiny-random-toy")
SIZES = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}


def write_files(folder: Path) -> Path:
    """All files of a checkpoint folder but the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    language = {**SIZES, "max_position_embeddings": 512}
    content = {"model_type": "toy", "image_size": 16, "patch_size": 4, "language_config": language}
    (folder / "config.json").write_text(json.dumps(content), "utf-8")
    return folder


def write_checkpoint(folder: Path, *, seed: int = 0, spread: float = 4.0) -> Path:
    """A complete folder; `spread` scales the first weights, so that what comes out depends on what goes in."""
    model = start(TINY, write_files(folder), seed=seed)
    for parameter in model.network.parameters():
        if parameter.ndim == 2:
            parameter.data *= spread
    save(model, folder / "model.safetensors")
    return folder
