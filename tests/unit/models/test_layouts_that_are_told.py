"""What `unispect models NAME --layouts` says is read, is read."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.helpers import commands
from unispect.models.checkpoint import open_folder
from unispect.models.layouts import told
from unispect.models.registry import cards, family_of
from unispect.models.sets import Layout
from unispect.models.shards import SUFFIXES, TABLES
from unispect.models.wrappers import INNER, WRAPPERS

LAYOUTS = {card.family: family_of(card).layout for card in cards().values()}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


def read(folder: Path, layout: Layout) -> set[str]:
    return set(open_folder(folder, layout).shapes())


def put(path: Path, keys: list[str]) -> None:
    tensors = {key: torch.ones(2) for key in keys}
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)


def test_every_name_that_is_told_is_read(layout: Layout, tmp_path: Path):
    rows = told(layout)
    # GGUF's own files are made and read in tests/unit/models/quantised
    names = [*rows["weights, by name"], *(f"mine{suffix}" for suffix in SUFFIXES if suffix != ".gguf")]
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        folder.mkdir()
        for beside in (*layout.apart, "optimizer.pt"):
            put(folder / beside, ["x"])
        for known in rows["a tensor begins with"]:
            put(folder / name, [f"{known}w", "other"])
            assert read(folder, layout) == {f"{known}w", "other"}


def test_every_wrapper_that_is_told_is_taken_off(layout: Layout, tmp_path: Path):
    known = layout.known[0]
    assert told(layout)["taken off in front"] == WRAPPERS
    for start in WRAPPERS:
        # A part that was published apart lies beside the network without the wrapper.
        put(tmp_path / "x.safetensors", [f"{start}{known}w", f"{start}other", "vae.z"])
        assert read(tmp_path, layout) == {f"{known}w", "other", "vae.z"}
    for part in INNER:
        put(tmp_path / "x.safetensors", [f"{part}.{known}{part}.w", "vae.z"])
        assert read(tmp_path, layout) == {f"{known}w", "vae.z"}


def test_a_wrapper_is_left_where_two_names_would_become_one(tmp_path: Path):
    put(tmp_path / "x.safetensors", ["module.layers.w", "module.z", "z"])
    assert read(tmp_path, Layout(known=("layers.",))) == {"module.layers.w", "module.z", "z"}


@pytest.mark.parametrize("key", TABLES)
def test_every_key_of_a_training_state_that_is_told_is_read(key: str, tmp_path: Path):
    torch.save({key: {"layers.w": torch.ones(2)}, "step": 3}, tmp_path / "x.pth")
    assert read(tmp_path, Layout(known=("layers.",))) == {"layers.w"}


def test_the_command_tells_them_of_a_family(capsys: pytest.CaptureFixture[str]):
    out = commands.here(capsys, "models", "bagel-7b-mot", "--layouts").out
    for names in told(LAYOUTS["bagel"]).values():
        assert ", ".join(names) in out
    refused = commands.here(capsys, "models", "--layouts")
    assert refused.code == 2
    assert "unispect models NAME --layouts" in refused.error
