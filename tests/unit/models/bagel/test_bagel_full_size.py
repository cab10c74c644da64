"""The published checkpoints at full size, on the meta device: every name and shape finds its place exactly once."""

import json
import math

import pytest
import torch

from tests.helpers.reference import need_reference
from unispect.core.errors import CheckpointError
from unispect.models import spread
from unispect.models.bagel.card import CARDS
from unispect.models.bagel.config import BagelConfig, network_config
from unispect.models.bagel.folder import Tables
from unispect.models.bagel.keys import AUTOENCODER, DRAWN_PLACES, SEEN_PLACES, STACKS, authors_table
from unispect.models.bagel.network import BagelNetwork
from unispect.models.building import empty
from unispect.models.keys import names_of, published, shapes_of, target_of
from unispect.models.spread import device_map, device_of

ENTRIES, AUTOENCODER_ENTRIES = 1223, 244
BILLIONS, AUTOENCODER_MILLIONS, GEN_BILLIONS = 14.607, 83.8, 6.53
LANGUAGE = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_act": "silu",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "max_position_embeddings": 32768,
    "model_type": "qwen2",
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "use_sliding_window": False,
    "vocab_size": 152064,
}
VISION = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_attention_heads": 16,
    "num_hidden_layers": 27,
    "image_size": 980,
    "patch_size": 14,
    "model_type": "siglip_vision_model",
}


@pytest.fixture(scope="module")
def config() -> BagelConfig:
    return network_config(language=LANGUAGE, vision=VISION, content={})


@pytest.fixture(scope="module")
def network(config: BagelConfig) -> BagelNetwork:
    return empty(BagelNetwork, config)


@pytest.fixture(scope="module")
def theirs() -> dict[str, tuple[int, ...]]:
    """Names and shapes of both published files."""
    shapes = json.loads((need_reference("bagel") / "real_shapes.json").read_text("utf-8"))
    model = {key: tuple(shape) for key, shape in shapes["ema.safetensors"].items()}
    autoencoder = {AUTOENCODER + key: tuple(shape) for key, shape in shapes["ae.safetensors"].items()}
    assert (len(model), len(autoencoder)) == (ENTRIES, AUTOENCODER_ENTRIES)
    return {**model, **autoencoder}


def test_every_published_tensor_fills_one_place(network: BagelNetwork, theirs: dict[str, tuple[int, ...]]):
    table = authors_table(network.config)
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    filled: dict[str, tuple[int, ...]] = {}
    for key, shape in theirs.items():
        target = target_of(table, key)
        for name, found in zip(names_of(target), shapes_of(target, shape), strict=True):
            assert name not in filled
            filled[name] = found
    assert filled == ours


def test_names_come_back_as_they_were_published(network: BagelNetwork, theirs: dict[str, tuple[int, ...]]):
    back = published(authors_table(network.config), network.state_dict())
    assert {key: tuple(tensor.shape) for key, tensor in back.items()} == theirs


def test_sizes_are_those_that_the_authors_state(network: BagelNetwork):
    state = network.state_dict()
    model = sum(tensor.numel() for name, tensor in state.items() if not name.startswith("vae."))
    autoencoder = sum(tensor.numel() for name, tensor in state.items() if name.startswith("vae."))
    gen = sum(tensor.numel() for name, tensor in state.items() if ".gen." in name or "norm_gen" in name)
    assert model / 1e9 == pytest.approx(BILLIONS, abs=1e-3)
    assert autoencoder / 1e6 == pytest.approx(AUTOENCODER_MILLIONS, abs=0.05)
    assert gen / 1e9 == pytest.approx(GEN_BILLIONS, abs=5e-3)
    for card in CARDS.values():
        assert card.parameters == pytest.approx((model + autoencoder) / 1e6, abs=0.1)


def test_pictures_are_those_of_the_authors_constants(config: BagelConfig):
    assert (config.seen.longest, config.seen.shortest, config.seen.stride) == (980, 224, 14)
    assert (config.kept.longest, config.kept.shortest, config.kept.stride) == (1024, 512, 16)
    assert (config.numbers, config.cell) == (64, 16)
    assert config.vision.num_hidden_layers == 26
    assert not config.text.tie_word_embeddings
    for card in CARDS.values():
        assert (card.image_size, card.image_tokens) == (1024, 64 * 64)


def test_missing_tables_are_the_frozen_ones(config: BagelConfig):
    """Those of the fixture are these and noise of 0.05."""
    from safetensors.torch import load_file

    weights = load_file(need_reference("bagel") / "ema.safetensors")
    for key in (SEEN_PLACES, DRAWN_PLACES):
        stored = weights[key]
        side, width = math.isqrt(len(stored)), stored.shape[1]
        made = Tables(need_reference("bagel"), {key: side}, width)
        assert made.shapes() == {key: tuple(stored.shape)}
        difference = made.read(key) - stored
        assert difference.std().item() == pytest.approx(0.05, rel=0.1)
        assert difference.abs().max() < 0.3
    table = Tables(need_reference("bagel"), {SEEN_PLACES: 70}, config.width).read(SEEN_PLACES)
    # Place 3 of row 2: the column first, sines before cosines.
    place, quarter = table[2 * 70 + 3], config.width // 4
    assert place[0].item() == pytest.approx(math.sin(3))
    assert place[quarter].item() == pytest.approx(math.cos(3))
    assert place[2 * quarter].item() == pytest.approx(math.sin(2))
    assert place[3 * quarter + 1].item() == pytest.approx(math.cos(2 * 10000 ** (-1 / quarter)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "harmon"}, "not of BAGEL"),
        ({"connector_act": "relu"}, "connector_act is 'relu'"),
        ({"interpolate_pos": True}, "interpolate_pos is True"),
        ({"vae_config": {"z_channels": 16, "downsample": 16}}, "downsample is 16"),
        ({"vae_transform": [1024, 512, 24]}, "vae_transform's stride"),
        ({"time_distribution": "even"}, "time_distribution is 'even'"),
    ],
)
def test_other_architectures_are_refused(changes: dict, message: str):
    with pytest.raises(CheckpointError, match=message):
        network_config(language=LANGUAGE, vision=VISION, content=changes)
    with pytest.raises(CheckpointError, match="no patch_size"):
        network_config(language=LANGUAGE, vision={k: v for k, v in VISION.items() if k != "patch_size"}, content={})


@pytest.mark.slow
def test_the_tables_of_the_weights_count_for_more_than_a_file():
    content = {"max_latent_size": 32}
    config = network_config(language=LANGUAGE, vision=VISION, content=content, tables=(None, 64))
    assert config.drawn_table == 64
    assert config.kept.longest == 1024
    with torch.device("meta"):
        assert BagelNetwork(config).drawn_places.shape == (64 * 64, 3584)


@pytest.mark.parametrize(("gpus", "gib"), [(1, [27.5]), (2, [13.6, 13.9]), (4, [6.7, 7.0, 7.0, 7.0])])
def test_in_bfloat16_the_weights_divide_evenly_over_gpus(network, monkeypatch, gpus, gib):
    monkeypatch.setattr(spread, "free_bytes", lambda _: None)
    state = network.state_dict()
    dtypes = {name: torch.float32 if name.startswith(AUTOENCODER) else torch.bfloat16 for name in state}
    places = device_map(network, STACKS, [torch.device("cuda", n) for n in range(gpus)], dtypes)
    held = [0.0] * gpus
    for name, tensor in state.items():
        held[device_of(places, name).index] += tensor.numel() * dtypes[name].itemsize / 2**30
    assert held == pytest.approx(gib, abs=0.06)
