"""The files for `accelerate launch`: read by accelerate's own classes, and counted by closed forms."""

import os
from pathlib import Path
from typing import Any

import pytest
from accelerate.commands.config import config_args
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, DistributedType, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from torch import nn
from torch.distributed.fsdp import ShardingStrategy, StateDictType

from tests.helpers.commands import here
from unispect.train.layouts import COPIES, TOGETHER, file_of
from unispect.train.learning import Learned
from unispect.train.memory import Kept, estimate
from unispect.train.recipe import Recipe


def launched(name: str) -> Any:
    """What `accelerate launch` makes of a file."""
    arguments, *_ = _validate_launch_command(
        launch_command_parser().parse_args(["--config_file", str(file_of(name)), "script.py"])
    )
    return arguments


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch):
    def put(found: dict[str, str]) -> None:
        for name, value in found.items():
            if name.startswith(("FSDP_", "ACCELERATE_")):
                monkeypatch.setenv(name, value)

    before = dict(os.environ)
    yield put
    monkeypatch.undo()
    os.environ.clear()
    os.environ.update(before)  # accelerate sets some itself


@pytest.mark.parametrize("name", TOGETHER)
def test_accelerate_reads_every_file(name: str) -> None:
    config = config_args.load_config_from_file(str(file_of(name)))
    assert isinstance(config, config_args.ClusterConfig)
    assert config.num_processes == 8
    assert config.mixed_precision == "bf16"
    assert config.distributed_type == (DistributedType.FSDP if name == "fsdp" else DistributedType.DEEPSPEED)
    assert launched(name).use_deepspeed is (name != "fsdp")


def test_fsdp_cuts_everything_up_and_leaves_what_does_not_learn_alone(environment) -> None:
    environment(prepare_multi_gpu_env(launched("fsdp")))
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.sharding_strategy is ShardingStrategy.FULL_SHARD
    assert plugin.use_orig_params
    assert plugin.state_dict_type is StateDictType.FULL_STATE_DICT
    assert not plugin.cpu_offload.offload_params  # pyright: ignore


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_works_at_its_stage(stage: int, environment) -> None:
    arguments = launched(f"zero{stage}")
    arguments.deepspeed_fields_from_accelerate_config = ""  # `accelerate launch` fills it in on its way
    _, found = prepare_deepspeed_cmd_env(arguments)
    environment(found)
    plugin = DeepSpeedPlugin()
    assert plugin.zero_stage == stage
    assert plugin.gradient_clipping == Recipe(teach={"both": "both"}, steps=1).clip
    assert plugin.deepspeed_config["zero_optimization"]["stage"] == stage
    assert (plugin.offload_optimizer_device, plugin.offload_param_device) == ("none", "none")


class Net(nn.Module):
    """1,000 numbers outside of blocks, and blocks of 400 and 600."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(100, 10)
        self.blocks = nn.ModuleList([nn.Linear(20, 20, bias=False), nn.Linear(20, 30, bias=False)])


@pytest.mark.parametrize(
    ("layout", "weights", "gradients", "optimiser", "moment"),
    [
        ("copies", 2000 * 4, 1000 * 4, 1000 * 8, 2 * 600 * 4),
        ("fsdp", 2000 * 4 // 8, 1000 * 4 // 8, 1000 * 8 // 8, 2 * 600 * 4 // 8 + (2 * 600 + 1000) * 2),
        ("zero2", 2000 * 2, 1000 * 2 // 8, 1000 * 12 // 8, 2 * 600 * 4 // 8),
        ("zero3", 2000 * 2 // 8, 1000 * 2 // 8, 1000 * 12 // 8, 2 * 600 * 4 // 8 + (2 * 600 + 1000) * 2),
    ],
)
def test_what_is_cut_up_counts_for_a_device_s_share(
    layout: str, weights: int, gradients: int, optimiser: int, moment: int
) -> None:
    network = Net().to("meta")
    blocks = tuple(network.blocks.parameters())
    learned = Learned(("a", "b"), blocks, (), {})
    recipe = Recipe(teach={"both": "both"}, steps=1)
    found = estimate(network, learned, recipe, Kept(0, 0), layout=TOGETHER.get(layout, COPIES), devices=8)
    assert (found.weights, found.gradients, found.optimiser, found.working) == (weights, gradients, optimiser, moment)


def test_activations_are_each_device_s_own() -> None:
    network = Net()
    learned = Learned(("a",), tuple(network.table.parameters()), (), {})
    recipe = Recipe(teach={"both": "both"}, steps=1, micro_batch=3, batch=3)
    found = estimate(network, learned, recipe, Kept(100, 50), layout=TOGETHER["zero3"], devices=8)
    assert found.activations == 300


def test_the_command_line_names_files_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    said = here(capsys, "train", "layouts").out
    paths = [Path(word) for word in said.split() if word.endswith(".yaml")]
    assert len(paths) == len(TOGETHER)
    assert all(path.is_file() for path in paths)
