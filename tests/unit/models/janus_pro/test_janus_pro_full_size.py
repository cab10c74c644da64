"""The published checkpoints at full size, on the meta device: every name and shape finds its place exactly once.

The names and sizes are written down here from docs/sources/janus-pro.md#parts, #quantiser, #checkpoints, not derived
from the port's own table.
"""

from collections.abc import Iterator

import pytest
import torch

from unispect.models.building import empty
from unispect.models.janus_pro.card import CARDS
from unispect.models.janus_pro.config import network_config
from unispect.models.janus_pro.keys import AUTHORS
from unispect.models.janus_pro.network import build
from unispect.models.keys import names_of, published, shapes_of, target_of

Shapes = dict[str, tuple[int, ...]]

LANGUAGE = {
    "janus-pro-1b": {
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
    },
    # The published file leaves the rest to the defaults: 4096 wide, 11008 in the MLP, 32 heads.
    "janus-pro-7b": {"num_hidden_layers": 30},
}
SIZES = {"janus-pro-1b": (2048, 5632, 24), "janus-pro-7b": (4096, 11008, 30)}
GIGABYTES = {"janus-pro-1b": 4.179, "janus-pro-7b": 14.841}


def published_config(name: str) -> dict:
    hidden = SIZES[name][0]
    mlp = {"depth": 2, "n_embed": hidden, "projector_type": "mlp_gelu"}
    language = {
        "model_type": "llama",
        "vocab_size": 102400,
        "max_position_embeddings": 16384,
        "torch_dtype": "bfloat16",
    }
    vision = {
        "image_size": 384,
        "model_name": "siglip_large_patch16_384",
        "select_feature": "same",
        "select_layer": -1,
    }
    head = {"image_token_embed": hidden, "image_token_size": 16384, "n_embed": hidden}
    return {
        "model_type": "multi_modality",
        "aligner_config": {"cls": "MlpProjector", "model_type": "aligner", "params": {**mlp, "input_dim": 1024}},
        "gen_aligner_config": {"cls": "MlpProjector", "model_type": "gen_aligner", "params": {**mlp, "input_dim": 8}},
        "gen_head_config": {"cls": "vision_head", "model_type": "gen_head", "params": head},
        "gen_vision_config": {"cls": "VQ-16", "params": {"image_token_size": 16384, "n_embed": 8}},
        "language_config": {**language, **LANGUAGE[name], "_attn_implementation": "flash_attention_2"},
        "vision_config": {"cls": "CLIPVisionTower", "model_type": "vision", "params": vision},
    }


def published_shapes(name: str) -> Shapes:
    hidden, mlp, layers = SIZES[name]
    return {
        **{f"vision_model.vision_tower.{key}": shape for key, shape in tower().items()},
        **linear("aligner.layers.0", hidden, 1024),
        **linear("aligner.layers.2", hidden, hidden),
        **{f"gen_vision_model.{key}": shape for key, shape in tokenizer().items()},
        "gen_embed.weight": (16384, 8),
        **linear("gen_aligner.layers.0", hidden, 8),
        **linear("gen_aligner.layers.2", hidden, hidden),
        **linear("gen_head.output_mlp_projector", hidden, hidden),
        **linear("gen_head.vision_head", 16384, hidden),
        **{f"language_model.{key}": shape for key, shape in llama(hidden, mlp, layers).items()},
    }


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def conv(name: str, out: int, into: int, side: int) -> Shapes:
    return {f"{name}.weight": (out, into, side, side), f"{name}.bias": (out,)}


def tower(width: int = 1024, blocks: int = 24) -> Shapes:
    shapes: Shapes = {"pos_embed": (1, 576, width), **conv("patch_embed.proj", width, 3, 16), **norm("norm", width)}
    for i in range(blocks):
        shapes |= norm(f"blocks.{i}.norm1", width) | norm(f"blocks.{i}.norm2", width)
        shapes |= linear(f"blocks.{i}.attn.qkv", 3 * width, width) | linear(f"blocks.{i}.attn.proj", width, width)
        shapes |= linear(f"blocks.{i}.mlp.fc1", 4 * width, width) | linear(f"blocks.{i}.mlp.fc2", width, 4 * width)
    pool: Shapes = {"latent": (1, 1, width), **norm("norm", width)}
    pool |= linear("q", width, width) | linear("kv", 2 * width, width) | linear("proj", width, width)
    pool |= linear("mlp.fc1", 4 * width, width) | linear("mlp.fc2", width, 4 * width)
    return shapes | {f"attn_pool.{key}": shape for key, shape in pool.items()}


def llama(hidden: int, mlp: int, layers: int) -> Shapes:
    shapes: Shapes = {"lm_head.weight": (102400, hidden), "model.embed_tokens.weight": (102400, hidden)}
    shapes["model.norm.weight"] = (hidden,)
    for i in range(layers):
        start = f"model.layers.{i}."
        shapes |= {f"{start}self_attn.{part}_proj.weight": (hidden, hidden) for part in "qkvo"}
        shapes |= {f"{start}mlp.{part}_proj.weight": (mlp, hidden) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (hidden, mlp)
        shapes |= {f"{start}{part}_layernorm.weight": (hidden,) for part in ("input", "post_attention")}
    return shapes


def tokenizer() -> Shapes:
    shapes: Shapes = {"quantize.embedding.weight": (16384, 8), "quantize.codebook_used": (65536,)}
    shapes |= conv("quant_conv", 8, 256, 1) | conv("post_quant_conv", 256, 8, 1)
    widths = [128 * multiplier for multiplier in (1, 1, 2, 2, 4)]
    shapes |= conv("encoder.conv_in", 128, 3, 3) | dict(levels("encoder", widths, 128, 2, "downsample"))
    shapes |= middle("encoder", 512) | norm("encoder.norm_out", 512) | conv("encoder.conv_out", 256, 512, 3)
    shapes |= conv("decoder.conv_in", 512, 256, 3) | dict(levels("decoder", widths[::-1], 512, 3, "upsample"))
    return shapes | middle("decoder", 512) | norm("decoder.norm_out", 128) | conv("decoder.conv_out", 3, 128, 3)


def levels(
    half: str, widths: list[int], into: int, blocks: int, resample: str
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Both halves in execution order; attention at the deepest level, resampling at all but the last executed."""
    deepest = 0 if half == "decoder" else len(widths) - 1
    for level, width in enumerate(widths):
        for j in range(blocks):
            yield from residual(f"{half}.conv_blocks.{level}.res.{j}", into, width).items()
            into = width
            if level == deepest:
                yield from attention(f"{half}.conv_blocks.{level}.attn.{j}", width).items()
        if level != len(widths) - 1:
            yield from conv(f"{half}.conv_blocks.{level}.{resample}.conv", width, width, 3).items()


def residual(name: str, into: int, out: int) -> Shapes:
    shapes = norm(f"{name}.norm1", into) | conv(f"{name}.conv1", out, into, 3)
    shapes |= norm(f"{name}.norm2", out) | conv(f"{name}.conv2", out, out, 3)
    return shapes if into == out else shapes | conv(f"{name}.nin_shortcut", out, into, 1)


def attention(name: str, width: int) -> Shapes:
    shapes = norm(f"{name}.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        shapes |= conv(f"{name}.{part}", width, width, 1)
    return shapes


def middle(half: str, width: int) -> Shapes:
    shapes = residual(f"{half}.mid.0", width, width) | residual(f"{half}.mid.2", width, width)
    return shapes | attention(f"{half}.mid.1", width)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CARDS))
def test_every_published_tensor_has_its_place_exactly_once(name: str):
    network = empty(build, network_config(published_config(name), image_token_id=100581))
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found: Shapes = {}
    dropped = []
    for key, shape in published_shapes(name).items():
        target = target_of(AUTHORS, key)
        names = names_of(target)
        if not names:
            dropped.append(key)
        for ours, own in zip(names, shapes_of(target, shape), strict=True):
            assert ours not in found, key
            found[ours] = own
    assert found == expected
    assert all("attn_pool" in key or key.endswith("codebook_used") for key in dropped)
    assert len(dropped) == 14


@pytest.mark.parametrize("name", list(CARDS))
def test_the_bytes_of_the_published_files_come_out(name: str):
    numbers = sum(torch.Size(shape).numel() for shape in published_shapes(name).values())
    assert round(2 * numbers / 1e9, 3) == GIGABYTES[name]
    network = empty(build, network_config(published_config(name), image_token_id=100581))
    used = sum(parameter.numel() for parameter in network.parameters())
    assert round(used / 1e6, 1) == CARDS[name].parameters


@pytest.mark.parametrize("name", list(CARDS))
def test_the_table_reads_backwards(name: str):
    network = empty(build, network_config(published_config(name), image_token_id=100581))
    back = {key: tuple(tensor.shape) for key, tensor in published(AUTHORS, network.state_dict()).items()}
    theirs = published_shapes(name)
    assert back == {key: shape for key, shape in theirs.items() if target_of(AUTHORS, key) is not None}
