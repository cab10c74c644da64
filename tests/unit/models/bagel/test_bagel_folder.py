"""Published layouts, weights of others' beside a base folder, and what weights may lack."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_bagel, tiny_janus
from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling
from unispect.models.bagel.card import BASE, CARDS
from unispect.models.bagel.folder import load, save, start
from unispect.models.bagel.keys import DRAWN_PLACES, SEEN_PLACES, TOWER
from unispect.models.bagel.model import Bagel
from unispect.models.registry import load as load_by_name

HERE = BASE.rpartition("/")[2]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `save` leaves it: one file for everything."""
    return tiny_bagel.write_checkpoint(tmp_path_factory.mktemp("single"))


@pytest.fixture
def base(single: Path, tmp_path: Path) -> Path:
    """As published: the model's file, and the pixel autoencoder's."""
    folder = tmp_path / HERE
    shutil.copytree(single, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    save_file({key: value for key, value in weights.items() if key[:4] != "vae."}, folder / "ema.safetensors")
    save_file({key[4:]: value for key, value in weights.items() if key[:4] == "vae."}, folder / "ae.safetensors")
    return folder


@pytest.fixture
def tuned(base: Path) -> Path:
    """Others' weights, alone in a folder beside the base's; what draws differs, and tables and tower are left out."""
    folder = base.parent / "BAGEL-RecA"
    folder.mkdir()
    weights = load_file(base / "ema.safetensors")
    changed = {key: value + 0.01 if "_moe_gen" in key else value for key, value in weights.items()}
    save_file(changed, folder / "model_bf16.safetensors")
    return folder


def drop(file: Path, *starts: str) -> None:
    weights = {key: value for key, value in load_file(file).items() if not key.startswith(starts)}
    file.unlink()
    save_file(weights, file)


def opened(folder: Path, card: ModelCard = tiny_bagel.TINY) -> Bagel:
    return load(card, folder, device="cpu")


def differing(one: Bagel, other: Bagel) -> set[str]:
    theirs = other.network.state_dict()
    return {name for name, ours in one.network.state_dict().items() if not torch.equal(ours, theirs[name])}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.slow
def test_the_published_files_give_what_one_file_gives(single: Path, base: Path):
    assert not differing(opened(base), opened(single))
    assert opened(base).card.revision.count("+") == 1


def test_an_untrained_model_is_saved_and_read_back(tmp_path: Path):
    folder = tiny_bagel.write_files(tmp_path / "new")
    model = start(tiny_bagel.TINY, folder, seed=3)
    save(model, folder / "model.safetensors")
    assert not differing(opened(folder), model)
    other = start(tiny_bagel.TINY, folder, seed=4)
    assert differing(other, model)
    assert not differing(start(tiny_bagel.TINY, folder, seed=3), model)


@pytest.mark.slow
def test_weights_of_others_take_the_rest_from_the_base(tuned: Path, base: Path):
    """From beside the folder or from within it; only what draws differs."""
    model = opened(tuned)
    changed = differing(model, opened(base))
    assert changed
    assert all(".gen." in name or name == "llm.norm_gen.weight" for name in changed)
    shutil.move(base, tuned / HERE)
    assert not differing(opened(tuned), model)
    assert opened(tuned).card.revision == model.card.revision


@pytest.mark.slow
def test_missing_tables_are_made_and_a_missing_tower_is_the_bases(tuned: Path, base: Path):
    whole = opened(tuned)
    drop(tuned / "model_bf16.safetensors", SEEN_PLACES, DRAWN_PLACES, TOWER)
    model = opened(tuned)
    assert not differing(model, whole)
    assert model.card.revision.count("+") == 2
    # The base's own file may lack tables too, which are the same for everyone, but not the tower.
    drop(base / "ema.safetensors", SEEN_PLACES, DRAWN_PLACES)
    assert not differing(opened(base), opened(base))
    drop(base / "ema.safetensors", TOWER)
    for folder in (base, tuned):
        with pytest.raises(CheckpointError, match=r"no key 'vit_model\.vision_model"):
            opened(folder)


@pytest.mark.parametrize("key", ["connector.fc1.weight", "llm2vae.bias", "language_model.model.norm_moe_gen.weight"])
def test_nothing_else_may_be_missing(tuned: Path, key: str):
    drop(tuned / "model_bf16.safetensors", key)
    with pytest.raises(CheckpointError, match=rf"no key '{key}'"):
        opened(tuned)


def test_what_is_unknown_or_of_another_shape_is_refused(base: Path):
    file = base / "ema.safetensors"
    weights = load_file(file)
    save_file({**weights, "language_model.model.layers.0.router.weight": torch.zeros(2)}, file)
    with pytest.raises(CheckpointError, match=r"unknown key 'language_model\.model\.layers\.0\.router\.weight'"):
        opened(base)
    save_file({**weights, "vae2llm.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(CheckpointError, match=r"'vae2llm\.weight' of shape \[2, 2\]"):
        opened(base)


def test_packed_weights_are_refused(tuned: Path):
    file = tuned / "model_bf16.safetensors"
    weights = load_file(file)
    save_file({**weights, "llm2vae.weight": weights["llm2vae.weight"].to(torch.int8)}, file)
    with pytest.raises(CheckpointError, match=r"llm2vae\.weight' is I8 without what it takes"):
        opened(tuned)


@pytest.mark.parametrize("name", ["llm_config.json", "vit_config.json", "tokenizer.json", "ae.safetensors"])
@pytest.mark.usefixtures("offline")
def test_a_missing_file_says_where_it_is_published(base: Path, name: str):
    (base / name).unlink()
    with pytest.raises(CheckpointError, match=rf"lacks {name}.*{BASE}"):
        opened(base)


def test_a_file_of_sizes_may_be_missing_where_they_are_the_published_ones(base: Path):
    content = json.loads((base / "config.json").read_text())
    (base / "config.json").unlink()
    with pytest.raises(CheckpointError, match="vae"):  # the tiny autoencoder is not the published one
        opened(base)
    (base / "config.json").write_text(json.dumps({"vae_config": content["vae_config"]}))
    model = opened(base)
    # Tables are as large as the weights have them; pictures as large as the tables.
    assert model.network.config.seen_table == content["vit_max_num_patch_per_side"]
    assert model.drawing.grid == (content["max_latent_size"],) * 2


def test_another_familys_folder_is_refused(tmp_path: Path, base: Path):
    other = tiny_janus.write_checkpoint(tmp_path / "janus")
    with pytest.raises(CheckpointError, match="not of BAGEL"):
        opened(other)
    (base / "config.json").write_text(json.dumps({"model_type": "bagel", "max_latent_size": 8}))
    (base / "tokenizer.json").unlink()
    shutil.copy(other / "tokenizer.json", base)
    with pytest.raises(CheckpointError):
        opened(base)


def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(single: Path, tmp_path: Path):
    folder = shutil.copytree(single, tmp_path / "large")
    made = tiny_bagel.tokenizer()
    made.add_tokens([f"<more{i}>" for i in range(40)])
    made.save(str(folder / "tokenizer.json"))
    with pytest.raises(CheckpointError, match="tokens up to number 306, the embeddings 272 rows"):
        opened(folder)


def test_the_autoencoder_stays_exact(single: Path):
    model = load(tiny_bagel.TINY, single, device="cpu", dtype="bfloat16")
    assert {tensor.dtype for tensor in model.network.vae.state_dict().values()} == {torch.float32}
    others = {name: tensor.dtype for name, tensor in model.network.state_dict().items() if name[:4] != "vae."}
    assert set(others.values()) == {torch.bfloat16}


def test_cards_set_how_pictures_are_drawn(base: Path, tuned: Path):
    usual, other = (
        opened(folder, CARDS[name]) for folder, name in ((base, "bagel-7b-mot"), (tuned, "bagel-7b-mot-reca"))
    )
    guidance = usual.drawing.guidance
    assert (guidance.text, guidance.image, guidance.interval, guidance.renorm) == (4.0, 1.0, (0.4, 1.0), "global")
    assert (usual.drawing.steps, usual.drawing.shift, guidance.renorm_min) == (49, 3.0, 0.0)
    again = usual.redrawing.guidance
    assert (again.text, again.image, again.interval, again.renorm) == (4.0, 2.0, (0.0, 1.0), "text_channel")
    # RecA's authors draw without renorm, and so it is.
    assert (other.drawing.guidance.renorm_min, other.redrawing.guidance.renorm_min) == (1.0, 1.0)
    assert other.redrawing.guidance.image == 2.0


def test_a_folder_is_named_on_the_command_line(base: Path):
    model = load_by_name(f"bagel-7b-mot={base}", device="cpu")
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    (reply,) = model.draw(encoded, ImageSampling((1,), steps=2))
    assert reply.image.size == (16, 16)
    with pytest.raises(CheckpointError, match="not of BAGEL"):
        load_by_name(f"bagel-7b-mot-reca={tiny_janus.write_checkpoint(base.parent / 'janus')}", device="cpu")
