"""The published checkpoints at full size, on the meta device: every name and shape finds its place exactly once.

The names and sizes are written down here from docs/sources/cosmos3.md#parts and #keys, not derived from the port's own
table.
"""

from dataclasses import dataclass

import pytest
import torch

from unispect.models.building import empty
from unispect.models.cosmos3.card import CARDS
from unispect.models.cosmos3.config import Cosmos3Config, network_config
from unispect.models.cosmos3.keys import AUTHORS, GROUPS
from unispect.models.cosmos3.network import Cosmos3Network
from unispect.models.keys import names_of, published, shapes_of, target_of

Shapes = dict[str, tuple[int, ...]]

WORDS, HEAD, KEYS = 151936, 128, 8 * 128
SEEN, BLOCKS, SEEN_MLP, MERGED = 1152, 27, 4304, 4 * 1152
NUMBERS, TOLD, SOUND, ACTIONS, DOMAINS = 192, 256, 64, 64, 32
INDEXED = 1165
"""Tensors in the index of Cosmos3-Nano: those of `transformer` and of `vision_encoder`."""


@dataclass(frozen=True)
class Size:
    """A published model; bytes are those of its files."""

    width: int
    layers: int
    heads: int
    mlp: int


NANO, SUPER = Size(4096, 36, 32, 12288), Size(5120, 64, 64, 25600)
SIZES = {"cosmos3-nano": NANO, "cosmos3-super": SUPER, "cosmos3-super-text2image": SUPER}
VAE_FILE, SUPER_TOWER_FILE, SUPER_TEXT2IMAGE_FILES = 1_409_400_600, 1_190_568_352, 127_997_348_864
MOST_HEADER = 200
"""Bytes that a file of safetensors takes for a tensor's name, dtype, shape and place, at most."""


def config(size: Size) -> Cosmos3Config:
    """Sizes as published, with all keys of Nano's files of 2026."""
    transformer = {
        "_class_name": "Cosmos3OmniTransformer",
        "_diffusers_version": "0.37.1",
        "action_dim": ACTIONS,
        "action_gen": True,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "base_fps": 24,
        "dtype": "bfloat16",
        "enable_fps_modulation": True,
        "freeze_und": False,
        "head_dim": HEAD,
        "hidden_act": "silu",
        "hidden_size": size.width,
        "initializer_range": 0.02,
        "intermediate_size": size.mlp,
        "joint_attn_implementation": "two_way",
        "latent_channel": 48,
        "latent_patch_size": 2,
        "max_action_dim": ACTIONS,
        "max_position_embeddings": 262144,
        "model_type": "qwen3_vl_text",
        "num_attention_heads": size.heads,
        "num_embodiment_domains": DOMAINS,
        "num_hidden_layers": size.layers,
        "num_key_value_heads": 8,
        "patch_latent_dim": NUMBERS,
        "position_embedding_type": "unified_3d_mrope",
        "qk_norm": False,
        "qk_norm_for_diffusion": True,
        "qk_norm_for_text": True,
        "rms_norm_eps": 1e-6,
        "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"},
        "rope_theta": 5000000,
        "sound_dim": SOUND,
        "sound_gen": True,
        "sound_latent_fps": 25,
        "temporal_compression_factor_sound": 1,
        "timestep_scale": 0.001,
        "unified_3d_mrope_reset_spatial_ids": True,
        "unified_3d_mrope_temporal_modality_margin": 15000,
        "use_cache": True,
        "use_moe": True,
        "video_temporal_causal": False,
        "vocab_size": WORDS,
    }
    tower = {
        "model_type": "qwen3_vl",
        "depth": BLOCKS,
        "hidden_size": SEEN,
        "hidden_act": "gelu_pytorch_tanh",
        "intermediate_size": SEEN_MLP,
        "num_heads": 16,
        "in_channels": 3,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": size.width,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
        "initializer_range": 0.02,
    }
    autoencoder = {
        "_class_name": "AutoencoderKLWan",
        "base_dim": 160,
        "decoder_base_dim": 256,
        "z_dim": 48,
        "dim_mult": [1, 2, 4, 4],
        "num_res_blocks": 2,
        "attn_scales": [],
        "temperal_downsample": [False, True, True],
        "is_residual": True,
        "in_channels": 12,
        "out_channels": 12,
        "patch_size": 2,
        "scale_factor_spatial": 16,
        "scale_factor_temporal": 4,
        "latents_mean": [0.0] * 48,
        "latents_std": [1.0] * 48,
    }
    return network_config(transformer, tower, autoencoder)


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def transformer(size: Size) -> Shapes:
    width, queries = size.width, size.heads * HEAD
    shapes: Shapes = {f"{name}.weight": (WORDS, width) for name in ("embed_tokens", "lm_head")}
    shapes |= {f"{name}.weight": (width,) for name in ("norm", "norm_moe_gen")}
    shapes |= linear("proj_in", width, NUMBERS) | linear("proj_out", NUMBERS, width)
    shapes |= linear("time_embedder.linear_1", width, TOLD) | linear("time_embedder.linear_2", width, width)
    for i in range(size.layers):
        start = f"layers.{i}."
        for query, key, value, out, norms in (
            ("to_q", "to_k", "to_v", "to_out", ("norm_q", "norm_k")),
            ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", ("norm_added_q", "norm_added_k")),
        ):
            shapes[f"{start}self_attn.{query}.weight"] = (queries, width)
            shapes |= {f"{start}self_attn.{name}.weight": (KEYS, width) for name in (key, value)}
            shapes[f"{start}self_attn.{out}.weight"] = (width, queries)
            shapes |= {f"{start}self_attn.{name}.weight": (HEAD,) for name in norms}
        for mlp, end in (("mlp", ""), ("mlp_moe_gen", "_moe_gen")):
            shapes |= {f"{start}{mlp}.{name}_proj.weight": (size.mlp, width) for name in ("gate", "up")}
            shapes[f"{start}{mlp}.down_proj.weight"] = (width, size.mlp)
            shapes |= {f"{start}{name}_layernorm{end}.weight": (width,) for name in ("input", "post_attention")}
    return shapes


def sound(size: Size) -> Shapes:
    shapes = linear("audio_proj_in", size.width, SOUND) | linear("audio_proj_out", SOUND, size.width)
    return shapes | {"audio_modality_embed": (size.width,)}


def actions(size: Size) -> Shapes:
    shapes: Shapes = {"action_modality_embed": (size.width,)}
    for name, out in (("action_proj_in", size.width), ("action_proj_out", ACTIONS)):
        shapes |= {f"{name}.fc.weight": (DOMAINS, size.width * ACTIONS), f"{name}.bias.weight": (DOMAINS, out)}
    return shapes


def tower(size: Size) -> Shapes:
    shapes: Shapes = {"pos_embed.weight": (2304, SEEN), "patch_embed.proj.weight": (SEEN, 3, 2, 16, 16)}
    shapes["patch_embed.proj.bias"] = (SEEN,)
    for name, normed in (("merger", SEEN), *((f"deepstack_merger_list.{i}", MERGED) for i in range(3))):
        shapes |= {f"{name}.norm.{part}": (normed,) for part in ("weight", "bias")}
        shapes |= linear(f"{name}.linear_fc1", MERGED, MERGED) | linear(f"{name}.linear_fc2", size.width, MERGED)
    for i in range(BLOCKS):
        start = f"blocks.{i}."
        shapes |= {f"{start}{name}.{part}": (SEEN,) for name in ("norm1", "norm2") for part in ("weight", "bias")}
        shapes |= linear(f"{start}attn.qkv", 3 * SEEN, SEEN) | linear(f"{start}attn.proj", SEEN, SEEN)
        shapes |= linear(f"{start}mlp.linear_fc1", SEEN_MLP, SEEN) | linear(f"{start}mlp.linear_fc2", SEEN, SEEN_MLP)
    return shapes


def everything(size: Size, network: Cosmos3Network) -> Shapes:
    """All tensors of a folder but those of sound and actions; the autoencoder's names are those of the stock class."""
    parts = {
        "transformer": transformer(size),
        "vision_encoder": tower(size),
        "vae": {key: tuple(value.shape) for key, value in network.vae.state_dict().items()},
    }
    return {f"{part}.{key}": shape for part, shapes in parts.items() for key, shape in shapes.items()}


def numbers(shapes: Shapes) -> int:
    return sum(int(torch.tensor(shape).prod()) for shape in shapes.values())


def in_file(shapes: Shapes, size: int) -> bool:
    """Whether a file, or several, of that many bytes hold just these tensors in 16 bits, and their headers."""
    return 0 < size - 2 * numbers(shapes) < MOST_HEADER * len(shapes)


@pytest.fixture(scope="module", params=[NANO, SUPER], ids=["nano", "super"])
def sized(request: pytest.FixtureRequest) -> tuple[Size, Cosmos3Network]:
    return request.param, empty(Cosmos3Network, config(request.param))


def test_every_published_tensor_has_its_place_exactly_once(sized: tuple[Size, Cosmos3Network]):
    size, network = sized
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found: Shapes = {}
    for key, shape in everything(size, network).items():
        target = target_of(AUTHORS, key)
        for name, own in zip(names_of(target), shapes_of(target, shape), strict=True):
            assert name not in found, key
            found[name] = own
    assert found == expected
    assert all(target_of(AUTHORS, f"transformer.{key}") is None for key in sound(size) | actions(size))


def test_what_is_saved_has_the_published_names(sized: tuple[Size, Cosmos3Network]):
    size, network = sized
    state = published(AUTHORS, network.state_dict())
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == everything(size, network)


def test_nano_has_as_many_tensors_as_its_index_names():
    assert len(transformer(NANO) | sound(NANO) | actions(NANO)) + len(tower(NANO)) == INDEXED


def test_files_are_as_large_as_published(sized: tuple[Size, Cosmos3Network]):
    """Super-Text2Image's transformer holds the sound's weights, and none of actions."""
    _, network = sized
    assert in_file({key: tuple(value.shape) for key, value in network.vae.state_dict().items()}, VAE_FILE)
    assert in_file(tower(SUPER), SUPER_TOWER_FILE)
    assert in_file(transformer(SUPER) | sound(SUPER), SUPER_TEXT2IMAGE_FILES)
    assert not in_file(transformer(SUPER), SUPER_TEXT2IMAGE_FILES)
    assert not in_file(transformer(SUPER) | sound(SUPER) | actions(SUPER), SUPER_TEXT2IMAGE_FILES)


@pytest.mark.parametrize("name", CARDS)
def test_cards_say_how_many_parameters_are_loaded(name: str):
    network = empty(Cosmos3Network, config(SIZES[name]))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert CARDS[name].parameters == pytest.approx(count / 1e6, abs=0.1)


def test_groups_are_a_partition(sized: tuple[Size, Cosmos3Network]):
    for name, _ in sized[1].named_parameters():
        assert sum(name.startswith(starts) for starts in GROUPS.values()) == 1, name


def test_published_pictures_take_as_many_positions_as_the_card_says(sized: tuple[Size, Cosmos3Network]):
    own = sized[1].config
    assert (own.stride, own.cell) == (16, 32)
    for card in CARDS.values():
        assert (card.image_size // own.cell) ** 2 == card.image_tokens
