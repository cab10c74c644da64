"""A tiny OmniGen2 checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

import torch
from tokenizers import Tokenizer

from tests.helpers import tiny
from unispect.models.omnigen2.card import CARDS
from unispect.models.omnigen2.folder import save, start
from unispect.models.omnigen2.model import OmniGen2

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|img|>",
)

TINY = tiny.card(CARDS["omnigen2"], "tiny-random-omnigen2", side=32, guidance=2.0, steps=4, image_size=32)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the special tokens."""
    return tiny.tokenizer(SPECIAL, newlines=True)


def files(*, hidden: int = 48, layers: int = 2, tied: bool = True, width: int = 48) -> dict[str, dict]:
    """Content of every JSON file: pictures of 32 pixels as 8 x 8 latents in 4 x 4 positions."""
    words = tokenizer().get_vocab_size()
    blocks = 3
    return {
        "model_index.json": {"_class_name": "OmniGen2Pipeline"},
        "scheduler/scheduler_config.json": {"_class_name": "FlowMatchEulerDiscreteScheduler"},
        "mllm/config.json": {
            "architectures": ["Qwen2_5_VLForConditionalGeneration"],
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 2, 2]},
            "tie_word_embeddings": tied,
            "vocab_size": words,
            "image_token_id": tokenizer().token_to_id("<|image_pad|>"),
            "vision_config": {
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_heads": 2,
                "patch_size": 7,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
                "window_size": 28,
                "fullatt_block_indexes": [1],
                "out_hidden_size": hidden,
                "tokens_per_second": 2,
            },
        },
        "mllm/generation_config.json": {"repetition_penalty": 1.5, "do_sample": True, "temperature": 1e-6},
        "processor/preprocessor_config.json": {
            "min_pixels": 28 * 28,
            "max_pixels": 56 * 56,
            "patch_size": 7,
            "merge_size": 2,
            "temporal_patch_size": 2,
            "image_processor_type": "Qwen2VLImageProcessor",
        },
        "transformer/config.json": {
            "_class_name": "OmniGen2Transformer2DModel",
            "axes_dim_rope": [4, 4, 4],
            "hidden_size": width,
            "in_channels": 4,
            "multiple_of": 16,
            "norm_eps": 1e-5,
            "num_attention_heads": width // 12,
            "num_kv_heads": 2,
            "num_layers": 2,
            "num_refiner_layers": 1,
            "patch_size": 2,
            "text_feat_dim": hidden,
            "timestep_scale": 1000.0,
        },
        "vae/config.json": {
            "_class_name": "AutoencoderKL",
            "block_out_channels": [8] * blocks,
            "down_block_types": ["DownEncoderBlock2D"] * blocks,
            "up_block_types": ["UpDecoderBlock2D"] * blocks,
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": 4,
            "layers_per_block": 1,
            "norm_num_groups": 4,
            "sample_size": 32,
            "scaling_factor": 0.3611,
            "shift_factor": 0.1159,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    return tiny.write(folder, tokenizer(), files(**sizes), home="processor")  # type: ignore[arg-type]


def enliven(model: OmniGen2, spread: float = 4.0) -> OmniGen2:
    """Scales initial weights, so that outputs depend on inputs; what starts at zero is drawn."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.network.named_parameters():
        if name.startswith("transformer.") and ("norm1.linear" in name or "norm_out" in name):
            torch.nn.init.normal_(parameter.data, std=0.2, generator=generator)
        elif parameter.ndim == 2 and name.startswith(("mllm.language_model", "lm_head")):
            parameter.data *= spread
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder with all weights in one file."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder
