"""No network is put together that the weights could not fill, and what cannot be is refused in words."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from tests.helpers.odd_checkpoints import FAMILIES, with_value
from unispect.core.errors import CheckpointError, UsageError
from unispect.models.building import in_words, within
from unispect.models.checkpoint import files_in

USUAL = ("config.json", ("language_config", "num_hidden_layers"))
BLOCKS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "emu3": ("config.json", ("text_config", "num_hidden_layers")),
    "janus-flow": ("config.json", ("vision_gen_dec_config", "params", "layers_in_middle")),
    "harmon": ("config.json", ("mar", "diffloss_d")),
    "show-o": ("config.json", ("vq_config", "encoder_config", "num_res_blocks", 0)),
    "show-o2": ("config.json", ("num_diffusion_layers",)),
    "bagel": ("llm_config.json", ("num_hidden_layers",)),
    "omnigen2": ("transformer/config.json", ("num_layers",)),
    "cosmos3": ("transformer/config.json", ("num_hidden_layers",)),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("count", [10_000, 10_001, 10**7])
def test_blocks_that_no_weights_hold_are_never_built(family: str, tmp_path: Path, count: int):
    tiny, load = FAMILIES[family]
    folder = tiny.write_checkpoint(tmp_path)
    file, place = BLOCKS.get(family, USUAL)
    with_value(file, place, count)(folder)
    made = 0

    def counted(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal made
        made += 1

    handle = register_module_parameter_registration_hook(counted)
    try:
        with pytest.raises(CheckpointError) as caught:
            load(tiny.TINY, folder, device="cpu")
    finally:
        handle.remove()
    assert made < 2_100
    named = [part for part in place if isinstance(part, str)][-1]
    assert named in str(caught.value) or count == 10_000
    assert Path(file).name in str(caught.value)


def test_a_stock_class_that_refuses_its_sizes_is_put_in_words(tmp_path: Path):
    checkpoint = files_in(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}))
    checkpoint.json("config.json")
    said = r"config\.json: these sizes fit no network \(ValueError: .*divisible"
    with pytest.raises(CheckpointError, match=said), within(checkpoint), torch.device("meta"):
        nn.GroupNorm(5, 32)


@pytest.mark.parametrize("fault", [UsageError("own"), torch.OutOfMemoryError("own"), KeyboardInterrupt("own")])
def test_what_is_no_fault_of_files_passes(tmp_path: Path, fault: BaseException):
    card = FAMILIES["janus-pro"][0].TINY
    with pytest.raises(type(fault), match="own"), in_words(card, tmp_path), within(files_in(tmp_path)):
        raise fault


@pytest.mark.parametrize("fault", [KeyError("x"), PermissionError(13, "Permission denied"), ZeroDivisionError("x")])
def test_any_other_fault_of_loading_names_place_and_model(tmp_path: Path, fault: Exception):
    card = FAMILIES["janus-pro"][0].TINY
    said = f"^{tmp_path} cannot be loaded as tiny-random .*{type(fault).__name__}"
    with pytest.raises(CheckpointError, match=said), in_words(card, tmp_path):
        raise fault
    with pytest.raises(CheckpointError, match=r"^tiny-random cannot be loaded as tiny-random"), in_words(card, ""):
        raise fault


def test_networks_of_other_threads_are_not_counted(tmp_path: Path):
    from threading import Thread

    with within(files_in(tmp_path)):
        other = Thread(target=lambda: nn.ModuleList(nn.LayerNorm(1) for _ in range(1_100)))
        other.start()
        other.join()
        nn.LayerNorm(1)
