"""A tiny Janus-Pro checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

from tokenizers import Tokenizer, processors

from tests.helpers import tiny
from unispect.models.janus_pro.card import CARDS
from unispect.models.janus_pro.folder import save, start

BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
SPECIAL = (BOS, EOS, PAD, "<begin_of_image>", "<image_placeholder>", "<end_of_image>", "<|User|>", "<|Assistant|>")

TINY = tiny.card(CARDS["janus-pro-1b"], "tiny-random", guidance=5.0, temperature=1.0)


def tokenizer(*, post_processor: bool = True) -> Tokenizer:
    """Bytes, a few merges and the special tokens; with or without a post-processor that adds the first token."""
    made = tiny.tokenizer(SPECIAL)
    if post_processor:
        made.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", special_tokens=[(BOS, made.token_to_id(BOS))]
        )
    return made


def config(*, hidden: int = 48, layers: int = 2, codes: int = 40, vocabulary: int = 272) -> dict:
    """Content of `config.json`: pictures of 16 pixels as 4 x 4 tokens."""
    mlp = {"depth": 2, "n_embed": hidden, "projector_type": "mlp_gelu"}
    return {
        "model_type": "multi_modality",
        "aligner_config": {"params": {**mlp, "input_dim": 32}},
        "gen_aligner_config": {"params": {**mlp, "input_dim": 8}},
        "gen_head_config": {"params": {"image_token_embed": hidden, "image_token_size": codes, "n_embed": hidden}},
        "gen_vision_config": {
            "params": {"image_token_size": codes, "n_embed": 8, "ch": 32, "ch_mult": [1, 1, 1], "num_res_blocks": 1}
            | {"z_channels": 32}
        },
        "language_config": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_hidden_layers": layers,
            "vocab_size": vocabulary,
            "max_position_embeddings": 512,
        },
        "vision_config": {
            "params": {"image_size": 16, "model_name": "tiny", "select_layer": -1}
            | {"width": 32, "layers": 2, "heads": 4, "patch_size": 4, "mlp_ratio": 2.0}
        },
    }


def write_files(folder: Path, *, post_processor: bool = True, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    files = {
        "config.json": config(**sizes),
        "preprocessor_config.json": {"image_size": 16, "min_size": 2},
        "processor_config.json": {"num_image_tokens": 16, "image_tag": "<image_placeholder>"},
        "tokenizer_config.json": {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD, "add_bos_token": True},
    }
    return tiny.write(folder, tokenizer(post_processor=post_processor), files)


def write_checkpoint(folder: Path, *, seed: int = 0, spread: float = 4.0, **options: int) -> Path:
    """A complete checkpoint folder; `spread` scales the initial weights, so that outputs depend on inputs."""
    write_files(folder, **options)
    model = start(TINY, folder, seed=seed)
    for name, parameter in model.network.named_parameters():
        if parameter.ndim == 2:
            parameter.data *= spread if "vqmodel" not in name else 1
    save(model, folder / "model.safetensors")
    return folder
