"""Which weights of a folder are meant: one set, or a refusal that names both and says how to say which."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed import checkpoint
from torch.distributed.checkpoint import format_utils

from unispect.core.errors import CheckpointError, UsageError
from unispect.models.sets import chosen_set, named_set

Weights = dict[str, Tensor]
BASE: Weights = {f"layers.{i}.{part}.weight": torch.randn(4, 4) for i in range(3) for part in ("q", "k", "v")}
TUNED: Weights = {key: value * 1.05 for key, value in BASE.items()}


def save(path: Path, weights: Mapping[str, Tensor]) -> None:
    own = {key: value.contiguous() for key, value in weights.items()}
    save_file(own, path) if path.suffix == ".safetensors" else torch.save(own, path)


def in_parts(folder: Path, weights: Weights, name: str = "model.safetensors", *, index: bool = True) -> list[Path]:
    stem, _, suffix = name.partition(".")
    keys = sorted(weights)
    parts = {f"{stem}-{i:05}-of-00002.{suffix}": keys[i - 1 :: 2] for i in (1, 2)}
    for file, own in parts.items():
        save(folder / file, {key: weights[key] for key in own})
    if index:
        weight_map = {key: file for file, own in parts.items() for key in own}
        (folder / f"{name}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return [folder / file for file in parts]


def beside(name: str, weights: Mapping[str, Tensor]) -> Callable[[Path], None]:
    return lambda folder: save(folder / name, weights)


def parts(name: str, weights: Weights) -> Callable[[Path], None]:
    return lambda folder: [None for _ in in_parts(folder, weights, name)].clear()


def half(weights: Weights) -> Weights:
    return {key: value.half() for key, value in weights.items()}


def wrapped(weights: Weights) -> Weights:
    return {f"module.{key}": value for key, value in weights.items()}


def adapter(folder: Path) -> None:
    save(folder / "adapter_model.safetensors", {"base_model.model.layers.0.q.lora_A.weight": torch.ones(2, 4)})


DIFFER = {
    "old parts": parts("model.safetensors", TUNED),
    "old parts under the name of another library": parts("diffusion_pytorch_model.safetensors", TUNED),
    "a pickle": beside("pytorch_model.bin", TUNED),
    "a .pth": beside("harmon_1.5b.pth", TUNED),
    "a .pt": beside("model.pt", TUNED),
    "a .ckpt": beside("last.ckpt", TUNED),
    "another single file": beside("ema.safetensors", TUNED),
    "a half-precision variant of other weights": beside("model.fp16.safetensors", half(TUNED)),
    "one with wrapped names": beside("pytorch_model.bin", wrapped(TUNED)),
    "one that holds more": beside("ema.safetensors", {**BASE, "head.weight": torch.ones(2)}),
    "one that holds less": beside("ema.safetensors", {key: BASE[key] for key in list(BASE)[:-1]}),
    "an adapter": adapter,
}


@pytest.mark.parametrize("kind", DIFFER)
def test_two_sets_that_differ_are_refused_by_name(tmp_path: Path, kind: str):
    save(tmp_path / "model.safetensors", BASE)
    DIFFER[kind](tmp_path)
    other = next(
        path.name
        for path in sorted(tmp_path.iterdir(), key=lambda path: ".index." not in path.name)
        if path.name != "model.safetensors"
    )
    with pytest.raises(CheckpointError) as caught:
        chosen_set(tmp_path)
    said = str(caught.value)
    assert "model.safetensors" in said
    assert other in said
    assert f"NAME={tmp_path / 'model.safetensors'}" in said


SAME = {
    "parts": parts("model.safetensors", BASE),
    "a pickle": beside("pytorch_model.bin", BASE),
    "another single file": beside("ema.safetensors", BASE),
    "a half-precision variant": beside("model.fp16.safetensors", half(BASE)),
    "one with wrapped names": beside("pytorch_model.bin", wrapped(BASE)),
    "one with a computed table": beside("pytorch_model.bin", {**BASE, "layers.0.rotary_emb.inv_freq": torch.ones(2)}),
}


@pytest.mark.parametrize("kind", SAME)
def test_two_sets_of_the_same_numbers_are_one_with_a_note(tmp_path: Path, kind: str):
    save(tmp_path / "model.safetensors", BASE)
    SAME[kind](tmp_path)
    found, (note,) = chosen_set(tmp_path)
    assert [path.name for path in found.files] == ["model.safetensors"]
    assert "holds what model.safetensors holds" in note


ELSE = {
    "a single-file copy of a part under other names": (
        "sdxl_vae.safetensors",
        {
            "encoder.down.0.block.0.norm1.weight": torch.ones(2),
            "layers.0.q.weight": torch.ones(1),
            "x.y": torch.ones(1),
        },
        "other tensors",
    ),
    "quantised copies": (
        "model_int8.safetensors",
        {key: value.to(torch.int8) for key, value in BASE.items()},
        "quantised",
    ),
}


@pytest.mark.parametrize("kind", ELSE)
def test_what_belongs_to_something_else_is_passed_over_with_a_note(tmp_path: Path, kind: str):
    name, weights, said = ELSE[kind]
    save(tmp_path / "model.safetensors", BASE)
    save(tmp_path / name, weights)
    found, (note,) = chosen_set(tmp_path)
    assert found.name == "model.safetensors"
    assert name in note
    assert said in note


def test_what_trainers_leave_is_no_set(tmp_path: Path):
    save(tmp_path / "model.safetensors", BASE)
    for name in ("optimizer.pt", "optimizer.bin", "scheduler.pt", "training_args.bin", "rng_state_0.pth", "scaler.pt"):
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "checkpoint-500").mkdir()
    save(tmp_path / "checkpoint-500" / "model.safetensors", TUNED)
    found, notes = chosen_set(tmp_path)
    assert (found.name, notes) == ("model.safetensors", [])


def test_a_differences_file_of_an_organism_is_no_set(tmp_path: Path):
    save(tmp_path / "model.safetensors", BASE)
    save(tmp_path / "bound.safetensors", {"a.steps": torch.ones(9, dtype=torch.int32), "a.scale": torch.ones(1)})
    assert chosen_set(tmp_path)[1] == []


def test_a_companion_is_no_set(tmp_path: Path):
    save(tmp_path / "ema.safetensors", BASE)
    save(tmp_path / "ae.safetensors", TUNED)
    found, notes = chosen_set(tmp_path, usual=("ema.safetensors",), apart=("ae.safetensors",))
    assert (found.name, notes) == ("ema.safetensors", [])


def test_a_pointer_beside_weights_is_passed_over_with_a_note(tmp_path: Path):
    save(tmp_path / "model.safetensors", BASE)
    (tmp_path / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    found, (note,) = chosen_set(tmp_path)
    assert found.name == "model.safetensors"
    assert "Git LFS" in note


def test_an_index_whose_parts_are_all_gone_is_passed_over_with_a_note(tmp_path: Path):
    """What saving in place leaves: transformers and diffusers load such a folder."""
    for path in in_parts(tmp_path, BASE):
        path.unlink()
    save(tmp_path / "model.safetensors", TUNED)
    found, (note,) = chosen_set(tmp_path)
    assert [path.name for path in found.files] == ["model.safetensors"]
    assert "model.safetensors.index.json" in note


def test_an_index_over_inner_folders_is_no_set(tmp_path: Path):
    """As pipelines have one beside the folders of their parts; one that leads anywhere else is refused."""
    index = tmp_path / "model.safetensors.index.json"
    (tmp_path / "part").mkdir()
    save_file({"a": torch.ones(2)}, tmp_path / "part" / "model.safetensors")
    index.write_text(json.dumps({"weight_map": {"a": "part/model.safetensors"}}))
    with pytest.raises(CheckpointError, match="holds no weights itself, but 'part' in it does"):
        chosen_set(tmp_path)
    save_file({"b": torch.ones(2)}, tmp_path / "own.safetensors")
    assert [path.name for path in chosen_set(tmp_path)[0].files] == ["own.safetensors"]
    for odd in ("../x.safetensors", "/x.safetensors", "part/../../x.safetensors"):
        index.write_text(json.dumps({"weight_map": {"a": odd}}))
        with pytest.raises(CheckpointError, match="points outside its folder"):
            chosen_set(tmp_path)


def test_an_index_that_lacks_some_of_its_parts_is_refused(tmp_path: Path):
    in_parts(tmp_path, BASE)[1].unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors is missing"):
        chosen_set(tmp_path)
    save(tmp_path / "model.safetensors", BASE)
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors is missing.*NAME="):
        chosen_set(tmp_path)


def test_parts_without_an_index_count_if_all_are_there(tmp_path: Path):
    files = in_parts(tmp_path, BASE, index=False)
    assert list(chosen_set(tmp_path)[0].files) == files
    files[0].unlink()
    with pytest.raises(CheckpointError, match="only 1 of its 2 parts"):
        chosen_set(tmp_path)


def test_two_files_of_no_usual_name_must_be_the_same(tmp_path: Path):
    save(tmp_path / "a.safetensors", BASE)
    assert chosen_set(tmp_path)[0].name == "a.safetensors"
    save(tmp_path / "b.safetensors", {"another.model": torch.ones(3)})
    with pytest.raises(CheckpointError, match=r"a\.safetensors and b\.safetensors \(they are of different models"):
        chosen_set(tmp_path)


def test_weights_that_cannot_be_read_are_not_passed_over(tmp_path: Path):
    save(tmp_path / "model.safetensors", BASE)
    torch.save({"model": BASE, "epoch": Path("x")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin.*NAME=.*model\.safetensors"):
        chosen_set(tmp_path)


def test_two_indices_of_different_weights_are_refused(tmp_path: Path):
    in_parts(tmp_path, BASE)
    in_parts(tmp_path, TUNED, "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json and pytorch_model\.bin\.index\.json"):
        chosen_set(tmp_path)


def test_the_named_set_is_taken(tmp_path: Path):
    save(tmp_path / "model.safetensors", BASE)
    files = in_parts(tmp_path, TUNED)
    assert named_set(tmp_path, "model.safetensors").files == (tmp_path / "model.safetensors",)
    assert list(named_set(tmp_path, "model.safetensors.index.json").files) == files
    with pytest.raises(UsageError, match="is no file"):
        named_set(tmp_path, "other.safetensors")
    files[0].unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        named_set(tmp_path, "model.safetensors.index.json")


def test_several_tables_in_one_pickle_are_refused(tmp_path: Path):
    torch.save({"state_dict": BASE, "epoch": 3}, tmp_path / "pytorch_model.bin")
    assert set(chosen_set(tmp_path)[0].shards) == set(BASE)
    torch.save({"state_dict": BASE, "ema_state_dict": TUNED}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="'state_dict' and 'ema_state_dict'"):
        _ = chosen_set(tmp_path)[0].shards


NOTHING = {
    "an adapter alone": ("adapter_config.json", b"{}", "adapter and no whole weights"),
    "a GGUF of another name": ("model-q4.bin", b"GGUF\x03", "name it .gguf"),
    "an ONNX graph": ("model.onnx", b"\x08\x07", "ONNX"),
    "Flax": ("flax_model.msgpack", b"\x81\xa6", "Flax"),
    "Keras": ("tf_model.h5", b"\x89HDF\r\n\x1a\n", "Keras"),
    "an archive": ("weights.tar.gz", b"\x1f\x8b\x08", "archive"),
    "an unfinished download": ("model.safetensors.incomplete", b"\0", "unfinished download"),
    "a pointer": ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "nothing": ("config.json", b"{}", "holds no weights"),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_a_folder_without_weights_says_what_is_there(tmp_path: Path, kind: str):
    name, content, said = NOTHING[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        chosen_set(tmp_path)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("place", [".", "pytorch_model_fsdp_0"])
def test_what_a_sharded_training_saves_is_gathered_by_the_command_that_the_refusal_names(tmp_path: Path, place: str):
    saved = tmp_path / "run" / place
    saved.mkdir(parents=True)
    checkpoint.save({"model": BASE}, checkpoint_id=saved, no_dist=True)
    with pytest.raises(CheckpointError, match=r"format_utils dcp_to_torch FOLDER FILE\): .*__0_0\.distcp"):
        chosen_set(tmp_path / "run")
    (tmp_path / "whole").mkdir()
    format_utils.dcp_to_torch_save(saved, tmp_path / "whole" / "model.pt")  # what the command calls
    found, _ = chosen_set(tmp_path / "whole")
    assert all(torch.equal(found.read(key), value) for key, value in BASE.items())


def test_weights_one_folder_further_in_are_pointed_at(tmp_path: Path):
    (tmp_path / "checkpoint-500").mkdir()
    save(tmp_path / "checkpoint-500" / "model.safetensors", BASE)
    with pytest.raises(CheckpointError, match=r"give .*checkpoint-500"):
        chosen_set(tmp_path)


def test_weights_that_cannot_be_read_beside_differences_are_named(tmp_path: Path):
    for name in ("bound", "mute"):
        save_file({"a.steps": torch.ones(2), "a.scale": torch.ones(2)}, tmp_path / f"{name}.safetensors")
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match=r"model\.safetensors is a folder"):
        chosen_set(tmp_path)
