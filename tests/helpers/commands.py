"""The command line as a user meets it: exit code, what it printed, and the one line of an error."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from unispect import cli


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The last line on standard error, which has to be the command's own."""
        lines = self.err.splitlines()
        assert lines, "nothing on standard error"
        assert "Traceback" not in self.err
        assert [line for line in lines if line.startswith("unispect: ")] == lines[-1:], self.err
        return lines[-1]


def here(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    """Runs a command in this process: quick, the modules stay loaded."""
    capsys.readouterr()
    code = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)


def script(capsys: pytest.CaptureFixture[str], main: Callable[[list[str]], int], *arguments: object) -> Outcome:
    """Runs a script of `reproductions` in this process."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)


def apart(*arguments: object, folder: Path | None = None, before: Callable[[], None] | None = None) -> Outcome:
    """Runs a command in a process of its own, as the installed script does."""
    child = subprocess.run(
        [sys.executable, "-c", "import sys; from unispect.cli import main; sys.exit(main())", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(child.returncode, child.stdout, child.stderr)


def can_mount() -> bool:
    """A child may have a disk of its own, by `unshare -rm`."""
    unshare = shutil.which("unshare")
    return bool(unshare) and not subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode
