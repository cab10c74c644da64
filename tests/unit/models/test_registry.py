import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import tiny_janus

import unispect
from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UsageError
from unispect.models import registry
from unispect.models.registry import Entry, ModelReference, card_of, cards, parse


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
