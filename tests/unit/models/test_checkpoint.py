"""Bad checkpoints end in one clear line that names file and key; good ones are found wherever they are."""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_janus
from unispect.core.errors import CheckpointError, UsageError
from unispect.models import shards
from unispect.models.checkpoint import open_checkpoint
from unispect.models.janus_pro.folder import load

KEY = "language_model.model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_janus.write_checkpoint(tmp_path_factory.mktemp("good"))


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "copy"))


def open_it(folder: Path) -> None:
    load(tiny_janus.TINY, folder, device="cpu")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def as_pickle(folder: Path, content: object) -> Path:
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def without_key(folder: Path) -> None:
    left = weights(folder)
    del left[KEY]
    save_file(left, folder / "model.safetensors")


def with_extra_key(folder: Path) -> None:
    save_file({**weights(folder), "gen_vision.extra": torch.ones(2)}, folder / "model.safetensors")


def with_wrong_shape(folder: Path) -> None:
    save_file({**weights(folder), KEY: torch.ones(3, 48)}, folder / "model.safetensors")


def with_indivisible_qkv(folder: Path) -> None:
    key = "vision_model.vision_tower.blocks.0.attn.qkv.weight"
    save_file({**weights(folder), key: torch.ones(2, 32)}, folder / "model.safetensors")


def with_integers(folder: Path) -> None:
    own = weights(folder)
    save_file({**own, KEY: own[KEY].to(torch.int8)}, folder / "model.safetensors")


def with_code(folder: Path) -> None:
    class Harm:
        def __reduce__(self):
            return (os.system, ("echo harm > harmed",))

    as_pickle(folder, {KEY: Harm()})


def with_raw_pickle(folder: Path) -> None:
    as_pickle(folder, {}).write_bytes(pickle.dumps({KEY: Path("x")}))


def with_nested_pickle(folder: Path) -> None:
    as_pickle(folder, {"epoch": 3, "model": {}})


def cut_safetensors(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def empty_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def cut_pickle(folder: Path) -> None:
    path = as_pickle(folder, weights(folder))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def with_lost_shard(folder: Path) -> None:
    shard(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def with_escaping_index(folder: Path) -> None:
    shard(folder)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {KEY: "../elsewhere.safetensors"}}))


def with_key_twice(folder: Path) -> None:
    shard(folder)
    second = load_file(folder / "model-00002-of-00002.safetensors")
    first = load_file(folder / "model-00001-of-00002.safetensors")
    save_file({**second, KEY: first.get(KEY, second.get(KEY))}, folder / "model-00002-of-00002.safetensors")
    save_file({**first, KEY: first.get(KEY, second.get(KEY))}, folder / "model-00001-of-00002.safetensors")


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def with_broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def with_broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def with_foreign_tokenizer(folder: Path) -> None:
    content = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(content.replace("<begin_of_image>", "<another>"), encoding="utf-8")


def shard(folder: Path) -> None:
    own = weights(folder)
    (folder / "model.safetensors").unlink()
    names = sorted(own)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, keys in parts.items():
        save_file({key: own[key] for key in keys}, folder / file)
    index = {"weight_map": {key: file for file, keys in parts.items() for key in keys}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_key, [KEY, "no key"]),
        (with_extra_key, ["gen_vision.extra", "model.safetensors", "unknown"]),
        (with_wrong_shape, [KEY, "model.safetensors", "[3, 48]", "[96, 48]"]),
        (with_indivisible_qkv, ["qkv", "model.safetensors", "[2, 32]"]),
        (with_integers, [KEY, "model.safetensors", "I8", "16 bits or more"]),
        (with_code, ["pytorch_model.bin", "code", "safetensors"]),
        (with_raw_pickle, ["pytorch_model.bin", "code"]),
        (with_nested_pickle, ["pytorch_model.bin", "no plain table"]),
        (cut_safetensors, ["model.safetensors", "cut short", "again"]),
        (empty_safetensors, ["model.safetensors", "cut short"]),
        (cut_pickle, ["pytorch_model.bin", "cut short"]),
        (without_weights, ["no weights", "model.safetensors"]),
        (with_lost_shard, ["model-00002-of-00002.safetensors", "missing"]),
        (with_escaping_index, ["index.json", "outside"]),
        (with_key_twice, [KEY, "again"]),
        (without_config, ["config.json", "missing"]),
        (with_broken_config, ["config.json", "JSON"]),
        (without_tokenizer, ["tokenizer.json", "missing"]),
        (with_broken_tokenizer, ["tokenizer.json"]),
        (with_foreign_tokenizer, ["tokenizer.json", "<begin_of_image>"]),
    ],
)
def test_a_bad_checkpoint_is_named(
    folder: Path, spoil: Callable[[Path], None], said: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    spoil(folder)
    with pytest.raises(CheckpointError) as caught:
        open_it(folder)
    message = str(caught.value)
    assert all(part in message for part in said), message
    assert "\n" not in message
    assert caught.value.exit_code == 1
    assert not (folder / "harmed").exists()


def same_weights(one: Path, other: Path) -> bool:
    networks = [load(tiny_janus.TINY, path, device="cpu").network.state_dict() for path in (one, other)]
    return all(torch.equal(tensor, networks[1][name]) for name, tensor in networks[0].items())


@pytest.mark.slow
def test_shards_pickles_and_single_files_give_the_same_network(good: Path, folder: Path, tmp_path: Path):
    shard(folder)
    assert same_weights(good, folder)
    pickled = Path(shutil.copytree(good, tmp_path / "pickled"))
    as_pickle(pickled, weights(pickled))
    assert same_weights(good, pickled)


def test_pickles_in_shards_and_in_the_old_format_are_read(good: Path, folder: Path, tmp_path: Path):
    own = weights(folder)
    (folder / "model.safetensors").unlink()
    names = sorted(own)
    for file, keys in {"a.bin": names[:50], "b.bin": names[50:]}.items():
        torch.save({key: own[key] for key in keys}, folder / file, _use_new_zipfile_serialization=file == "a.bin")
    index = {"weight_map": {**dict.fromkeys(names[:50], "a.bin"), **dict.fromkeys(names[50:], "b.bin")}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert same_weights(good, folder)


def test_the_loaded_network_does_not_hang_on_the_file(folder: Path):
    model = load(tiny_janus.TINY, folder, device="cpu")
    before = model.backbone.embed_tokens.weight.clone()
    (folder / "model.safetensors").write_bytes(b"\0" * (folder / "model.safetensors").stat().st_size)
    assert torch.equal(before, model.backbone.embed_tokens.weight)


def test_weights_take_the_dtype_asked_for(good: Path, folder: Path):
    own = weights(folder)
    save_file({key: tensor.half() for key, tensor in own.items()}, folder / "model.safetensors")
    model = load(tiny_janus.TINY, folder, device="cpu", dtype="float32")
    assert {tensor.dtype for tensor in model.network.state_dict().values()} == {torch.float32}
    assert torch.equal(model.backbone.norm.weight, own["language_model.model.norm.weight"].half().float())
    half = load(tiny_janus.TINY, good, device="cpu", dtype="bfloat16")
    assert {tensor.dtype for tensor in half.network.state_dict().values()} == {torch.bfloat16}


def revision_of(folder: Path) -> str:
    return load(tiny_janus.TINY, folder, device="cpu").card.revision


@pytest.mark.slow
def test_the_revision_is_a_digest_of_what_decides_the_outcome(good: Path, folder: Path):
    before = revision_of(good)
    assert before == revision_of(folder)
    assert before.startswith("sha256:")
    own = weights(folder)
    own[KEY][0, 0] += 1
    save_file(own, folder / "model.safetensors")
    changed = revision_of(folder)
    assert changed != before
    (folder / "processor_config.json").write_text(json.dumps({"num_image_tokens": 16, "system_prompt": ""}))
    configured = revision_of(folder)
    assert configured not in (before, changed)
    for name in ("notes.md", "notes.txt", "training.json", "trainer_state.json", "all_results.json", "optimizer.pt"):
        (folder / name).write_text('{"seed": 0}')
    assert revision_of(folder) == configured


def test_a_source_that_is_nothing_is_a_usage_error(good: Path):
    for source in ("nowhere", str(good / "config.json"), "a/b/c", f"{good}/missing"):
        with pytest.raises(UsageError):
            open_checkpoint(source)
    with pytest.raises(UsageError, match="revision"):
        open_checkpoint(good, "main")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An offline hub whose local cache is an empty folder."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def cached(folder: Path, home: Path, commit: str) -> Path:
    """A folder as the hub's cache keeps it: contents under their digests, and a snapshot of links to them."""
    snapshot = home / "snapshots" / commit
    for path in (home / "blobs", home / "refs", snapshot):
        path.mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    for number, path in enumerate(sorted(folder.iterdir())):
        content = path.read_bytes()
        git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        name = hashlib.sha256(content).hexdigest() if number % 2 or path.suffix == ".safetensors" else git
        (home / "blobs" / name).write_bytes(content)
        (snapshot / path.name).symlink_to(f"../../blobs/{name}")
    return snapshot


def test_an_unreachable_hub_says_what_to_do(hub_cache: Path):
    with pytest.raises(CheckpointError, match=r"owner/name@main.*HF_HUB_OFFLINE"):
        open_checkpoint("owner/name@main")


def test_a_cached_hub_model_loads_offline_with_its_commit(hub_cache: Path, good: Path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached(good, hub_cache / "models--owner--name", commit)
    assert load(tiny_janus.TINY, "owner/name", device="cpu").card.revision == commit
    assert load(tiny_janus.TINY, f"owner/name@{commit}", device="cpu").card.revision == commit
    model = load(tiny_janus.TINY, "owner/name@main", device="cpu")
    assert model.card.reference == f"tiny-random@{commit}"


def test_only_one_tensor_is_read_at_a_time(good: Path, monkeypatch: pytest.MonkeyPatch):
    """Peak memory is the network's own size: nothing keeps a published tensor once it is copied."""
    import weakref

    alive: list[weakref.ref[torch.Tensor]] = []
    read = shards.SafetensorsShard.read

    def watched(self: shards.SafetensorsShard, key: str) -> torch.Tensor:
        assert sum(ref() is not None for ref in alive) <= 1
        tensor = read(self, key)
        alive.append(weakref.ref(tensor))
        return tensor

    monkeypatch.setattr(shards.SafetensorsShard, "read", watched)
    open_it(good)
    assert len(alive) > 100


@pytest.mark.parametrize(("held", "openings"), [(2**20, 1), (0, 2)])
def test_a_small_file_stays_open_and_a_large_one_does_not(
    held: int, openings: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = {"a": torch.ones(2), "b": torch.zeros(3)}
    shards.save_shard(tmp_path / "m.safetensors", tensors)
    opened: list[Path] = []
    real = shards.safe_open

    def watched(path: Path, framework: str) -> object:
        opened.append(path)
        return real(path, framework=framework)

    monkeypatch.setattr(shards, "_HELD", held)
    monkeypatch.setattr(shards, "safe_open", watched)
    shard = shards.SafetensorsShard(tmp_path / "m.safetensors")
    assert sorted(shard.shapes()) == ["a", "b"]
    opened.clear()
    assert all(torch.equal(shard.read(key), tensor) for key, tensor in tensors.items())
    assert len(opened) == openings
