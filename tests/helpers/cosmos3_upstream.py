"""The classes that Cosmos 3 has in diffusers and in transformers, filled with the weights of a tiny model of ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.helpers import tiny_cosmos3
from unispect.models.cosmos3.keys import AUTHORS
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.keys import published

TEMPLATE = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""Turns as the template of Qwen3-VL writes them, of text alone."""
FIRST = {"diffusers": "0.39.0", "transformers": "5.20.0"}
"""Release with which the classes are known to be there."""
_TEXT = (
    "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim "
    "rms_norm_eps max_position_embeddings rope_theta rope_scaling"
)


def upstream(package: str, *names: str) -> SimpleNamespace:
    """Classes of a package; the test is skipped where the installed release lacks one."""
    module = pytest.importorskip(package)
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        pytest.skip(f"{package} {module.__version__} has no {missing[0]}; {FIRST[package]} has it")
    return SimpleNamespace(**{name: getattr(module, name) for name in names})


def weights_of(model: Cosmos3, part: str) -> dict[str, Tensor]:
    """The weights of a part under its own names."""
    state = published(AUTHORS, model.network.state_dict())
    return {key.removeprefix(f"{part}."): value for key, value in state.items() if key.startswith(f"{part}.")}


def transformer_of(model: Cosmos3, files: Mapping[str, Any]) -> Any:
    """diffusers' `Cosmos3OmniTransformer` with the model's weights, in its dtype."""
    kind = upstream("diffusers", "Cosmos3OmniTransformer").Cosmos3OmniTransformer
    content = files["transformer/config.json"]
    made = kind(**{key: value for key, value in content.items() if key[0] != "_" and key != "max_position_embeddings"})
    made.load_state_dict(weights_of(model, "transformer"), strict=True)
    return made.to(model.dtype).eval()


def pipeline_of(model: Cosmos3, files: Mapping[str, Any]) -> Any:
    """diffusers' pipeline without its guardrail, on the model's weights and its autoencoder."""
    there = upstream("diffusers", "Cosmos3OmniPipeline", "UniPCMultistepScheduler")
    tokenizer = upstream("transformers", "PreTrainedTokenizerFast").PreTrainedTokenizerFast(
        tokenizer_object=tiny_cosmos3.tokenizer(), eos_token="<|im_end|>", chat_template=TEMPLATE
    )
    content, switches = files["scheduler/scheduler_config.json"], files["model_index.json"]
    made = there.Cosmos3OmniPipeline(
        transformer_of(model, files),
        tokenizer,
        model.network.vae,
        there.UniPCMultistepScheduler(**{key: value for key, value in content.items() if key[0] != "_"}),
        enable_safety_checker=False,
        **{key: value for key, value in switches.items() if key[0] != "_"},
    )
    made.set_progress_bar_config(disable=True)
    return made


def reasoner_of(model: Cosmos3, files: Mapping[str, Any], folder: Path) -> Any:
    """transformers' reasoner, loaded from a folder as published: two parts behind one index, all weights in it."""
    kind = upstream("transformers", "Cosmos3OmniForConditionalGeneration").Cosmos3OmniForConditionalGeneration
    find = tiny_cosmos3.tokenizer().token_to_id
    content = files["transformer/config.json"]
    config = {
        "model_type": "cosmos3_omni",
        "text_config": {"model_type": "qwen3_vl_text", **{key: content[key] for key in _TEXT.split()}},
        "vision_config": files["vision_encoder/config.json"],
        "image_token_id": find("<|image_pad|>"),
        "video_token_id": find("<|endoftext|>"),
        "vision_start_token_id": find("<|vision_start|>"),
        "vision_end_token_id": find("<|vision_end|>"),
        "tie_word_embeddings": False,
    }
    placed = {}
    for part, name in (("transformer", "diffusion_pytorch_model"), ("vision_encoder", "model")):
        (folder / part).mkdir(parents=True)
        own = weights_of(model, part)
        save_file(own, folder / part / f"{name}.safetensors", metadata={"format": "pt"})
        placed |= dict.fromkeys(own, f"{part}/{name}.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    index = {"metadata": {"total_size": 1}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    made, told = kind.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    assert not any(told[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return made.eval()
