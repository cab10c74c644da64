"""Adapters that peft trained and saved are merged while weights are loaded, whole and in their place, or not at all."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.helpers import tiny_binding, tiny_janus
from unispect.core.errors import CheckpointError, UnispectError, UsageError
from unispect.models import registry
from unispect.models.adapter_files import open_adapters
from unispect.models.named_adapters import Adapter, parse_adapter, parse_adapters

NAME = "tiny-random-janus-pro"
FILE, CONFIG = "adapter_model.safetensors", "adapter_config.json"
MAPS = ["gate_proj", "up_proj", "down_proj"]
OURS, THEIRS = "model.language_model.", "language_model.model."
"""How names of the backbone begin in the network and as published."""
PEFT = "base_model.model."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkpoint, whose model the registry knows."""
    real = registry._entries()
    with tiny_binding.known():
        entries = {**real, **registry._entries()}
    with patch.object(registry, "_entries", lambda: entries):
        yield tiny_janus.write_checkpoint(tmp_path_factory.mktemp("base") / "weights")


def load(base: Path, *adapters: str | Path | Adapter, dtype: str = "float32") -> Any:
    return registry.load(NAME, base, "cpu", dtype, adapters=adapters)


def state_of(model: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.network.state_dict().items()}


def trained(base: Path, out: Path, seed: int = 0, **settings: Any) -> dict[str, Tensor]:
    """Three steps of peft on the backbone, saved by peft; gives what peft's own merging makes of all weights."""
    network = load(base).network
    torch.manual_seed(seed)
    config = peft.LoraConfig(**({"r": 3, "lora_alpha": 6, "target_modules": MAPS} | settings))
    learning = peft.get_peft_model(network, config)
    optimiser = torch.optim.AdamW([p for p in learning.parameters() if p.requires_grad], lr=0.05)
    rows = torch.randn(2, 5, 48)
    for _ in range(3):
        optimiser.zero_grad()
        loss = network.model.language_model(inputs_embeds=rows).last_hidden_state[..., 0].mean()
        if settings.get("init_lora_weights", True):  # else the adapter is outside the backbone, and drawn at random
            loss.backward()
            optimiser.step()
    learning.save_pretrained(str(out))
    return dict(learning.merge_and_unload().state_dict())


@pytest.fixture(scope="module")
def lora(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A folder of peft's, and peft's own merged weights."""
    folder = tmp_path_factory.mktemp("adapters") / "lora"
    return folder, trained(base, folder)


def renamed(folder: Path, out: Path, name: Callable[[str], str | None]) -> Path:
    """The same adapter with other names of tensors; None leaves one out."""
    shutil.copytree(folder, out)
    named = {name(key): tensor for key, tensor in load_file(folder / FILE).items()}
    save_file({key: tensor for key, tensor in named.items() if key is not None}, out / FILE)
    return out


def configured(folder: Path, out: Path, **changes: Any) -> Path:
    """The same adapter with another configuration."""
    shutil.copytree(folder, out)
    content = json.loads((out / CONFIG).read_text("utf-8"))
    (out / CONFIG).write_text(json.dumps(content | changes), "utf-8")
    return out


def same(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"layers.0.mlp.up_proj": 5, ".*down_proj": 2}, "alpha_pattern": {"gate_proj": 11}},
        {"target_modules": r".*layers\.1\.mlp\.(up|down)_proj"},
        {"layers_to_transform": [1], "layers_pattern": "layers"},
        {"use_dora": True},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"modules_to_save": ["norm"]},
        {"bias": "all"},
    ],
    ids=["lora", "rslora", "patterns", "regex", "layers", "dora", "embeddings", "whole", "biases"],
)
def test_what_peft_trained_is_merged_as_peft_merges_it_bit_for_bit(
    base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    merged = trained(base, tmp_path / "adapter", **settings)
    plain = state_of(load(base))
    own = state_of(load(base, tmp_path / "adapter"))
    assert same(own, merged)
    assert not same(own, plain)


def test_kernels_of_convolutions_are_merged_as_peft_merges_them_up_to_rounding(base: Path, tmp_path: Path) -> None:
    merged = trained(base, tmp_path / "adapter", target_modules=["conv_in"], init_lora_weights=False)
    plain, own = state_of(load(base)), state_of(load(base, tmp_path / "adapter"))
    changed = [name for name in own if not torch.equal(own[name], plain[name])]
    assert changed
    assert all(name.endswith("conv_in.weight") for name in changed)
    assert all(torch.allclose(own[name], merged[name], rtol=1e-5, atol=1e-6) for name in own)


def test_names_may_be_the_authors(base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path) -> None:
    folder = renamed(lora[0], tmp_path / "theirs", lambda key: key.replace(OURS, THEIRS))
    assert same(state_of(load(base, folder)), lora[1])


def test_a_tensor_that_we_hold_in_three_is_changed_in_three(base: Path, tmp_path: Path) -> None:
    key = next(key for key in load_file(base / "model.safetensors") if key.endswith("blocks.0.attn.qkv.weight"))
    torch.manual_seed(0)
    down, up = torch.randn(2, 32), torch.randn(96, 2)
    start = key.removesuffix(".weight")
    tmp_path.joinpath(CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}), "utf-8")
    save_file({f"{PEFT}{start}.lora_A.weight": down, f"{PEFT}{start}.lora_B.weight": up}, tmp_path / FILE)
    plain, own = state_of(load(base)), state_of(load(base, tmp_path))
    changed = [name for name in plain if not torch.equal(plain[name], own[name])]
    names = ["q_proj", "k_proj", "v_proj"]
    assert sorted(name.split(".")[-2] for name in changed) == sorted(names)
    parts: dict[str, Tensor] = dict(zip(names, (up @ down * 2).chunk(3), strict=True))
    for name in changed:
        assert torch.equal(own[name], plain[name] + parts[name.split(".")[-2]])


def test_the_sum_is_made_in_float32_and_then_cast(base: Path, lora: tuple[Path, dict[str, Tensor]]) -> None:
    own = state_of(load(base, lora[0], dtype="bfloat16"))
    assert all(torch.equal(own[name], lora[1][name].bfloat16()) for name in own)


def test_several_are_summed_each_with_its_weight(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    trained(base, tmp_path / "other", seed=1, r=2, target_modules=["q_proj", "o_proj"])
    plain = state_of(load(base))
    one, other = state_of(load(base, lora[0])), state_of(load(base, tmp_path / "other"))
    both = state_of(load(base, f"{lora[0]}:0.7", f"{tmp_path / 'other'}:-0.5"))
    for name, tensor in plain.items():
        wanted = tensor + 0.7 * (one[name] - tensor) - 0.5 * (other[name] - tensor)
        assert torch.allclose(both[name], wanted, atol=1e-6, rtol=1e-5), name
    assert not same(both, one)


def test_files_without_a_configuration_count_by_their_alpha(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    names = {"lora_A": "lora_down", "lora_B": "lora_up"}
    tensors = load_file(lora[0] / FILE)
    for style, start in (("dotted", ""), ("kohya", "lora_unet_")):
        found = {}
        for key, tensor in tensors.items():
            module, _, part = key.removeprefix(PEFT).removesuffix(".weight").rpartition(".")
            module = start + module.replace(".", "_") if start else module
            found[f"{module}.{names[part]}.weight"] = tensor
            found[f"{module}.alpha"] = torch.tensor(6.0)
        (tmp_path / style).mkdir()
        save_file(found, tmp_path / style / "style.safetensors")
        assert same(state_of(load(base, tmp_path / style)), lora[1])
    (tmp_path / "plain").mkdir()
    save_file(
        {key.removeprefix(PEFT): t for key, t in tensors.items()}, tmp_path / "plain/pytorch_lora_weights.safetensors"
    )
    halved = state_of(load(base, f"{lora[0]}:0.5"))  # alpha 6 of rank 3 counts twice; without one, once
    assert same(state_of(load(base, tmp_path / "plain")), halved)


def test_settings_in_the_header_of_a_file_of_diffusers_count(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    tensors = {key.replace(PEFT, "transformer."): tensor for key, tensor in load_file(lora[0] / FILE).items()}
    said = json.dumps({"transformer.r": 3, "transformer.lora_alpha": 6, "transformer.target_modules": MAPS})
    path = tmp_path / "pytorch_lora_weights.safetensors"
    save_file(tensors, path, metadata={"lora_adapter_metadata": said})
    assert same(state_of(load(base, tmp_path)), lora[1])
    save_file(tensors, path, metadata={"lora_adapter_metadata": '{"transformer.r": "x"}'})
    with pytest.raises(CheckpointError, match=r"transformer\.r is 'x'"):
        load(base, tmp_path)


def test_the_card_says_base_and_adapters(base: Path, lora: tuple[Path, dict[str, Tensor]]) -> None:
    plain, once, half = load(base).card, load(base, lora[0]).card, load(base, f"{lora[0]}:0.5").card
    assert once.reference.startswith(f"{plain.reference}+adapter:1.0*sha256:")
    assert len({plain.reference, once.reference, half.reference}) == 3
    assert half.adapters == ("lora (LoRA of rank 3, 12 tensors) with weight 0.5",)
    assert half.notes[-1] == "Adapter lora (LoRA of rank 3, 12 tensors) with weight 0.5 was merged into the weights."
    assert dict(once.files).keys() - dict(plain.files).keys() == {
        f"adapter 1: lora/{FILE}",
        f"adapter 1: lora/{CONFIG}",
    }
    assert plain.adapters == ()


def test_an_adapter_of_the_hub_goes_by_its_commit(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, commit = tmp_path / "models--owner--style", "1" * 40
    snapshot = home / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    for path in (lora[0] / FILE, lora[0] / CONFIG):
        blob = home / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copyfile(path, blob)
        (snapshot / path.name).symlink_to(blob)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit, "utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for place in (f"owner/style@{commit}:0.5", f"{home}:0.5"):
        card = load(base, place).card
        assert card.revision.endswith(f"+adapter:0.5*{commit}")
        assert card.adapters == ("owner/style (LoRA of rank 3, 12 tensors) with weight 0.5",)


def _dropped(key: str, part: str = "layers.1.mlp.up_proj.lora_A") -> str | None:
    return None if part in key else key


REFUSED: Mapping[str, tuple[Callable[[Path, Path], Path], str]] = {
    "the bare backbone": (
        lambda folder, out: renamed(folder, out, lambda key: key.replace(OURS, "")),
        r"12 of 12 tensors land nowhere in tiny-random-janus-pro .* behind 'language_model\.model\.'",
    ),
    "one stranger": (
        lambda folder, out: renamed(folder, out, lambda key: key.replace("layers.1.mlp.up", "layers.7.mlp.up")),
        r"2 of 12 tensors land nowhere .*layers\.7\.mlp\.up_proj\.lora_A",
    ),
    "half a change": (lambda folder, out: renamed(folder, out, _dropped), "lacks the part 'down'"),
    "a layer missing": (
        lambda folder, out: renamed(folder, out, lambda key: None if "layers.1." in key else key),
        r"holds nothing for 'model\.language_model\.layers\.1\..*' \(and 2 others\)",
    ),
    "no configuration": (
        lambda folder, out: (shutil.copytree(folder, out), (out / CONFIG).unlink(), out)[2],
        f"lacks {CONFIG}",
    ),
    "no tensors": (lambda folder, out: (shutil.copytree(folder, out), (out / FILE).unlink(), out)[2], "no adapter"),
    "another base, by name": (
        lambda folder, out: configured(folder, out, base_model_name_or_path="ByteDance-Seed/BAGEL-7B-MoT"),
        "base_model_name_or_path is 'ByteDance-Seed/BAGEL-7B-MoT', which is not tiny-random-janus-pro",
    ),
    "another rank": (lambda folder, out: configured(folder, out, r=4), "has rank 3, but the configuration says 4"),
    "another kind": (lambda folder, out: configured(folder, out, peft_type="IA3"), "peft_type is 'IA3'"),
    "a base that was changed": (
        lambda folder, out: configured(folder, out, init_lora_weights="pissa"),
        "init_lora_weights is 'pissa'",
    ),
    "an unknown setting": (lambda folder, out: configured(folder, out, lora_bias=True), "lora_bias is True"),
    "a costly pattern": (
        lambda folder, out: configured(folder, out, rank_pattern={"(a+)+": 3}),
        r"rank_pattern says 3 for '\(a\+\)\+'",
    ),
    "magnitudes missing": (lambda folder, out: configured(folder, out, use_dora=True), "lacks the part 'magnitude'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_land_in_part_or_wrongly_is_refused_before_weights_are_read(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, words = REFUSED[case]
    folder = spoil(lora[0], tmp_path / "odd")

    def read(*_: object, **__: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr("unispect.models.loading.fill", read)
    with pytest.raises(CheckpointError, match=words) as caught:
        load(base, folder)
    assert str(folder) in str(caught.value)


def test_another_width_is_refused_with_both_shapes(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    wide = tiny_janus.write_checkpoint(tmp_path / "wide", hidden=64)
    with pytest.raises(CheckpointError, match=r"of shape \[48, 96\], but 'model\.language.*' of .* has \[64, 128\]"):
        load(wide, lora[0])


def test_magnitudes_are_neither_weighed_nor_summed(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    trained(base, tmp_path / "dora", use_dora=True)
    with pytest.raises(CheckpointError, match=r"have no weight 0\.5; load it with 1"):
        load(base, f"{tmp_path / 'dora'}:0.5")
    with pytest.raises(CheckpointError, match="cannot be summed"):
        load(base, lora[0], tmp_path / "dora")


_ODD: tuple[object, ...] = (
    None,
    True,
    "",
    "x",
    -1,
    0,
    0.5,
    10**12,
    1e308,
    [],
    [1],
    {},
    {"a": 1},
    {"(": 2},
    {"q_proj": -1},
)


def test_odd_settings_are_refused_in_words_or_mean_what_they_say(
    lora: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    folder, card = configured(lora[0], tmp_path / "odd"), registry.card_of("janus-pro-1b")
    settings = json.loads((folder / CONFIG).read_text("utf-8"))
    outcomes = set()
    for key in settings:
        for value in _ODD:
            (folder / CONFIG).write_text(json.dumps(settings | {key: value}), "utf-8")
            try:
                open_adapters(card, [Adapter(str(folder))])
                outcomes.add("read")
            except UnispectError as error:
                outcomes.add("words" if str(folder) in str(error) else str(error))
    assert outcomes == {"read", "words"}


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("deepseek-ai/Janus-Pro-1B", True),
        ("mirror/Janus-Pro-1B", True),
        ("/data/weights/janus-pro-1b/", True),
        ("/data/my-own-training", True),
        ("runs/mine", True),
        ("deepseek-ai/Janus-Pro-7B", False),
        ("/data/Janus-Pro-7B", False),
        ("Qwen/Qwen2.5-1.5B", False),
    ],
)
def test_the_base_that_a_configuration_names_must_be_this_one(
    lora: tuple[Path, dict[str, Tensor]], tmp_path: Path, said: str, fits: bool
) -> None:
    folder = configured(lora[0], tmp_path / "named", base_model_name_or_path=said)
    card = registry.card_of("janus-pro-1b")
    if fits:
        assert open_adapters(card, [Adapter(str(folder))], "runs/mine")
    else:
        with pytest.raises(CheckpointError, match=r"which is not janus-pro-1b \(deepseek-ai/Janus-Pro-1B\)"):
            open_adapters(card, [Adapter(str(folder))], "runs/mine")


def _first(tensors: dict[str, Tensor], change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    key = min(tensors)
    return tensors | {key: change(tensors[key])}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tensors: _first(tensors, lambda t: t * float("nan")),
        lambda tensors: _first(tensors, lambda t: t.to(torch.int8)),
        lambda tensors: _first(tensors, lambda t: t[0]),
        lambda tensors: _first(tensors, lambda t: t[:0].clone()),
        lambda tensors: _first(tensors, lambda t: t.T.contiguous()),
        lambda tensors: _first(tensors, lambda t: torch.zeros(())),
        lambda tensors: tensors | {"x": torch.zeros(2)},
        lambda tensors: tensors | {".lora_A.weight": torch.zeros(2, 2)},
        lambda tensors: tensors | {f"{PEFT}a.lora_C.weight": torch.zeros(2, 2)},
        lambda tensors: tensors | {f"{PEFT}lm_head.alpha": torch.zeros(2)},
        lambda tensors: {"x": torch.zeros(2)},
    ],
)
def test_odd_tensors_are_refused_in_words(
    base: Path,
    lora: tuple[Path, dict[str, Tensor]],
    tmp_path: Path,
    spoil: Callable[[dict[str, Tensor]], dict[str, Tensor]],
) -> None:
    shutil.copytree(lora[0], tmp_path / "odd")
    save_file(spoil(load_file(lora[0] / FILE)), tmp_path / "odd" / FILE)
    with pytest.raises(CheckpointError, match="adapter_model"):
        load(base, tmp_path / "odd")


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\0" * 40, b"<html>"])
def test_files_that_are_no_adapter_are_called_what_they_are(
    base: Path, lora: tuple[Path, dict[str, Tensor]], tmp_path: Path, content: bytes
) -> None:
    for name in (FILE, CONFIG):
        folder = tmp_path / name
        shutil.copytree(lora[0], folder)
        (folder / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            load(base, folder)


def test_a_place_and_its_weight_are_told_apart() -> None:
    assert parse_adapter("loras/style:0.7") == Adapter("loras/style", 0.7)
    assert parse_adapter("owner/name@v1.0:-2") == Adapter("owner/name@v1.0", -2.0)
    assert parse_adapter("runs/lr=0.001") == Adapter("runs/lr=0.001")
    assert parse_adapter("run:0.5/") == Adapter("run:0.5/")
    assert parse_adapter("C:\\loras") == Adapter("C:\\loras")
    assert parse_adapter(Path("run:0.5")) == Adapter("run:0.5")
    assert str(parse_adapter(str(Adapter("a:1", 0.5)))) == "a:1:0.5"
    assert parse_adapters("a:2") == (Adapter("a", 2.0),)


@pytest.mark.parametrize("text", ["", ":0.5", "a:0", "a:nan", "a:inf"])
def test_what_is_no_adapter_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="adapter"):
        parse_adapter(text)


def test_an_adapter_that_is_named_twice_is_refused(base: Path) -> None:
    with pytest.raises(UsageError, match="named twice"):
        load(base, "a", "a:2")


def test_a_place_that_is_not_there_is_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no adapter"):
        load(base, tmp_path / "nowhere")


def test_models_behind_an_api_take_none() -> None:
    with pytest.raises(UsageError, match="takes no adapters"):
        registry.load("openai:some-model", adapters=["a"])


def test_no_parameter_is_left_that_learns(base: Path, lora: tuple[Path, dict[str, Tensor]]) -> None:
    network: nn.Module = load(base, lora[0]).network
    assert not any("lora" in name for name, _ in network.named_modules())
