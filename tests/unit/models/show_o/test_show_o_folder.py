"""Every layout that Show-o weights are published in, and what is said when something is missing."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_show_o
from unispect.core.errors import CheckpointError
from unispect.models.show_o.card import CARDS
from unispect.models.show_o.config import TEXT_PLACES
from unispect.models.show_o.folder import load
from unispect.models.show_o.model import ShowO

PUBLISHED = CARDS["show-o-clip-vit"]
PARTS = {"vq.": "magvitv2", "clip.": "clip-vit-large-patch14-336"}
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def organism(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_show_o.write_checkpoint(tmp_path_factory.mktemp("tiny"), clip=True)


@pytest.fixture(scope="module")
def model(organism: Path) -> ShowO:
    return load(PUBLISHED, organism, device="cpu")


@pytest.fixture
def apart(organism: Path, tmp_path: Path) -> tuple[Path, Weights]:
    """The same model as published: four folders side by side, the first without its weights."""
    weights = load_file(organism / "model.safetensors")
    content = tiny_show_o.config(clip=True)
    sections = {"phi-1_5": content.pop("llm_config"), "magvitv2": content.pop("vq_config")}
    sections[PARTS["clip."]] = content.pop("vision_config")
    content |= {"llm_model_path": "microsoft/phi-1_5", "_diffusers_version": "0.30.1"}
    del content["max_seq_length"]
    for name, sizes in {"show-o": content, **sections}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(sizes))
    shutil.copy(organism / "tokenizer.json", tmp_path / "phi-1_5")
    for prefix, name in PARTS.items():
        own = {key.removeprefix(prefix): tensor for key, tensor in weights.items() if key.startswith(prefix)}
        if prefix == "vq.":
            own |= {"quantize.embedding": signs(5), "quantize.power_vals": 2 ** torch.arange(4, -1, -1)}
        else:
            own |= {"logit_scale": torch.zeros(()), "vision_model.embeddings.position_ids": torch.arange(10)[None]}
        save_file(own, tmp_path / name / ("pytorch_model.safetensors" if prefix == "vq." else "model.safetensors"))
    main = {key: tensor for key, tensor in weights.items() if not key.startswith(tuple(PARTS))}
    return tmp_path / "show-o", main


def signs(bits: int) -> torch.Tensor:
    return torch.tensor(
        [[2 * (code >> place & 1) - 1 for place in reversed(range(bits))] for code in range(2**bits)]
    ).float()


def same(one: ShowO, other: ShowO) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True))


@pytest.mark.parametrize(
    "name", ["pytorch_model.safetensors", "pytorch_model.bin", "diffusion_pytorch_model.safetensors"]
)
def test_the_parts_are_found_beside_the_main_folder(model: ShowO, apart: tuple[Path, Weights], name: str):
    folder, main = apart
    (torch.save if name.endswith("bin") else save_file)(main, folder / name)
    found = load(PUBLISHED, folder, device="cpu")
    assert same(found, model)
    assert found.card.revision.count("+") == 2
    assert found.network.config.text_tokens == TEXT_PLACES
    assert (found.card.image_size, found.card.image_tokens) == (16, 16)


def test_safetensors_are_taken_before_a_pickle(model: ShowO, apart: tuple[Path, Weights]):
    folder, main = apart
    save_file(main, folder / "pytorch_model.safetensors")
    torch.save({"other": torch.zeros(1)}, folder / "pytorch_model.bin")
    assert same(load(PUBLISHED, folder, device="cpu"), model)


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_a_checkpoint_in_parts_has_the_index_name_of_diffusers(model: ShowO, apart: tuple[Path, Weights], suffix: str):
    folder, main = apart
    names = sorted(main)
    shards = {f"diffusion_pytorch_model-{i}.{suffix}": names[i::2] for i in range(2)}
    for file, own in shards.items():
        part = {name: main[name] for name in own}
        (torch.save if suffix == "bin" else save_file)(part, folder / file)
    index = {"weight_map": {name: file for file, own in shards.items() for name in own}}
    (folder / f"diffusion_pytorch_model.{suffix}.index.json").write_text(json.dumps(index))
    assert same(load(PUBLISHED, folder, device="cpu"), model)


def test_the_parts_may_lie_inside_the_main_folder(model: ShowO, apart: tuple[Path, Weights]):
    folder, main = apart
    save_file(main, folder / "pytorch_model.safetensors")
    for name in ("phi-1_5", *PARTS.values()):
        shutil.move(folder.parent / name, folder / name)
    assert same(load(PUBLISHED, folder, device="cpu"), model)


def test_a_model_without_clip_asks_for_no_tower(apart: tuple[Path, Weights]):
    folder, main = apart
    content = json.loads((folder / "config.json").read_text()) | {"w_clip_vit": False}
    (folder / "config.json").write_text(json.dumps(content))
    save_file({k: v for k, v in main.items() if not k.startswith("mm_projector")}, folder / "pytorch_model.safetensors")
    shutil.rmtree(folder.parent / PARTS["clip."])
    found = load(CARDS["show-o"], folder, device="cpu")
    assert found.network.clip is None
    save_file(main, folder / "pytorch_model.safetensors")
    with pytest.raises(CheckpointError, match=r"unknown key 'mm_projector\.0\.bias'"):
        load(CARDS["show-o"], folder, device="cpu")


def test_a_part_that_is_nowhere_is_asked_for(apart: tuple[Path, Weights], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder, main = apart
    save_file(main, folder / "pytorch_model.safetensors")
    shutil.rmtree(folder.parent / "magvitv2")
    content = json.loads((folder / "config.json").read_text()) | {"vq_config": tiny_show_o.config()["vq_config"]}
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="showlab/magvitv2"):
        load(PUBLISHED, folder, device="cpu")
    (folder.parent / "phi-1_5" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"lacks tokenizer\.json.*microsoft/phi-1_5"):
        load(PUBLISHED, folder, device="cpu")


@pytest.mark.parametrize(
    "key", ["showo.model.layers.1.self_attn.q_layernorm.weight", "showo.lm_head.bias", "mm_projector.2.bias"]
)
def test_a_missing_key_is_named_as_published(apart: tuple[Path, Weights], key: str):
    folder, main = apart
    del main[key]
    save_file(main, folder / "pytorch_model.safetensors")
    with pytest.raises(CheckpointError, match=key.replace(".", r"\.")):
        load(PUBLISHED, folder, device="cpu")


@pytest.mark.parametrize("name", ["quantize.embedding", "quantize.power_vals"])
def test_codes_numbered_otherwise_are_refused(apart: tuple[Path, Weights], name: str):
    folder, main = apart
    save_file(main, folder / "pytorch_model.safetensors")
    path = folder.parent / "magvitv2" / "pytorch_model.safetensors"
    weights = load_file(path)
    weights[name] = weights[name].flip(-1).contiguous()
    save_file(weights, path)
    with pytest.raises(CheckpointError, match="numbers its codes otherwise"):
        load(PUBLISHED, folder, device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_class_name": "Showo2Qwen2_5"}, "not of Show-o"),
        ({"num_vq_tokens": None}, "no 'num_vq_tokens'"),
        ({"vocab_size": 409}, "vocab_size is 409"),
        ({"mask_token_id": 5}, "mask_token_id is 5"),
        ({"num_vq_tokens": 15}, "num_vq_tokens is 15"),
        ({"codebook_size": 64}, "codebook_size is 64|vocab_size"),
        ({"max_seq_length": 2}, "no place for text"),
        ({"max_seq_length": 600}, "positions, there are 512"),
        ({"llm_config": {"num_attention_heads": 4, "num_key_value_heads": 2}}, "share keys"),
        ({"llm_config": {"rope_scaling": {"type": "linear", "factor": 2.0}}}, "scales its rotary positions"),
        (
            {"vq_config": {"encoder_config": {"ch": 8, "ch_mult": [1], "num_res_blocks": [1, 1], "z_channels": 5}}},
            "levels",
        ),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(organism: Path, tmp_path: Path, change: dict, message: str):
    folder = shutil.copytree(organism, tmp_path / "copy")
    content = json.loads((folder / "config.json").read_text()) | change
    content = {key: value for key, value in content.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        load(PUBLISHED, folder, device="cpu")
