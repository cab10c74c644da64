"""A tiny JanusFlow checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

import torch

from tests.helpers import tiny, tiny_janus
from unispect.models.janus_flow.card import CARDS
from unispect.models.janus_flow.folder import save, start

TINY = tiny.card(CARDS["janusflow-1.3b"], "tiny-random-flow", guidance=2.0, steps=4)


def config(*, hidden: int = 48, layers: int = 2, channels: int = 24, vocabulary: int = 272) -> dict:
    """Content of `config.json`: pictures of 16 pixels, seen as 4 x 4 tokens, drawn as 8 x 8 latents in 16 positions."""
    uvit = {"block_out_channels": [channels], "hidden_size": hidden, "layers_in_middle": 1}
    tower = {"width": 32, "layers": 2, "heads": 4, "patch_size": 4, "mlp_ratio": 2.0}
    return {
        "model_type": "multi_modality",
        "language_config": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_hidden_layers": layers,
            "vocab_size": vocabulary,
            "max_position_embeddings": 512,
        },
        "vision_und_enc_config": {
            "cls": "CLIPVisionTower",
            "params": {"image_size": 16, "model_name": "tiny", "select_layer": -1, **tower},
        },
        "vision_gen_enc_config": {
            "cls": "ShallowUViTEncoder",
            "params": {"input_channels": 4, "kernel_size": 2, "padding": 0, "stride": 2, **uvit},
        },
        "vision_gen_dec_config": {
            "cls": "ShallowUViTDecoder",
            "params": {"in_channels": channels, "out_channels": 4, "upsamples": 1, **uvit},
        },
    }


def autoencoder() -> dict:
    """Content of `sdxl-vae/config.json`: latents of 2 x 2 pixels."""
    return {
        "_class_name": "AutoencoderKL",
        "block_out_channels": [16, 16],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "latent_channels": 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "scaling_factor": 0.13025,
    }


def write_files(folder: Path, *, post_processor: bool = True, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    tiny_janus.write_files(folder, post_processor=post_processor)
    files = {"config.json": config(**sizes), "sdxl-vae/config.json": autoencoder()}
    return tiny.write(folder, tiny_janus.tokenizer(post_processor=post_processor), files)


def write_checkpoint(folder: Path, *, seed: int = 0, spread: float = 4.0, **options: int) -> Path:
    """A complete checkpoint folder; `spread` scales the initial weights, so that outputs depend on inputs."""
    write_files(folder, **options)
    model = start(TINY, folder, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.network.named_parameters():
        if name.startswith(("language_model.", "vision.")) and parameter.ndim == 2:
            parameter.data *= spread
        elif "channelwise_norm" in name or name == "begin_of_picture":  # zero in a fresh network
            parameter.data.normal_(std=0.3, generator=generator)
    save(model, folder / "model.safetensors")
    return folder
