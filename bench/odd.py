"""Odd checkpoint folders tried: how many were refused in words, loaded, or ended otherwise, and the slowest of them.

    python bench/odd.py [--each N] [--family NAME ...]

Folders stand in `tests/helpers/odd_checkpoints.py`: odd files, and every setting of every family with `--each` odd
values in its place (default: all of them). Each is loaded, and where that works, it writes and draws.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.odd_checkpoints import (
    FAMILIES,
    LOADED,
    ODD_VALUES,
    WORDS,
    cases_of_files,
    cases_of_settings,
    good_folders,
    tried,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=len(ODD_VALUES))
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    args = parser.parse_args()
    counted: dict[str, Counter[str]] = {}
    slowest = 0.0, ""
    with tempfile.TemporaryDirectory() as place:
        good = good_folders(Path(place))
        asked = {family: folder for family, folder in good.items() if family in args.family}
        for what, cases in (
            ("files", (case for case in cases_of_files() if case.family in asked)),
            ("settings", cases_of_settings(asked, each=args.each, seed=0)),
        ):
            started = time.process_time()
            for case, outcome in tried(cases, good, Path(place)):
                ended, taken = time.process_time(), time.process_time() - started
                kind = outcome if outcome in (WORDS, LOADED) else "otherwise"
                counted.setdefault(f"{what} of {case.family}", Counter())[kind] += 1
                slowest = max(slowest, (taken, f"{case.family}, {case.name}: {outcome}"))
                if kind == "otherwise":
                    print(f"{case.family}: {case.name}: {outcome}", flush=True)
                started = ended
    print(f"{'':28}{'tried':>8}{'words':>8}{'loaded':>8}{'otherwise':>11}")
    for name, own in (*counted.items(), ("all", sum(counted.values(), Counter()))):
        print(f"{name:28}{own.total():8}{own[WORDS]:8}{own[LOADED]:8}{own['otherwise']:11}")
    print(f"slowest: {slowest[0]:.1f} s of processor time ({slowest[1]})")


if __name__ == "__main__":
    main()
