"""The published checkpoint at full size, on the meta device: every name and shape finds its place exactly once.

The names and sizes are written down here from docs/sources/omnigen2.md#parts and #keys, not derived from the port's own
table.
"""

import pytest
import torch

from unispect.models.building import empty
from unispect.models.keys import names_of, published, shapes_of, target_of
from unispect.models.omnigen2.card import CARDS
from unispect.models.omnigen2.config import OmniGen2Config, network_config
from unispect.models.omnigen2.keys import GROUPS, authors_table
from unispect.models.omnigen2.network import OmniGen2Network

Shapes = dict[str, tuple[int, ...]]

WORDS, HIDDEN, LAYERS, KEYS, MLP = 151936, 2048, 36, 256, 11008
SEEN, BLOCKS, SEEN_MLP = 1280, 32, 3420
WIDTH, JOINT, REFINERS, HEAD, INNER, TOLD = 2520, 32, 2, 120, 10240, 1024
MLLM_BILLIONS, TRANSFORMER_BILLIONS, VAE_MILLIONS = 3.755, 3.967, 83.8
TRANSFORMER_ENTRIES, VAE_ENTRIES = 582, 244


def config() -> OmniGen2Config:
    mllm = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "intermediate_size": MLP,
        "vocab_size": WORDS,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "vision_config": {
            "depth": BLOCKS,
            "hidden_size": SEEN,
            "num_heads": 16,
            "intermediate_size": SEEN_MLP,
            "out_hidden_size": HIDDEN,
            "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31],
            "model_type": "qwen2_5_vl",
        },
    }
    transformer = {
        "_class_name": "OmniGen2Transformer2DModel",
        "axes_dim_rope": [40, 40, 40],
        "axes_lens": [1024, 1664, 1664],
        "ffn_dim_multiplier": None,
        "hidden_size": WIDTH,
        "in_channels": 16,
        "multiple_of": 256,
        "num_attention_heads": 21,
        "num_kv_heads": 7,
        "num_layers": JOINT,
        "num_refiner_layers": REFINERS,
        "out_channels": None,
        "patch_size": 2,
        "text_feat_dim": HIDDEN,
        "timestep_scale": 1000.0,
    }
    vae = {
        "_class_name": "AutoencoderKL",
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "latent_channels": 16,
        "layers_per_block": 2,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    }
    return network_config(mllm, transformer, vae)


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def language() -> Shapes:
    shapes: Shapes = {"model.embed_tokens.weight": (WORDS, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for i in range(LAYERS):
        start = f"model.layers.{i}."
        shapes |= linear(f"{start}self_attn.q_proj", HIDDEN, HIDDEN)
        shapes |= linear(f"{start}self_attn.k_proj", KEYS, HIDDEN) | linear(f"{start}self_attn.v_proj", KEYS, HIDDEN)
        shapes[f"{start}self_attn.o_proj.weight"] = (HIDDEN, HIDDEN)
        shapes |= {f"{start}mlp.{part}_proj.weight": (MLP, HIDDEN) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (HIDDEN, MLP)
        shapes |= {f"{start}{part}_layernorm.weight": (HIDDEN,) for part in ("input", "post_attention")}
    return shapes


def vision() -> Shapes:
    merged = 4 * SEEN
    shapes: Shapes = {"visual.patch_embed.proj.weight": (SEEN, 3, 2, 14, 14), "visual.merger.ln_q.weight": (SEEN,)}
    shapes |= linear("visual.merger.mlp.0", merged, merged) | linear("visual.merger.mlp.2", HIDDEN, merged)
    for i in range(BLOCKS):
        start = f"visual.blocks.{i}."
        shapes |= {f"{start}norm1.weight": (SEEN,), f"{start}norm2.weight": (SEEN,)}
        shapes |= linear(f"{start}attn.qkv", 3 * SEEN, SEEN) | linear(f"{start}attn.proj", SEEN, SEEN)
        shapes |= linear(f"{start}mlp.gate_proj", SEEN_MLP, SEEN) | linear(f"{start}mlp.up_proj", SEEN_MLP, SEEN)
        shapes |= linear(f"{start}mlp.down_proj", SEEN, SEEN_MLP)
    return shapes


def block(name: str, *, told: bool) -> Shapes:
    keys = 7 * HEAD
    shapes: Shapes = {
        f"{name}.attn.to_q.weight": (WIDTH, WIDTH),
        f"{name}.attn.to_k.weight": (keys, WIDTH),
        f"{name}.attn.to_v.weight": (keys, WIDTH),
        f"{name}.attn.to_out.0.weight": (WIDTH, WIDTH),
        f"{name}.attn.norm_q.weight": (HEAD,),
        f"{name}.attn.norm_k.weight": (HEAD,),
        f"{name}.feed_forward.linear_1.weight": (INNER, WIDTH),
        f"{name}.feed_forward.linear_2.weight": (WIDTH, INNER),
        f"{name}.feed_forward.linear_3.weight": (INNER, WIDTH),
    }
    shapes |= {f"{name}.{norm}.weight": (WIDTH,) for norm in ("norm2", "ffn_norm1", "ffn_norm2")}
    if told:
        return shapes | {f"{name}.norm1.norm.weight": (WIDTH,)} | linear(f"{name}.norm1.linear", 4 * WIDTH, TOLD)
    return shapes | {f"{name}.norm1.weight": (WIDTH,)}


def transformer() -> Shapes:
    shapes: Shapes = {"image_index_embedding": (5, WIDTH), "time_caption_embed.caption_embedder.0.weight": (HIDDEN,)}
    shapes |= linear("x_embedder", WIDTH, 64) | linear("ref_image_patch_embedder", WIDTH, 64)
    shapes |= linear("time_caption_embed.timestep_embedder.linear_1", TOLD, 256)
    shapes |= linear("time_caption_embed.timestep_embedder.linear_2", TOLD, TOLD)
    shapes |= linear("time_caption_embed.caption_embedder.1", WIDTH, HIDDEN)
    shapes |= linear("norm_out.linear_1", WIDTH, TOLD) | linear("norm_out.linear_2", 64, WIDTH)
    for i in range(REFINERS):
        shapes |= block(f"noise_refiner.{i}", told=True) | block(f"ref_image_refiner.{i}", told=True)
        shapes |= block(f"context_refiner.{i}", told=False)
    for i in range(JOINT):
        shapes |= block(f"layers.{i}", told=True)
    return shapes


def published_shapes() -> Shapes:
    """All but the pixel autoencoder's, whose names are those of the stock class."""
    shapes = {f"mllm.{key}": shape for key, shape in (language() | vision()).items()}
    return shapes | {f"transformer.{key}": shape for key, shape in transformer().items()}


@pytest.fixture(scope="module")
def network() -> OmniGen2Network:
    return empty(OmniGen2Network, config())


def everything(network: OmniGen2Network) -> Shapes:
    vae = {f"vae.{key}": tuple(value.shape) for key, value in network.vae.state_dict().items()}
    return published_shapes() | vae


@pytest.mark.parametrize("newer", [False, True])
def test_every_published_tensor_has_its_place_exactly_once(network: OmniGen2Network, newer: bool):
    """Under the names of transformers 4.51 and under those of transformers 5."""
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    shapes = everything(network)
    if newer:
        old = {"mllm.model.": "mllm.model.language_model.", "mllm.visual.": "mllm.model.visual."}
        for start, other in old.items():
            shapes = {
                other + key.removeprefix(start) if key.startswith(start) and "language_model" not in key else key: shape
                for key, shape in shapes.items()
            }
    table = authors_table(network.config, shapes)
    found: Shapes = {}
    for key, shape in shapes.items():
        target = target_of(table, key)
        for name, own in zip(names_of(target), shapes_of(target, shape), strict=True):
            assert name not in found, key
            found[name] = own
    assert found == expected
    # A copy of the embeddings where a file has one.
    assert target_of(table, "mllm.lm_head.weight") is None


def test_what_is_saved_has_the_published_names(network: OmniGen2Network):
    state = published(authors_table(network.config), network.state_dict())
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == everything(network)


def test_entries_and_parameters_are_as_many_as_published(network: OmniGen2Network):
    assert len(transformer()) == TRANSFORMER_ENTRIES
    assert len(network.vae.state_dict()) == VAE_ENTRIES

    def count(module: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(network.mllm) / 1e9 == pytest.approx(MLLM_BILLIONS, abs=0.0005)
    assert count(network.transformer) / 1e9 == pytest.approx(TRANSFORMER_BILLIONS, abs=0.0005)
    assert count(network.vae) / 1e6 == pytest.approx(VAE_MILLIONS, abs=0.05)
    assert network.lm_head is None
    assert CARDS["omnigen2"].parameters == pytest.approx(count(network) / 1e6, abs=0.1)


def test_times_are_told_in_no_more_than_1024_numbers(network: OmniGen2Network):
    """Narrow models, such as the tiny ones, tell them in as many as they are wide."""
    shapes = {key: tuple(value.shape) for key, value in network.transformer.state_dict().items()}
    assert WIDTH > TOLD
    assert shapes["layers.0.norm1.linear.weight"] == (4 * WIDTH, TOLD)
    assert shapes["norm_out.linear_1.weight"] == (WIDTH, TOLD)
    assert shapes["time_caption_embed.timestep_embedder.linear_2.weight"] == (TOLD, TOLD)
    with torch.device("meta"):
        told = network.transformer.time(torch.empty(3))
    assert told.shape == (3, TOLD)


def test_groups_are_a_partition(network: OmniGen2Network):
    for name, _ in network.named_parameters():
        assert sum(name.startswith(starts) for starts in GROUPS.values()) == 1, name


def test_published_pictures_take_as_many_positions_as_the_card_says(network: OmniGen2Network):
    card = CARDS["omnigen2"]
    assert network.config.cell == 16
    assert (card.image_size // network.config.cell) ** 2 == card.image_tokens
