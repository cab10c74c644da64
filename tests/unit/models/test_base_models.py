"""What a derivative lacks comes from the base model that its model card names, and that is said."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.helpers import tiny_bagel, tiny_janus, tiny_janus_flow, tiny_omnigen2, tiny_show_o2
from tests.helpers.checkpoint_layouts import taken
from tests.helpers.commands import here
from tests.helpers.loopback_hub import LoopbackHub, loopback_hub
from unispect.core.errors import CheckpointError
from unispect.models.bagel.folder import load as load_bagel
from unispect.models.hub import base_of
from unispect.models.janus_flow.folder import load as load_janus_flow
from unispect.models.janus_pro.folder import load as load_janus
from unispect.models.omnigen2.folder import load as load_omnigen2
from unispect.models.show_o2.folder import load as load_show_o2
from unispect.runs import RunStore

TUNED = "---\nlicense: mit\nbase_model: owner/base\n---\n# Tuned\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    with loopback_hub(monkeypatch, tmp_path / "cache") as found:
        yield found


def tuned(good: Path, *lacking: str) -> Path:
    """A copy that lacks files and names its base."""
    folder = Path(shutil.copytree(good, good.parent / "tuned"))
    for name in lacking:
        (folder / name).unlink()
    (folder / "README.md").write_text(TUNED)
    return folder


@pytest.mark.parametrize("by_hub", [True, False])
def test_tokenizer_and_picture_settings_come_from_the_base(hub: LoopbackHub, tmp_path: Path, by_hub: bool):
    good = tiny_janus.write_checkpoint(tmp_path / "good")
    folder = tuned(good, "tokenizer.json", "preprocessor_config.json")
    base, source = hub.put("owner/base", good), hub.put("owner/tuned", folder) if by_hub else folder
    model = load_janus(tiny_janus.TINY, source, device="cpu")
    assert model.card.notes[-2:] == tuple(
        f"{name} was taken from owner/base, which README.md names as the base model."
        for name in ("tokenizer.json", "preprocessor_config.json")
    )
    assert hub.commit(base) in model.card.revision.split("+")
    assert "owner/base/tokenizer.json" in dict(model.card.files)
    assert hub.fetched.count("model.safetensors") == by_hub
    (folder / "README.md").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        load_janus(tiny_janus.TINY, folder, device="cpu")


@pytest.mark.slow
def test_a_run_says_it_in_its_first_lines_and_keeps_it(
    hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    good = tiny_janus.write_checkpoint(tmp_path / "good")
    folder = tuned(good, "tokenizer.json")
    hub.put("owner/base", good)
    (tmp_path / "prompts.txt").write_text("a red star")
    said = ("--model", f"janus-pro-1b={folder}", "--data", f"text:{tmp_path / 'prompts.txt'}", "--preset", "controlled")
    outcome = here(capsys, "run", "encoding", *said, "--seeds", 0, "--device", "cpu", "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    line = f"        {note('tokenizer.json')}\n"
    assert line in outcome.out
    assert outcome.out.index("model   janus-pro-1b") < outcome.out.index(line) < outcome.out.index("study   encoding")
    with RunStore.open(tmp_path / "run") as store:
        (card,) = store.cards().values()
    assert note("tokenizer.json") in card.notes


def test_the_pixel_autoencoder_comes_from_the_base(hub: LoopbackHub, tmp_path: Path):
    good = tiny_bagel.write_checkpoint(tmp_path / "good")
    before = load_bagel(tiny_bagel.TINY, good, device="cpu").network.state_dict()
    own = taken(good)
    save_file({key[4:]: value for key, value in own.items() if key.startswith("vae.")}, good / "ae.safetensors")
    save_file({key: value for key, value in own.items() if not key.startswith("vae.")}, good / "ema.safetensors")
    folder = tuned(good, "ae.safetensors", "llm_config.json")
    hub.put("owner/base", good)
    model = load_bagel(tiny_bagel.TINY, hub.put("owner/tuned", folder), device="cpu")
    assert all(torch.equal(before[key], value) for key, value in model.network.state_dict().items())
    assert "ae.safetensors was taken from owner/base, which README.md names as the base model." in model.card.notes
    assert "owner/base/llm_config.json" in dict(model.card.files)
    assert hub.commit("owner/base") in model.card.revision.split("+")


def note(name: str) -> str:
    return f"{name} was taken from owner/base, which README.md names as the base model."


def in_folder(good: Path, place: str, prefix: str, name: str) -> None:
    """Takes the tensors behind a prefix out of a checkpoint's only file, into a folder inside."""
    own = taken(good)
    whole = {key: value for key, value in own.items() if not key.startswith(prefix)}
    (good / place).mkdir(exist_ok=True)
    save_file({key[len(prefix) :]: own[key] for key in own.keys() - whole.keys()}, good / place / name)
    save_file(whole, good / "model.safetensors")


@pytest.mark.parametrize("by_hub", [True, False])
@pytest.mark.parametrize(
    ("helper", "load", "place", "prefix"),
    [
        (tiny_janus_flow, load_janus_flow, "sdxl-vae", "vae."),
        (tiny_show_o2, load_show_o2, "vae", "vae."),
    ],
)
def test_a_part_in_a_folder_comes_from_the_base(
    hub: LoopbackHub, tmp_path: Path, helper: Any, load: Any, place: str, prefix: str, by_hub: bool
):
    good = helper.write_checkpoint(tmp_path / "good")
    before = load(helper.TINY, good, device="cpu").network.state_dict()
    in_folder(good, place, prefix, "diffusion_pytorch_model.safetensors")
    folder = tuned(good)
    shutil.rmtree(folder / place)
    hub.put("owner/base", good)
    model = load(helper.TINY, hub.put("owner/tuned", folder) if by_hub else folder, device="cpu")
    assert all(torch.equal(before[key], value) for key, value in model.network.state_dict().items())
    assert model.card.notes.count(note(place)) == 1
    assert "diffusion_pytorch_model.safetensors" in dict(model.card.files)
    assert hub.commit("owner/base") in model.card.revision.split("+")
    assert hub.fetched.count("model.safetensors") == by_hub  # of the base, nothing but the part


def test_sizes_of_a_tower_come_from_the_base(hub: LoopbackHub, tmp_path: Path):
    good = tiny_show_o2.write_checkpoint(tmp_path / "good")
    content = json.loads((good / "config.json").read_text())
    (good / "own-tower").mkdir()
    (good / "own-tower" / "config.json").write_text(json.dumps(content.pop("clip_config")))
    (good / "config.json").write_text(json.dumps(content | {"clip_pretrained_model_path": "lab/own-tower"}))
    folder = tuned(good)
    shutil.rmtree(folder / "own-tower")
    with pytest.raises(CheckpointError, match="whose sizes are unknown; put its"):
        load_show_o2(tiny_show_o2.TINY, folder, device="cpu")
    hub.put("owner/base", good)
    assert note("own-tower/config.json") in load_show_o2(tiny_show_o2.TINY, folder, device="cpu").card.notes


@pytest.mark.parametrize("by_hub", [True, False])
def test_of_omnigen2_a_tuned_transformer_takes_all_else_from_the_base(hub: LoopbackHub, tmp_path: Path, by_hub: bool):
    good = tiny_omnigen2.write_checkpoint(tmp_path / "good")
    before = load_omnigen2(tiny_omnigen2.TINY, good, device="cpu").network.state_dict()
    for part in ("mllm", "transformer", "vae"):
        in_folder(good, part, f"{part}.", "model.safetensors")
    (good / "model.safetensors").unlink()
    folder = tuned(good)
    for part in ("mllm", "vae", "processor", "scheduler"):
        shutil.rmtree(folder / part)
    hub.put("owner/base", good)
    model = load_omnigen2(tiny_omnigen2.TINY, hub.put("owner/tuned", folder) if by_hub else folder, device="cpu")
    assert all(torch.equal(before[key], value) for key, value in model.network.state_dict().items())
    assert {note(part) for part in ("mllm", "vae", "processor", "scheduler")} == {
        one for one in model.card.notes if "was taken from" in one
    }
    assert "transformer/model.safetensors" in dict(model.card.files)
    assert {"mllm/model.safetensors", "vae/model.safetensors"} <= set(hub.fetched)
    assert hub.fetched.count("transformer/model.safetensors") == by_hub
    (folder / "README.md").unlink()
    with pytest.raises(CheckpointError, match=r"mllm is missing"):
        load_omnigen2(tiny_omnigen2.TINY, folder, device="cpu")


@pytest.mark.parametrize("text", [TUNED.replace("owner/base", "owner/nothing"), "no front matter", None])
def test_a_base_that_does_not_help_leaves_the_words_of_before(hub: LoopbackHub, tmp_path: Path, text: str | None):
    folder = tuned(tiny_janus.write_checkpoint(tmp_path / "good"), "tokenizer.json")
    (folder / "README.md").unlink()
    if text:
        (folder / "README.md").write_text(text)
    with pytest.raises(CheckpointError, match=r"tuned/tokenizer\.json is missing"):
        load_janus(tiny_janus.TINY, folder, device="cpu")


@pytest.mark.parametrize(
    ("text", "base"),
    [
        (TUNED, "owner/base"),
        ("---\nbase_model:\n- owner/base\n---\n", "owner/base"),
        ("\ufeff---\nbase_model: owner/base\n---\n", ""),
        ("---\nbase_model: [a/b, c/d]\n---\n", ""),
        ("---\nbase_model: ../../etc\n---\n", ""),
        ("---\nbase_model: 3\n---\n", ""),
        ("---\n- a\n---\n", ""),
        ("---\nbase_model: {a\n---\n", ""),
        ("---\nbase_model: owner/base", ""),
        ("before\n---\nbase_model: owner/base\n---\n", ""),
        ("", ""),
    ],
)
def test_which_base_a_model_card_names(tmp_path: Path, text: str, base: str):
    (tmp_path / "README.md").write_text(text, "utf-8")
    assert base_of(tmp_path) == base
    (tmp_path / "README.md").unlink()
    assert base_of(tmp_path) == ""
