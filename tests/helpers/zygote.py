"""A process that has everything imported and forks real commands, so that one can be killed two hundred times a night.

python -m tests.helpers.zygote

Reads an order as JSON from every line of standard input, forks a child that carries it out as `unispect` would, and
says its number; a line "wait" is answered when it has ended, with its exit code (negative for a signal). An order:

    arguments   of the command
    folder      to work in; temporary files go to its subfolder "tmp"
    log         file for what the command says
    at          the number of the write at which it dies: half of the numbers stand for the moment before one, half for
                that behind it; null to live
    count       file for the number of such moments, written when it ends by itself; null for none
"""

import itertools
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

WRITES = {
    *("execute", "executemany", "executescript"),  # of SQLite
    *("fsync", "replace", "rename", "link", "unlink", "mkdir", "write", "truncate", "open"),  # of files
    *("serialize_file", "sendall", "recv"),  # of weights and of connections
}
"""Names of calls into C that change a disk or a server, or find out what it did."""


class Moments:
    """Counts what is written, in any thread; dies at one of the moments."""

    def __init__(self, at: int | None) -> None:
        self._count, self._at, self.seen = itertools.count(1), at, 0

    def __call__(self, frame: object, event: str, argument: object) -> None:
        if event not in ("c_call", "c_return") or getattr(argument, "__name__", "") not in WRITES:
            return
        if isinstance(getattr(argument, "__self__", None), str):  # "text".replace
            return
        self.seen = next(self._count)
        if self._at is not None and self.seen >= self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def carry_out(order: dict) -> None:
    """In the child; does not come back."""
    os.setsid()
    os.chdir(order["folder"])
    os.makedirs("tmp", exist_ok=True)
    os.environ["TMPDIR"], tempfile.tempdir = str(Path("tmp").resolve()), None
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["unispect", *order["arguments"]]  # stands in run.json and in reports
    from unispect.cli import main

    moments = Moments(order["at"])
    if order["at"] is not None or order["count"]:
        threading.setprofile(moments)
        sys.setprofile(moments)
    code = main(order["arguments"])
    sys.setprofile(None)
    if order["count"]:
        Path(order["count"]).write_text(str(moments.seen))
    sys.stdout.flush()
    os._exit(code)


def warm() -> None:
    """Imports what commands import."""
    import unispect
    import unispect.cli.grade
    import unispect.cli.merge
    import unispect.cli.run
    import unispect.runner.judging
    import unispect.runner.reporting
    import unispect.studies.judges
    import unispect.studies.posters.judging.run
    import unispect.studies.posters.run
    import unispect.train.finetune

    unispect.load("tiny-janus-pro-bound")


def main() -> None:
    warm()
    sys.stdout.write("warm\n")
    sys.stdout.flush()
    child = 0
    for line in sys.stdin:
        if line == "wait\n":
            answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        else:
            answer = child = os.fork()
            if not child:
                try:
                    carry_out(json.loads(line))
                finally:
                    os._exit(70)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
