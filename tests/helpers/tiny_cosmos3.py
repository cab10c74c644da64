"""A tiny Cosmos 3 checkpoint with random weights, made here so that no test needs a download."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tests.helpers import tiny
from unispect.models.cosmos3.card import CARDS
from unispect.models.cosmos3.folder import save, start
from unispect.models.cosmos3.model import Cosmos3

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
)

TINY = tiny.card(CARDS["cosmos3-nano"], "tiny-random-cosmos3", side=32, guidance=2.0, steps=4, image_size=32)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the special tokens."""
    return tiny.tokenizer(SPECIAL, newlines=True)


def files(*, hidden: int = 48, layers: int = 3, head: int = 16) -> dict[str, dict[str, Any]]:
    """Content of every JSON file: pictures of 32 pixels as 8 x 8 latents in 4 x 4 positions."""
    channels = 4
    return {
        "model_index.json": {
            "_class_name": "Cosmos3OmniPipeline",
            "default_use_system_prompt": True,
            "use_native_flow_schedule": False,
        },
        "scheduler/scheduler_config.json": {
            "_class_name": "UniPCMultistepScheduler",
            "prediction_type": "flow_prediction",
            "use_flow_sigmas": True,
            "use_karras_sigmas": True,
            "sigma_max": 200.0,
            "sigma_min": 0.147,
            "solver_order": 2,
            "disable_corrector": [],
        },
        "text_tokenizer/tokenizer_config.json": {"eos_token": "<|im_end|>"},
        "preprocessor_config.json": {
            "size": {"longest_edge": 32 * 32, "shortest_edge": 8 * 8},
            "patch_size": 4,
            "merge_size": 2,
            "temporal_patch_size": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
        },
        "transformer/config.json": {
            "_class_name": "Cosmos3OmniTransformer",
            "attention_bias": False,
            "head_dim": head,
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "latent_channel": channels,
            "latent_patch_size": 2,
            "max_position_embeddings": 512,
            "num_attention_heads": 4,
            "num_hidden_layers": layers,
            "num_key_value_heads": 2,
            "patch_latent_dim": 4 * channels,
            "rms_norm_eps": 1e-6,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [4, 2, 2], "rope_type": "default"},
            "rope_theta": 10000.0,
            "timestep_scale": 0.001,
            "unified_3d_mrope_reset_spatial_ids": True,
            "unified_3d_mrope_temporal_modality_margin": 50,
            "vocab_size": tokenizer().get_vocab_size(),
        },
        "vision_encoder/config.json": {
            "model_type": "qwen3_vl",
            "depth": 3,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0, 1],
            "out_hidden_size": hidden,
        },
        "vae/config.json": {
            "_class_name": "AutoencoderKLWan",
            "base_dim": 8,
            "decoder_base_dim": 8,
            "dim_mult": [1, 1],
            "num_res_blocks": 1,
            "temperal_downsample": [False],
            "is_residual": True,
            "in_channels": 12,
            "out_channels": 12,
            "patch_size": 2,
            "z_dim": channels,
            "scale_factor_spatial": 4,
            "scale_factor_temporal": 1,
            "latents_mean": [0.1, -0.2, 0.3, 0.05],
            "latents_std": [1.5, 0.8, 2.0, 1.1],
        },
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    return tiny.write(folder, tokenizer(), files(**sizes), home="text_tokenizer")


def enliven(model: Cosmos3, spread: float = 4.0) -> Cosmos3:
    """Scales initial weights, so that outputs depend on inputs."""
    for name, parameter in model.network.named_parameters():
        if parameter.ndim == 2 and name.startswith(("llm.", "lm_head")):
            parameter.data *= spread
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder with all weights in one file."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder
