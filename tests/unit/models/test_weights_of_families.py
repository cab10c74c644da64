"""What holds for the weights of every family: none that are no numbers, the same ones under other names, all noted."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file, save_model

from tests.helpers import tiny_bagel, tiny_harmon, tiny_janus, tiny_omnigen2, tiny_show_o2
from tests.helpers.odd_checkpoints import FAMILIES
from unispect.core.errors import CheckpointError, StateError, UpstreamMissing
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.units import Record, Unit, Upstream
from unispect.engine.attempt import attempt
from unispect.models.harmon.folder import load as load_harmon
from unispect.models.janus_pro.folder import load as load_janus_pro
from unispect.studies import asking

PARTS: Mapping[str, tuple[str, ...]] = {
    "janus-pro": ("language_model.lm_head.", "vision_model.", "gen_vision_model.decoder.", "gen_head.", "aligner."),
    "janus-flow": ("language_model.model.layers.1.", "vision_und_enc_model.", "vision_gen_dec_model.", "vae."),
    "harmon": ("llm.model.layers.1.", "mar.diffloss.", "mar.encoder_blocks.", "vae.decoder.", "proj_in."),
    "show-o": ("showo.model.layers.1.", "vq.decoder.", "showo.lm_head."),
    "show-o2": ("showo.model.layers.1.", "und_trans.", "diffusion_head_a.", "vae."),
    "bagel": ("language_model.model.layers.1.mlp_moe_gen.", "vit_model.", "vae.", "time_embedder."),
    "omnigen2": ("mllm.model.layers.1.", "mllm.visual.", "transformer.layers.0.", "vae."),
    "cosmos3": ("transformer.layers.1.mlp.", "transformer.layers.2.mlp_moe_gen.", "vision_encoder.", "vae."),
    "emu3": ("model.text_model.layers.1.", "model.vqmodel.decoder.", "model.vqmodel.quantize.", "lm_head."),
}
"""Family -> how names of tensors begin in its parts; of another, every first word of a name."""


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def good(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES[family][0].write_checkpoint(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def model(family: str, good: Path) -> Any:
    return opened(family, good)


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "copy"))


def opened(family: str, place: Path) -> Any:
    tiny, load = FAMILIES[family]
    return load(tiny.TINY, place, device="cpu")


def same(one: Any, other: Any) -> bool:
    theirs = other.network.state_dict()
    return all(torch.equal(ours, theirs[name]) for name, ours in one.network.state_dict().items())


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused_in_every_part(family: str, folder: Path, wrong: float):
    file = folder / "model.safetensors"
    own = load_file(file)
    for start in PARTS.get(family) or sorted({f"{key.partition('.')[0]}." for key in own}):
        key = max(key for key in own if key.startswith(start))
        spoiled = own[key].clone()
        spoiled.view(-1)[-1] = wrong
        save_file({**own, key: spoiled}, file)
        with pytest.raises(CheckpointError) as caught:
            opened(family, folder)
        assert repr(key) in str(caught.value)
        assert str(file) in str(caught.value)
        assert "not finite" in str(caught.value)


@pytest.mark.parametrize("start", ["module.", "_orig_mod.", "base_model.model.", "model.", "module._orig_mod.student."])
def test_what_training_wraps_around_a_model_is_taken_off(family: str, folder: Path, model: Any, start: str):
    file = folder / "model.safetensors"
    save_file({start + key: value for key, value in load_file(file).items()}, file)
    found = opened(family, folder)
    assert same(found, model)
    assert any("names of tensors" in note.lower() for note in found.card.notes)
    assert found.card.revision != model.card.revision


def test_the_card_names_the_files_that_were_read(family: str, folder: Path, model: Any):
    names = [name for name, _ in model.card.files]
    assert "model.safetensors" in names
    assert any(name.endswith("config.json") for name in names)
    assert any(name.endswith("tokenizer.json") for name in names) == any(folder.rglob("tokenizer.json"))
    for name in ("notes.txt", "trainer_state.json", "all_results.json", "training.json", "generation_config.json"):
        (folder / name).write_text("{}")
    assert opened(family, folder).card == model.card


def test_a_byte_order_mark_in_any_file_is_no_error(family: str, folder: Path, model: Any):
    for path in folder.rglob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert same(opened(family, folder), model)


@pytest.mark.slow
def test_a_second_set_that_differs_is_refused_and_one_can_be_named(family: str, folder: Path, model: Any):
    own = load_file(folder / "model.safetensors")
    tuned = {key: value * 1.05 for key, value in own.items()}
    torch.save(tuned, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"model\.safetensors and pytorch_model\.bin"):
        opened(family, folder)
    assert same(opened(family, folder / "model.safetensors"), model)
    other = opened(family, folder / "pytorch_model.bin")
    assert not same(other, model)
    assert dict(other.card.files).keys() >= {"pytorch_model.bin"}
    torch.save(own, folder / "pytorch_model.bin")
    found = opened(family, folder)
    assert same(found, model)
    assert found.card.revision == model.card.revision
    assert any("pytorch_model.bin" in note for note in found.card.notes)


TIED = {
    "harmon": ("llm.model.embed_tokens.weight", "llm.lm_head.weight"),
    "show-o2": ("showo.model.embed_tokens.weight", "showo.lm_head.weight"),
    "omnigen2": ("mllm.model.embed_tokens.weight", "mllm.lm_head.weight"),
}


@pytest.mark.slow
@pytest.mark.parametrize("tied", TIED)
@pytest.mark.parametrize("noted", [True, False])
def test_tied_weights_load_under_either_name(tmp_path: Path, tied: str, noted: bool):
    """Savers of shared tensors keep one name, not always the same, and some say in the file which stands for which."""
    table, head = TIED[tied]
    folder = FAMILIES[tied][0].write_checkpoint(tmp_path)
    file = folder / "model.safetensors"
    before = opened(tied, folder)
    own = load_file(file)
    assert head not in own
    rest = {key: value for key, value in own.items() if key != table}
    save_file({**rest, head: own[table]}, file, metadata={table: head} if noted else None)
    assert same(opened(tied, folder), before)
    save_file({**own, head: own[table].clone()}, file)
    assert same(opened(tied, folder), before)
    save_file({**own, head: own[table] + 1}, file)
    with pytest.raises(CheckpointError, match="differs from"):
        opened(tied, folder)
    save_file(rest, file)
    with pytest.raises(CheckpointError, match="no key"):
        opened(tied, folder)


def test_an_untied_head_that_a_saver_left_out_is_the_one_that_it_names(tmp_path: Path):
    folder = tiny_harmon.write_checkpoint(tmp_path, tied=False)
    table, head = TIED["harmon"]
    file = folder / "model.safetensors"
    own = load_file(file)
    del own[head]
    save_file(own, file)
    with pytest.raises(CheckpointError, match=r"no key 'llm\.lm_head\.weight'"):
        opened("harmon", folder)
    save_file(own, file, metadata={head: table})
    network = opened("harmon", folder).network
    assert torch.equal(network.lm_head.weight, network.llm.embed_tokens.weight)


def test_the_saver_of_shared_tensors_writes_what_is_read(tmp_path: Path):
    """`safetensors.torch.save_model` notes in the file what it left out."""
    shared = torch.nn.Module()
    shared.a, shared.b = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
    shared.b.weight = shared.a.weight
    save_model(shared, str(tmp_path / "model.safetensors"))
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        (kept,) = file.keys()
        assert file.metadata() | {"format": "pt"} == {"format": "pt", ({"a.weight", "b.weight"} - {kept}).pop(): kept}


@pytest.mark.slow
def test_the_base_beside_tuned_weights_of_bagel_is_no_guess(tmp_path: Path):
    """As after training in the published folder, whose file has another name."""
    folder = tiny_bagel.write_checkpoint(tmp_path)
    own = load_file(folder / "model.safetensors")
    inner = {key: value for key, value in own.items() if not key.startswith("vae.")}
    save_file(inner, folder / "ema.safetensors")
    save_file({key[4:]: value for key, value in own.items() if key.startswith("vae.")}, folder / "ae.safetensors")
    save_file({key: value * 1.05 for key, value in inner.items()}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"ema\.safetensors and model\.safetensors"):
        opened("bagel", folder)
    base, tuned = (opened("bagel", folder / name) for name in ("ema.safetensors", "model.safetensors"))
    assert not same(base, tuned)
    (folder / "model.safetensors").unlink()
    published = opened("bagel", folder)
    assert same(published, base)
    assert not any("passed over" in note for note in published.card.notes)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("janus-flow", "sdxl-vae/diffusion_pytorch_model.safetensors"),
        ("harmon", "kl16.ckpt"),
        ("bagel", "ae.safetensors"),
        ("show-o2", "Wan2.1_VAE.pth"),
        ("omnigen2", "vae/diffusion_pytorch_model.safetensors"),
    ],
)
def test_an_autoencoder_beside_the_one_in_the_weights_must_be_the_same(tmp_path: Path, name: str, place: str):
    folder = FAMILIES[name][0].write_checkpoint(tmp_path)
    before = opened(name, folder)
    own = load_file(folder / "model.safetensors")
    part = {key[4:]: value for key, value in own.items() if key.startswith("vae.")}
    path = folder / place
    path.parent.mkdir(exist_ok=True)
    write = save_file if path.suffix == ".safetensors" else torch.save
    write(part, path)
    assert same(opened(name, folder), before)
    write({key: value + 1 for key, value in part.items()}, path)
    with pytest.raises(CheckpointError, match="they differ in"):
        opened(name, folder)


@pytest.mark.slow
def test_published_harmon_files_of_other_sizes_are_not_meant(tmp_path: Path):
    """The authors' repository holds all of them in one folder; the card says which size is meant."""
    from dataclasses import replace

    folder = tiny_harmon.write_checkpoint(tmp_path)
    own = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    inner = {key: value for key, value in own.items() if not key.startswith("vae.")}
    torch.save({key[4:]: value for key, value in own.items() if key.startswith("vae.")}, folder / "kl16.ckpt")
    torch.save(inner, folder / "harmon_1.5b.pth")
    for other in ("harmon_0.5b.pth", "harmon_1.5b-o.pth"):
        torch.save({key: value * 1.05 for key, value in inner.items()}, folder / other)
    card = replace(tiny_harmon.TINY, id="harmon-1.5b")
    found = load_harmon(card, folder, device="cpu")
    assert not any("passed over" in note for note in found.card.notes)
    names = dict(found.card.files)
    assert names.keys() >= {"harmon_1.5b.pth", "kl16.ckpt"}
    assert "harmon_1.5b-o.pth" not in names
    tuned = load_harmon(card, folder / "harmon_1.5b-o.pth", device="cpu")
    assert not same(tuned, found)
    torch.save({key: value * 2 for key, value in inner.items()}, folder / "mine.pth")
    with pytest.raises(CheckpointError, match=r"harmon_1\.5b\.pth and mine\.pth"):
        load_harmon(card, folder, device="cpu")


@pytest.mark.slow
def test_one_part_of_several_can_be_named(tmp_path: Path):
    folder = tiny_omnigen2.write_checkpoint(tmp_path)
    before = opened("omnigen2", folder)
    own = load_file(folder / "model.safetensors")
    for part in ("mllm", "transformer", "vae"):
        inner = {key[len(part) + 1 :]: value for key, value in own.items() if key.startswith(f"{part}.")}
        save_file(inner, folder / part / "model.safetensors")
    assert same(opened("omnigen2", folder), before)
    (folder / "model.safetensors").unlink()
    inner = load_file(folder / "mllm" / "model.safetensors")
    save_file({key: value * 1.05 for key, value in inner.items()}, folder / "mllm" / "tuned.safetensors")
    with pytest.raises(CheckpointError, match=r"mllm holds two sets"):
        opened("omnigen2", folder)
    assert same(opened("omnigen2", folder / "mllm" / "model.safetensors"), before)
    assert not same(opened("omnigen2", folder / "mllm" / "tuned.safetensors"), before)


def test_windows_paths_in_a_configuration_are_understood(tmp_path: Path):
    folder = tiny_show_o2.write_checkpoint(tmp_path / "model")
    content = json.loads((folder / "config.json").read_text())
    for section, key, name in (
        ("llm_config", "llm_model_path", "C:\\Users\\me\\tiny-qwen"),
        ("clip_config", "clip_pretrained_model_path", "C:\\hub\\models--google--tiny-siglip\\snapshots\\01"),
    ):
        place = tmp_path / name.replace("\\snapshots\\01", "").rpartition("\\")[2].rpartition("--")[2]
        place.mkdir()
        (place / "config.json").write_text(json.dumps(content.pop(section)))
        content[key] = name
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "tokenizer.json").rename(tmp_path / "tiny-qwen" / "tokenizer.json")
    found = opened("show-o2", folder)
    assert {name for name, _ in found.card.files} >= {"tiny-qwen/config.json", "tiny-qwen/tokenizer.json"}


def test_what_overflows_while_running_is_neither_drawn_nor_written(family: str, folder: Path):
    """Weights may be finite and what they compute not, as in a precision that is too narrow."""
    found = opened(family, folder)
    backbone = found.network.llm if hasattr(found.network, "llm") else found.backbone
    with torch.no_grad():
        for parameter in backbone.layers[-1].parameters():
            parameter.mul_(1e38)
    drawn = found.encode([Prompt.of("red star")], Goal.IMAGE)
    asked = found.encode([Prompt.of("red star")], Goal.TEXT)
    said = r"^tiny-random.*: .* not finite \(.*\)"
    with pytest.raises(StateError, match=rf"{said} at step 1, .*--dtype float32"):
        list(found.draw(drawn, ImageSampling((0,))))
    with pytest.raises(StateError, match=rf"{said} at step 1, .*--dtype float32"):
        list(found.write(asked, TextSampling(max_new_tokens=3)))
    with pytest.raises(StateError, match=said):
        list(found.score(asked, [["yes", "no"]]))
    unit = Unit("any", 1, "write", found.card.reference, {"prompt": "red star"}, {"max_new_tokens": 3})
    (record,) = attempt(telling, found, [unit], no_prior)
    assert (record.status, record.payload) == ("failed", {})
    assert "StateError: tiny-random" in record.error
    assert "--dtype float32" in record.error


def no_prior(unit: str) -> Record:
    raise UpstreamMissing(unit)


def telling(model: Any, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """A study that only has texts written."""

    def write(model: Any, units: Sequence[Unit], upstream: Upstream) -> list[Any]:
        return asking.write(model, units, [Prompt.of(str(unit.inputs["prompt"])) for unit in units])

    return asking.recording({"write": write})["write"](model, units, upstream)


@pytest.mark.parametrize(("kind", "dtype"), [(torch.float32, "bfloat16"), (torch.float64, "float32")])
def test_numbers_too_large_for_the_precision_that_is_run_in_are_refused(tmp_path: Path, kind: torch.dtype, dtype: str):
    folder = tiny_janus.write_checkpoint(tmp_path)
    file = folder / "model.safetensors"
    own = load_file(file)
    key = "language_model.lm_head.weight"
    large = own[key].to(kind)
    large[0, 0] = torch.finfo(kind).max
    save_file({**own, key: large}, file)
    with pytest.raises(CheckpointError, match=rf"{key}.*too large for torch\.{dtype}"):
        load_janus_pro(tiny_janus.TINY, folder, device="cpu", dtype=dtype)
    if kind is torch.float32:
        load_janus_pro(tiny_janus.TINY, folder, device="cpu", dtype="float32")
