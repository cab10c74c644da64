"""A whole posters run on this machine alone: subject and judge behind a loopback server, each step killed and resumed.

python -m tests.helpers.poster_loopback FOLDER

prints, for every step, how many replies were needed, and how many the server was paid for before and after the kill.
"""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.loopback_judge import LoopbackJudge, loopback, say
from tests.helpers.poster_world import judge, parts_of, picture, subjects_file, title_in, told, truth
from unispect import cli
from unispect.chat.values import png
from unispect.runs import RunStore
from unispect.studies.posters.plan import REPLIES

TITLES = ("Amber", "Basalt", "Cobalt")
SEEDS = ("0", "1")
CONCURRENCY = 2


@dataclass(frozen=True)
class Step:
    """What one step cost.

    Attributes:
        before: replies paid for until the kill.
        held: requests on their way at the kill, which the server never answered.
        after: replies paid for by the same command afterwards.
        needed: units that had to be asked for.
        again: replies paid for by the same command once more.
    """

    name: str
    before: int
    held: int
    after: int
    needed: int
    again: int

    @property
    def twice(self) -> int:
        """Replies paid for beyond those that were needed."""
        return self.before + self.after - self.needed


def serve(handler, body: Mapping) -> None:
    """Draws, tells or grades, by where and how it is asked."""
    if handler.path.endswith("/images/generations"):
        image = picture(truth(title_in(body["prompt"])))
        data = [{"b64_json": base64.b64encode(png(image)).decode()}]
        usage = {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050}
        handler.earn(json.dumps({"created": 1, "data": data, "usage": usage}).encode(), body)
    elif "response_format" in body:
        say(judge(body))(handler, body)
    else:
        say(told("".join(part for part in parts_of(body) if isinstance(part, str))))(handler, body)


class Holding:
    """Answers so many requests and holds all others until the end."""

    def __init__(self, server: LoopbackJudge, answered: int) -> None:
        self._server, self._left = server, answered
        self.stuck = threading.Semaphore(0)

    def __call__(self, handler, body: Mapping) -> None:
        with self._server.lock:
            go = self._left > 0
            self._left -= go
        if go:
            serve(handler, body)
        else:
            self.stuck.release()
            self._server.over.wait(120)
            handler.close_connection = True


def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from unispect.cli import main; sys.exit(main())", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(arguments: Sequence[str], folder: Path) -> None:
    """The command to its end, in this process: only who is killed needs one of its own."""
    with ExitStack() as held:
        held.enter_context(chdir(folder))
        said = held.enter_context(redirect_stdout(io.StringIO()))
        errors = held.enter_context(redirect_stderr(io.StringIO()))
        code = cli.main(list(arguments))
    if code:
        raise RuntimeError(f"exit code {code}: {errors.getvalue() or said.getvalue()}")


def killed_and_resumed(name: str, arguments: Sequence[str], server: LoopbackJudge, folder: Path, answered: int) -> Step:
    """The command killed with -9 once `answered` replies were given, then run to its end, then once more."""
    server.paid.clear()
    server.otherwise = holding = Holding(server, answered)
    program = start(arguments, folder)
    for _ in range(CONCURRENCY):
        if not holding.stuck.acquire(timeout=180):
            program.kill()
            raise RuntimeError(f"{name}: no request came; {program.communicate()}")
    program.send_signal(signal.SIGKILL)
    program.communicate()
    before = list(server.paid)
    server.otherwise = serve
    finish(arguments, folder)
    after = list(server.paid)
    finish(arguments, folder)
    again = len(server.paid) - len(after)
    with RunStore.open(folder / "run") as store:
        needed = sum(count.done for count in store.counts() if (count.kind in REPLIES) == (name == "replies"))
    return Step(name, len(before), CONCURRENCY, len(after) - len(before), needed, again)


def run_arguments(url: str) -> list[str]:
    data = ["--data", "data/subjects.yaml", "--seeds", *SEEDS, "--out", "run", "--concurrency", str(CONCURRENCY)]
    return ["run", "posters", "--model", f"openai:painter+brush@{url}/v1", *data]


def grade_arguments(url: str) -> list[str]:
    return ["grade", "run", "--judge", f"openai:loop@{url}/v1", "--concurrency", str(CONCURRENCY)]


def main(folder: Path, say: Callable[[str], None] = print) -> list[Step]:
    """Subject, judge and report; every step that pays is killed and resumed."""
    subjects_file(folder / "data", TITLES)
    with loopback() as server:
        steps = [
            killed_and_resumed("replies", run_arguments(server.url), server, folder, answered=7),
            killed_and_resumed("grades", grade_arguments(server.url), server, folder, answered=12),
        ]
        finish(["report", "run", "--out", "report.html"], folder)
    say(
        f"{'step':10}{'needed':>10}{'paid before':>14}{'held':>8}{'paid after':>14}{'paid twice':>14}{'paid again':>14}"
    )
    for one in steps:
        say(f"{one.name:10}{one.needed:10}{one.before:14}{one.held:8}{one.after:14}{one.twice:14}{one.again:14}")
    return steps


if __name__ == "__main__":
    main(Path(sys.argv[1]))
