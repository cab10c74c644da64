"""The published checkpoints at full size, on the meta device: every name and shape finds its place exactly once.

The names and sizes are written down here from docs/sources/emu3.md#keys, #picture-tokenizer, #checkpoints, not derived
from the port's own table. Both published checkpoints have the same.
"""

from itertools import chain

import pytest
import torch

from unispect.models.building import empty
from unispect.models.emu3.card import CARDS
from unispect.models.emu3.config import PLACEHOLDER, ROW_END, image_token, network_config
from unispect.models.emu3.keys import PUBLISHED, TODAY
from unispect.models.emu3.network import build
from unispect.models.keys import names_of, published, shapes_of, target_of

Shapes = dict[str, tuple[int, ...]]
GIGABYTES = {"language model": 33.968, "picture tokenizer": 1.083}
"""In float32, as the authors publish them, apart: 34 and 1.08 GB in the lists of files."""
CHANNELS = (256, 512, 512, 1024)


def published_config() -> dict:
    """What the library's conversion writes: all sizes are its classes' own, so the sections hold next to nothing."""
    names = (PLACEHOLDER, ROW_END, *map(image_token, range(32768)))
    numbers = (151646, 151846, *range(151854, 184622))
    return {
        "architectures": ["Emu3ForConditionalGeneration"],
        "model_type": "emu3",
        "text_config": {
            "max_position_embeddings": 9216,
            "model_type": "emu3_text_model",
            "rope_scaling": {"rope_type": "default"},
        },
        "torch_dtype": "bfloat16",
        "transformers_version": "4.48.0",
        "vocabulary_map": {"!": 0, **dict(zip(names, numbers, strict=True))},
        "vq_config": {"model_type": "emu3_vqgan"},
    }


def layer(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def language() -> Shapes:
    shapes: Shapes = {"lm_head.weight": (184622, 4096), "model.embed_tokens.weight": (184622, 4096)}
    shapes["model.norm.weight"] = (4096,)
    for i in range(32):
        start = f"model.layers.{i}."
        shapes |= {f"{start}self_attn.{part}_proj.weight": (4096, 4096) for part in "qo"}
        shapes |= {f"{start}self_attn.{part}_proj.weight": (1024, 4096) for part in "kv"}
        shapes |= {f"{start}mlp.{part}_proj.weight": (14336, 4096) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (4096, 14336)
        shapes |= {f"{start}{part}_layernorm.weight": (4096,) for part in ("input", "post_attention")}
    return shapes


def norm(name: str, width: int, spatial: bool) -> Shapes:
    if not spatial:
        return layer(name, width)
    return (
        layer(f"{name}.norm_layer", width)
        | layer(f"{name}.conv_y", width, 4, 1, 1)
        | layer(f"{name}.conv_b", width, 4, 1, 1)
    )


def residual(name: str, into: int, out: int, spatial: bool) -> Shapes:
    shapes = norm(f"{name}.norm1", into, spatial) | norm(f"{name}.norm2", out, spatial)
    shapes |= layer(f"{name}.conv1", out, into, 3, 3) | layer(f"{name}.conv2", out, out, 3, 3)
    return shapes if into == out else shapes | layer(f"{name}.nin_shortcut", out, into, 1, 1)


def attention(name: str, norm_name: str, width: int, spatial: bool) -> Shapes:
    maps = [layer(f"{name}.{part}_proj", width, width) for part in ("q", "k", "v", "out")]
    return dict(chain(*(own.items() for own in maps), norm(norm_name, width, spatial).items()))


def middle(half: str, spatial: bool) -> Shapes:
    start = f"{half}.middle_block"
    return (
        residual(f"{start}.block_1", 1024, 1024, spatial)
        | residual(f"{start}.block_2", 1024, 1024, spatial)
        | attention(f"{start}.attn_1", f"{start}.attn_norm", 1024, spatial)
    )


def level(name: str, into: int, out: int, blocks: int, deepest: bool, spatial: bool) -> Shapes:
    shapes: Shapes = {}
    for j in range(blocks):
        shapes |= residual(f"{name}.block.{j}", into if j == 0 else out, out, spatial)
        if deepest:
            shapes |= attention(f"{name}.attn.{j}", f"{name}.attn_norms.{j}", out, spatial)
    return shapes


def in_time(half: str, kernel: int) -> Shapes:
    """Two convolutions that halve or double frames, and two residual blocks with counts of batches."""
    shapes: Shapes = {}
    for i in range(2):
        shapes |= layer(f"{half}.time_conv.{i}.conv.conv", 4, 4, kernel, 3, 3)
        for j in (1, 2):
            start = f"{half}.time_res_stack.{i}"
            shapes |= layer(f"{start}.conv{j}.conv", 4, 4, 3, 3, 3) | layer(f"{start}.norm{j}", 4)
            shapes |= {f"{start}.norm{j}.running_mean": (4,), f"{start}.norm{j}.running_var": (4,)}
            shapes[f"{start}.norm{j}.num_batches_tracked"] = ()
    return shapes


def tokenizer() -> Shapes:
    shapes: Shapes = {"quantize.embedding.weight": (32768, 4)}
    shapes |= layer("quant_conv.conv", 4, 4, 3, 1, 1) | layer("post_quant_conv.conv", 4, 4, 3, 1, 1)
    shapes |= layer("encoder.conv_in", 256, 3, 3, 3) | layer("encoder.conv_out", 4, 1024, 3, 3)
    shapes |= norm("encoder.norm_out", 1024, False) | middle("encoder", False) | in_time("encoder", 4)
    shapes |= layer("decoder.conv_in", 1024, 4, 3, 3) | layer("decoder.conv_out", 3, 256, 3, 3)
    shapes |= norm("decoder.norm_out", 256, True) | middle("decoder", True) | in_time("decoder", 3)
    for i, width in enumerate(CHANNELS):
        down, up = f"encoder.down_block.down.{i}", f"decoder.up_block.up.{i}"
        shapes |= level(down, (256, *CHANNELS)[i], width, 2, i == 3, False)
        shapes |= level(up, (*CHANNELS, 1024)[i + 1], width, 3, i == 3, True)
        if i < 3:
            shapes |= layer(f"{down}.downsample.conv", width, width, 3, 3)
        if i > 0:
            shapes |= layer(f"{up}.upsample.conv", width, width, 3, 3)
    return shapes


PARTS = {"text_model.": language(), "vqmodel.": tokenizer()}
WHOLE = {f"{start}{name}": shape for start, own in PARTS.items() for name, shape in own.items()}


def renamed(name: str) -> str:
    """The name that transformers gives today."""
    name = name.replace("text_model.lm_head", "lm_head").replace("text_model.model.", "model.text_model.")
    return f"model.{name}" if name.startswith("vqmodel") else name


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return empty(build, network_config(published_config()))


@pytest.mark.parametrize("layout", ["published", "today"])
def test_every_published_tensor_has_its_place_exactly_once(network: torch.nn.Module, layout: str):
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    theirs, table = (WHOLE, PUBLISHED) if layout == "published" else ({renamed(k): v for k, v in WHOLE.items()}, TODAY)
    found: Shapes = {}
    dropped = []
    for key, shape in theirs.items():
        target = target_of(table, key)
        names = names_of(target)
        if not names:
            dropped.append(key)
        for ours, own in zip(names, shapes_of(target, shape), strict=True):
            assert ours not in found, key
            found[ours] = own
    assert found == expected
    assert all(key.endswith("num_batches_tracked") for key in dropped)
    assert len(dropped) == 8
    back = {key: tuple(tensor.shape) for key, tensor in published(table, network.state_dict()).items()}
    assert back == {key: shape for key, shape in theirs.items() if key not in dropped}


def test_the_bytes_of_the_published_files_come_out(network: torch.nn.Module):
    for (_, part), expected in zip(PARTS.items(), GIGABYTES.values(), strict=True):
        numbers = sum(torch.Size(shape).numel() for shape in part.values())
        assert round(4 * numbers / 1e9, 3) == expected
    used = sum(parameter.numel() for parameter in network.parameters())
    assert {card.parameters for card in CARDS.values()} == {round(used / 1e6, 1)}
