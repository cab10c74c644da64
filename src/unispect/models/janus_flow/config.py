"""From a published `config.json` to the sizes of the network.

What the authors' file leaves out are the defaults of their classes, repeated here; the widths that stand as numbers in
their code are derived (docs/sources/janus-flow.md#parts and #checkpoints).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers.models.janus.configuration_janus import JanusVisionConfig
from transformers.models.llama.configuration_llama import LlamaConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings
from unispect.models.parts.autoencoder import autoencoder_config
from unispect.models.parts.llama import language_config
from unispect.models.parts.siglip import tower_config

_SECTIONS = ("language_config", "vision_und_enc_config", "vision_gen_enc_config", "vision_gen_dec_config")


@dataclass(frozen=True)
class UViTConfig:
    """The shallow U-ViT around the language model.

    Attributes:
        latent_channels: of what is drawn.
        patch: latents per side of what becomes one position of the language model.
        channels: of the encoder's map.
        decoder_channels: of the map that the language model hands to the decoder.
        encoder_blocks: ConvNeXt blocks.
        decoder_blocks: ConvNeXt blocks.
        doublings: of the side in the decoder, 2 ** doublings = patch.
        encoder_eps: of the encoder's norms.
        decoder_eps: of the decoder's norms.
        encoder_bias: its linear maps and convolutions have one.
        decoder_bias: its linear maps and convolutions have one.
    """

    latent_channels: int
    patch: int
    channels: int
    decoder_channels: int
    encoder_blocks: int
    decoder_blocks: int
    doublings: int
    encoder_eps: float
    decoder_eps: float
    encoder_bias: bool
    decoder_bias: bool


@dataclass(frozen=True)
class JanusFlowConfig:
    """Everything that decides the network's names and shapes.

    Attributes:
        language: the backbone with its embeddings and text head.
        vision: the tower that sees pictures in prompts.
        uvit: what brings the picture being drawn in and out of the backbone.
        autoencoder: the content of `sdxl-vae/config.json`.
        image_size: side of a picture in a prompt, in pixels.
        cell: side in pixels of what becomes one position of the backbone while it is drawn.
    """

    language: LlamaConfig
    vision: JanusVisionConfig
    uvit: UViTConfig
    autoencoder: Mapping[str, Any]
    image_size: int
    cell: int

    @property
    def grid(self) -> int:
        """Side of a drawn picture in positions, where nobody asks for another: as large as one that is seen.

        No file says it. The authors' code has 48 latents for their tower of 384 pixels, which are those.
        """
        return max(1, self.image_size // self.cell)

    @property
    def latent_side(self) -> int:
        """The same in latents."""
        return self.grid * self.uvit.patch


def network_config(
    config: Mapping[str, Any], autoencoder: Mapping[str, Any], where: str = "config.json"
) -> JanusFlowConfig:
    """The network's configuration.

    Args:
        config: the content of `config.json`.
        autoencoder: the content of the pixel autoencoder's.
        where: the first file, for messages.

    Raises:
        CheckpointError: it describes another architecture, or sizes that do not fit each other.
    """
    check_family(config, where)
    _check_known(config, where)
    autoencoder = autoencoder_config(autoencoder, f"{where}: the pixel autoencoder")
    language = language_config(config["language_config"], where)
    vision = tower_config(
        config["vision_und_enc_config"]["params"], language.hidden_size, f"{where}: vision_und_enc_config"
    )
    uvit = _uvit(config, language.hidden_size, where)
    if int(autoencoder.get("latent_channels", 4)) != uvit.latent_channels:
        raise CheckpointError(
            f"{where}: the model draws {uvit.latent_channels} latent channels, but the pixel autoencoder has "
            f"{autoencoder.get('latent_channels', 4)}; it is not the one the model was trained with"
        )
    if autoencoder.get("shift_factor"):
        raise CheckpointError(f"{where}: the pixel autoencoder shifts its latents, which this port does not")
    pixels = 2 ** (len(autoencoder.get("block_out_channels", (64,))) - 1)
    size = int(vision.image_size)  # type: ignore[arg-type]
    return JanusFlowConfig(language, vision, uvit, autoencoder, size, pixels * uvit.patch)


def check_family(config: Mapping[str, Any], where: str) -> None:
    """Raises `CheckpointError` when the file describes another family, or lacks a section."""
    if "gen_vision_config" in config or config.get("model_type") == "janus":
        raise CheckpointError(f"{where} describes a Janus-Pro checkpoint; load it as janus-pro-1b or janus-pro-7b")
    missing = [section for section in _SECTIONS if not isinstance(config.get(section), Mapping)]
    if missing:
        found = config.get("model_type", "none")
        raise CheckpointError(
            f"{where} is not of JanusFlow: it has no section {missing[0]!r} (model_type: {found!r}); "
            "name the model these weights belong to"
        )
    for section in _SECTIONS[1:]:
        if not isinstance(config[section].get("params"), Mapping):
            raise CheckpointError(f"{where}: section {section!r} has no 'params'")


_CLASSES = {
    "vision_und_enc_config": "CLIPVisionTower",
    "vision_gen_enc_config": "ShallowUViTEncoder",
    "vision_gen_dec_config": "ShallowUViTDecoder",
}
_BOTH = ("block_out_channels", "hidden_size", "layers_in_middle", "norm_eps", "use_bias", "use_mid_block")
_PARAMS = {
    "vision_gen_enc_config": (*_BOTH, "input_channels", "kernel_size", "stride", "padding"),
    "vision_gen_dec_config": (*_BOTH, "in_channels", "out_channels", "upsamples"),
}


def _check_known(config: Mapping[str, Any], where: str) -> None:
    """Nothing in the files is passed over that may decide numbers."""
    check_settings(config, where, read=_SECTIONS, idle=("tie_word_embeddings",))
    for section, kind in _CLASSES.items():
        if config[section].get("cls", kind) != kind:
            raise CheckpointError(
                f"{where}: {section}.cls is {config[section]['cls']!r}, but the port has {kind!r} there"
            )
        check_settings(config[section], f"{where}: {section}", read=("params",))
    for section, keys in _PARAMS.items():
        check_settings(
            config[section]["params"], f"{where}: {section}.params", read=keys, fixed={"elementwise_affine": True}
        )


def _uvit(config: Mapping[str, Any], hidden: int, where: str) -> UViTConfig:
    encoder, decoder = (config[f"vision_gen_{half}_config"]["params"] for half in ("enc", "dec"))
    channels, skipped = (
        _width(params, f"{where}: vision_gen_{half}_config") for params, half in ((encoder, "enc"), (decoder, "dec"))
    )
    stride, kernel = int(encoder.get("stride", 4)), int(encoder.get("kernel_size", 7))
    padding = encoder.get("padding")
    padding = kernel - stride if padding is None else int(padding)
    made = UViTConfig(
        latent_channels=int(encoder.get("input_channels", 3)),
        patch=stride,
        channels=channels,
        decoder_channels=int(decoder.get("in_channels", 768)),
        encoder_blocks=int(encoder.get("layers_in_middle", 2)),
        decoder_blocks=int(decoder.get("layers_in_middle", 2)),
        doublings=int(decoder.get("upsamples", 2)),
        encoder_eps=float(encoder.get("norm_eps", 1e-6)),
        decoder_eps=float(decoder.get("norm_eps", 1e-6)),
        encoder_bias=bool(encoder.get("use_bias", True)),
        decoder_bias=bool(decoder.get("use_bias", True)),
    )
    for name, found, needed in (
        ("vision_gen_enc_config.params.hidden_size", encoder.get("hidden_size", 2048), hidden),
        ("vision_gen_dec_config.params.hidden_size", decoder.get("hidden_size", 2048), hidden),
        ("vision_gen_dec_config.params.block_out_channels", skipped, channels),
        ("vision_gen_dec_config.params.out_channels", decoder.get("out_channels", 3), made.latent_channels),
        ("vision_gen_enc_config.params.kernel_size", kernel, stride),
        ("vision_gen_enc_config.params.padding", padding, 0),
        ("vision_gen_enc_config.params.stride", stride, 2**made.doublings),
        ("vision_gen_enc_config.params.use_mid_block", encoder.get("use_mid_block", True), True),
        ("vision_gen_dec_config.params.use_mid_block", decoder.get("use_mid_block", True), True),
    ):
        if found != needed:
            raise CheckpointError(f"{where}: {name} is {found!r}, but the port needs {needed!r}")
    return made


def _width(params: Mapping[str, Any], where: str) -> int:
    widths = list(params.get("block_out_channels", (768,)))
    if len(set(widths)) != 1:
        raise CheckpointError(f"{where}.params.block_out_channels is {widths!r}, but the port needs one width")
    return int(widths[0])
