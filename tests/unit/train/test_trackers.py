"""What a training sees also goes to a tracker, if one is named and installed."""

from typing import Any

import pytest
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker, on_main_process

from unispect.core.errors import UsageError
from unispect.train import device_group
from unispect.train.device_group import TRACKERS, DeviceGroup, require_tracker


class Remembering(GeneralTracker):
    """Keeps what it is told."""

    name = "remembering"
    requires_logging_directory = False

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Any] = []

    @property
    def tracker(self) -> None:
        return None

    @on_main_process
    def store_init_configuration(self, values: dict) -> None:
        self.said.append(values)

    @on_main_process
    def log(self, values: dict, step: int | None = None, **_: Any) -> None:
        self.said.append((step, values))

    @on_main_process
    def finish(self) -> None:
        self.said.append("end")


def test_a_tracker_is_told_every_step_that_has_a_number():
    tracker = Remembering()
    group = DeviceGroup(Accelerator(cpu=True, log_with=tracker))
    group.track("tiny-both", {"seed": 0, "teach": {"a": "b"}})
    group.log({"loss": 0.5, "tell": None}, 1)
    group.end()
    assert tracker.said == [{"seed": 0, "teach": "{'a': 'b'}"}, (1, {"loss": 0.5}), "end"]


def test_without_a_tracker_nothing_is_told():
    group = DeviceGroup(Accelerator(cpu=True))
    group.track("tiny-both", {"seed": 0})
    group.log({"loss": 0.5}, 1)
    group.end()


def test_a_tracker_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device_group, "find_spec", lambda name: None)
    for name in TRACKERS:
        with pytest.raises(UsageError, match=f"--log {name} needs the package {name}: pip install {name}"):
            require_tracker(name)
    with pytest.raises(UsageError, match="unknown tracker 'trackoi'; did you mean 'trackio'"):
        require_tracker("trackoi")
    monkeypatch.setattr(device_group, "find_spec", lambda name: name == "tensorboardX")
    require_tracker("tensorboard")
