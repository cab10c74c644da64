"""What it takes to begin: processor seconds of commands, of loading each organism and of runs of a few units.

    python bench/startup.py [NAME ...] [--against SRC] [--repeats 5]

Every one runs in a process of its own, user and system time with those of its children, and the median of `--repeats`
is given. With `--against`, the source folder of another build, both builds run in turn, and ratios are of this one
run. The report, the status and the export are of a run of two prompts that each build makes first.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

OURS = Path(__file__).parents[1] / "src"
ORGANISMS = ("janus-pro", "janusflow", "harmon", "show-o", "show-o2", "bagel", "omnigen2")
RUN = ("run", "encoding", "--model", "tiny-janus-pro", "--limit", "2", "--seeds", "0", "--out")
COMMANDS = {
    "help": ("--help",),
    "models": ("models",),
    "studies": ("studies",),
    "status": ("status", "made"),
    "export": ("export", "made", "--format", "jsonl", "--out", "made.jsonl"),
    "report": ("report", "made", "--out", "made.html"),
    "run": (*RUN, "made"),  # of which everything is there already
    "run, 2 workers": (*RUN, "fresh", "--workers", "2"),
}
STEPS = {
    "import torch": ("-c", "import torch"),
    "import transformers": ("-c", "import torch, transformers.modeling_utils"),
    "import unispect": ("-c", "import unispect"),
    **{name: ("-m", "unispect", *arguments) for name, arguments in COMMANDS.items()},
    **{f"load tiny-{name}": ("-c", f"import unispect; unispect.load('tiny-{name}')") for name in ORGANISMS},
}


def seconds(arguments: tuple[str, ...], source: Path, folder: Path) -> float:
    """Processor seconds of Python with these arguments, on one build."""
    subprocess.run(["rm", "-rf", folder / "fresh"], check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} with {source}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which of: {', '.join(STEPS)}; default: all")
    parser.add_argument("--against", type=Path, help="source folder of another build")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    unknown = set(options.names) - STEPS.keys()
    if unknown:
        parser.error(f"no such names: {', '.join(sorted(unknown))}")
    builds = [OURS, *([options.against.resolve()] if options.against else [])]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(len(builds))]
        for build, folder in zip(builds, folders, strict=True):
            folder.mkdir()
            seconds(STEPS["run"], build, folder)
        print(f"{'what':<22} {'seconds':>8}" + ("  against    ratio" if options.against else ""))
        for step in options.names or STEPS:
            taken = [
                [seconds(STEPS[step], build, folder) for build, folder in zip(builds, folders, strict=True)]
                for _ in range(options.repeats)
            ]
            medians = list(map(statistics.median, zip(*taken, strict=True)))
            theirs = f"  {medians[1]:7.2f}  {medians[0] / medians[1]:7.2f}" if options.against else ""
            print(f"{step:<22} {medians[0]:8.2f}{theirs}", flush=True)


if __name__ == "__main__":
    main()
