"""Folders in either published layout, and files that are refused in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import Emu3ForConditionalGeneration

from tests.helpers import tiny_emu3 as tiny
from unispect.core.errors import CheckpointError, DataError
from unispect.core.prompts import Goal, Prompt
from unispect.models.emu3.card import CARDS, NEGATIVE
from unispect.models.emu3.folder import load
from unispect.models.emu3.model import Emu3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.write_checkpoint(tmp_path / "one")


def opened(folder: Path, **how: str) -> Emu3:
    return load(tiny.TINY, folder, device="cpu", **how)


def same(one: Emu3, other: Emu3) -> bool:
    theirs = other.network.state_dict()
    return all(torch.equal(ours, theirs[name]) for name, ours in one.network.state_dict().items())


def with_content(folder: Path, change: Callable[[dict[str, Any]], object], file: str = "config.json") -> Path:
    content = json.loads((folder / file).read_text("utf-8"))
    change(content)
    (folder / file).write_text(json.dumps(content), "utf-8")
    return folder


def test_names_of_the_published_files_are_read(folder: Path):
    before = opened(folder)
    own = load_file(folder / "model.safetensors")
    old = {
        key.replace("lm_head", "text_model.lm_head")
        .replace("model.text_model", "text_model.model")
        .replace("model.vqmodel", "vqmodel"): tensor
        for key, tensor in own.items()
    }
    old["vqmodel.encoder.time_res_stack.0.norm1.num_batches_tracked"] = torch.tensor(3)
    save_file(old, folder / "model.safetensors")
    assert same(opened(folder), before)


def test_what_transformers_saves_is_read_and_what_we_save_is_read_by_it(folder: Path):
    before = opened(folder)
    network = Emu3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)
    network.save_pretrained(folder)
    assert any("num_batches_tracked" in key for key in load_file(folder / "model.safetensors"))
    assert same(opened(folder), before)


def test_the_picture_tokenizer_stays_in_single_precision(folder: Path):
    model = opened(folder, dtype="bfloat16")
    kinds = {name.startswith("model.vqmodel."): tensor.dtype for name, tensor in model.network.state_dict().items()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}


def test_every_token_learns(folder: Path):
    model = opened(folder)
    pad = tiny.TOKENIZER.token_to_id(tiny.PAD)
    model.backbone.embed_tokens(torch.tensor([pad])).sum().backward()
    gradient = model.backbone.embed_tokens.weight.grad
    assert gradient is not None
    assert gradient[pad].all()


def test_only_published_weights_are_led_away_from_the_negative_prompt(folder: Path):
    assert opened(folder).drawing.negative == ""
    for name in ("emu3-gen", "emu3-chat"):
        model = load(CARDS[name], with_content(folder, lambda own: None), device="cpu")
        assert model.drawing.negative == NEGATIVE
        assert (model.drawing.guidance, model.drawing.temperature, model.drawing.top_k) == (3.0, 1.0, 2048)
        assert model.card.image_size == {"emu3-gen": 720, "emu3-chat": 512}[name]


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no section": (lambda own: own.pop("vq_config"), "no table 'vq_config'"),
    "the authors' layout": (
        lambda own: (own.clear(), own.update(model_type="Emu3")),
        "authors' own layout.*Emu3-Gen-hf",
    ),
    "no image token": (lambda own: own["vocabulary_map"].pop("<|visual token 000003|>"), "visual token 000003"),
    "one too many": (lambda own: own["vocabulary_map"].update({"<|visual token 000040|>": 1}), "than the 40"),
    "a token far out": (lambda own: own["vocabulary_map"].update({"<image>": 10**6}), "a number below"),
    "a token that is true": (lambda own: own["vocabulary_map"].update({"<image>": True}), "a number below"),
    "tokens out of order": (
        lambda own: own["vocabulary_map"].update({"<|visual token 000003|>": 5}),
        "follow each other",
    ),
    "another tokenizer": (lambda own: own["vocabulary_map"].update({"<image>": 5}), "take the tokenizer that"),
    "widths that differ": (lambda own: own["vq_config"].update(hidden_size=32), "hidden_size is not the 64"),
    "attention elsewhere": (lambda own: own["vq_config"].update(attn_resolutions=[1]), "hidden_size is not the 64"),
    "frames by three": (lambda own: own["vq_config"].update(temporal_downsample_factor=3), "no power of two"),
    "latents that differ": (lambda own: own["vq_config"].update(embed_dim=8), "latent_channels differ"),
    "norms that do not fit": (lambda own: own["vq_config"].update(norm_groups=5), "norm_groups 5"),
    "tied tables": (lambda own: own.update(tie_word_embeddings=True), "tie_word_embeddings is True"),
    "two latents": (lambda own: own["vq_config"].update(double_latent=True), "double_latent is True"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_is_refused_in_words(folder: Path, wrong: str):
    change, words = WRONG[wrong]
    with pytest.raises(CheckpointError, match=words):
        opened(with_content(folder, change))


PICTURES: dict[str, tuple[dict[str, Any], str]] = {
    "another mean": ({"image_mean": [0.48, 0.46, 0.41]}, "image_mean"),
    "sizes that cross": ({"min_pixels": 512}, "at least 512 and at most 256"),
    "another stride": ({"spatial_factor": 8}, "spatial_factor 8"),
}


@pytest.mark.parametrize("wrong", PICTURES)
def test_pictures_that_are_seen_otherwise_are_refused(folder: Path, wrong: str):
    values, words = PICTURES[wrong]
    with pytest.raises(CheckpointError, match=words):
        opened(with_content(folder, lambda own: own.update(values), "preprocessor_config.json"))


def test_text_is_never_a_special_token_and_pictures_are_never_too_narrow(folder: Path):
    model = opened(folder)
    (ids,) = model.encode([Prompt.of("<image> <|visual token 000001|>")], Goal.TEXT).inputs.ids  # type: ignore[attr-defined]
    assert not set(ids[1:].tolist()) & set(tiny.VOCABULARY.values())
    with pytest.raises(DataError, match="too narrow"):
        model.encode([Prompt.of(Image.new("RGB", (2, 500)), "?")], Goal.TEXT)
