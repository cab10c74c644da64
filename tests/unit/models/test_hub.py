"""A repository on the hub is asked what it holds, and only what is needed of it is fetched."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.helpers.loopback_hub import LoopbackHub, loopback_hub
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import located, open_checkpoint, texts_of
from unispect.models.hub import Repository
from unispect.models.sets import Layout

KEYS = ("layers.0.w", "layers.1.w")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    with loopback_hub(monkeypatch, tmp_path / "cache") as found:
        yield found


@pytest.fixture
def folder(hub: LoopbackHub, tmp_path: Path) -> Path:
    """A repository `owner/name`, with configurations and no weights yet."""
    place = tmp_path / "served"
    place.mkdir()
    (place / "config.json").write_text("{}")
    (place / "README.md").write_text("words")
    hub.put("owner/name", place)
    return place


def put(path: Path, value: float = 1.0, keys: tuple[str, ...] = KEYS, dtype: torch.dtype = torch.float32) -> None:
    path.parent.mkdir(exist_ok=True)
    tensors = {key: torch.full((4,), value).to(dtype) for key in keys}
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)


def put_parts(folder: Path, stem: str = "model", value: float = 1.0) -> None:
    names = [f"{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name, key in zip(names, KEYS, strict=True):
        put(folder / name, value, (key,))
    index = {"weight_map": dict(zip(KEYS, names, strict=True))}
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index))


def weights(hub: LoopbackHub) -> set[str]:
    """The weight files that were fetched."""
    return {name for name in hub.fetched if name.endswith((".safetensors", ".bin", ".pth", ".pt", ".gguf"))}


def refusal(source: str, layout: Layout | None = None) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(source, layout=layout or Layout())
    return str(caught.value)


def test_only_what_is_needed_is_fetched(hub: LoopbackHub, folder: Path):
    put_parts(folder)
    (folder / "tokenizer.json").write_text('{"a": 1}')
    for name in (
        "optimizer.bin",
        "rng_state_0.pth",
        "training_args.bin",
        "pytorch_model.bin",
        "demo/model.safetensors",
    ):
        put(folder / name)
    put(folder / "checkpoint-500" / "model.safetensors")
    for name in ("checkpoint-500/trainer_state.json", "demo/deep/in/it.json", "cat.png", "model.gguf", "run.py"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"{}")
    opened = open_checkpoint("owner/name")
    assert sorted(opened.shapes()) == sorted(KEYS)
    assert opened.revision == hub.commit("owner/name")
    parts = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    assert weights(hub) == parts
    texts = {"config.json", "tokenizer.json", "README.md", "model.safetensors.index.json"}
    assert set(hub.fetched) == {*parts, *texts}
    hub.fetched.clear()
    open_checkpoint("owner/name")
    assert not hub.fetched


def test_what_stands_beside_the_weights_for_a_part_is_fetched_too(hub: LoopbackHub, folder: Path):
    names = ("tuned.safetensors", "ae.safetensors", "other.ckpt", "vae/model.safetensors", "vae/model.bin")
    for number, name in enumerate(names):
        put(folder / name, number)
    layout = Layout(apart=("ae.safetensors", "other.ckpt"), beside=("ae.safetensors",), folders=("vae",))
    open_checkpoint("owner/name", layout=layout)
    assert weights(hub) == {"tuned.safetensors", "ae.safetensors", "vae/model.safetensors"}


@pytest.mark.parametrize("value", [1.0, 2.0])
def test_of_two_sets_the_second_is_not_fetched_where_it_is_known_to_be_the_same_or_another(
    hub: LoopbackHub, folder: Path, value: float
):
    put(folder / "model.safetensors")
    put(folder / "tuned.safetensors", value)
    if value == 1:
        open_checkpoint("owner/name")
        assert weights(hub) == {"model.safetensors"}
    else:
        said = refusal("owner/name@main")
        assert "owner/name@main: it holds two sets" in said
        assert said.endswith("NAME=owner/name/model.safetensors@main or NAME=owner/name/tuned.safetensors@main")
        assert not weights(hub)


def test_quantised_and_unrelated_weights_beside_the_usual_are_not_fetched(hub: LoopbackHub, folder: Path):
    put(folder / "model.safetensors")
    put(folder / "model-int8.safetensors", dtype=torch.int8)
    put(folder / "other.safetensors", keys=("a", "b"))
    open_checkpoint("owner/name")
    assert weights(hub) == {"model.safetensors"}


def test_sets_that_only_their_numbers_tell_apart_are_compared_as_in_a_folder(hub: LoopbackHub, folder: Path):
    put(folder / "model.safetensors", 1.0)
    put(folder / "half.safetensors", 1.0, dtype=torch.float16)
    assert open_checkpoint("owner/name").ledger.notes == [
        "half.safetensors was passed over: it holds what model.safetensors holds, rounded."
    ]
    put(folder / "half.safetensors", 2.0, dtype=torch.float16)
    assert "they differ in 'layers.0.w'" in refusal("owner/name")


def test_a_file_an_index_and_a_file_in_an_inner_folder_can_be_named(hub: LoopbackHub, folder: Path):
    put(folder / "model.safetensors", 1.0)
    put_parts(folder, "tuned", 2.0)
    for source, names in (
        ("owner/name/model.safetensors", {"model.safetensors"}),
        ("owner/name/tuned.safetensors.index.json", {f"tuned-0000{n}-of-00002.safetensors" for n in (1, 2)}),
    ):
        hub.fetched.clear()
        opened = open_checkpoint(source)
        assert sorted(opened.shapes()) == sorted(KEYS)
        assert weights(hub) == names
        assert opened.revision.startswith("sha256:")
    (folder / "run-3" / "deep").mkdir(parents=True)
    put_parts(folder / "run-3" / "deep")
    (folder / "run-3" / "deep" / "config.json").write_text('{"a": 1}')
    hub.fetched.clear()
    opened = open_checkpoint("owner/name/run-3/deep/model.safetensors.index.json@main")
    assert opened.json("config.json") == {"a": 1}
    assert weights(hub) == {f"run-3/deep/model-0000{number}-of-00002.safetensors" for number in (1, 2)}


def test_a_name_that_the_repository_lacks_is_told_with_those_it_has(hub: LoopbackHub, folder: Path):
    put(folder / "model.safetensors")
    assert refusal("owner/name/mine.safetensors") == (
        "owner/name holds no mine.safetensors; its weights are model.safetensors"
    )
    assert not hub.fetched


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "holds no weights: none of its 2 files is one of *.safetensors"),
        (("optimizer.bin",), "holds no weights: none of its 3 files"),
        (("adapter_model.safetensors", "adapter_config.json"), "holds an adapter and no whole weights; name those"),
        (("model.onnx",), "a graph of ONNX"),
        ((".metadata", "__0_0.distcp"), "gather them into one file"),
        (("run/model.safetensors",), "but 'run' in it does; name them: NAME=owner/name/run/model.safetensors"),
    ],
)
def test_a_repository_without_weights_is_refused_before_anything_is_fetched(
    hub: LoopbackHub, folder: Path, names: tuple[str, ...], said: str
):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    message = refusal("owner/name")
    assert message.startswith("owner/name holds ")
    assert said in message
    assert not hub.fetched


def test_an_index_that_names_what_is_not_there_is_told_before_its_parts_are_fetched(hub: LoopbackHub, folder: Path):
    put_parts(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    said = refusal("owner/name")
    assert "owner/name: model.safetensors.index.json is not whole (model-00002-of-00002.safetensors" in said
    put(folder / "tuned.safetensors")
    assert "is not whole" in refusal("owner/name")
    assert not weights(hub)
    (folder / "model-00001-of-00002.safetensors").unlink()
    assert open_checkpoint("owner/name").ledger.notes == [
        "model.safetensors.index.json was passed over: none of the parts that it names is there."
    ]


def test_what_the_hub_does_not_have_is_told_in_its_words(hub: LoopbackHub, folder: Path):
    assert refusal("owner/nothing").startswith("the hub does not give owner/nothing: ")
    assert refusal("owner/name@v9").startswith("the hub does not give owner/name@v9: ")


def test_the_cache_serves_offline_and_when_the_hub_is_gone(
    hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    put_parts(folder)
    put(folder / "optimizer.bin")
    commit = open_checkpoint("owner/name").revision
    hub.repositories.clear()  # it answers that there is no such repository: it may have become a private one
    assert open_checkpoint("owner/name").revision == commit
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for source in ("owner/name", "owner/name@main", f"owner/name@{commit}"):
        assert open_checkpoint(source).revision == commit


def test_offline_the_texts_alone_are_no_weights(hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    put(folder / "model.safetensors")
    assert (texts_of("owner/name") / "config.json").is_file()
    assert not weights(hub)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    said = refusal("owner/name")
    assert said.startswith("no weights of owner/name are in the local hub cache")
    assert "unset HF_HUB_OFFLINE" in said


def test_a_branch_that_moves_while_it_is_fetched_is_told(hub: LoopbackHub, folder: Path):
    with pytest.raises(CheckpointError, match="owner/name changed on the hub while it was fetched; repeat"):
        Repository("owner/name", None, "f" * 40, {}).fetch(["config.json"])


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (("adapter_model.safetensors", "model.safetensors", "optimizer.pt"), {"adapter_model.safetensors"}),
        (("style.safetensors", "model.safetensors"), {"style.safetensors"}),
        (("a.safetensors", "b.safetensors"), set()),
        (("model.safetensors",), set()),
    ],
)
def test_of_a_repository_that_is_named_as_an_adapter_the_adapter_is_fetched(
    hub: LoopbackHub, folder: Path, held: tuple[str, ...], wanted: set[str]
):
    for name in held:
        put(folder / name)
    found, file = located("owner/name", None, ("adapter_model.safetensors", "adapter_model.bin"))
    assert weights(hub) == wanted
    assert not file
    assert (found / "config.json").is_file()


def test_a_file_that_is_named_as_an_adapter_is_fetched_alone(hub: LoopbackHub, folder: Path):
    put(folder / "a.safetensors")
    put(folder / "b.safetensors")
    found, file = located("owner/name/b.safetensors", None, ("adapter_model.safetensors",))
    assert weights(hub) == {"b.safetensors"}
    assert (found / file).is_file()
