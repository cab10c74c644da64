"""Files: published names of tensors, settings that nobody knows, and the entry point."""

import json
from pathlib import Path

import pytest
import torch
import unispect
from safetensors.torch import load_file, save_file
from unispect.models.keys import names_of, target_of
from unispect.models.registry import family_of

from skeletal_model.card import CARD
from skeletal_model.folder import load
from skeletal_model.keys import TABLE
from skeletal_model.making import write_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "weights")


def test_it_is_found_by_its_name(folder: Path):
    """Fails where the package is not installed: pip install -e ."""
    model = unispect.load(f"{CARD.id}={folder}")
    assert model.card.revision
    assert family_of(model.card).load.__module__ == "unispect.models.loading"


def test_weights_stand_under_published_names(folder: Path):
    network = load(CARD, folder, device="cpu", dtype="float32").network.state_dict()
    for key, tensor in load_file(folder / "model.safetensors").items():
        (name,) = names_of(target_of(TABLE, key))
        assert torch.equal(network[name], tensor)


def test_a_tensor_or_a_setting_that_nobody_knows_is_refused(folder: Path):
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "one_more.weight": torch.ones(2)}, folder / "model.safetensors")
    with pytest.raises(unispect.UnispectError, match="one_more"):
        unispect.load(f"{CARD.id}={folder}")
    save_file(weights, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "one_more": 1}), "utf-8")
    with pytest.raises(unispect.UnispectError, match="one_more"):
        unispect.load(f"{CARD.id}={folder}")
