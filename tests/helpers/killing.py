"""Real commands killed with SIGKILL at random moments and started again, and what became of what they had kept.

A case is one command with all that it needs. It is carried out once undisturbed; then, round by round, in a fresh
folder: killed a few times, each time started again, and at last left to its end. Then everything must be there once and
as it is in the undisturbed folder, no other file may lie around, and no process of it may be alive.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers import zygote
from tests.helpers.loopback_judge import LoopbackJudge, loopback
from tests.helpers.poster_loopback import CONCURRENCY, grade_arguments, run_arguments, serve
from tests.helpers.poster_world import subjects_file
from unispect.runs import RunStore
from unispect.runs.check import check
from unispect.runs.export import export

PROMPTS = "a red circle\na blue star\na green square\na black cross\n"
TITLES = ("Amber", "Basalt")
MODEL = ("--model", "tiny-janus-pro-bound", "--data", "text:prompts.txt", "--seeds", "0", "--batch-size", "2")
LOOSE = {"run.sqlite-wal", "run.sqlite-shm"}
"""Files that SQLite may leave beside a database or not."""


Pieces = Mapping[str, bytes]
"""What a command leaves, in pieces by name."""
Do = Callable[[Sequence[str]], None]
"""Carries a command out, undisturbed."""


@dataclass(frozen=True)
class Case:
    """One command.

    Attributes:
        name: in the table.
        arguments: of the command, given the address of the loopback server.
        prepare: puts what it needs into a folder, perhaps by other commands.
        kept: pieces that stay as they are from the moment they are there.
        ends: pieces that are there when it has come to its end.
        paid: it asks the loopback server.
    """

    name: str
    arguments: Callable[[str], Sequence[str]]
    prepare: Callable[[Path, Do, str], None]
    kept: Callable[[Path], Pieces]
    ends: Callable[[Path], Pieces]
    paid: bool = False


@dataclass
class Tally:
    """What became of one case.

    Attributes:
        kills: that hit a living command.
        writing: of those, at a call that writes.
        cold: of those, of an interpreter that had begun from nothing, imports included.
        rounds: fresh folders.
        lost: pieces that were there once, or ought to be at the end, and are not.
        doubled: pieces that are there twice.
        different: pieces that are not as they are in the undisturbed folder.
        damaged: what `check` found.
        strays: files that nothing in the undisturbed folder answers to.
        alive: processes that outlived their command.
        paid: replies that the server was paid for beyond those that were needed.
        allowed: of those, requests that were on their way at a kill, at most.
        failed: commands that did not end well when left to their end.
    """

    kills: int = 0
    writing: int = 0
    cold: int = 0
    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0
    damaged: int = 0
    strays: int = 0
    alive: int = 0
    paid: int = 0
    allowed: int = 0
    failed: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing was lost, doubled, changed or left behind, and nothing was paid for that need not have been."""
        wrong = (self.lost, self.doubled, self.different, self.damaged, self.strays, self.alive, self.failed)
        return not any(wrong) and self.paid <= self.allowed


class Zygote:
    """The process that forks commands; see `zygote`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, zygote.__file__],
            env=_variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._heard()

    def start(self, folder: Path, arguments: Sequence[str], *, at: int | None = None, count: Path | None = None) -> int:
        """The number of the process that carries out a command."""
        order = {"arguments": list(arguments), "folder": str(folder), "log": str(folder.with_name("log")), "at": at}
        return int(self._asked(json.dumps(order | {"count": str(count) if count else None})))

    def wait(self) -> int:
        """The exit code of the last one, once it has ended."""
        return int(self._asked("wait"))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _asked(self, line: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the zygote died with exit code {self._process.wait()}")
        return line.strip()


def _variables() -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    return os.environ | {
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "NO_PROXY": "127.0.0.1",
    }


class Campaign:
    """Kills of one case after the other, in one folder; how many and at which moments follows from a seed."""

    def __init__(self, folder: Path, forks: Zygote, server: LoopbackJudge) -> None:
        self._folder, self._forks, self._server = folder, forks, server

    def undisturbed(self, case: Case) -> Undisturbed:
        """The case carried out with nobody disturbing it."""
        home = self._folder / case.name
        ready, whole, count = _fresh(home / "ready" / "work"), home / "whole" / "work", home / "moments"

        def do(arguments: Sequence[str]) -> None:
            self._forks.start(ready, arguments)
            self._ended(case, ready)

        case.prepare(ready, do, self._server.url)
        _copied(ready, whole)
        self._server.paid.clear()
        self._forks.start(whole, case.arguments(self._server.url), count=count)
        self._ended(case, whole)
        return Undisturbed(
            case,
            ready,
            case.kept(whole),
            case.ends(whole),
            _files(whole),
            int(count.read_text()),
            len(self._server.paid),
        )

    def _ended(self, case: Case, work: Path) -> None:
        if code := self._forks.wait():
            raise RuntimeError(f"{case.name}: exit code {code}: {_said(work)}")

    def round(self, whole: Undisturbed, kills: int, draw: random.Random, *, waits: bool, cold: float = 0.0) -> Tally:
        """One fresh folder: up to so many kills, then the end.

        Args:
            whole: the case undisturbed.
            kills: at most; fewer where the command comes to its end before.
            draw: of moments.
            waits: half of the kills come after a time instead of at a write.
            cold: share of those that begin with a new interpreter.
        """
        case, found = whole.case, Tally(rounds=1)
        work = self._folder / case.name / "killed" / "work"
        _copied(whole.ready, work)
        self._server.paid.clear()
        kept: Pieces = {}
        for _ in range(kills):
            if not self._killed(whole, work, draw, found, waits=waits, cold=cold):
                break
            found.damaged += _problems(work, found)
            now = case.kept(work)
            compared(kept, now, whole.kept, found)
            kept = now
        self._forks.start(work, case.arguments(self._server.url))
        if code := self._forks.wait():
            found.failed += 1
            found.said.append(f"exit code {code}: {_said(work)}")
            return found
        found.damaged += _problems(work, found)
        for wanted, now in ((whole.kept, case.kept(work)), (whole.ends, case.ends(work))):
            compared(wanted, now, wanted, found)
        strays = _files(work) - whole.files
        found.strays += len(strays)
        found.said += [f"stray {name}" for name in sorted(strays)]
        if case.paid:
            found.paid += max(0, len(self._server.paid) - whole.paid)
            found.allowed += found.kills * CONCURRENCY
        return found

    def _killed(
        self, whole: Undisturbed, work: Path, draw: random.Random, found: Tally, *, waits: bool, cold: float
    ) -> bool:
        """Starts the command and kills it; False if it came to its end before."""
        arguments = whole.case.arguments(self._server.url)
        if not (waits and draw.random() < 0.5):
            session = self._forks.start(work, arguments, at=draw.randint(1, whole.moments))
            code = self._forks.wait()
            found.writing += code == -signal.SIGKILL
        elif draw.random() < cold:
            code, session = self._from_nothing(work, arguments, draw.uniform(0, COLD))
            found.cold += code == -signal.SIGKILL
        else:
            session = self._forks.start(work, arguments)
            _after(draw.uniform(0, WARM), session)
            code = self._forks.wait()
        if code not in (0, -signal.SIGKILL):
            found.failed += 1
            found.said.append(f"exit code {code}: {_said(work)}")
        found.kills += code == -signal.SIGKILL
        found.alive += _outlived(session)
        return code == -signal.SIGKILL

    def _from_nothing(self, work: Path, arguments: Sequence[str], delay: float) -> tuple[int, int]:
        start = [sys.executable, "-c", "import sys; from unispect.cli import main; sys.exit(main())", *arguments]
        (work / "tmp").mkdir(exist_ok=True)
        with work.with_name("log").open("ab") as log:
            variables = _variables() | {"TMPDIR": str(work / "tmp")}
            child = subprocess.Popen(
                start, cwd=work, env=variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            child.wait(delay)
        except subprocess.TimeoutExpired:
            child.kill()
        return child.wait(), child.pid


WARM, COLD = 4.0, 12.0
"""Seconds within which a command is killed where a time decides; those of a new interpreter go to imports."""


@dataclass(frozen=True)
class Undisturbed:
    """A case as it comes out when nobody disturbs it.

    Attributes:
        ready: folder with what it needs.
        kept: as in `Case`.
        ends: likewise.
        files: names of all files.
        moments: at which it can be killed while it writes.
        paid: replies.
    """

    case: Case
    ready: Path
    kept: Pieces
    ends: Pieces
    files: frozenset[str]
    moments: int
    paid: int


def compared(wanted: Pieces, now: Pieces, right: Pieces, found: Tally) -> None:
    """Counts what was wanted and is not there, and what is not as it ought to be."""
    lost = [name for name in wanted if name not in now]
    other = [name for name, piece in now.items() if right.get(name) != piece]
    twice = [name for name in other if name in right and now[name] == 2 * right[name]]
    found.lost += len(lost)
    found.doubled += len(twice)
    found.different += len(other) - len(twice)
    found.said += [f"lost {name}" for name in lost[:5]] + [f"different {name}" for name in other[:5]]


def _problems(work: Path, found: Tally) -> int:
    """Damaged parts of run folders."""
    runs = [path.parent for path in work.rglob("run.json")]
    said = [f"{run.name}: {problem}" for run in runs for problem in check(run)]
    found.said += said
    return len(said)


def _said(work: Path) -> str:
    return work.with_name("log").read_text()[-600:]


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _copied(ready: Path, work: Path) -> None:
    shutil.rmtree(work.parent, ignore_errors=True)
    shutil.copytree(ready, work)


def _files(work: Path) -> frozenset[str]:
    found = (path for path in work.rglob("*") if path.is_file() and path.name not in LOOSE)
    return frozenset(str(path.relative_to(work)) for path in found)


def _after(seconds: float, process: int) -> None:
    """Kills a process once so much time has gone by, unless it has ended."""
    handle = os.pidfd_open(process)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)


def _outlived(session: int) -> int:
    """Processes of a session that are still there ten seconds after its leader was killed; they are ended."""
    left = 0
    for process in _members(session):
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        if not select.select([handle], [], [], 10)[0]:
            left += 1
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    return left


def _members(session: int) -> Iterator[int]:
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                words = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if words[0] != "Z" and int(words[3]) == session:
                yield int(place.name)


# What commands need, and what they leave.


def units(work: Path) -> Pieces:
    """Every finished record of the run, and every grade, by their unit; twice what is there twice."""
    found: dict[str, bytes] = {}
    for line in exported(work).get("export", b"").splitlines():
        row = json.loads(line)
        grades = row.pop("grades")
        if row["status"] == "done":
            for name, value in ((f"unit {row['unit']}", row), *((f"{row['unit']} {j}", g) for j, g in grades.items())):
                found[name] = found.get(name, b"") + json.dumps(value).encode()
    return found


def exported(work: Path) -> Pieces:
    """The whole export of the run."""
    if not (work / "run" / "run.json").exists():
        return {}
    out = work.with_name("export.jsonl")
    with RunStore.open(work / "run") as store:
        export(store, out, timings=False)
    return {"export": out.read_bytes()}


def nothing(work: Path) -> Pieces:
    """What is written over while the command goes on is looked at in the end only."""
    return {}


def files(*names: str) -> Callable[[Path], Pieces]:
    """These files, and all files in folders of these names."""

    def found(work: Path) -> Pieces:
        inside = [path for name in names for path in (work / name, *(work / name).rglob("*")) if path.is_file()]
        return {str(path.relative_to(work)): path.read_bytes() for path in inside if path.name not in LOOSE}

    return found


def _prompts(work: Path, do: Do, url: str) -> None:
    (work / "prompts.txt").write_text(PROMPTS)


def _finished(work: Path, do: Do, url: str) -> None:
    _prompts(work, do, url)
    do(["run", "drawing", *MODEL, "--out", "run"])


def _parts(work: Path, do: Do, url: str) -> None:
    _prompts(work, do, url)
    for part in ("1/2", "2/2"):
        do(["run", "drawing", *MODEL, "--shard", part, "--out", f"part-{part[0]}"])


def _posters(work: Path, do: Do, url: str) -> None:
    subjects_file(work / "data", TITLES)


def _replied(work: Path, do: Do, url: str) -> None:
    _posters(work, do, url)
    do(run_arguments(url))


BIND = (
    *("train", "finetune", "--model", "tiny-janus-pro", "--recipe", "tiny-drawing", "--device", "cpu"),
    *("--batch", "12", "--micro-batch", "12", "--steps", "3", "--save-every", "1", "--out", "bound"),
)

CASES = (
    Case("run", lambda url: ["run", "drawing", *MODEL, "--out", "run"], _prompts, units, exported),
    Case("run, stages", lambda url: ["run", "encoding", *MODEL, "--out", "run"], _prompts, units, exported),
    Case("run, API", run_arguments, _posters, units, exported, paid=True),
    Case("grade", grade_arguments, _replied, units, exported, paid=True),
    Case("merge", lambda url: ["merge", "part-1", "part-2", "--out", "run"], _parts, units, exported),
    Case(
        "report", lambda url: ["report", "run", "--out", "page.html"], _finished, files("page.html"), files("page.html")
    ),
    Case("bind", lambda url: BIND, lambda work, do, url: None, nothing, files("bound")),
)
WORKERS = Case(
    "run, workers",
    lambda url: ["run", "drawing", *MODEL, "--workers", "2", "--out", "run"],
    _prompts,
    units,
    exported,
)


@contextmanager
def campaign(folder: Path) -> Iterator[Campaign]:
    """Everything that kills need, in a folder."""
    with ExitStack() as open_things:
        server = open_things.enter_context(loopback())
        server.otherwise = serve
        forks = Zygote()
        open_things.callback(forks.close)
        yield Campaign(folder, forks, server)
