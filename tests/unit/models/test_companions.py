"""What is published apart is found in one order: in the folder, in one of its name there or beside it, on the hub."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, files_in, open_checkpoint
from unispect.models.companions import Part, around, companion, holder, with_part

FILE = Part("the decoder", "vae.", ("encoder.",), "owner/decoders", files=("decoder.pth", "decoder.safetensors"))
FOLDER = Part("the tower", "tower.", ("blocks.",), "owner/tower", folder="tower")
EITHER = Part("the decoder", "vae.", ("encoder.",), "owner/decoders", files=("decoder.safetensors",), folder="vae")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "models" / "main"
    put(place / "model.safetensors", **{"layers.0": 0.0})
    return place


def put(path: Path, **values: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.tensor([value]) for name, value in values.items()}, path)
    return path


def value_of(checkpoint: Checkpoint, key: str) -> float:
    return next(float(shard.read(key)) for shard in checkpoint.shards if key in shard.shapes())


def test_a_file_is_looked_for_inside_then_beside_then_on_the_hub(folder: Path):
    beside = put(folder.parent / "decoder.safetensors", **{"encoder.w": 2.0})
    inside = put(folder / "decoder.safetensors", **{"encoder.w": 1.0})
    checkpoint = open_checkpoint(folder / "model.safetensors")
    whole, own = with_part(checkpoint, FILE)
    assert value_of(whole, "vae.encoder.w") == 1
    assert own is None
    inside.unlink()
    whole, _ = with_part(checkpoint, FILE)
    assert value_of(whole, "vae.encoder.w") == 2
    assert whole.revision.count("+") == 1
    beside.unlink()
    with pytest.raises(CheckpointError, match=r"lacks decoder\.pth.*put decoder\.pth of owner/decoders there"):
        with_part(checkpoint, FILE)


def test_a_file_may_be_published_in_a_folder_of_its_own_name(folder: Path):
    part = Part("the decoder", "vae.", ("encoder.",), "owner/home", files=("decoder.safetensors",), home="home")
    put(folder.parent / "decoder.safetensors", **{"encoder.w": 3.0})
    put(folder.parent / "home" / "decoder.safetensors", **{"encoder.w": 2.0})
    checkpoint = open_checkpoint(folder)
    assert value_of(with_part(checkpoint, part)[0], "vae.encoder.w") == 2
    put(folder / "home" / "decoder.safetensors", **{"encoder.w": 1.0})
    assert value_of(with_part(checkpoint, part)[0], "vae.encoder.w") == 1


@pytest.mark.parametrize("configured", [True, False])
def test_a_folder_is_looked_for_inside_and_beside_with_or_without_its_sizes(folder: Path, configured: bool):
    (folder / "tower").mkdir()  # an empty one holds nothing
    put(folder.parent / "tower" / "model.safetensors", **{"blocks.w": 2.0})
    if configured:
        (folder.parent / "tower" / "config.json").write_text("{}")
    whole, own = with_part(open_checkpoint(folder), FOLDER)
    assert value_of(whole, "tower.blocks.w") == 2
    assert own is not None
    assert own.folder == folder.parent / "tower"


def test_a_folder_that_is_nowhere_is_asked_for_by_name(folder: Path):
    with pytest.raises(CheckpointError, match=r"no weights of the tower.*put owner/tower.*as folder 'tower'"):
        with_part(open_checkpoint(folder), FOLDER)


@pytest.mark.parametrize("place", ["decoder.safetensors", "vae/model.safetensors"])
def test_what_a_checkpoint_holds_itself_must_not_stand_beside_it_otherwise(folder: Path, place: str):
    put(folder / "model.safetensors", **{"layers.0": 0.0, "vae.encoder.w": 1.0})
    (folder / "vae").mkdir()
    (folder / "vae" / "config.json").write_text("{}")  # sizes alone are no second set of weights
    checkpoint = open_checkpoint(folder / "model.safetensors")
    assert with_part(checkpoint, EITHER) == (checkpoint, None)
    put(folder / place, **{"encoder.w": 1.0})
    assert with_part(checkpoint, EITHER) == (checkpoint, None)
    put(folder / place, **{"encoder.w": 2.0})
    with pytest.raises(CheckpointError, match=r"the decoder is in .* and they differ in 'vae\.encoder\.w'"):
        with_part(checkpoint, EITHER)


def test_nothing_is_looked_for_where_a_model_is_only_started(folder: Path):
    files = files_in(folder)
    assert with_part(files, FOLDER) == (files, None)


def test_files_are_found_in_the_first_place_that_holds_them(folder: Path):
    assert around(folder, "") == ()
    assert around(folder, "qwen") == (folder / "qwen", folder.parent / "qwen")
    assert holder(around(folder, "qwen"), "tokenizer.json") is None
    (folder.parent / "qwen").mkdir()
    (folder.parent / "qwen" / "tokenizer.json").write_text("{}")
    assert companion(folder, "tokenizer.json", "owner/qwen", around(folder, "qwen")).parent == folder.parent / "qwen"
    (folder / "tokenizer.json").write_text("{}")
    assert companion(folder, "tokenizer.json", "owner/qwen", around(folder, "qwen")).parent == folder
