"""A setting that may decide numbers is read, is what the port does, or is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.odd_checkpoints import FAMILIES
from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings, last_part
from unispect.models.parts.llama import language_config
from unispect.models.parts.qwen import qwen_config
from unispect.models.parts.rope import Rope, rope_of

SECTIONS = (
    ("janus-pro", "config.json", ""),
    ("janus-pro", "config.json", "language_config"),
    ("janus-pro", "config.json", "vision_config.params"),
    ("janus-pro", "config.json", "gen_vision_config.params"),
    ("janus-pro", "config.json", "gen_head_config.params"),
    ("janus-pro", "config.json", "aligner_config"),
    ("janus-pro", "preprocessor_config.json", ""),
    ("janus-flow", "preprocessor_config.json", ""),
    ("omnigen2", "processor/preprocessor_config.json", ""),
    ("janus-flow", "config.json", ""),
    ("janus-flow", "config.json", "language_config"),
    ("janus-flow", "config.json", "vision_und_enc_config.params"),
    ("janus-flow", "config.json", "vision_gen_enc_config.params"),
    ("janus-flow", "config.json", "vision_gen_dec_config.params"),
    ("janus-flow", "sdxl-vae/config.json", ""),
    ("harmon", "config.json", ""),
    ("harmon", "config.json", "llm"),
    ("harmon", "config.json", "mar"),
    ("harmon", "config.json", "vae"),
    ("show-o", "config.json", ""),
    ("show-o", "config.json", "llm_config"),
    ("show-o", "config.json", "vq_config"),
    ("show-o", "config.json", "vq_config.encoder_config"),
    ("show-o2", "config.json", ""),
    ("show-o2", "config.json", "llm_config"),
    ("show-o2", "config.json", "clip_config"),
    ("show-o2", "config.json", "vae_config"),
    ("show-o2", "config.json", "diffusion_head_overrides"),
    ("bagel", "config.json", ""),
    ("bagel", "config.json", "vae_config"),
    ("bagel", "llm_config.json", ""),
    ("bagel", "vit_config.json", ""),
    ("omnigen2", "mllm/config.json", ""),
    ("omnigen2", "mllm/config.json", "vision_config"),
    ("omnigen2", "transformer/config.json", ""),
    ("omnigen2", "vae/config.json", ""),
    ("emu3", "config.json", ""),
    ("emu3", "config.json", "text_config"),
    ("emu3", "config.json", "vq_config"),
    ("emu3", "preprocessor_config.json", ""),
)
"""Every section that a family reads: family, file, and the place in it."""


def set_in(folder: Path, file: str, section: str, **values: Any) -> None:
    content = json.loads((folder / file).read_text())
    place = content
    for part in filter(None, section.split(".")):
        place = place[part]
    place |= values
    (folder / file).write_text(json.dumps(content))


def started(family: str, folder: Path) -> Any:
    tiny, load = FAMILIES[family]
    return load.__self__.start(tiny.TINY, folder, seed=0)


@pytest.mark.parametrize(("family", "file", "section"), SECTIONS, ids=lambda part: part or "top")
def test_an_unknown_key_is_refused_by_name_wherever_it_stands(tmp_path: Path, family: str, file: str, section: str):
    folder = FAMILIES[family][0].write_files(tmp_path)
    set_in(folder, file, section, soft_capping_of_next_year=30.0)
    with pytest.raises(CheckpointError, match=r"does not know 'soft_capping_of_next_year' \(here 30\.0\)"):
        started(family, folder)
    # What decides nothing, and what is not set, is no reason to stop.
    set_in(folder, file, section, soft_capping_of_next_year=None, transformers_version="9.0", _name_or_path="x")
    set_in(folder, file, section, dtype="bfloat16", initializer_range=0.02)
    started(family, folder)


BACKBONES = {
    "janus-pro": ("config.json", "language_config"),
    "janus-flow": ("config.json", "language_config"),
    "harmon": ("config.json", "llm"),
    "show-o": ("config.json", "llm_config"),
    "show-o2": ("config.json", "llm_config"),
    "bagel": ("llm_config.json", ""),
    "omnigen2": ("mllm/config.json", ""),
    "emu3": ("config.json", "text_config"),
}


def theta_of(model: Any) -> float:
    network = model.network
    text = getattr(network.config, "text", None) or getattr(network.config, "language", None)
    return (text or network.config.text_config).rope_parameters["rope_theta"]


@pytest.mark.parametrize("family", BACKBONES)
def test_rotary_positions_are_read_in_either_spelling(tmp_path: Path, family: str):
    tiny, (file, section) = FAMILIES[family][0], BACKBONES[family]
    folder = tiny.write_files(tmp_path)
    axes = {"mrope_section": [2, 2, 2]} if family == "omnigen2" else {}
    if axes:
        content = json.loads((folder / file).read_text())
        axes = {"mrope_section": (content.get("rope_scaling") or content["rope_parameters"])["mrope_section"]}
        set_in(folder, file, section, rope_scaling=None, rope_parameters=None)
    older = {"rope_theta": 5e5, "rope_parameters": None, "rope_scaling": {"type": "default", **axes}}
    newer = {"rope_theta": None, "rope_scaling": None}
    table = {"rope_type": "default", "rope_theta": 5e5, **axes}
    for spelling in (
        older,
        {**newer, "rope_parameters": table},
        {**newer, "rope_parameters": {"full_attention": table}},
    ):
        set_in(folder, file, section, **spelling)
        assert theta_of(started(family, folder)) == 5e5
    set_in(folder, file, section, rope_theta=1e4, rope_parameters=table)
    with pytest.raises(CheckpointError, match=r"rope_theta is 10000\.0 and rope_parameters\.rope_theta is 500000\.0"):
        started(family, folder)
    set_in(folder, file, section, rope_theta=None, rope_parameters={**table, "rope_type": "yarn", "factor": 4.0})
    with pytest.raises(CheckpointError, match="scales its rotary positions"):
        started(family, folder)


def test_a_table_of_rotary_positions_hides_nothing():
    assert rope_of({}, "c", theta=1e4) == Rope(1e4)
    assert rope_of({"rope_parameters": {"partial_rotary_factor": 0.5}}, "c", theta=1e4).partial == 0.5
    with pytest.raises(CheckpointError, match="does not know 'factor'"):
        rope_of({"rope_scaling": {"factor": 4.0}}, "c", theta=1e4)
    layers = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    with pytest.raises(CheckpointError, match=r"rope_parameters\.sliding_attention\.rope_theta is 10000"):
        rope_of({"rope_parameters": layers}, "c", theta=1e4)
    for wrong in (-1, "10000", True, 0):
        with pytest.raises(CheckpointError, match="rope_theta is"):
            rope_of({"rope_theta": wrong}, "c", theta=1e4)


QWEN = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 9,
}
REFUSED: tuple[tuple[Callable[..., Any], dict[str, Any]], ...] = (
    (language_config, {"attention_bias": True}),
    (language_config, {"mlp_bias": True}),
    (language_config, {"attn_logit_softcapping": 50.0}),
    (language_config, {"final_logit_softcapping": 30.0}),
    (language_config, {"sliding_window": 4096}),
    (language_config, {"partial_rotary_factor": 0.5}),
    (language_config, {"use_qk_norm": True}),
    (language_config, {"hidden_act": "swish_of_next_year"}),
    (language_config, {"hidden_size": "64"}),
    (language_config, {"embedding_multiplier": 12.0}),
    (language_config, {"quantization_config": {"quant_method": "gptq"}}),
    (qwen_config, {"use_sliding_window": True}),
    (qwen_config, {"layer_types": ["sliding_attention"]}),
    (qwen_config, {"head_dim": 128}),
    (qwen_config, {"qkv_bias": False}),
    (qwen_config, {"logit_scale": 0.5}),
    (qwen_config, {"quantization_config": {"quant_method": "awq", "bits": 4}}),
)


@pytest.mark.parametrize(
    ("read", "setting"), REFUSED, ids=lambda part: next(iter(part)) if isinstance(part, dict) else ""
)
def test_what_a_trunk_does_not_do_is_refused(read: Callable[..., Any], setting: dict[str, Any]):
    key = next(iter(setting))
    with pytest.raises(
        CheckpointError, match={"hidden_act": "activation", "use_sliding_window": "slides"}.get(key, key)
    ):
        read({**QWEN, **setting}, "config.json")


def test_what_a_trunk_does_is_accepted():
    """As transformers 4 and 5 write the whole of a stock configuration."""
    whole = language_config(QWEN, "c").to_dict()
    assert language_config(whole, "c").to_dict() == whole
    idle = {"sliding_window": 32768, "max_window_layers": 28, "use_sliding_window": False, "attention_dropout": 0.0}
    assert qwen_config({**QWEN, **idle, "layer_types": ["full_attention"], "head_dim": 16}, "c").hidden_size == 64
    stock = qwen_config(QWEN, "c").to_dict()
    assert qwen_config(stock, "c").to_dict() == stock


def test_a_fixed_setting_may_say_what_the_port_does():
    check_settings({"a": 1}, "c", fixed={"a": 1})
    with pytest.raises(CheckpointError, match="c: a is 2, but the port computes with 1"):
        check_settings({"a": 2}, "c", fixed={"a": 1})


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct"),
        ("/data/models/Qwen2.5-7B-Instruct/", "Qwen2.5-7B-Instruct"),
        ("C:\\models\\Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct"),
        ("C:\\models\\Qwen2.5-7B-Instruct\\", "Qwen2.5-7B-Instruct"),
        ("\\\\server\\share/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct"),
        ("/hub/models--Qwen--Qwen2.5-7B-Instruct/snapshots/0123", "Qwen2.5-7B-Instruct"),
        ("C:\\hub\\models--Qwen--Qwen2.5-7B-Instruct\\snapshots\\0123", "Qwen2.5-7B-Instruct"),
        ("phi-1_5", "phi-1_5"),
        (None, ""),
        ("", ""),
    ],
)
def test_the_last_part_of_a_path_by_either_slash(path: str | None, last: str):
    assert last_part(path) == last
