"""A tiny Harmon checkpoint with random weights, made here so that no test needs a download or the reference."""

import json
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel

from unispect.core.cards import ModelCard
from unispect.models.harmon.card import FAMILY, PARADIGM, REDRAWING
from unispect.models.harmon.folder import save, start
from unispect.models.harmon.model import Harmon

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

TINY = ModelCard(
    id="tiny-random",
    family=FAMILY,
    paradigm=PARADIGM,
    parameters=None,
    image_size=16,
    image_tokens=16,
    capabilities=REDRAWING,
    defaults={"guidance": 3.0, "temperature": 1.0, "iterations": 6},
)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the special tokens."""
    alphabet = sorted(ByteLevel.alphabet())
    merges = [("r", "e"), ("e", "d"), ("Ġ", "a"), ("t", "h"), ("th", "e")]
    vocabulary = {token: i for i, token in enumerate([*alphabet, *("".join(pair) for pair in merges)])}
    made = Tokenizer(models.BPE(vocabulary, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    return made


def config(*, hidden: int = 48, layers: int = 2, tied: bool = True, vocabulary: int = 272) -> dict:
    """Content of `config.json`: pictures of 16 pixels as 4 x 4 latents."""
    return {
        "model_type": "harmon",
        "llm": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_hidden_layers": layers,
            "vocab_size": vocabulary,
            "max_position_embeddings": 512,
            "tie_word_embeddings": tied,
        },
        "mar": {
            "type": "mar",
            "img_size": 16,
            "vae_stride": 4,
            "vae_embed_dim": 8,
            "buffer_size": 16,
            "diffloss_d": 2,
            "diffloss_w": 32,
            "num_sampling_steps": "ddim5",
            "encoder_embed_dim": 32,
            "encoder_depth": 2,
            "encoder_num_heads": 4,
            "decoder_embed_dim": 40,
            "decoder_depth": 1,
            "decoder_num_heads": 4,
            "mlp_ratio": 2.0,
        },
        "vae": {"ch": 16, "embed_dim": 8, "ch_mult": [1, 1, 2], "num_res_blocks": 1, "norm_groups": 4},
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config(**sizes)))
    return folder


def enliven(model: Harmon, spread: float = 4.0) -> Harmon:
    """Scales initial weights, so that outputs depend on inputs; what starts at zero is drawn."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.network.named_parameters():
        if "diffloss" in name and ("adaLN" in name or "final_layer" in name):
            torch.nn.init.normal_(parameter.data, std=0.05, generator=generator)
        elif parameter.ndim == 2 and name.startswith("llm"):
            parameter.data *= spread
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder
