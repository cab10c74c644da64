"""What a report of a large run costs: memory and processor time per record, and against another build.

    python bench/report.py [--records 2000 20000] [--studies encoding concepts] [--models 28]
        [--against PATH/TO/OTHER/src [--their-run]] [--folder FOLDER]

One small run of an organism is made, then runs with its records over and over, each under inputs of its own; with
`--models`, runs of the concepts study on as many models whose words are drawn and told at planted rates instead. Every
report is written by a process of its own, whose processor time and largest memory the operating system counts. With
`--against`, the source folder of another build, both write the same report in turn, and ratios are of this one run;
the two pages must be the same. A build of before an addition to the format refuses newer folders: with `--their-run`
it is the other build that makes the run with `--models`, and pages may differ in what is said of its age.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import unispect
from tests.planted_truth import concepts as planted
from unispect.core.seeds import generator_for
from unispect.core.units import JSON, Entry, Grade, Record, Unit
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.runs import Invocation, RunStore

HERE = Path(unispect.__file__).parents[1]
MODEL = "tiny-janus-pro-bound"
CHILD = """
import resource, sys
from pathlib import Path
from unispect.runner.reporting import write_report
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


def plant(models: int, count: int, out: Path) -> None:
    """A run of the concepts study with about that many records, graded, of models that know a part of their words."""
    with RunStore.create(out) as made:
        for number in range(models):
            card = planted.card(
                f"planted-{number}",
                family=f"family-{number % FAMILIES}",
                revision="1",
                training_seed=number // FAMILIES,
            )
            made.add_invocation(Invocation(("bench",), study="concepts", models=(card.reference,)), [card])
            rng = generator_for("bench report", number)
            mind = planted.Mind(
                planted.evenly(rng.uniform(0.5, 1.0)),
                {kind: planted.evenly(rng.uniform(0.0, 0.8)) for kind in planted.KINDS},
                spread={"word": 0.2, "combination": 0.2},
                sees=0.9,
            )
            limit = max(1, round((count / models - TOLD) / DRAWN))
            entries = planted.entries(mind, number, limit=limit, of=card)
            made.plan([entry.unit for entry in entries])
            made.record([drawn(entry) for entry in entries])
            made.grade([grade for entry in entries for grade in entry.grades.values()])


def planted_by(source: Path, models: int, count: int, out: Path) -> None:
    """`plant` by the build in `source`."""
    code = f"import report; from pathlib import Path; report.plant({models}, {count}, Path({str(out)!r}))"
    paths = (source, Path(__file__).parent, Path(__file__).parents[1])
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    subprocess.run([sys.executable, "-c", code], env=variables, check=True)


FAMILIES = 7
TOLD, DRAWN = 418, 21
"""Records of one model: whatever is drawn, and more for every combination that is drawn with three seeds."""


def drawn(entry: Entry) -> Record:
    """The record with a picture of what the judge saw, where it is of a drawing."""
    record = entry.record
    if not record.blobs:
        return record
    values = entry.grades["rules"].payload["values"]
    pictures = {"picture": picture(tuple(values.values()))} if entry.unit.kind == "draw" else {}  # type: ignore[union-attr]
    return replace(record, blobs={}, pictures=pictures)


@cache
def picture(values: tuple[str, ...]) -> bytes:
    out = BytesIO()
    render(Concept(*values), 64).save(out, "PNG")
    return out.getvalue()


def report(run: Path, source: Path) -> Cost:
    """Of one report by the build in `source`."""
    page = run.parent / "page.html"
    variables = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    child = [sys.executable, "-c", CHILD, str(run), str(page)]
    done = subprocess.run(child, env=variables, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{source} cannot report {run}: {done.stderr.strip().splitlines()[-1]}")
    kibibytes, seconds = done.stdout.split()[-2:]
    return Cost(int(kibibytes) / 1024, float(seconds), hashlib.sha256(page.read_bytes()).hexdigest())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 20_000])
    parser.add_argument("--studies", nargs="+", default=["encoding", "concepts"])
    parser.add_argument("--models", type=int, default=0, help="of a planted run of concepts, instead of an organism's")
    parser.add_argument("--against", type=Path, default=None, help="source folder of another build")
    parser.add_argument("--their-run", action="store_true", help="the other build plants the run")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to use")
    options = parser.parse_args()
    if options.their_run and not (options.against and options.models):
        parser.error("--their-run takes --against and --models")
    print(f"{'records of':<12} {'how many':>8} {'MiB':>6} {'seconds':>8}   against: MiB, seconds, ratios, page")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for study in ["planted"] if options.models else options.studies:
            for count in options.records:
                run = folder / f"{study}-{count}"
                if options.models and options.their_run:
                    planted_by(options.against.resolve(), options.models, count, run)
                elif options.models:
                    plant(options.models, count, run)
                else:
                    multiply(small(folder / "small", options.studies), study, count, run)
                said = line(study, run, options.against)
                print(said, flush=True)
                if said.endswith("DIFFERS") and not options.their_run:
                    sys.exit(1)


def small(out: Path, studies: list[str]) -> Path:
    """A run of an organism; made once."""
    if not out.exists():
        command = ["run", *studies, "--model", MODEL, "--limit", "2", "--seeds", "0", "--out", str(out)]
        start = [sys.executable, "-c", "import sys; from unispect.cli import main; sys.exit(main())"]
        subprocess.run([*start, *command], check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(HERE)})
    return out


def line(study: str, run: Path, against: Path | None) -> str:
    """What a report of a run costs, and what it costs another build."""
    with RunStore.open(run) as store:
        count = sum(left.units for left in store.left())
    ours = report(run, HERE)
    said = f"{study:<12} {count:>8,} {ours.memory:>6.0f} {ours.seconds:>8.1f}"
    if against is None:
        return said
    theirs = report(run, against.resolve())
    ratios = f"{ours.memory / theirs.memory:.2f} {ours.seconds / theirs.seconds:.2f}"
    same = "the same" if ours.page == theirs.page else "DIFFERS"
    return f"{said}   {theirs.memory:>6.0f} {theirs.seconds:>6.1f}   {ratios}   {same}"


if __name__ == "__main__":
    main()
