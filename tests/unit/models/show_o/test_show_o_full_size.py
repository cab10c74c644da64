"""The published checkpoints at full size, on the meta device: as many tensors and numbers as the authors count."""

from math import prod

import pytest
import torch
from safetensors import safe_open

from tests.helpers.reference import need_reference
from unispect.models.building import empty
from unispect.models.checkpoint import files_in
from unispect.models.keys import names_of, published, shapes_of, target_of
from unispect.models.show_o.card import CARDS
from unispect.models.show_o.config import ShowOConfig, network_config
from unispect.models.show_o.folder import model_config
from unispect.models.show_o.keys import AUTHORS
from unispect.models.show_o.network import ShowONetwork

BACKBONE = {"q_proj", "k_proj", "v_proj", "dense"}


def config(name: str) -> ShowOConfig:
    """What the `config.json` of a card's checkpoint says (docs/sources/show-o.md#checkpoints)."""
    card = CARDS[name]
    content = {
        "_class_name": "Showo",
        "_diffusers_version": "0.30.1",
        "codebook_size": 8192,
        "llm_model_path": "microsoft/phi-1_5",
        "llm_vocab_size": 50295,
        "load_from_showo": True,
        "mask_token_id": 58497,
        "num_vq_tokens": card.image_tokens,
        "vocab_size": 58498,
        "w_clip_vit": "clip-vit" in name,
    }
    return network_config(content)


@pytest.mark.parametrize("name", list(CARDS))
def test_the_main_checkpoint_has_its_entries_and_numbers(name: str):
    clip = "clip-vit" in name
    state = published(AUTHORS, empty(ShowONetwork, config(name)).state_dict())
    main = {key: tensor for key, tensor in state.items() if not key.startswith(("vq.", "clip."))}
    assert len(main) == (441 if clip else 437)
    assert sum(tensor.numel() for tensor in main.values()) == (1_454_472_322 if clip else 1_448_176_770)
    assert all(key.startswith(("showo.", "mm_projector.")) for key in main)


def test_layers_have_the_published_names_and_shapes():
    state = published(AUTHORS, empty(ShowONetwork, config("show-o-clip-vit")).state_dict())
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    assert shapes["showo.model.embed_tokens.weight"] == shapes["showo.lm_head.weight"] == (58498, 2048)
    assert shapes["showo.lm_head.bias"] == (58498,)
    for layer in range(24):
        start = f"showo.model.layers.{layer}."
        for part in BACKBONE:
            assert shapes[f"{start}self_attn.{part}.weight"] == (2048, 2048)
            assert shapes[f"{start}self_attn.{part}.bias"] == (2048,)
        for part in ("q_layernorm", "k_layernorm"):  # shared by all heads
            assert shapes[f"{start}self_attn.{part}.weight"] == shapes[f"{start}self_attn.{part}.bias"] == (64,)
        assert shapes[f"{start}mlp.fc1.weight"] == (8192, 2048)
        assert shapes[f"{start}mlp.fc2.weight"] == (2048, 8192)
        assert shapes[f"{start}input_layernorm.weight"] == (2048,)
    assert shapes["showo.model.final_layernorm.weight"] == (2048,)
    assert shapes["mm_projector.0.weight"] == (2048, 1024)
    assert shapes["mm_projector.2.weight"] == (2048, 2048)


def test_the_picture_tokenizer_has_its_entries_and_numbers():
    """382 entries with the two that are computed: 95.5 million values."""
    state = published(AUTHORS, empty(ShowONetwork, config("show-o")).state_dict())
    shapes = {key.removeprefix("vq."): tuple(tensor.shape) for key, tensor in state.items() if key.startswith("vq.")}
    shapes |= {"quantize.embedding": (8192, 13), "quantize.power_vals": (13,)}
    assert len(shapes) == 382
    assert round(sum(map(prod, shapes.values())) / 1e6, 1) == 95.5
    for key, shape in {
        "encoder.conv_in.weight": (128, 3, 3, 3),
        "encoder.down.1.block.0.nin_shortcut.weight": (256, 128, 1, 1),
        "encoder.down.3.downsample.conv.weight": (512, 512, 3, 3),
        "encoder.mid.attn_1.proj_out.weight": (512, 512, 1, 1),
        "encoder.conv_out.weight": (13, 512, 3, 3),
        "encoder.quant_conv.weight": (13, 13, 1, 1),
        "decoder.post_quant_conv.weight": (13, 13, 1, 1),
        "decoder.conv_in.weight": (512, 13, 3, 3),
        "decoder.up.3.block.0.nin_shortcut.weight": (256, 512, 1, 1),
        "decoder.up.4.upsample.conv.weight": (512, 512, 3, 3),
        "decoder.conv_out.weight": (3, 128, 3, 3),
    }.items():
        assert shapes[key] == shape
    blocks = {
        half: [
            len({key.split(".")[4] for key in shapes if key.startswith(f"{half}.{level}.block.")}) for level in range(5)
        ]
        for half in ("encoder.down", "decoder.up")
    }
    assert blocks == {"encoder.down": [4, 3, 4, 3, 4], "decoder.up": [4, 4, 3, 4, 3]}
    assert "encoder.down.4.downsample.conv.weight" not in shapes
    assert "decoder.up.0.upsample.conv.weight" not in shapes


@pytest.mark.parametrize("name", ["show-o", "show-o-clip-vit"])
def test_every_key_of_the_authors_files_has_its_place_exactly_once(name: str):
    """At tiny scale, where the files are; all the rest of CLIP is dropped by name."""
    folder = need_reference("show_o")
    main = folder / ("show-o" if name == "show-o" else "show-o-w-clip-vit")
    network = empty(ShowONetwork, model_config(files_in(main)))
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    parts = [(main, ""), (folder / "magvitv2", "vq.")]
    parts += [(folder / "clip-vit-large-patch14-336", "clip.")] if name != "show-o" else []
    found, dropped = {}, []
    for part, prefix in parts:
        for path in part.glob("*.safetensors"):
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118
                    target = target_of(AUTHORS, prefix + key)
                    if target is None:
                        dropped.append(key)
                    shape = tuple(file.get_slice(key).get_shape())
                    for ours, own in zip(names_of(target), shapes_of(target, shape), strict=True):
                        assert ours not in found, key
                        found[ours] = own
    assert found == expected
    assert sorted(dropped) == ["quantize.embedding", "quantize.power_vals"]


@pytest.mark.parametrize(
    "key",
    [
        "text_model.encoder.layers.0.mlp.fc1.weight",
        "logit_scale",
        "visual_projection.weight",
        "text_projection.weight",
        "vision_model.embeddings.position_ids",
    ],
)
def test_what_else_is_in_clips_file_is_knowingly_dropped(key: str):
    assert target_of(AUTHORS, f"clip.{key}") is None


@pytest.mark.parametrize("name", list(CARDS))
def test_the_cards_count_what_is_used(name: str):
    network = empty(ShowONetwork, config(name))
    card = CARDS[name]
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 1) == card.parameters
    assert (network.config.image_size, network.config.image_tokens) == (card.image_size, card.image_tokens)


def test_ids_are_the_published_ones():
    """docs/sources/show-o.md#tokens."""
    made = config("show-o")
    names = ("[PAD]", "soi", "eoi", "sov", "eov", "t2i", "mmu", "t2v", "v2v", "lvg")
    assert [made.special(name) for name in names] == list(range(50295, 50305))
    assert (made.first_code, made.mask, made.text_tokens, made.codes) == (50305, 58497, 129, 8192)
    assert made.text.qk_layernorm
    assert config("show-o-clip-vit").seen_places == 576
    assert torch.isclose(torch.tensor(made.text.rope_parameters["partial_rotary_factor"]), torch.tensor(0.5))
