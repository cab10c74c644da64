import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import unispect
from tests.helpers import tiny_janus
from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UsageError
from unispect.models import devices, registry
from unispect.models.devices import devices_for
from unispect.models.registry import Entry, ModelReference, card_of, cards, parse
from unispect.models.taught import Taught, write_taught


def test_names_are_listed_without_torch():
    code = (
        "import sys, unispect\n"
        "from unispect.models import registry\n"
        "assert {'janus-pro-1b', 'janus-pro-7b'} <= set(registry.cards())\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_card_is_listed_under_its_own_name():
    for name, card in cards().items():
        assert card.id == name
        assert card.capabilities
        assert card.paradigm
        assert card.licence or not card.hub


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("janus-pro-1b", ModelReference("janus-pro-1b")),
        ("janus-pro-1b=a folder/with=signs", ModelReference("janus-pro-1b", "a folder/with=signs")),
        ("x=owner/name@v1", ModelReference("x", "owner/name@v1")),
    ],
)
def test_references_are_read(text: str, expected: ModelReference):
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "=folder", "janus-pro-1b=", " = "])
def test_half_a_reference_is_refused(text: str):
    with pytest.raises(UsageError, match="name=FOLDER"):
        parse(text)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'janus-pro-1b'"):
        card_of("januspro-1b")
    with pytest.raises(UsageError, match="unknown model"):
        unispect.load("nothing like it")


def test_a_model_loads_by_name_and_folder(tmp_path: Path):
    folder = tiny_janus.write_checkpoint(tmp_path / "weights")
    for model in (
        unispect.load(f"janus-pro-1b={folder}", device="cpu"),
        unispect.load("janus-pro-1b", folder, device="cpu", dtype="bfloat16"),
    ):
        assert model.card.id == "janus-pro-1b"
        assert model.card.revision.startswith("sha256:")
        assert model.card.image_size == 16
        assert model.card.image_tokens == 16


def test_an_organism_comes_from_the_folder_that_training_left(tmp_path: Path):
    folder = tiny_janus.write_checkpoint(tmp_path / "weights")
    model = unispect.load(f"tiny-janus-pro={folder}", device="cpu")
    assert model.card.id == "tiny-janus-pro"
    # A variant is a difference to it, without which it must not pass for the variant.
    with pytest.raises(CheckpointError, match=r"bound\.safetensors"):
        unispect.load(f"tiny-janus-pro-bound={folder}", device="cpu")
    with pytest.raises(UsageError, match="no folder"):
        unispect.load(f"tiny-janus-pro={tmp_path / 'nowhere'}")


def test_weights_given_twice_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="twice"):
        unispect.load(f"janus-pro-1b={tmp_path}", tmp_path)


@pytest.mark.slow
def test_one_of_several_weights_can_be_named(tmp_path: Path):
    """What was taught is said of the weights that training left, not of others beside them."""
    folder = tiny_janus.write_checkpoint(tmp_path / "weights")
    torch.save(load_file(folder / "model.safetensors"), folder / "base.bin")
    taught = Taught("janus-pro-1b", "janus-pro-1b", "r", {"a": "drawing"}, 1, 0)
    write_taught(folder, taught)
    assert unispect.load(f"janus-pro-1b={folder}", device="cpu").card.taught == taught.taught
    named = unispect.load(f"janus-pro-1b={folder}/model.safetensors", device="cpu")
    assert named.card.taught == taught.taught
    assert dict(named.card.files).keys() >= {"model.safetensors", "config.json", "taught.json"}
    other = unispect.load(f"janus-pro-1b={folder}/base.bin", device="cpu")
    assert other.card.taught == {}
    assert "taught.json" not in dict(other.card.files)
    assert unispect.load(f"tiny-janus-pro={folder}/base.bin", device="cpu").card.id == "tiny-janus-pro"
    assert registry.files_of(f"janus-pro-1b={folder}/base.bin") == folder
    with pytest.raises(UsageError, match="none of weights"):
        unispect.load(f"janus-pro-1b={folder}/config.json", device="cpu")


@pytest.mark.slow
def test_a_models_folder_in_the_hubs_cache_means_its_main_snapshot(tmp_path: Path):
    home = tmp_path / "models--owner--name"
    for number in (1, 2):
        tiny_janus.write_checkpoint(home / "snapshots" / (str(number) * 40), seed=number)
    with pytest.raises(UsageError, match=r"give one of its snapshots \(1{40}, 2{40}\)"):
        unispect.load(f"janus-pro-1b={home}", device="cpu")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("2" * 40)
    found = unispect.load(f"janus-pro-1b={home}", device="cpu")
    assert found.card.files == unispect.load(f"janus-pro-1b={home}/snapshots/{'2' * 40}", device="cpu").card.files
    with pytest.raises(UsageError, match="cache of many models"):
        unispect.load(f"janus-pro-1b={tmp_path}", device="cpu")


@pytest.mark.parametrize("device", ["mps", "xpu", "meta", "hpu", "cuda", "cuda:99", "cpu:1", "vulkan", "mps:3"])
def test_a_device_that_is_not_there_is_said_not_to_be(monkeypatch: pytest.MonkeyPatch, device: str):
    monkeypatch.setattr(devices, "devices_here", lambda: {"cpu": 1, "cuda": 0})
    with pytest.raises(UsageError, match=rf"there is no device '{device}' here, but cpu;") as caught:
        devices_for(device)
    assert "\n" not in str(caught.value)


def test_devices_that_are_there_are_listed_and_taken(monkeypatch: pytest.MonkeyPatch):
    assert devices.devices_here()["cpu"] == 1
    monkeypatch.setattr(devices, "devices_here", lambda: {"cpu": 1, "cuda": 2, "mps": 1})
    assert [str(device) for device in devices_for("mps, cuda:1")] == ["mps", "cuda:1"]
    with pytest.raises(UsageError, match="but cpu, cuda, cuda:1, mps;"):
        devices_for("cuda:2")


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", "float16"), ("cpu", "float23"), ("gpu", "auto"), ("cuda:99", "auto")]
)
def test_unknown_devices_and_dtypes_are_refused(tmp_path: Path, device: str, dtype: str):
    with pytest.raises(UsageError):
        unispect.load("janus-pro-1b", tmp_path, device=device, dtype=dtype)


def test_third_parties_join_through_an_entry_point(monkeypatch: pytest.MonkeyPatch):
    card = ModelCard("other", "other", "none", None, 8, 1, capabilities=frozenset({"write"}))
    made = []

    def load_other(card: ModelCard, weights: str, *, device: str, dtype: str) -> str:
        made.append((card.id, weights, device, dtype))
        return "a model"

    point = EntryPoint("other", "nowhere:ENTRY", registry.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Entry(card, load_other))
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    registry._entries.cache_clear()
    try:
        assert card_of("other") == card
        assert unispect.load("other=somewhere", device="cpu") == "a model"
        assert made == [("other", "somewhere", "cpu", "auto")]
        with pytest.raises(UsageError, match="does not say how its weights are written"):
            registry.family_of(card)
        known = registry.family_of(card_of("janus-pro-1b"))
        monkeypatch.setattr(sys.modules[__name__], "FAMILY", known, raising=False)
        assert registry.family_of(card) is known, "what has a FAMILY beside its load is saved, so it can be trained"
    finally:
        monkeypatch.undo()
        registry._entries.cache_clear()


def test_the_wrong_family_is_said_to_be_so(tmp_path: Path):
    folder = tiny_janus.write_checkpoint(tmp_path / "weights")
    (folder / "config.json").write_text('{"model_type": "multi_modality", "vision_gen_dec_config": {}}')
    with pytest.raises(CheckpointError, match=r"janusflow-1\.3b"):
        unispect.load("janus-pro-1b", folder, device="cpu")
    (folder / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointError, match=r"not of Janus-Pro.*llama"):
        unispect.load("janus-pro-1b", folder, device="cpu")
