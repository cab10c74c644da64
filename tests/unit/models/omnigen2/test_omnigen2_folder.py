"""The published folder of parts, its variations, and the one file that is saved."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.helpers import tiny_janus, tiny_omnigen2
from unispect.core.errors import CheckpointError
from unispect.models.omnigen2.folder import load, save, start
from unispect.models.omnigen2.keys import PARTS
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.registry import load as load_by_name

NAMES = {"mllm": "model", "transformer": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `save` leaves it: one file for everything."""
    return tiny_omnigen2.write_checkpoint(tmp_path_factory.mktemp("single"))


def parts_of(weights: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The weights of every part under their own names."""
    return {
        part: {key.removeprefix(f"{part}."): value for key, value in weights.items() if key.startswith(f"{part}.")}
        for part in PARTS
    }


@pytest.fixture
def apart(single: Path, tmp_path: Path) -> Path:
    """As published: every part in its folder."""
    folder = Path(shutil.copytree(single, tmp_path / "apart"))
    for part, weights in parts_of(load_file(folder / "model.safetensors")).items():
        save_file(weights, folder / part / f"{NAMES[part]}.safetensors")
    (folder / "model.safetensors").unlink()
    return folder


def opened(folder: Path) -> OmniGen2:
    return load(tiny_omnigen2.TINY, folder, device="cpu")


def same(one: OmniGen2, other: OmniGen2) -> bool:
    theirs = dict(other.network.named_parameters())
    return all(torch.equal(ours, theirs.pop(name)) for name, ours in one.network.named_parameters()) and not theirs


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change(path: Path, function) -> None:
    """Rewrites a file of weights."""
    weights = load_file(path)
    function(weights)
    save_file(weights, path)


def test_parts_in_folders_are_those_in_one_file(single: Path, apart: Path):
    assert same(opened(apart), opened(single))


def test_weights_in_shards_are_taken_by_their_index(single: Path, apart: Path):
    for part, name in NAMES.items():
        weights = load_file(apart / part / f"{name}.safetensors")
        names = sorted(weights)
        files = {f"{name}-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
        for file, keys in files.items():
            save_file({key: weights[key] for key in keys}, apart / part / file)
        index = {"weight_map": {key: file for file, keys in files.items() for key in keys}}
        (apart / part / f"{name}.safetensors.index.json").write_text(json.dumps(index))
        (apart / part / f"{name}.safetensors").unlink()
    assert same(opened(apart), opened(single))
    (apart / "transformer" / "diffusion_pytorch_model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"00002-of-00002\.safetensors is missing"):
        opened(apart)


def test_both_names_of_the_processor_s_folder_are_known(single: Path, apart: Path):
    before = opened(apart)
    (apart / "processor").rename(apart / "mllm_processor")
    after = opened(apart)
    assert same(before, after)
    assert after.processor.special == before.processor.special
    (apart / "mllm_processor").rename(apart / "elsewhere")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        opened(apart)


def test_names_of_newer_transformers_are_taken_too(single: Path, apart: Path):
    old = load_file(apart / "mllm" / "model.safetensors")
    newer = {
        f"model.language_model.{key[6:]}" if key.startswith("model.") else f"model.{key}": value
        for key, value in old.items()
    }
    save_file(newer, apart / "mllm" / "model.safetensors")
    content = json.loads((apart / "mllm" / "config.json").read_text())
    inner = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    inner = (*inner, "max_position_embeddings", "rms_norm_eps", "vocab_size", "rope_theta", "rope_scaling")
    content["text_config"] = {key: content.pop(key) for key in inner}
    (apart / "mllm" / "config.json").write_text(json.dumps(content))
    assert same(opened(apart), opened(single))


def test_a_text_head_that_is_no_copy_is_refused(apart: Path):
    def add(weights: dict[str, Tensor]) -> None:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()

    file = apart / "mllm" / "model.safetensors"
    change(file, add)
    opened(apart)
    change(file, lambda weights: weights["lm_head.weight"].add_(1))
    with pytest.raises(CheckpointError, match=r"lm_head\.weight.*tied"):
        opened(apart)


@pytest.mark.slow
def test_what_decides_an_output_decides_the_revision(apart: Path):
    seen = {opened(apart).card.revision}
    edit(apart / "vae" / "config.json", shift_factor=0.2)
    seen.add(opened(apart).card.revision)
    edit(apart / "processor" / "preprocessor_config.json", max_pixels=4000)
    seen.add(opened(apart).card.revision)
    change(apart / "transformer" / f"{NAMES['transformer']}.safetensors", lambda w: w["x_embedder.bias"].add_(1))
    seen.add(opened(apart).card.revision)
    assert len(seen) == 4
    assert all(revision.startswith("sha256:") for revision in seen)
    assert opened(apart).card.revision in seen


def test_the_published_penalty_is_read(apart: Path):
    assert opened(apart).writing.published_penalty == 1.5
    (apart / "mllm" / "generation_config.json").unlink()
    assert opened(apart).writing.published_penalty == 1.0


@pytest.mark.slow
def test_damage_names_key_and_file(apart: Path):
    file = apart / "transformer" / f"{NAMES['transformer']}.safetensors"
    change(file, lambda weights: weights.pop("layers.1.norm1.linear.bias"))
    with pytest.raises(CheckpointError, match=r"transformer\.layers\.1\.norm1\.linear\.bias"):
        opened(apart)
    change(file, lambda weights: weights.update({"layers.1.norm1.linear.bias": torch.ones(3)}))
    with pytest.raises(CheckpointError, match=r"diffusion_pytorch_model.*norm1\.linear\.bias"):
        opened(apart)
    change(file, lambda weights: weights.update({"layers.1.norm1.linear.bias": torch.ones(192), "more": torch.ones(1)}))
    with pytest.raises(CheckpointError, match=r"unknown key 'transformer\.more'"):
        opened(apart)


def test_a_missing_part_is_named(apart: Path):
    (apart / "vae").rename(apart / "aside")
    with pytest.raises(CheckpointError, match="vae is missing"):
        opened(apart)


@pytest.mark.slow
def test_starting_is_seeded_and_saving_gives_it_back(tmp_path: Path):
    folder = tiny_omnigen2.write_files(tmp_path, tied=False)
    one, again, other = (start(tiny_omnigen2.TINY, folder, seed=seed) for seed in (1, 1, 2))
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
    folder = tiny_omnigen2.write_files(tmp_path)
    before = torch.random.get_rng_state()
    start(tiny_omnigen2.TINY, folder, seed=3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_fresh_transformer_says_nothing(tmp_path: Path):
    model = start(tiny_omnigen2.TINY, tiny_omnigen2.write_files(tmp_path), seed=0)
    transformer = model.network.transformer
    with torch.no_grad():
        condition = transformer.condition(torch.randn(1, 4, 48), torch.tensor([4]), (8, 8))
        assert not transformer(condition, torch.randn(1, 4, 8, 8), transformer.time(torch.rand(1))).any()


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("transformer", {"text_feat_dim": 64}, "text_feat_dim is 64"),
        ("transformer", {"in_channels": 16}, "in_channels is 16"),
        ("transformer", {"axes_dim_rope": [4, 4, 6]}, "axes_dim_rope adds up to is 14"),
        ("transformer", {"axes_dim_rope": [4, 8]}, "2 parts"),
        ("transformer", {"out_channels": 8}, "out_channels is 8"),
        ("transformer", {"num_layers": None}, "no 'num_layers'"),
        ("transformer", {"_class_name": "Lumina2Transformer2DModel"}, "not of OmniGen2"),
        ("vae", {"_class_name": "AutoencoderDC"}, "not of OmniGen2"),
        ("mllm", {"architectures": ["Qwen2ForCausalLM"]}, "not of OmniGen2"),
        ("mllm", {"use_sliding_window": True}, "slides"),
        ("mllm", {"image_token_id": 3}, "pictures stand at token"),
        ("mllm", {"vocab_size": 100}, "the embeddings 100"),
        ("mllm", {"rope_scaling": {"type": "default", "mrope_section": [1, 1, 1]}}, "must add up to 6"),
        (
            "mllm",
            {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "mrope_section": [2, 2, 2]}},
            "scales its rotary",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_named(single: Path, tmp_path: Path, file: str, changes: dict, said: str):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    edit(folder / file / "config.json", **changes)
    with pytest.raises(CheckpointError, match=said):
        opened(folder)


def test_another_picture_format_is_named(single: Path, tmp_path: Path):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    edit(folder / "processor" / "preprocessor_config.json", patch_size=14)
    with pytest.raises(CheckpointError, match=r"patch_size is 14, but mllm/config\.json implies 7"):
        opened(folder)


def test_other_models_are_told_apart(single: Path, apart: Path, tmp_path: Path):
    for folder in (single, apart):
        with pytest.raises(CheckpointError):
            load_by_name("harmon-0.5b", folder, device="cpu")
    with pytest.raises(CheckpointError, match=r"mllm/config\.json is missing"):
        load_by_name("omnigen2", tiny_janus.write_checkpoint(tmp_path / "pro"), device="cpu")


def test_it_loads_by_name(single: Path):
    model = load_by_name(f"omnigen2={single}", device="cpu")
    assert isinstance(model, OmniGen2)
    # Its own size, not the tiny checkpoint's: files do not say how large pictures are.
    assert (model.card.image_size, model.card.image_tokens) == (1024, 128**2)
    assert model.card.revision.startswith("sha256:")


@pytest.mark.parametrize(("content", "moved"), [({}, True), ({"dynamic_time_shift": True}, True)])
def test_times_are_moved_unless_the_scheduler_s_file_says_otherwise(apart: Path, content: dict, moved: bool):
    write_scheduler(apart, content)
    assert opened(apart).drawing.moved is moved


def test_a_scheduler_that_moves_no_times_is_followed(apart: Path):
    before = opened(apart)
    write_scheduler(apart, {"_class_name": "FlowMatchEulerDiscreteScheduler", "dynamic_time_shift": False})
    after = opened(apart)
    assert (before.drawing.moved, after.drawing.moved) == (True, False)
    assert before.card.revision != after.card.revision


def test_another_scheduler_is_refused(apart: Path):
    write_scheduler(apart, {"_class_name": "DPMSolverMultistepScheduler"})
    with pytest.raises(CheckpointError, match=r"scheduler_config\.json.*Euler"):
        opened(apart)


def write_scheduler(folder: Path, content: dict) -> None:
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(content))
