"""The model's checkpoint and its companions, wherever they are."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_janus, tiny_show_o2
from unispect.core.errors import CheckpointError
from unispect.models.registry import load as load_by_name
from unispect.models.show_o2.config import check_family, network_config, wan_config
from unispect.models.show_o2.folder import load, save, start
from unispect.models.show_o2.model import ShowO2


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `save` leaves it: one file for everything."""
    return tiny_show_o2.write_checkpoint(tmp_path_factory.mktemp("single"))


@pytest.fixture
def apart(single: Path, tmp_path: Path) -> Path:
    """As published: the model's file alone, its companions beside it."""
    folder = tmp_path / "models" / "show-o2"
    shutil.copytree(single, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    model = {key: value for key, value in weights.items() if key[:4] != "vae."}
    torch.save(
        {**model, "showo.lm_head.weight": model["showo.model.embed_tokens.weight"]}, folder / "pytorch_model.bin"
    )
    torch.save(
        {key[4:]: value for key, value in weights.items() if key[:4] == "vae."}, folder.parent / "Wan2.1_VAE.pth"
    )
    content = json.loads((folder / "config.json").read_text())
    for section, name in (("llm_config", "tiny-qwen"), ("clip_config", "tiny-siglip")):
        (folder.parent / name).mkdir()
        part = content.pop(section)
        (folder.parent / name / "config.json").write_text(
            json.dumps({"vision_config": part} if "clip" in section else part)
        )
    vae = content.pop("vae_config")
    vae["dim"] = vae.pop("base_dim")
    (folder.parent / "wan_vae_config.json").write_text(json.dumps(vae))
    (folder / "tokenizer.json").rename(folder.parent / "tiny-qwen" / "tokenizer.json")
    content["clip_pretrained_model_path"] = "google/tiny-siglip"
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def opened(folder: Path) -> ShowO2:
    return load(tiny_show_o2.TINY, folder, device="cpu")


def same(one: ShowO2, other: ShowO2) -> bool:
    theirs = dict(other.network.named_parameters())
    return all(torch.equal(ours, theirs.pop(name)) for name, ours in one.network.named_parameters()) and not theirs


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.slow
def test_companions_are_found_beside_the_folder_and_in_it(single: Path, apart: Path):
    beside = opened(apart)
    assert same(beside, opened(single))
    for companion in list(apart.parent.iterdir()):
        if companion != apart:
            companion.rename(apart / companion.name)
    inside = opened(apart)
    assert same(inside, beside)
    assert inside.card.revision.split("+")[1] == beside.card.revision.split("+")[1]


def test_the_autoencoder_of_diffusers_is_taken_too(single: Path, apart: Path):
    vae = opened(single).network.vae
    folder = apart.parent / "vae"
    folder.mkdir()
    save_file(
        {key: value.contiguous() for key, value in vae.state_dict().items()},
        folder / "diffusion_pytorch_model.safetensors",
    )
    sizes = {"_class_name": "AutoencoderKLWan", **json.loads((single / "config.json").read_text())["vae_config"]}
    (folder / "config.json").write_text(json.dumps(sizes))
    (apart.parent / "Wan2.1_VAE.pth").unlink()
    (apart.parent / "wan_vae_config.json").unlink()
    assert same(opened(apart), opened(single))


def test_another_autoencoder_is_another_revision(apart: Path):
    before = opened(apart).card.revision
    file = apart.parent / "Wan2.1_VAE.pth"
    weights = torch.load(file, weights_only=True)
    weights["conv1.bias"] += 1
    torch.save(weights, file)
    after = opened(apart).card.revision
    assert before.split("+")[0] == after.split("+")[0]
    assert before != after


def test_weights_in_parts_are_taken_by_their_index(apart: Path, single: Path):
    weights = torch.load(apart / "pytorch_model.bin", weights_only=True)
    names = sorted(weights)
    parts = {f"pytorch_model-0000{i + 1}-of-00002.bin": names[i::2] for i in range(2)}
    for file, keys in parts.items():
        torch.save({key: weights[key] for key in keys}, apart / file)
    index = {"weight_map": {key: file for file, keys in parts.items() for key in keys}}
    (apart / "diffusion_pytorch_model.bin.index.json").write_text(json.dumps(index))
    (apart / "pytorch_model.bin").unlink()
    assert same(opened(apart), opened(single))


def test_code_in_a_pickle_is_refused(apart: Path):
    class Trick:
        def __reduce__(self) -> tuple:
            return (print, ("run",))

    torch.save({"conv1.bias": Trick()}, apart.parent / "Wan2.1_VAE.pth")
    with pytest.raises(CheckpointError, match=r"Wan2\.1_VAE\.pth is refused"):
        opened(apart)


def test_missing_companions_are_explained(apart: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    tokenizer = apart.parent / "tiny-qwen" / "tokenizer.json"
    tokenizer.rename(apart.parent / "aside.json")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json; put that of tiny-qwen"):
        opened(apart)
    (apart.parent / "aside.json").rename(tokenizer)
    (apart.parent / "tiny-siglip" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="clip_pretrained_model_path is 'google/tiny-siglip'"):
        opened(apart)
    (apart.parent / "Wan2.1_VAE.pth").unlink()
    with pytest.raises(CheckpointError, match=r"Wan2\.1_VAE\.pth of Wan-AI"):
        opened(apart)


def test_damage_names_key_and_file(apart: Path):
    file = apart.parent / "Wan2.1_VAE.pth"
    weights = torch.load(file, weights_only=True)
    del weights["decoder.conv1.bias"]
    torch.save(weights, file)
    with pytest.raises(CheckpointError, match=r"vae\.decoder\.conv1\.bias"):
        opened(apart)
    torch.save({**weights, "decoder.conv1.bias": torch.ones(3)}, file)
    with pytest.raises(CheckpointError, match=r"Wan2\.1_VAE\.pth.*decoder\.conv1\.bias"):
        opened(apart)


def test_a_text_head_that_is_no_copy_is_refused(apart: Path):
    weights = torch.load(apart / "pytorch_model.bin", weights_only=True)
    weights["showo.lm_head.weight"] = weights["showo.lm_head.weight"] + 1
    torch.save(weights, apart / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"showo\.lm_head\.weight.*tied"):
        opened(apart)


@pytest.mark.slow
def test_starting_is_seeded_and_saving_gives_it_back(tmp_path: Path):
    folder = tiny_show_o2.write_files(tmp_path, tied=False)
    one, again, other = (start(tiny_show_o2.TINY, folder, seed=seed) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)
    assert one.network.lm_head is not None
    assert one.card.parameters == round(sum(p.numel() for p in one.network.parameters()) / 1e6, 3)
    save(one, folder / "model.safetensors")
    assert same(opened(folder), one)
    save(one, folder / "model.safetensors", dtype=torch.float16)
    for (name, ours), theirs in zip(one.network.named_parameters(), opened(folder).network.parameters(), strict=True):
        assert torch.equal(ours.half().float(), theirs), name


def test_starting_leaves_the_global_generator_alone(tmp_path: Path):
    folder = tiny_show_o2.write_files(tmp_path)
    before = torch.random.get_rng_state()
    start(tiny_show_o2.TINY, folder, seed=3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_fresh_head_says_nothing(tmp_path: Path):
    model = start(tiny_show_o2.TINY, tiny_show_o2.write_files(tmp_path), seed=0)
    states = torch.randn(1, 5, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not model.network.head(states, torch.ones(1, 32)).any()


def test_no_map_stands_between_equal_widths(tmp_path: Path):
    """The published ones exist because the backbone is not as wide as the head."""
    folder = tiny_show_o2.write_files(tmp_path, hidden=32)
    model = start(tiny_show_o2.TINY, folder, seed=0)
    save(model, folder / "model.safetensors")
    keys = set(load_file(folder / "model.safetensors"))
    assert not any(key.startswith(("diff_proj", "time_embed_proj")) for key in keys)
    assert same(opened(folder), model)
    wide = load_file(tiny_show_o2.write_checkpoint(tmp_path / "wide") / "model.safetensors")
    assert {"diff_proj.0.weight", "diff_proj.2.bias", "time_embed_proj.weight"} <= set(wide)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": 64}, "hidden_size is 64"),
        ({"clip_latent_dim": 40}, "clip_latent_dim is 40"),
        ({"image_latent_dim": 16}, "image_latent_dim is 16"),
        ({"add_time_embeds": False}, "add_time_embeds"),
        ({"time_distribution": "sometimes"}, "'sometimes'"),
        ({"llm_vocab_size": 200}, "200"),
        ({"image_latent_width": 5}, "not square"),
        ({"_class_name": "Showo"}, "load it as show-o"),
        ({"_class_name": None}, "not of Show-o2"),
    ],
)
def test_sizes_that_do_not_fit_are_named(single: Path, tmp_path: Path, change: dict, said: str):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    edit(folder / "config.json", **change)
    with pytest.raises(CheckpointError, match=said):
        opened(folder)


def test_other_models_are_told_apart(single: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match="not of Harmon"):
        load_by_name("harmon-0.5b", single, device="cpu")
    with pytest.raises(CheckpointError, match="not of Show-o2"):
        load_by_name("show-o2-7b", tiny_janus.write_checkpoint(tmp_path / "pro"), device="cpu")
    check_family({"_class_name": "Showo2Qwen2_5"}, "here")


def test_it_loads_by_name(single: Path):
    model = load_by_name(f"show-o2-7b={single}", device="cpu")
    assert isinstance(model, ShowO2)
    assert (model.card.image_size, model.card.image_tokens) == (16, 16)
    assert model.card.revision.startswith("sha256:")


def test_published_names_of_sizes_are_those_of_diffusers_too():
    sizes = {"dim": 8, "z_dim": 4, "dropout": 0.0, "_class_name": "other", "scale_factor_spatial": 8}
    assert wan_config(sizes) == {"base_dim": 8, "z_dim": 4, "dropout": 0.0, "scale_factor_spatial": 8}


def test_the_last_block_of_the_vision_encoder_is_left_out():
    content = tiny_show_o2.config()
    made = network_config(
        content, language=content["llm_config"], vision=content["clip_config"], autoencoder=content["vae_config"]
    )
    assert made.vision.num_hidden_layers == content["clip_config"]["num_hidden_layers"] - 1
    assert (made.stride, made.cell, made.table) == (2, 4, 4)
    vision = {key: value for key, value in content["clip_config"].items() if key != "num_attention_heads"}
    with pytest.raises(CheckpointError, match="no num_attention_heads"):
        network_config(content, language=content["llm_config"], vision=vision, autoencoder=content["vae_config"])
