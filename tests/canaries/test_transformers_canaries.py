import warnings

import pytest
import torch
from PIL import Image
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.emu3.configuration_emu3 import Emu3TextConfig, Emu3VQVAEConfig
from transformers.models.emu3.modeling_emu3 import Emu3TextModel, Emu3VQVAE
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaDecoderLayer, LlamaModel
from transformers.models.phi.modeling_phi import PhiConfig, PhiModel
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config, Qwen2Model
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLTextConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLTextModel,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3Config, Qwen3RotaryEmbedding
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLTextConfig,
    Qwen3VLTextModel,
    Qwen3VLVisionConfig,
    Qwen3VLVisionModel,
)
from watching import watch
from weights import held

from unispect.models.decode.cache import kept_in

SIZES = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}
SECTIONS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
BACKBONES = {
    "llama": lambda: LlamaModel(LlamaConfig(**SIZES)),
    "phi": lambda: PhiModel(PhiConfig(**SIZES)),
    "emu3": lambda: Emu3TextModel(
        Emu3TextConfig(**{**SIZES, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "attention_dropout": 0.0})
    ),
    "qwen2": lambda: Qwen2Model(Qwen2Config(**SIZES)),
    "qwen2_5_vl": lambda: Qwen2_5_VLTextModel(Qwen2_5_VLTextConfig(**SIZES, rope_parameters=SECTIONS)),
    "qwen3_vl": lambda: Qwen3VLTextModel(Qwen3VLTextConfig(**SIZES, head_dim=8, rope_parameters=SECTIONS)),
}


class _OnlyUpdate:
    """A cache without anything else that a block might ask for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def update(self, keys, values, layer, *_, **__):
        self.asked.append((tuple(keys.shape), tuple(values.shape), layer))
        return keys, values


def _rows(length: int = 3) -> torch.Tensor:
    return torch.randn(1, length, SIZES["hidden_size"], generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BACKBONES)
@watch(
    "transformers",
    "Blocks of Llama, Phi, Qwen2, Qwen2.5-VL and Qwen3-VL take `attention_mask`, `position_embeddings` and a cache by"
    " name (5.24 renamed"
    " `past_key_values` to `cache`), and ask the cache for `update(keys, values, layer, ...)` and nothing else.",
    met="models/capture.py, models/decode/cache.py",
    source="`modeling_llama.py` and its likes, `utils/deprecation.py`",
    seen="5.20.0 to 5.24.0",
)
def test_blocks_ask_a_cache_for_update_alone(name: str):
    backbone = BACKBONES[name]().eval()
    hidden = _rows()
    positions = torch.arange(3)[None]
    rotary = backbone.rotary_emb(hidden, positions.expand(3, 1, -1) if name.endswith("vl") else positions)
    cache = _OnlyUpdate()
    block = backbone.layers[0]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        out = block(hidden, attention_mask=None, position_embeddings=rotary, **kept_in(block, cache))
    heads = 2 if name == "phi" and cache.asked[0][0][1] == 2 else 1
    assert cache.asked == [((1, heads, 3, 8), (1, heads, 3, 8), 0)]
    assert out.shape == hidden.shape


@watch(
    "transformers",
    "`Qwen3Attention` alone takes rows, positions, a mask and a cache as its block gives them, and returns a pair.",
    met="models/show_o2/head.py",
    source="`modeling_qwen3.py`",
    seen="5.20.0 to 5.24.0",
)
def test_an_attention_can_be_used_without_its_block():
    config = Qwen3Config(**{**SIZES, "num_hidden_layers": 5}, head_dim=8)
    config._attn_implementation = "sdpa"
    attention, hidden, cache = Qwen3Attention(config, 4).eval(), _rows(), _OnlyUpdate()
    rotary = Qwen3RotaryEmbedding(config)(hidden, torch.arange(3)[None])
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        named = kept_in(attention, cache)
        out, _ = attention(hidden, position_embeddings=rotary, attention_mask=None, **named)
    assert cache.asked == [((1, 1, 3, 8), (1, 1, 3, 8), 4)]
    assert out.shape == hidden.shape


@watch(
    "transformers",
    "`sdpa_attention_forward` takes queries, keys, values [batch, heads, rows, width] and a mask, and returns"
    " [batch, rows, heads, width] first.",
    met="models/bagel/backbone.py",
    source="`integrations/sdpa_attention.py`",
    seen="5.20.0 to 5.24.0",
)
def test_the_attention_kernel_can_be_called():
    module = nn.Module()
    module.num_key_value_groups, module.is_causal = 2, True
    query = torch.randn(1, 4, 3, 8, generator=torch.Generator().manual_seed(0))
    found = sdpa_attention_forward(module, query, query[:, :2], query[:, 2:], None)[0]
    assert found.shape == (1, 3, 4, 8)
    assert torch.allclose(found[0, 0, 3], query[0, 3, 0])  # the first row sees itself alone: the value of its own group


@watch(
    "transformers",
    "A boolean 4-D mask hides what is False under `sdpa`; under `eager` it is added to the scores as 0 or 1, silently.",
    met="every family's configuration, which sets `sdpa`",
    source="`integrations/sdpa_attention.py`, `eager_attention_forward` in `modeling_llama.py`",
    seen="5.20.0 to 5.24.0",
)
def test_boolean_masks_hide_under_sdpa_only():
    def told_apart(attention: str) -> bool:
        """Whether the last row notices a change of the first, which is hidden from it."""
        config = LlamaConfig(**SIZES)
        config._attn_implementation = attention
        torch.manual_seed(0)
        block = LlamaDecoderLayer(config, 0).eval()
        rotary = LlamaModel(config).rotary_emb(_rows(), torch.arange(3)[None])
        mask = torch.ones(3, 3, dtype=torch.bool).tril()
        mask[2, 0] = False
        hidden, other = _rows(), _rows()
        other[:, 0] += 1
        with torch.no_grad():
            one, two = (block(x, attention_mask=mask[None, None], position_embeddings=rotary) for x in (hidden, other))
        return not torch.equal(one[:, 2], two[:, 2])

    with torch.random.fork_rng(devices=[]):
        assert not told_apart("sdpa")
        assert told_apart("eager")


@watch(
    "transformers",
    "A model's own forward, without a cache, takes positions that do not count up by one for several sequences and cuts"
    " attention between them; its blocks, walked one by one, do not.",
    met="models/capture.py, which walks blocks",
    source="`masking_utils.py`, packed sequences",
    seen="5.20.0 to 5.24.0",
)
def test_a_gap_in_positions_cuts_attention_in_a_model_but_not_in_its_blocks():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(**SIZES)
        config._attn_implementation = "sdpa"
        model = LlamaModel(config).eval()
    hidden, other = _rows(), _rows()
    other[:, 0] += 1
    gap = torch.tensor([[0, 5, 6]])

    def last(rows: torch.Tensor, walked: bool) -> torch.Tensor:
        with torch.no_grad():
            if not walked:
                return model(inputs_embeds=rows, position_ids=gap, use_cache=False).last_hidden_state[:, 2]
            return model.layers[0](rows, position_embeddings=model.rotary_emb(rows, gap), attention_mask=None)[:, 2]

    assert torch.equal(last(hidden, walked=False), last(other, walked=False))
    assert not torch.equal(last(hidden, walked=True), last(other, walked=True))


@pytest.mark.parametrize(
    ("config", "kind"), [(CLIPVisionConfig, CLIPVisionModel), (SiglipVisionConfig, SiglipVisionModel)]
)
@watch(
    "transformers",
    "`CLIPVisionModel` and `SiglipVisionModel` name and save their tensors without the `vision_model.` that"
    " published files have.",
    met="models/show_o/keys.py; folders saved by users",
    source="`modeling_clip.py`, `modeling_siglip.py`",
    seen="5.20.0 to 5.24.0",
)
def test_towers_have_no_prefix(config, kind, tmp_path):
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = kind(config(**sizes, image_size=8, patch_size=4))
    model.save_pretrained(tmp_path)
    assert "embeddings.patch_embedding.weight" in model.state_dict()
    assert "embeddings.patch_embedding.weight" in held(tmp_path)


@watch(
    "transformers",
    "Qwen2.5-VL names its language model `model.language_model.*` and saves it as `model.*`, its tower as `visual.*`.",
    met="models/omnigen2/keys.py, which reads both",
    source="`modeling_qwen2_5_vl.py`, `conversion_mapping.py`",
    seen="5.20.0 to 5.24.0",
)
def test_qwen2_5_vl_is_saved_under_its_older_names(tmp_path):
    seen = {
        "depth": 1,
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_heads": 2,
        "out_hidden_size": 16,
        "patch_size": 4,
    }
    text = {**SIZES, "rope_parameters": SECTIONS}
    model = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config={**seen, "fullatt_block_indexes": [0]})
    )
    model.save_pretrained(tmp_path)
    assert "model.language_model.embed_tokens.weight" in model.state_dict()
    assert {"model.embed_tokens.weight", "visual.patch_embed.proj.weight", "lm_head.weight"} <= set(held(tmp_path))


@watch(
    "transformers",
    "Image processors take a transparent picture as it comes: 5.20 shows the colours that transparency hides,"
    " 5.23 and 5.24 put white behind.",
    met="data/images.py and models/processing/template.py, which put white behind before",
    source="`image_transforms.py`",
    seen="5.20.0 to 5.24.0",
)
def test_transparent_pictures_become_opaque():
    process = Qwen2VLImageProcessorPil()

    def patches(picture: Image.Image) -> torch.Tensor:
        return process(picture, return_tensors="pt")["pixel_values"]

    found = patches(Image.new("RGBA", (56, 56), (255, 0, 0, 0)))
    assert any(torch.equal(found, patches(Image.new("RGB", (56, 56), shown))) for shown in ("white", "red"))


@watch(
    "transformers",
    "`Qwen2VLImageProcessorPil` works without torchvision and gives flat patches and their grid (time, rows, columns).",
    met="models/processing/patches.py",
    source="`image_processing_pil_qwen2_vl.py`",
    seen="5.20.0 to 5.24.0",
)
def test_the_picture_processor_of_qwen2_vl_needs_no_torchvision():
    given = Qwen2VLImageProcessorPil()(Image.new("RGB", (84, 56), "red"), return_tensors="pt")
    assert given["pixel_values"].shape == (4 * 6, 3 * 2 * 14 * 14)
    assert given["image_grid_thw"].tolist() == [[1, 4, 6]]


@watch(
    "transformers",
    "The vision tower of Qwen3-VL gives `pooler_output` and `deepstack_features`; its language model adds the latter"
    " behind its first blocks, one each, and so outside of what a block gives.",
    met="models/cosmos3/network.py, models/cosmos3/backbone.py",
    source="`modeling_qwen3_vl.py`",
    seen="5.20.0 to 5.24.0",
)
def test_what_qwen3_vl_sees_deeper_is_added_between_blocks():
    tower = Qwen3VLVisionModel(
        Qwen3VLVisionConfig(
            depth=2,
            hidden_size=16,
            intermediate_size=16,
            num_heads=2,
            patch_size=4,
            out_hidden_size=16,
            num_position_embeddings=4,
            deepstack_visual_indexes=[0],
        )
    ).eval()
    model = Qwen3VLTextModel(
        Qwen3VLTextConfig(**{**SIZES, "num_hidden_layers": 2}, head_dim=8, rope_parameters=SECTIONS)
    ).eval()
    with torch.no_grad():
        seen = tower(torch.randn(4, 3 * 2 * 4 * 4), grid_thw=torch.tensor([[1, 2, 2]]))
        deeper = list(seen.deepstack_features)
        assert seen.pooler_output.shape == deeper[0].shape == (1, 16)
        given: list[torch.Tensor] = []
        found: list[torch.Tensor] = []
        model.layers[0].register_forward_hook(lambda _, __, out: found.append(out))
        model.layers[1].register_forward_pre_hook(lambda _, rows: given.append(rows[0]))
        where = torch.tensor([[False, True, False]])
        model(inputs_embeds=_rows(), visual_pos_masks=where, deepstack_visual_embeds=deeper)
    assert torch.equal(given[0][0, ::2], found[0][0, ::2])
    torch.testing.assert_close(given[0][0, 1], found[0][0, 1] + deeper[0][0])


@watch(
    "transformers",
    "A configuration takes the base of rotary positions as `rope_theta` or inside `rope_parameters`, and"
    " keeps it in the latter.",
    met="models/parts/llama.py, models/parts/qwen.py",
    source="`modeling_rope_utils.py`",
    seen="5.20.0 to 5.24.0",
)
def test_both_spellings_of_rotary_settings_are_read():
    for given in ({"rope_theta": 5e5}, {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}):
        assert LlamaConfig(**SIZES, **given).rope_parameters["rope_theta"] == 5e5


@watch(
    "transformers",
    "A `GradientCheckpointingLayer` in training whose `gradient_checkpointing` is set is run through its"
    " `_gradient_checkpointing_func`.",
    met="train/learning.py",
    source="`modeling_layers.py`",
    seen="5.20.0 to 5.24.0",
)
def test_blocks_are_run_through_what_forgets_their_insides():
    class Block(GradientCheckpointingLayer):
        def forward(self, rows):
            return rows + 1

    passed: list[torch.Tensor] = []

    def again(function, *rows):
        passed.extend(rows)
        return function(*rows)

    block = Block()
    block.gradient_checkpointing, block._gradient_checkpointing_func, block.training = True, again, True
    rows = torch.zeros(2)
    assert torch.equal(block(rows), rows + 1)
    assert len(passed) == 1
    assert passed[0] is rows


@watch(
    "transformers",
    "`Emu3VQVAE` gives a picture that is padded beside a larger one other codes than alone.",
    met="models/emu3/network.py, which shows it one at a time",
    source="`modeling_emu3.py`, `Emu3VQVAE.encode`",
    seen="5.23.0",
)
def test_a_picture_of_emu3_has_other_codes_beside_a_larger_one():
    sizes = {"codebook_size": 64, "base_channels": 32, "channel_multiplier": [1, 1], "num_res_blocks": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = Emu3VQVAE(Emu3VQVAEConfig(**sizes, hidden_size=32, attn_resolutions=[])).eval()
        picture = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        alone, again = (
            tokenizer.encode(nn.functional.pad(picture, (0, more, 0, 0)), torch.tensor([[16, 16]])).image_tokens[0]
            for more in (0, 16)
        )
    assert alone.shape == again.shape
    assert not torch.equal(alone, again)
