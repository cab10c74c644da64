"""What a report of a large run costs: memory and processor time per record, and against another build.

    python bench/report.py [--records 2000 20000] [--studies encoding concepts] [--against PATH/TO/OTHER/src]
        [--folder FOLDER]

One small run of an organism is made, then runs with its records over and over, each under inputs of its own. Every
report is written by a process of its own, whose processor time and largest memory the operating system counts. With
`--against`, the source folder of another build, both write the same report in turn, and ratios are of this one run;
the two pages must be the same.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import unispect
from unispect.core.units import JSON, Entry, Grade, Record, Unit
from unispect.runs import RunStore

HERE = Path(unispect.__file__).parents[1]
MODEL = "tiny-janus-pro-bound"
CHILD = """
import resource, sys
from pathlib import Path
from unispect.cli.reporting import write_report
write_report([Path(sys.argv[1])], Path(sys.argv[2]), title="", command=("bench",))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


@dataclass(frozen=True)
class Cost:
    """What one report took: MiB at most, processor seconds, and a digest of the page."""

    memory: float
    seconds: float
    page: str


def other(unit: Unit, number: int) -> Unit:
    """The same question about something else: of another prompt, or with another seed."""
    inputs: dict[str, JSON] = dict(unit.inputs)
    if isinstance(prompt := inputs.get("prompt"), Mapping):
        key = "text" if "text" in prompt else "sha256"
        return replace(unit, inputs=inputs | {"id": f"{number}", "prompt": {**prompt, key: f"{number:064x}"}})
    return replace(unit, seed=number)


def copied(entry: Entry, number: int) -> tuple[Unit, Record, list[Grade]]:
    unit = other(entry.unit, number)
    record = Record(unit.id, entry.record.payload, pictures=dict(entry.record.pictures), seconds=0.01)
    return unit, record, [Grade(unit.id, one.judge, one.payload) for one in entry.grades.values()]


def multiply(source: Path, study: str, count: int, out: Path) -> None:
    """A run with that many finished records of a study."""
    with RunStore.open(source) as store, RunStore.create(out) as made:
        old = store.manifest()
        made.add_invocation(old.invocations[0], list(old.cards.values()))
        entries = [entry for entry in store.entries(study) if entry.record.status == "done"]
        for start in range(0, count, 2000):
            rows = [copied(entries[n % len(entries)], n) for n in range(start, min(count, start + 2000))]
            made.plan([unit for unit, _, _ in rows])
            made.record([record for _, record, _ in rows])
            made.grade([grade for _, _, grades in rows for grade in grades])


def report(run: Path, source: Path) -> Cost:
    """Of one report by the build in `source`."""
    page = run.parent / "page.html"
    variables = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    child = [sys.executable, "-c", CHILD, str(run), str(page)]
    done = subprocess.run(child, env=variables, capture_output=True, text=True, check=True)
    kibibytes, seconds = done.stdout.split()[-2:]
    return Cost(int(kibibytes) / 1024, float(seconds), hashlib.sha256(page.read_bytes()).hexdigest())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 20_000])
    parser.add_argument("--studies", nargs="+", default=["encoding", "concepts"])
    parser.add_argument("--against", type=Path, default=None, help="source folder of another build")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to use")
    options = parser.parse_args()
    print(f"{'records of':<12} {'how many':>8} {'MiB':>6} {'seconds':>8}   against: MiB, seconds, ratios, page")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        small = folder / "small"
        command = ["run", *options.studies, "--model", MODEL, "--limit", "2", "--seeds", "0", "--out", str(small)]
        start = [sys.executable, "-c", "import sys; from unispect.cli import main; sys.exit(main())"]
        subprocess.run([*start, *command], check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(HERE)})
        for study in options.studies:
            for count in options.records:
                multiply(small, study, count, folder / f"{study}-{count}")
                ours = report(folder / f"{study}-{count}", HERE)
                line = f"{study:<12} {count:>8,} {ours.memory:>6.0f} {ours.seconds:>8.1f}"
                if options.against:
                    theirs = report(folder / f"{study}-{count}", options.against.resolve())
                    ratios = f"{ours.memory / theirs.memory:.2f} {ours.seconds / theirs.seconds:.2f}"
                    same = "the same" if ours.page == theirs.page else "DIFFERS"
                    line += f"   {theirs.memory:>6.0f} {theirs.seconds:>6.1f}   {ratios}   {same}"
                print(line, flush=True)


if __name__ == "__main__":
    main()
