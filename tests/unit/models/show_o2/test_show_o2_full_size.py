"""The published checkpoints at full size, on the meta device: every name and shape finds its place exactly once.

The names and sizes are written down here from docs/sources/show-o2.md#parts and #keys, not derived from the port's own
table.
"""

import pytest
import torch

from unispect.models.building import empty
from unispect.models.keys import names_of, published, shapes_of, target_of
from unispect.models.show_o2.card import CARDS
from unispect.models.show_o2.config import LANGUAGE_MODELS, VISION_ENCODERS, network_config
from unispect.models.show_o2.keys import authors_table
from unispect.models.show_o2.network import ShowO2Network

Shapes = dict[str, tuple[int, ...]]

WORDS, LATENT, SEEN, HEAD = 151669, 16, 1152, 2048
SIZES = {  # hidden, layers, heads, key and value heads, MLP
    "1.5B": (1536, 28, 12, 2, 8960),
    "7B": (3584, 28, 28, 4, 18944),
}
BILLIONS = {"1.5B": 2.83, "7B": 8.93}
ENTRIES, AUTOENCODER_ENTRIES, AUTOENCODER_PARAMETERS = 910, 194, 126_892_531
NAMES = {"show-o2-1.5b": "1.5B", "show-o2-1.5b-hq": "1.5B", "show-o2-7b": "7B"}


def published_config(size: str) -> dict:
    return {
        "_class_name": "Showo2Qwen2_5",
        "_diffusers_version": "0.31.0",
        "llm_vocab_size": WORDS,
        "llm_model_path": f"Qwen/Qwen2.5-{size}-Instruct",
        "load_from_showo": False,
        "image_latent_dim": LATENT,
        "image_latent_height": 27,
        "image_latent_width": 27,
        "video_latent_height": 18,
        "video_latent_width": 27,
        "patch_size": 2,
        "hidden_size": SIZES[size][0],
        "clip_latent_dim": SEEN,
        "num_diffusion_layers": 10,
        "add_time_embeds": True,
        "add_qk_norm": True,
        "clip_pretrained_model_path": "google/siglip-so400m-patch14-384",
    }


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def backbone(size: str) -> Shapes:
    hidden, layers, heads, few, mlp = SIZES[size]
    head = hidden // heads
    shapes: Shapes = {"lm_head.weight": (WORDS, hidden), "model.embed_tokens.weight": (WORDS, hidden)}
    shapes["model.norm.weight"] = (hidden,)
    for i in range(layers):
        start = f"model.layers.{i}."
        shapes |= linear(f"{start}self_attn.q_proj", hidden, hidden)
        shapes |= linear(f"{start}self_attn.k_proj", few * head, hidden)
        shapes |= linear(f"{start}self_attn.v_proj", few * head, hidden)
        shapes[f"{start}self_attn.o_proj.weight"] = (hidden, hidden)
        shapes |= {f"{start}mlp.{part}_proj.weight": (mlp, hidden) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (hidden, mlp)
        shapes |= {f"{start}{part}_layernorm.weight": (hidden,) for part in ("input", "post_attention")}
    return shapes


def vision() -> Shapes:
    shapes: Shapes = {}
    for i in range(26):
        start = f"layers.{i}."
        shapes |= norm(f"{start}layer_norm1", SEEN) | norm(f"{start}layer_norm2", SEEN)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= linear(f"{start}self_attn.{part}", SEEN, SEEN)
        shapes |= linear(f"{start}mlp.fc1", 4304, SEEN) | linear(f"{start}mlp.fc2", SEEN, 4304)
    return shapes


def head_blocks() -> Shapes:
    shapes: Shapes = {}
    for i in range(10):
        start = f"diffusion_head_a.{i}."
        shapes |= {f"{start}self_attn.{part}_proj.weight": (HEAD, HEAD) for part in "qo"}
        shapes |= {f"{start}self_attn.{part}_proj.weight": (512, HEAD) for part in "kv"}
        shapes |= {f"{start}self_attn.{part}_norm.weight": (64,) for part in "qk"}
        shapes |= {f"{start}mlp.{part}_proj.weight": (8192, HEAD) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (HEAD, 8192)
        shapes |= {f"{start}{part}_layernorm.weight": (HEAD,) for part in ("input", "post_attention")}
        shapes |= linear(f"{start}adaLN_modulation.1", 6 * HEAD, HEAD)
    return shapes


def published_shapes(size: str) -> Shapes:
    hidden = SIZES[size][0]
    shapes: Shapes = {f"showo.{key}": shape for key, shape in backbone(size).items()}
    shapes |= {f"und_trans.{key}": shape for key, shape in vision().items()}
    for name, width in (("image_embedder_und", SEEN), ("image_embedder_gen", hidden)):
        shapes |= {f"{name}.proj.weight": (width, LATENT, 2, 2), f"{name}.proj.bias": (width,)}
    shapes |= {"position_embedding.weight": (729, SEEN), "fusion_proj.0.weight": (SEEN + hidden,)}
    shapes |= linear("fusion_proj.1", hidden, SEEN + hidden) | linear("fusion_proj.3", hidden, hidden)
    shapes |= linear("time_embed.mlp.0", HEAD, 256) | linear("time_embed.mlp.2", HEAD, HEAD)
    shapes |= linear("time_embed_proj", hidden, HEAD)
    shapes |= linear("diff_proj.0", HEAD, hidden) | linear("diff_proj.2", HEAD, HEAD)
    shapes |= head_blocks()
    shapes |= {"diffusion_head_b.norm_final.weight": (HEAD,)} | linear("diffusion_head_b.linear", 64, HEAD)
    return shapes | linear("diffusion_head_b.adaLN_modulation.1", 2 * HEAD, HEAD)


def conv(name: str, out: int, into: int, *sides: int) -> Shapes:
    return {f"{name}.weight": (out, into, *sides), f"{name}.bias": (out,)}


def residual(name: str, into: int, out: int) -> Shapes:
    shapes: Shapes = {f"{name}.residual.0.gamma": (into, 1, 1, 1), f"{name}.residual.3.gamma": (out, 1, 1, 1)}
    shapes |= conv(f"{name}.residual.2", out, into, 3, 3, 3) | conv(f"{name}.residual.6", out, out, 3, 3, 3)
    return shapes if into == out else shapes | conv(f"{name}.shortcut", out, into, 1, 1, 1)


def middle(name: str, width: int) -> Shapes:
    shapes: Shapes = {f"{name}.1.norm.gamma": (width, 1, 1)}
    shapes |= conv(f"{name}.1.to_qkv", 3 * width, width, 1, 1) | conv(f"{name}.1.proj", width, width, 1, 1)
    return shapes | residual(f"{name}.0", width, width) | residual(f"{name}.2", width, width)


def autoencoder_shapes() -> Shapes:
    """The names of `Wan2.1_VAE.pth`: one running number over residual blocks and what changes the size."""
    shapes = conv("conv1", 32, 32, 1, 1, 1) | conv("conv2", 16, 16, 1, 1, 1)
    shapes |= conv("encoder.conv1", 96, 3, 3, 3, 3) | conv("decoder.conv1", 384, 16, 3, 3, 3)
    shapes |= middle("encoder.middle", 384) | middle("decoder.middle", 384)
    number, into = 0, 96
    for level, width in enumerate((96, 192, 384, 384)):
        for _ in range(2):
            shapes |= residual(f"encoder.downsamples.{number}", into, width)
            number, into = number + 1, width
        if level < 3:
            shapes |= conv(f"encoder.downsamples.{number}.resample.1", width, width, 3, 3)
            if level:
                shapes |= conv(f"encoder.downsamples.{number}.time_conv", width, width, 3, 1, 1)
            number += 1
    number, into = 0, 384
    for level, width in enumerate((384, 384, 192, 96)):
        for _ in range(3):
            shapes |= residual(f"decoder.upsamples.{number}", into, width)
            number, into = number + 1, width
        if level < 3:
            shapes |= conv(f"decoder.upsamples.{number}.resample.1", width // 2, width, 3, 3)
            if level < 2:
                shapes |= conv(f"decoder.upsamples.{number}.time_conv", 2 * width, width, 3, 1, 1)
            number, into = number + 1, width // 2
    for half, width, out in (("encoder", 384, 32), ("decoder", 96, 3)):
        shapes |= {f"{half}.head.0.gamma": (width, 1, 1, 1)} | conv(f"{half}.head.2", out, width, 3, 3, 3)
    return shapes


@pytest.fixture(scope="module", params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(size: str) -> ShowO2Network:
    return empty(
        ShowO2Network,
        network_config(
            published_config(size),
            language=LANGUAGE_MODELS[f"Qwen2.5-{size}-Instruct"],
            vision=VISION_ENCODERS["siglip-so400m-patch14-384"],
            autoencoder={},
        ),
    )


def everything(size: str) -> Shapes:
    return published_shapes(size) | {f"vae.{key}": shape for key, shape in autoencoder_shapes().items()}


def test_every_published_tensor_has_its_place_exactly_once(network: ShowO2Network, size: str):
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    table = authors_table(network.config)
    found: Shapes = {}
    dropped = []
    for key, shape in everything(size).items():
        target = target_of(table, key)
        names = names_of(target)
        if not names:
            dropped.append(key)
        for name, own in zip(names, shapes_of(target, shape), strict=True):
            assert name not in found, key
            found[name] = own
    assert found == expected
    assert dropped == (["showo.lm_head.weight"] if size == "1.5B" else [])


def test_what_is_saved_has_the_published_names(network: ShowO2Network, size: str):
    state = published(authors_table(network.config), network.state_dict())
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    # Tied, the text head is a copy that is not saved again.
    expected = everything(size)
    if size == "1.5B":
        del expected["showo.lm_head.weight"]
    assert shapes == expected


def test_entries_and_parameters_are_as_many_as_published(network: ShowO2Network, size: str):
    assert len(published_shapes(size)) == ENTRIES
    assert len(autoencoder_shapes()) == AUTOENCODER_ENTRIES
    numbers = sum(parameter.numel() for parameter in network.vae.parameters())
    assert numbers == AUTOENCODER_PARAMETERS
    total = sum(parameter.numel() for parameter in network.parameters())
    assert (total - numbers) / 1e9 == pytest.approx(BILLIONS[size], abs=0.005)
    assert sum(p.numel() for p in network.seen.parameters()) / 1e9 == pytest.approx(0.396, abs=0.0005)
    assert sum(p.numel() for p in network.head.blocks.parameters()) / 1e9 == pytest.approx(0.860, abs=0.0005)
    for name, of in NAMES.items():
        if of == size:
            assert CARDS[name].parameters == pytest.approx(total / 1e6, abs=0.1)


def test_the_autoencoder_of_diffusers_finds_its_place_too(network: ShowO2Network):
    table = authors_table(network.config)
    for name in network.vae.state_dict():
        assert target_of(table, f"vae.{name}") == f"vae.{name}"


def test_groups_are_a_partition(network: ShowO2Network, size: str):
    from unispect.models.show_o2.keys import GROUPS

    for name, _ in network.named_parameters():
        assert sum(name.startswith(starts) for starts in GROUPS.values()) == 1, name
    assert (network.lm_head is None) == (size == "1.5B")
    with torch.device("meta"):
        assert network.text_logits(torch.empty(1, 2, SIZES[size][0])).shape == (1, 2, WORDS)
