"""The published checkpoints at full size, on the meta device: every name and shape finds its place exactly once."""

import json

import pytest
import torch

from tests.helpers.reference import need_reference
from unispect.models.building import empty
from unispect.models.harmon.card import CARDS
from unispect.models.harmon.config import PUBLISHED, HarmonConfig, network_config
from unispect.models.harmon.keys import authors_table
from unispect.models.harmon.network import HarmonNetwork
from unispect.models.keys import names_of, published, shapes_of, target_of

Shapes = dict[str, tuple[int, ...]]
SIZES = list(PUBLISHED)


def published_shapes(size: str) -> Shapes:
    listed = json.loads((need_reference("harmon") / "published_keys.json").read_text(encoding="utf-8"))[size]["keys"]
    return {
        name.replace("{i}", str(i)): tuple(entry["shape"])
        for name, entry in listed.items()
        for i in range(entry["count"])
    }


def config(size: str) -> HarmonConfig:
    return network_config(PUBLISHED[size])


@pytest.mark.parametrize("size", SIZES)
def test_every_published_tensor_has_its_place_exactly_once(size: str):
    network = empty(HarmonNetwork, config(size))
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    table = authors_table(config(size))
    found: Shapes = {}
    dropped = []
    for key, shape in published_shapes(size).items():
        target = target_of(table, key)
        if target is None:
            dropped.append(key)
        for ours, own in zip(names_of(target), shapes_of(target, shape), strict=True):
            assert ours not in found, key
            found[ours] = own
    assert found == expected
    assert sorted(dropped) == ["llm.lm_head.weight", "mar.class_emb.weight"]


@pytest.mark.parametrize("size", SIZES)
def test_the_table_reads_backwards(size: str):
    table = authors_table(config(size))
    back = {
        key: tuple(tensor.shape)
        for key, tensor in published(table, empty(HarmonNetwork, config(size)).state_dict()).items()
    }
    assert back == {key: shape for key, shape in published_shapes(size).items() if target_of(table, key) is not None}


@pytest.mark.parametrize("name", list(CARDS))
def test_the_cards_count_what_is_used(name: str):
    size = name.split("-")[1]
    used = sum(parameter.numel() for parameter in empty(HarmonNetwork, config(size)).parameters())
    assert round(used / 1e6, 1) == CARDS[name].parameters


@pytest.mark.parametrize("size", SIZES)
def test_the_parts_are_as_large_as_published(size: str):
    """Against the totals, which were counted apart from the keys."""
    listed = json.loads((need_reference("harmon") / "published_keys.json").read_text(encoding="utf-8"))[size]
    network = empty(HarmonNetwork, config(size))

    def numbers(module: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    labels = 1000 * config(size).mar.encoder.width
    assert numbers(network.llm) == listed["parameters"]["llm"]
    assert numbers(network.mar) + labels == listed["parameters"]["mar"]
    assert numbers(network.mar.head) == listed["parameters"]["diffloss"]
    assert numbers(network.vae) == listed["parameters"]["vae"]
