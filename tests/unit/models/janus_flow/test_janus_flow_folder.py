"""The model's checkpoint and its pixel autoencoder's, wherever the latter is."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_janus, tiny_janus_flow
from unispect.core.errors import CheckpointError
from unispect.models.janus_flow.folder import load, save, start
from unispect.models.janus_flow.model import JanusFlow
from unispect.models.registry import load as load_by_name


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `save` leaves it: one file for everything."""
    return tiny_janus_flow.write_checkpoint(tmp_path_factory.mktemp("single"))


@pytest.fixture
def apart(single: Path, tmp_path: Path) -> Path:
    """As published: the model's file, and a folder for the pixel autoencoder."""
    folder = Path(shutil.copytree(single, tmp_path / "models" / "flow"))
    weights = load_file(folder / "model.safetensors")
    save_file({key: value for key, value in weights.items() if key[:4] != "vae."}, folder / "model.safetensors")
    pixels = {key[4:]: value for key, value in weights.items() if key[:4] == "vae."}
    save_file(pixels, folder / "sdxl-vae" / "diffusion_pytorch_model.safetensors")
    return folder


def opened(folder: Path) -> JanusFlow:
    return load(tiny_janus_flow.TINY, folder, device="cpu")


def same(one: JanusFlow, other: JanusFlow) -> bool:
    theirs = dict(other.network.named_parameters())
    return all(torch.equal(ours, theirs.pop(name)) for name, ours in one.network.named_parameters()) and not theirs


def test_the_autoencoder_is_found_in_the_folder_and_beside_it(single: Path, apart: Path):
    inside = opened(apart)
    (apart / "sdxl-vae").rename(apart.parent / "sdxl-vae")
    beside = opened(apart)
    assert same(inside, opened(single))
    assert same(beside, inside)
    assert beside.card.revision == inside.card.revision


def test_another_autoencoder_is_another_revision(apart: Path):
    before = opened(apart).card.revision
    file = apart / "sdxl-vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["quant_conv.bias"] += 1
    save_file(weights, file)
    after = opened(apart).card.revision
    assert before.split("+")[0] == after.split("+")[0]
    assert before != after


def test_files_beside_the_published_autoencoder_do_not_matter(apart: Path):
    """Its repository also holds the same weights in another layout."""
    file = apart / "sdxl-vae" / "diffusion_pytorch_model.safetensors"
    save_file({"first_stage.weight": torch.ones(1)}, file.with_name("sdxl_vae.safetensors"))
    opened(apart)


def test_a_missing_autoencoder_is_explained(apart: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    shutil.rmtree(apart / "sdxl-vae")
    with pytest.raises(CheckpointError, match=r"stabilityai/sdxl-vae.*as folder 'sdxl-vae'"):
        opened(apart)


def test_damage_to_the_autoencoder_names_its_file(apart: Path):
    file = apart / "sdxl-vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["decoder.conv_in.bias"]
    save_file(weights, file)
    with pytest.raises(CheckpointError, match=r"vae\.decoder\.conv_in\.bias"):
        opened(apart)
    save_file({**load_file(file), "decoder.conv_in.bias": torch.ones(3)}, file)
    with pytest.raises(CheckpointError, match=r"diffusion_pytorch_model\.safetensors.*decoder\.conv_in\.bias"):
        opened(apart)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="diffusion_pytorch_model"):
        opened(apart)


def test_a_single_file_needs_the_autoencoder_s_sizes(single: Path, tmp_path: Path):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    shutil.rmtree(folder / "sdxl-vae")
    with pytest.raises(CheckpointError, match=r"sdxl-vae/config\.json"):
        opened(folder)


def test_starting_is_seeded_and_saving_gives_it_back(tmp_path: Path):
    folder = tiny_janus_flow.write_files(tmp_path)
    one, again, other = (start(tiny_janus_flow.TINY, folder, seed=seed) for seed in (1, 1, 2))
    assert same(one, again)
    assert not torch.equal(one.network.language_model.lm_head.weight, other.network.language_model.lm_head.weight)
    assert not torch.equal(one.network.language_model.lm_head.weight, one.backbone.embed_tokens.weight)
    assert one.card.parameters == round(sum(p.numel() for p in one.network.parameters()) / 1e6, 3)
    save(one, folder / "model.safetensors")
    assert same(opened(folder), one)
    save(one, folder / "model.safetensors", dtype=torch.float16)
    halved = opened(folder)
    for (name, ours), theirs in zip(one.network.named_parameters(), halved.network.parameters(), strict=True):
        assert torch.equal(ours.half().float(), theirs), name


def test_starting_leaves_the_global_generator_alone(tmp_path: Path):
    folder = tiny_janus_flow.write_files(tmp_path)
    before = torch.random.get_rng_state()
    start(tiny_janus_flow.TINY, folder, seed=3)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [("processor_config.json", "num_image_tokens", 17), ("preprocessor_config.json", "image_size", 20)],
)
def test_files_that_contradict_each_other_are_named(single: Path, tmp_path: Path, file: str, key: str, value: int):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**content, key: value}))
    with pytest.raises(CheckpointError, match=key):
        opened(folder)


def test_more_tokens_than_embeddings_are_refused(single: Path, tmp_path: Path):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    content = json.loads((folder / "config.json").read_text())
    content["language_config"]["vocab_size"] = 200
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="200"):
        opened(folder)


def test_each_family_names_the_other(single: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"janusflow-1\.3b"):
        load_by_name("janus-pro-1b", single, device="cpu")
    pro = tiny_janus.write_checkpoint(tmp_path / "pro")
    with pytest.raises(CheckpointError, match="janus-pro"):
        load_by_name("janusflow-1.3b", pro, device="cpu")


def test_it_loads_by_name(single: Path):
    model = load_by_name(f"janusflow-1.3b={single}", device="cpu")
    assert isinstance(model, JanusFlow)
    assert (model.card.image_size, model.card.image_tokens) == (16, 16)
