"""A disk that is full, or a machine that is switched off, at the n-th thing that a program does to files.

What is counted: files opened for writing, folders made, names changed or removed, and what is written or brought to the
disk through `os`, `pathlib`, torch and safetensors. Python reports the former to audit hooks, which cannot be taken
away again: one is added when this module is imported, and does nothing outside of `failing`.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

_ALWAYS = ("os.rename",)
_FREES = ("os.remove", "os.rmdir")
"""A full disk lets these pass."""


@dataclass
class Disk:
    """What happens to files under one folder.

    Attributes:
        folder: where it is looked at.
        at: number, from 1, of what does not happen any more.
        dies: the process is killed there; otherwise the disk is full from there on.
        seen: what was done.
    """

    folder: Path
    at: int
    dies: bool
    seen: list[str] = field(default_factory=list)

    def step(self, what: str, part: Callable[[], object] = lambda: None) -> None:
        """Something is about to be done, of which `part` can be done by half."""
        self.seen.append(what)
        if len(self.seen) < self.at:
            return
        part()
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def within(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.path.abspath(os.fspath(path)).startswith(str(self.folder))


_disk: Disk | None = None
NEVER = 10**9
"""More than anything does to its files."""
EVERY_MOMENT = "UNISPECT_EVERY_MOMENT"
"""Variable that has every moment tried, as `make kills` does; by itself a suite tries a part of them."""


def first_moments(apart: int, slow: int) -> pytest.MarkDecorator:
    """Cases by the first of the moments that are tried, which are `apart`: 1, in the slow tier `slow`, or all."""
    if os.environ.get(EVERY_MOMENT):
        return pytest.mark.parametrize("first", range(1, apart + 1))
    return pytest.mark.parametrize("first", [1, pytest.param(slow, marks=pytest.mark.slow)])


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    disk = _disk
    if disk is None or not arguments or not disk.within(arguments[0]):
        return
    made = event == "os.mkdir" and not os.path.exists(arguments[0])
    opened = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if made or opened or event in _ALWAYS or (event in _FREES and disk.dies):
        disk.step(f"{event} {arguments[0]}")


sys.addaudithook(_heard)


@contextmanager
def failing(folder: Path, at: int, *, dies: bool = False) -> Iterator[Disk]:
    """From the `at`-th thing done under `folder` on, its disk is full; or there this process dies."""
    global _disk
    disk = Disk(folder.absolute(), at, dies)
    write, write_bytes = os.write, Path.write_bytes
    save, serialize = torch.save, safetensors.torch.serialize_file

    def half_written(descriptor: int, data: bytes) -> int:
        disk.step("os.write", lambda: write(descriptor, data[: len(data) // 2]))
        return write(descriptor, data)

    def half_bytes(path: Path, data: bytes) -> int:
        if disk.within(path):
            disk.step(f"write {path}", lambda: write_bytes(path, data[: len(data) // 2]))
        return write_bytes(path, data)

    def synced(descriptor: Any) -> None:
        disk.step("os.fsync")  # and no more: on a busy disk it takes longer than all else

    def half_saved(content: object, file: Any) -> None:
        class Half:
            """What torch writes to, in hundreds of parts: it goes on after an error, and raises one of its own."""

            parts = 0

            def write(self, data: bytes) -> int:
                self.parts += 1
                if self.parts in (1, 10, 100):
                    disk.step("torch.save", lambda: file.write(data[: len(data) // 2]))
                return file.write(data)

            def flush(self) -> None:
                file.flush()

        save(content, Half())

    def half_serialized(tensors: Any, path: Any, **more: Any) -> None:
        try:
            if disk.within(path):
                disk.step(f"safetensors {path}")
        except OSError as error:
            raise SafetensorError(
                f"Error while serializing: I/O error: {error.strerror} (os error {error.errno})"
            ) from None
        serialize(tensors, path, **more)

    with (
        patch.object(os, "write", half_written),
        patch.object(Path, "write_bytes", half_bytes),
        patch.object(os, "fsync", synced),
        patch.object(torch, "save", half_saved),
        patch.object(safetensors.torch, "serialize_file", half_serialized),
    ):
        _disk = disk
        try:
            yield disk
        finally:
            _disk = None


@contextmanager
def not_waiting() -> Iterator[None]:
    """Nothing waits for the disk: `failing` says what happens there, and hundreds of trainings would wait long."""
    with patch.object(os, "fsync", lambda descriptor: None):
        yield


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


def contents(folder: Path) -> dict[str, bytes | None]:
    """What each file in a folder holds; None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
