"""The published checkpoint at full size, on the meta device: every name and shape finds its place exactly once.

The names and sizes are written down here from docs/sources/janus-flow.md#parts, #autoencoder, #checkpoints, not derived
from the port's own table.
"""

import pytest
import torch

from unispect.models.building import empty
from unispect.models.janus_flow.card import CARDS
from unispect.models.janus_flow.config import network_config
from unispect.models.janus_flow.keys import AUTHORS
from unispect.models.janus_flow.network import JanusFlowNetwork
from unispect.models.keys import names_of, published, shapes_of, target_of

Shapes = dict[str, tuple[int, ...]]

NAME = "janusflow-1.3b"
HIDDEN, MLP, LAYERS, WORDS = 2048, 5632, 24, 102400
SEEN, BLOCKS = 1024, 24
MAP = 768
GIGABYTES = 4.093
AUTOENCODER_PARAMETERS = 83_653_863


def published_config() -> dict:
    uvit = {"block_out_channels": [MAP], "hidden_size": HIDDEN}
    return {
        "model_type": "multi_modality",
        "language_config": {
            "model_type": "llama",
            "vocab_size": WORDS,
            "hidden_size": HIDDEN,
            "intermediate_size": MLP,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "max_position_embeddings": 16384,
            "torch_dtype": "bfloat16",
        },
        "vision_und_enc_config": {
            "cls": "CLIPVisionTower",
            "params": {
                "image_size": 384,
                "model_name": "siglip_large_patch16_384",
                "select_feature": "same",
                "select_layer": -1,
            },
        },
        "vision_gen_enc_config": {
            "cls": "ShallowUViTEncoder",
            "params": {**uvit, "input_channels": 4, "kernel_size": 2, "stride": 2, "padding": 0},
        },
        "vision_gen_dec_config": {
            "cls": "ShallowUViTDecoder",
            "params": {**uvit, "in_channels": MAP, "out_channels": 4, "upsamples": 1},
        },
    }


def published_autoencoder() -> dict:
    return {
        "_class_name": "AutoencoderKL",
        "act_fn": "silu",
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "force_upcast": True,
        "in_channels": 3,
        "latent_channels": 4,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "out_channels": 3,
        "sample_size": 1024,
        "scaling_factor": 0.13025,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    }


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def conv(name: str, out: int, into: int, side: int) -> Shapes:
    return {f"{name}.weight": (out, into, side, side), f"{name}.bias": (out,)}


def tower() -> Shapes:
    shapes: Shapes = {"pos_embed": (1, 576, SEEN), **conv("patch_embed.proj", SEEN, 3, 16), **norm("norm", SEEN)}
    for i in range(BLOCKS):
        start = f"blocks.{i}"
        shapes |= norm(f"{start}.norm1", SEEN) | norm(f"{start}.norm2", SEEN)
        shapes |= linear(f"{start}.attn.qkv", 3 * SEEN, SEEN) | linear(f"{start}.attn.proj", SEEN, SEEN)
        shapes |= linear(f"{start}.mlp.fc1", 4 * SEEN, SEEN) | linear(f"{start}.mlp.fc2", SEEN, 4 * SEEN)
    pool: Shapes = {"latent": (1, 1, SEEN), **norm("norm", SEEN)}
    pool |= linear("q", SEEN, SEEN) | linear("kv", 2 * SEEN, SEEN) | linear("proj", SEEN, SEEN)
    pool |= linear("mlp.fc1", 4 * SEEN, SEEN) | linear("mlp.fc2", SEEN, 4 * SEEN)
    return shapes | {f"attn_pool.{key}": shape for key, shape in pool.items()}


def llama() -> Shapes:
    shapes: Shapes = {"lm_head.weight": (WORDS, HIDDEN), "model.embed_tokens.weight": (WORDS, HIDDEN)}
    shapes["model.norm.weight"] = (HIDDEN,)
    for i in range(LAYERS):
        start = f"model.layers.{i}."
        shapes |= {f"{start}self_attn.{part}_proj.weight": (HIDDEN, HIDDEN) for part in "qkvo"}
        shapes |= {f"{start}mlp.{part}_proj.weight": (MLP, HIDDEN) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (HIDDEN, MLP)
        shapes |= {f"{start}{part}_layernorm.weight": (HIDDEN,) for part in ("input", "post_attention")}
    return shapes


def convnext(name: str, width: int) -> Shapes:
    shapes: Shapes = {
        f"{name}.depthwise.weight": (width, 1, 7, 7),
        f"{name}.depthwise.bias": (width,),
        f"{name}.norm.weight": (width,),
        f"{name}.channelwise_norm.weight": (1, 1, 1, 4 * width),
        f"{name}.channelwise_norm.bias": (1, 1, 1, 4 * width),
    }
    shapes |= linear(f"{name}.channelwise_linear_1", 4 * width, width)
    shapes |= linear(f"{name}.channelwise_linear_2", width, 4 * width)
    return shapes | linear(f"{name}.cond_embeds_mapper", 2 * width, HIDDEN)


def published_shapes(blocks: int = 2) -> Shapes:
    encoder, decoder = "vision_gen_enc_model", "vision_gen_dec_model"
    shapes: Shapes = {f"vision_und_enc_model.vision_tower.{key}": shape for key, shape in tower().items()}
    shapes |= linear("vision_und_enc_aligner", HIDDEN, SEEN) | {"beg_of_und_embed": (1, HIDDEN)}
    shapes |= conv(f"{encoder}.in_conv", MAP, 4, 2)
    shapes |= linear(f"{encoder}.time_embed.linear_1", HIDDEN, MAP)
    shapes |= linear(f"{encoder}.time_embed.linear_2", HIDDEN, HIDDEN)
    shapes |= linear("vision_gen_enc_aligner", HIDDEN, MAP)
    shapes |= {"vision_gen_dec_aligner_norm.weight": (HIDDEN,), **linear("vision_gen_dec_aligner", MAP, HIDDEN)}
    shapes |= {f"{decoder}.input_norm.weight": (MAP,), f"{decoder}.out_convs.0.norm.weight": (2 * MAP,)}
    shapes |= conv(f"{decoder}.out_convs.0.unpatch_conv", 16, 2 * MAP, 1)
    for i in range(blocks):
        shapes |= convnext(f"{encoder}.mid_block.res_blocks.{i}", MAP)
        shapes |= convnext(f"{decoder}.mid_block.res_blocks.{i}", 2 * MAP)
    return shapes | {f"language_model.{key}": shape for key, shape in llama().items()}


def autoencoder_shapes() -> Shapes:
    shapes = conv("quant_conv", 8, 8, 1) | conv("post_quant_conv", 4, 4, 1)
    shapes |= conv("encoder.conv_in", 128, 3, 3) | conv("decoder.conv_in", 512, 4, 3)
    widths = [128, 256, 512, 512]
    for half, order, layers, resample in (
        ("encoder.down", widths, 2, "downsamplers"),
        ("decoder.up", widths[::-1], 3, "upsamplers"),
    ):
        into = order[0]
        for level, width in enumerate(order):
            start = f"{half}_blocks.{level}"
            for j in range(layers):
                shapes |= residual(f"{start}.resnets.{j}", into, width)
                into = width
            if level < 3:
                shapes |= conv(f"{start}.{resample}.0.conv", width, width, 3)
    for half, last, out in (("encoder", 512, 8), ("decoder", 128, 3)):
        middle = f"{half}.mid_block"
        shapes |= residual(f"{middle}.resnets.0", 512, 512) | residual(f"{middle}.resnets.1", 512, 512)
        shapes |= norm(f"{middle}.attentions.0.group_norm", 512)
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            shapes |= linear(f"{middle}.attentions.0.{part}", 512, 512)
        shapes |= norm(f"{half}.conv_norm_out", last) | conv(f"{half}.conv_out", out, last, 3)
    return shapes


def residual(name: str, into: int, out: int) -> Shapes:
    shapes = norm(f"{name}.norm1", into) | conv(f"{name}.conv1", out, into, 3)
    shapes |= norm(f"{name}.norm2", out) | conv(f"{name}.conv2", out, out, 3)
    return shapes if into == out else shapes | conv(f"{name}.conv_shortcut", out, into, 1)


@pytest.fixture(scope="module")
def network() -> JanusFlowNetwork:
    return empty(JanusFlowNetwork, network_config(published_config(), published_autoencoder()))


def everything() -> Shapes:
    return published_shapes() | {f"vae.{key}": shape for key, shape in autoencoder_shapes().items()}


def test_every_published_tensor_has_its_place_exactly_once(network: JanusFlowNetwork):
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found: Shapes = {}
    dropped = []
    for key, shape in everything().items():
        target = target_of(AUTHORS, key)
        names = names_of(target)
        if not names:
            dropped.append(key)
        for ours, own in zip(names, shapes_of(target, shape), strict=True):
            assert ours not in found, key
            found[ours] = own
    assert found == expected
    assert len(dropped) == 13
    assert all(".attn_pool." in key for key in dropped)


def test_the_bytes_of_the_published_files_come_out(network: JanusFlowNetwork):
    def numbers(shapes: Shapes) -> int:
        return sum(torch.Size(shape).numel() for shape in shapes.values())

    assert round(2 * numbers(published_shapes()) / 1e9, 3) == GIGABYTES
    assert round(2 * numbers(published_shapes(blocks=1)) / 1e9, 3) != GIGABYTES
    assert numbers(autoencoder_shapes()) == AUTOENCODER_PARAMETERS
    used = sum(parameter.numel() for parameter in network.parameters())
    assert round(used / 1e6, 1) == CARDS[NAME].parameters


def test_the_table_reads_backwards(network: JanusFlowNetwork):
    back = {key: tuple(tensor.shape) for key, tensor in published(AUTHORS, network.state_dict()).items()}
    assert back == {key: shape for key, shape in everything().items() if target_of(AUTHORS, key) is not None}


def test_the_published_sizes_are_those_of_the_card(network: JanusFlowNetwork):
    card = CARDS[NAME]
    assert network.config.image_size == card.image_size
    assert network.config.latent_side == 48
    assert network.config.grid**2 == card.image_tokens
