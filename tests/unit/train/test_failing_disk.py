"""Whatever happens to a training or its disk, whenever it is: words, and the same command ends in the same bytes."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_binding
from failing_disk import failing
from tiny_binding import Binder

from unispect.core.errors import StoreError

NEVER = 10**9
FULL = "cannot be written: No space left on device"
SETTINGS = {"steps": 2, "save_every": 1, "save_at": (1,), "batch": 1, "micro_batch": 1, "teach": {"drawing": "drawing"}}


@pytest.fixture(scope="module", autouse=True)
def _known() -> Iterator[None]:
    with tiny_binding.known():
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
            self.bind(out)
        return len(disk.seen)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def binding(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("binding"))


def in_a_child(work: Callable[[], object]) -> int:
    """How a copy of this process ended that did the work: 0, or minus the signal that killed it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


EACH = pytest.mark.parametrize("first", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 9))])
"""Every eighth moment in the fast tier, the others in the slow one."""


@EACH
def test_a_full_disk_at_any_moment_is_said_and_costs_nothing(first: int, binding: Whole, tmp_path: Path) -> None:
    assert binding.things > 80
    for at in range(first, binding.things + 1, 8):
        out = tmp_path / str(at)
        with pytest.raises(StoreError, match=FULL), failing(out, at) as disk:
            binding.bind(out)
        assert len(disk.seen) >= at
        binding.bind(out)
        assert contents(out) == binding.whole, disk.seen[at - 1]


@EACH
def test_a_kill_at_any_moment_costs_nothing(first: int, binding: Whole, tmp_path: Path) -> None:
    assert binding.things_to_die_at > binding.things
    for at in range(first, binding.things_to_die_at + 1, 8):
        out = tmp_path / str(at)

        def work(out: Path = out, at: int = at) -> None:
            with failing(out, at, dies=True):
                binding.bind(out)

        assert in_a_child(work) == -signal.SIGKILL
        binding.bind(out)
        assert contents(out) == binding.whole, at
