"""Whatever happens to a training or its disk, whenever it is: words, and the same command ends in the same bytes."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import binder_on_a_small_disk, tiny_binding
from tests.helpers.commands import can_mount
from tests.helpers.failing_disk import NEVER, contents, failing, first_moments, in_a_child, not_waiting
from tests.helpers.tiny_binding import Binder
from unispect.core.errors import StoreError

FULL = "cannot be written: No space left on device"
SETTINGS = {"steps": 2, "save_every": 1, "save_at": (1,), "batch": 1, "micro_batch": 1, "teach": {"drawing": "drawing"}}


@pytest.fixture(scope="module", autouse=True)
def _known() -> Iterator[None]:
    with tiny_binding.known(), not_waiting():
        yield


class Whole(Binder):
    """Of a binding that nothing happens to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, **SETTINGS)
        self.things = self._done(folder / "whole", dies=False)
        self.things_to_die_at = self._done(folder / "other", dies=True)
        self.whole = contents(folder / "whole")

    def _done(self, out: Path, *, dies: bool) -> int:
        with failing(out, NEVER, dies=dies) as disk:
            self.finetune(out)
        return len(disk.seen)


@pytest.fixture(scope="module")
def binding(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("binding"))


APART = 8
EACH = first_moments(APART, slow=5)


@pytest.mark.slow
@EACH
def test_a_full_disk_at_any_moment_is_said_and_costs_nothing(first: int, binding: Whole, tmp_path: Path) -> None:
    assert binding.things > 80
    for at in range(first, binding.things + 1, APART):
        out = tmp_path / str(at)
        with pytest.raises(StoreError, match=FULL), failing(out, at) as disk:
            binding.finetune(out)
        assert len(disk.seen) >= at
        binding.finetune(out)
        assert contents(out) == binding.whole, disk.seen[at - 1]


@pytest.mark.slow
@EACH
def test_a_kill_at_any_moment_costs_nothing(first: int, binding: Whole, tmp_path: Path) -> None:
    assert binding.things_to_die_at > binding.things
    for at in range(first, binding.things_to_die_at + 1, APART):
        out = tmp_path / str(at)

        def work(out: Path = out, at: int = at) -> None:
            with failing(out, at, dies=True):
                binding.finetune(out)

        assert in_a_child(work) == -signal.SIGKILL
        binding.finetune(out)
        assert contents(out) == binding.whole, at


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace for a small disk")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    mounted = 'mount -t tmpfs none "$1" && exec "$2" "$3" "$1"'
    child = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, "sh", tmp_path, sys.executable, binder_on_a_small_disk.__file__],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    told = json.loads(child.stdout.splitlines()[-1])
    assert all(one["same"] for one in told), told
    failed = [one["message"] for one in told if one["message"]]
    assert len(failed) >= 6
    assert all("cannot be written: No space left on device" in message for message in failed), failed
