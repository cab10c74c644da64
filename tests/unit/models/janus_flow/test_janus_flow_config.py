"""What a configuration may say, and what it is refused for."""

import copy
from typing import Any

import pytest

from tests.helpers import tiny_janus, tiny_janus_flow
from unispect.core.errors import CheckpointError
from unispect.models.janus_flow.config import JanusFlowConfig, network_config


def read(content: dict[str, Any], **autoencoder: Any) -> JanusFlowConfig:
    return network_config(content, {**tiny_janus_flow.autoencoder(), **autoencoder})


def changed(section: str, key: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(tiny_janus_flow.config())
    content[section].get("params", content[section])[key] = value
    return content


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("vision_gen_enc_config", "hidden_size", 99),
        ("vision_gen_dec_config", "hidden_size", 99),
        ("vision_gen_dec_config", "out_channels", 3),
        ("vision_gen_dec_config", "block_out_channels", [99]),
        ("vision_gen_enc_config", "block_out_channels", [24, 48]),
        ("vision_gen_enc_config", "kernel_size", 7),
        ("vision_gen_enc_config", "padding", 1),
        ("vision_gen_enc_config", "use_mid_block", False),
        ("vision_gen_dec_config", "upsamples", 2),
        ("vision_gen_enc_config", "input_channels", 8),
        ("vision_und_enc_config", "select_layer", -2),
        ("language_config", "rope_scaling", {"type": "linear", "factor": 2.0}),
    ],
)
def test_what_the_port_does_not_do_is_refused(section: str, key: str, value: Any):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read(changed(section, key, value))


@pytest.mark.parametrize(("key", "value"), [("latent_channels", 16), ("shift_factor", 0.1)])
def test_a_pixel_autoencoder_of_another_kind_is_refused(key: str, value: Any):
    with pytest.raises(CheckpointError, match="autoencoder"):
        read(tiny_janus_flow.config(), **{key: value})


@pytest.mark.parametrize(
    "section", ["vision_und_enc_config", "vision_gen_enc_config", "vision_gen_dec_config", "language_config"]
)
def test_a_missing_section_is_named(section: str):
    content = tiny_janus_flow.config()
    del content[section]
    with pytest.raises(CheckpointError, match=section):
        read(content)


def test_the_sister_family_is_told_apart():
    with pytest.raises(CheckpointError, match="janus-pro-1b"):
        read(tiny_janus.config())


def test_what_the_file_leaves_out_is_the_authors_default():
    content = tiny_janus_flow.config()
    for half in ("enc", "dec"):
        del content[f"vision_gen_{half}_config"]["params"]["layers_in_middle"]
    del content["vision_gen_enc_config"]["params"]["padding"]
    found = read(content).uvit
    assert (found.encoder_blocks, found.decoder_blocks) == (2, 2)
    assert (found.encoder_eps, found.decoder_eps) == (1e-6, 1e-6)
    assert found.encoder_bias
    assert found.decoder_bias


@pytest.mark.parametrize(("levels", "side", "grid"), [(1, 16, 8), (2, 8, 4), (3, 4, 2)])
def test_the_autoencoder_decides_how_many_positions_a_picture_takes(levels: int, side: int, grid: int):
    found = read(tiny_janus_flow.config(), block_out_channels=[16] * levels)
    assert (found.latent_side, found.grid) == (side, grid)


@pytest.mark.parametrize(("seen", "grid"), [(16, 4), (18, 4), (23, 5), (2, 1)])
def test_a_drawn_picture_need_not_be_as_large_as_one_that_is_seen(seen: int, grid: int):
    """It is as large as whole positions of 4 pixels allow; the authors' code holds a number of its own."""
    found = read(changed("vision_und_enc_config", "image_size", seen))
    assert (found.image_size, found.grid, found.latent_side) == (seen, grid, 2 * grid)


def test_embeddings_are_never_tied_nor_padded():
    found = read(tiny_janus_flow.config())
    assert found.language.tie_word_embeddings is False
    assert found.language.pad_token_id is None
