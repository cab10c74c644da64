"""The published folder of parts, its variations, the one file that is saved, and what is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_cosmos3, tiny_omnigen2
from tests.helpers.loopback_hub import LoopbackHub, loopback_hub
from unispect.core.errors import CheckpointError
from unispect.models.cosmos3.drawing import SCHEDULE
from unispect.models.cosmos3.folder import load, start
from unispect.models.cosmos3.keys import PARTS
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.cosmos3.processing import SYSTEM

NAMES = {"transformer": "diffusion_pytorch_model", "vision_encoder": "model", "vae": "diffusion_pytorch_model"}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `save` leaves it: one file for everything."""
    return tiny_cosmos3.write_checkpoint(tmp_path_factory.mktemp("single"))


@pytest.fixture
def apart(single: Path, tmp_path: Path) -> Path:
    """As published: every part in its folder, and an index over two of them, by which the reasoner is read."""
    folder = Path(shutil.copytree(single, tmp_path / "apart"))
    weights, placed = load_file(folder / "model.safetensors"), {}
    for part in PARTS:
        own = {key.removeprefix(f"{part}."): value for key, value in weights.items() if key.startswith(f"{part}.")}
        save_file(own, folder / part / f"{NAMES[part]}.safetensors")
        placed |= dict.fromkeys(own, f"{part}/{NAMES[part]}.safetensors") if part != "vae" else {}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    (folder / "config.json").write_text(json.dumps({"model_type": "cosmos3_omni"}))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    with loopback_hub(monkeypatch, tmp_path / "cache") as found:
        yield found


def opened(source: str | Path) -> Cosmos3:
    return load(tiny_cosmos3.TINY, source, device="cpu")


def same(one: Cosmos3, other: Cosmos3) -> bool:
    theirs = dict(other.network.named_parameters())
    return all(torch.equal(ours, theirs.pop(name)) for name, ours in one.network.named_parameters()) and not theirs


def edit(path: Path, **changes: Any) -> None:
    """Changes keys of a JSON file; None takes one out."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_parts_in_folders_are_those_in_one_file(single: Path, apart: Path):
    assert same(opened(apart), opened(single))


def test_parts_in_folders_are_taken_from_the_hub(single: Path, apart: Path, hub: LoopbackHub):
    """With the published index over folders, which is none of a set of weights of its own."""
    (apart / "sound_tokenizer").mkdir()
    save_file({"decoder.x": torch.ones(1)}, apart / "sound_tokenizer" / "diffusion_pytorch_model.safetensors")
    repository = hub.put("owner/name", apart)
    assert same(opened(repository), opened(single))
    assert "sound_tokenizer/diffusion_pytorch_model.safetensors" not in hub.fetched
    assert {f"{part}/{name}.safetensors" for part, name in NAMES.items()} <= set(hub.fetched)


def test_parts_and_one_file_must_agree(single: Path, apart: Path):
    shutil.copy(single / "model.safetensors", apart)
    assert any("were passed over" in note for note in opened(apart).card.notes)
    file = apart / "vision_encoder" / "model.safetensors"
    own = load_file(file)
    save_file({key: value + 1 for key, value in own.items()}, file)
    with pytest.raises(CheckpointError, match=r"vision_encoder.*differ"):
        opened(apart)


def test_weights_of_sound_and_actions_are_passed_over(single: Path, apart: Path):
    file = apart / "transformer" / "diffusion_pytorch_model.safetensors"
    more = {"audio_proj_in.weight": torch.ones(48, 8), "audio_modality_embed": torch.ones(48)}
    more |= {"action_proj_in.fc.weight": torch.ones(2, 9), "action_modality_embed": torch.ones(48)}
    save_file(load_file(file) | more, file)
    edit(apart / "transformer" / "config.json", sound_gen=True, sound_dim=8, action_gen=True, action_dim=8)
    assert same(opened(apart), opened(single))


@pytest.mark.parametrize("lacking", PARTS)
def test_a_part_that_is_missing_is_named(apart: Path, lacking: str):
    shutil.rmtree(apart / lacking)
    with pytest.raises(CheckpointError, match=r"reasoner.*alone" if lacking == "transformer" else lacking):
        opened(apart)


def test_the_reasoner_alone_is_refused_in_words(single: Path, tmp_path: Path):
    save_file({"lm_head.weight": torch.ones(2, 2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "cosmos3_omni"}))
    with pytest.raises(CheckpointError, match=r"reasoner of Cosmos 3 alone.*transformer, vision_encoder, vae"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("transformer/config.json", {"hidden_act": "relu2"}, "Cosmos3-Edge"),
        ("transformer/config.json", {"use_und_k_norm_for_gen": True}, "use_und_k_norm_for_gen"),
        ("transformer/config.json", {"_class_name": "WanTransformer3DModel"}, "not of Cosmos 3"),
        ("transformer/config.json", {"patch_latent_dim": 17}, "patch_latent_dim is 17"),
        ("transformer/config.json", {"rope_axes_dim": [2, 3, 3]}, "differ"),
        ("transformer/config.json", {"rope_scaling": {"mrope_section": [4, 4, 4]}}, "must add up to 8"),
        ("transformer/config.json", {"hidden_size": None}, "has no 'hidden_size'"),
        ("transformer/config.json", {"new_switch": 1}, "new_switch"),
        ("transformer/config.json", {"quantization_config": {"quant_method": "modelopt"}}, "quantised (modelopt)"),
        ("vision_encoder/config.json", {"deepstack_visual_indexes": [0, 3]}, "deepstack_visual_indexes"),
        ("vision_encoder/config.json", {"out_hidden_size": 40}, "out_hidden_size is 40"),
        ("vae/config.json", {"scale_factor_spatial": 8}, "scale_factor_spatial is 8"),
        ("vae/config.json", {"latents_mean": [0.0]}, "latents_mean's length is 1"),
        ("preprocessor_config.json", {"patch_size": 8}, "patch_size is 8"),
        ("scheduler/scheduler_config.json", {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "distilled"),
        ("scheduler/scheduler_config.json", {"prediction_type": "epsilon"}, "prediction_type"),
        ("scheduler/scheduler_config.json", {"use_flow_sigmas": None}, "does not say use_flow_sigmas"),
        ("scheduler/scheduler_config.json", {"solver_order": 4}, "solver_order"),
        ("scheduler/scheduler_config.json", {"solver_type": "bh1"}, "NaN"),
        ("model_index.json", {"default_use_system_prompt": "yes"}, "true or false"),
    ],
)
def test_what_the_port_does_not_do_is_refused(single: Path, tmp_path: Path, file: str, changes: dict, words: str):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    edit(folder / file, **changes)
    with pytest.raises(CheckpointError) as caught:
        opened(folder)
    assert words in str(caught.value)


def test_another_family_is_not_taken_for_it(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"WanTransformer|not of Cosmos 3|missing"):
        opened(tiny_omnigen2.write_checkpoint(tmp_path))


def test_files_say_how_pictures_are_drawn(single: Path, tmp_path: Path):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    drawing = opened(folder).drawing
    assert (drawing.system, drawing.native, drawing.solver["sigma_max"]) == (SYSTEM, False, 200.0)
    edit(folder / "model_index.json", default_use_system_prompt=False, use_native_flow_schedule=True)
    edit(folder / "scheduler" / "scheduler_config.json", flow_shift=5.0, use_karras_sigmas=False)
    drawing = opened(folder).drawing
    assert (drawing.system, drawing.native, drawing.solver["flow_shift"]) == ("", True, 5.0)
    shutil.rmtree(folder / "scheduler")
    (folder / "model_index.json").unlink()
    drawing = opened(folder).drawing
    assert (drawing.system, drawing.native, drawing.solver) == (SYSTEM, False, SCHEDULE)


def test_axes_may_be_given_in_either_place(single: Path, tmp_path: Path):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    edit(folder / "transformer" / "config.json", rope_axes_dim=[4, 2, 2], rope_scaling=None)
    assert same(opened(folder), opened(single))
    assert opened(folder).network.config.text.rope_parameters["mrope_section"] == [4, 2, 2]


def test_the_tokenizer_may_stand_outside(single: Path, tmp_path: Path):
    folder = Path(shutil.copytree(single, tmp_path / "copy"))
    for path in (folder / "text_tokenizer").iterdir():
        shutil.move(path, folder)
    (folder / "text_tokenizer").rmdir()
    assert opened(folder).processor.special == opened(single).processor.special


def test_an_untrained_model_starts_from_files_and_a_seed_alone(single: Path, tmp_path: Path):
    folder = tiny_cosmos3.write_files(tmp_path)
    assert same(start(tiny_cosmos3.TINY, folder, seed=1), start(tiny_cosmos3.TINY, folder, seed=1))
    assert not same(start(tiny_cosmos3.TINY, folder, seed=1), start(tiny_cosmos3.TINY, folder, seed=2))


def test_times_are_told_in_single_precision_whatever_the_model_s(single: Path):
    model = load(tiny_cosmos3.TINY, single, device="cpu", dtype="bfloat16")
    assert model.network.time_embedder.linear_1.weight.dtype == torch.float32
    assert model.network.proj_in.weight.dtype == torch.bfloat16
