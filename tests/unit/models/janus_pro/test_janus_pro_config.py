"""What a configuration may say, and what it is refused for."""

import copy
from typing import Any

import pytest

from tests.helpers import tiny_janus
from unispect.core.errors import CheckpointError
from unispect.models.janus_pro.config import network_config


def changed(section: str, key: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(tiny_janus.config())
    content[section].get("params", content[section])[key] = value
    return content


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("aligner_config", "n_embed", 99),
        ("aligner_config", "depth", 3),
        ("aligner_config", "input_dim", 99),
        ("aligner_config", "projector_type", "low_high_hybrid_split_mlp_gelu"),
        ("gen_aligner_config", "input_dim", 99),
        ("gen_head_config", "image_token_size", 99),
        ("gen_head_config", "image_token_embed", 99),
        ("vision_config", "select_layer", -2),
        ("language_config", "rope_scaling", {"type": "linear", "factor": 2.0}),
    ],
)
def test_what_the_port_does_not_do_is_refused(section: str, key: str, value: Any):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        network_config(changed(section, key, value), 0)


def test_an_unknown_tower_needs_its_sizes():
    content = changed("vision_config", "model_name", "siglip_huge")
    del content["vision_config"]["params"]["heads"]
    with pytest.raises(CheckpointError, match="siglip_huge"):
        network_config(content, 0)


@pytest.mark.parametrize("section", ["vision_config", "gen_vision_config", "language_config"])
def test_a_missing_section_is_named(section: str):
    content = tiny_janus.config()
    del content[section]
    with pytest.raises(CheckpointError, match=section):
        network_config(content, 0)


def test_embeddings_are_never_tied_nor_padded():
    config = network_config(tiny_janus.config(), 7)
    assert config.tie_word_embeddings is False
    assert config.text_config.pad_token_id is None
    assert config.image_token_id == 7
