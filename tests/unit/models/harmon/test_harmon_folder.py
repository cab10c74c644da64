"""Every layout that Harmon weights are published in, and what is said when something is missing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.helpers import tiny_harmon
from unispect.core.errors import CheckpointError, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.cards import CAPABILITIES
from unispect.models.harmon.card import CARDS
from unispect.models.harmon.folder import load
from unispect.models.harmon.model import Harmon

PUBLISHED = replace(CARDS["harmon-1.5b"], image_size=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_harmon.write_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Harmon:
    return load(tiny_harmon.TINY, folder, device="cpu")


@pytest.fixture
def files(folder: Path, tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """A folder without weights, and the weights."""
    for path in folder.glob("*.json"):
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path, load_file(folder / "model.safetensors")


def same(one: Harmon, other: Harmon) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True))


def original(folder: Path, weights: dict[str, torch.Tensor], name: str = "harmon_1.5b.pth") -> None:
    """The authors' pair of files, the text head included as they have it."""
    whole = {key: tensor for key, tensor in weights.items() if not key.startswith("vae.")}
    whole["llm.lm_head.weight"] = whole["llm.model.embed_tokens.weight"]
    torch.save(whole, folder / name)
    vae = {key.removeprefix("vae."): tensor for key, tensor in weights.items() if key.startswith("vae.")}
    torch.save({"model": vae, "epoch": 3}, folder / "kl16.ckpt")


def test_the_original_pair_is_loaded(model: Harmon, files: tuple):
    folder, weights = files
    original(folder, weights)
    torch.save({"other": torch.zeros(1)}, folder / "harmon_0.5b.pth")
    assert same(load(PUBLISHED, folder, device="cpu"), model)


def test_the_weights_of_another_size_are_not_taken(files: tuple):
    folder, weights = files
    original(folder, weights, "harmon_0.5b.pth")
    torch.save({"other": torch.zeros(1)}, folder / "harmon_1.5b.pth")
    with pytest.raises(CheckpointError, match=r"no key 'llm\.model\.embed_tokens"):
        load(PUBLISHED, folder, device="cpu")


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "module"])
def test_reca_weights_may_be_wrapped_and_take_the_autoencoder_from_beside(model: Harmon, files: tuple, wrapper: str):
    folder, weights = files
    original(folder, weights, "whatever.pth")
    torch.save({wrapper: torch.load(folder / "whatever.pth", weights_only=True)}, folder / "whatever.pth")
    card = replace(CARDS["harmon-1.5b-reca"], image_size=16)
    assert same(load(card, folder, device="cpu"), model)


def test_parts_and_a_text_head_make_no_difference(model: Harmon, files: tuple):
    folder, weights = files
    weights["llm.lm_head.weight"] = weights["llm.model.embed_tokens.weight"].clone()
    weights["mar.class_emb.weight"] = torch.zeros(10, 32)
    names = sorted(weights)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: weights[name] for name in own}, folder / file)
    index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert same(load(PUBLISHED, folder, device="cpu"), model)


def test_a_text_head_that_is_no_copy_is_not_dropped(files: tuple):
    folder, weights = files
    weights["llm.lm_head.weight"] = weights["llm.model.embed_tokens.weight"] + 1
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="tied"):
        load(PUBLISHED, folder, device="cpu")


@pytest.mark.parametrize(
    "key", ["mar.diffloss.net.input_proj.bias", "vae.decoder.mid.attn_1.q.weight", "proj_out.2.bias"]
)
def test_a_missing_key_is_named_as_published(files: tuple, key: str):
    folder, weights = files
    del weights[key]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=key.replace(".", r"\.")):
        load(PUBLISHED, folder, device="cpu")


def test_a_missing_autoencoder_is_asked_for(files: tuple, monkeypatch: pytest.MonkeyPatch):
    folder, weights = files
    original(folder, weights)
    (folder / "kl16.ckpt").unlink()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"lacks kl16\.ckpt.*wusize/harmon"):
        load(PUBLISHED, folder, device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"llm": None}, "no section 'llm'"),
        ({"mar.type": "mar_tiny"}, "mar_tiny"),
        ({"mar.vae_stride": 16}, "stride 16"),
        ({"mar.num_sampling_steps": "ddim7.5"}, "ddim7.5"),
        ({"llm.use_sliding_window": True}, "slides"),
        ({"mar.patch_size": 2}, "patch_size"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(files: tuple, change: dict, message: str):
    folder, weights = files
    save_file(weights, folder / "model.safetensors")
    content = json.loads((folder / "config.json").read_text())
    for name, value in change.items():
        section, _, key = name.partition(".")
        content[section] = content[section] | {key: value} if key else value
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        load(PUBLISHED, folder, device="cpu")


# Drawing beyond the contract


def drawn(model: Harmon, prompts: list[Prompt], seeds: tuple[int, ...], **how: float) -> list[ImageReply]:
    return model.draw(model.encode(prompts, Goal.IMAGE), ImageSampling(seeds, **how))


def test_pictures_need_not_be_square(model: Harmon):
    wide = Harmon(model.card, model.network, model.processor, replace(model.drawing, grid=(3, 6)))
    prompts = [Prompt.of("a star"), Prompt.of("a longer prompt")]
    together = drawn(wide, prompts, (1, 2))
    assert {reply.image.size for reply in together} == {(24, 12)}
    alone = drawn(wide, prompts[1:], (2,))[0]
    assert abs(together[1].latents - alone.latents).max() < 1e-4
    encoded = wide.encode(prompts, Goal.IMAGE)
    *_, last = wide.states(encoded, together)
    assert len(last.rows[0]) == encoded.length(0) + 18 + model.network.mar.buffers_count


def test_the_papers_padding_disturbs_the_shorter_prompt_alone(model: Harmon):
    paper = Harmon(model.card, model.network, model.processor, replace(model.drawing, paper=True, guidance=1.0))
    ours = Harmon(model.card, model.network, model.processor, replace(model.drawing, guidance=1.0))
    prompts = [Prompt.of("a red star with more words"), Prompt.of("plus")]
    theirs, right = drawn(paper, prompts, (1, 2)), drawn(ours, prompts, (1, 2))
    assert abs(theirs[0].latents - right[0].latents).max() < 1e-4
    assert abs(theirs[1].latents - right[1].latents).max() > 1e-2
    alone = drawn(paper, prompts[1:], (2,))[0]
    assert abs(alone.latents - right[1].latents).max() < 1e-4


def test_temperature_leaves_the_start_alone(model: Harmon):
    """At temperature 0 seeds still differ by where they start and in which order they fill."""
    cold = drawn(model, [Prompt.of("a star")] * 2, (1, 2), temperature=0.0)
    assert abs(cold[0].latents - cold[1].latents).max() > 1e-2
    hot = drawn(model, [Prompt.of("a star")], (1,), temperature=1.0)[0]
    assert (hot.replay["order"] == cold[0].replay["order"]).all()


def test_a_picture_is_redrawn_only_by_models_that_learned_it(model: Harmon):
    picture = Image.new("RGB", (9, 20), "red")
    assert drawn(model, [Prompt.of(picture, "Describe it."), Prompt.of("a star")], (1, 2))
    with pytest.raises(Unsupported, match="one picture, given before the text"):
        model.encode([Prompt.of("again:", picture)], Goal.IMAGE)
    other = Harmon(replace(model.card, capabilities=CAPABILITIES), model.network, model.processor, model.drawing)
    with pytest.raises(Unsupported, match="which no one trained it to do"):
        other.encode([Prompt.of(picture, "again")], Goal.IMAGE)


def test_more_steps_than_latents_are_refused(model: Harmon):
    with pytest.raises(UsageError, match="1 to 16 steps, not 17"):
        drawn(model, [Prompt.of("a star")], (1,), steps=17)
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1,)))
    with pytest.raises(UsageError, match="no step 6"):
        model.states(encoded, replies, at=6)
