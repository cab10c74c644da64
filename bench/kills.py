"""Two hundred random SIGKILLs of real commands, and what they cost: a table with a row for every command.

    python bench/kills.py [--kills 200] [--seed 0] [--cases run bind ...] [--folder FOLDER] [--out FILE.json]
        [--markdown]

Half of the kills strike at a call that writes (to the disk, to SQLite, to a server), before it or behind it; the others
after a time, some of them in a new interpreter that may still be importing. A command is killed up to four times in one
folder, each time started again, and then left to its end: see `tests/helpers/killing.py`. `--out` keeps the
counts after every round, and continues where it holds some of the same seed. Exits with 1 where anything was lost.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.killing import CASES, WORKERS, Campaign, Case, Tally, campaign

SHARES = {WORKERS.name: 0.03}
"""Share of all kills; the others have the rest in equal parts. Workers begin from nothing, which takes long."""
MOST, COLD = 4, 0.1
COLUMNS = ("kills", "writing", "cold", "rounds", "lost", "doubled", "different", "damaged", "strays", "alive", "failed")


def quotas(kills: int, cases: list[Case]) -> dict[str, int]:
    """Case -> how often it is killed."""
    found = {case.name: max(1, round(kills * SHARES[case.name])) for case in cases if case.name in SHARES}
    others = [case.name for case in cases if case.name not in SHARES]
    for place, name in enumerate(others):
        found[name] = (kills - sum(found.values())) // (len(others) - place)
    return found


def added(one: Tally, other: Tally) -> Tally:
    return Tally(**{field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(Tally)})


def killed(kills: Campaign, case: Case, count: int, seed: int, tally: Tally, keep) -> Tally:
    """The tally once the case was killed so often."""
    whole = kills.undisturbed(case)
    while tally.kills < count:
        draw = random.Random(f"{seed} {case.name} {tally.rounds}")
        most = min(draw.randint(1, MOST), count - tally.kills)
        found = kills.round(whole, most, draw, waits=case is not WORKERS, cold=COLD)
        tally = added(tally, found)
        keep(tally)
        for line in found.said:
            print(f"{case.name}, round {tally.rounds}: {line}", flush=True)
    return tally


def table(tallies: dict[str, Tally], markdown: bool) -> str:
    """A row for every command, and one for all of them."""
    together = Tally()
    for one in tallies.values():
        together = added(together, one)
    rows: list[tuple[str, ...]] = [("killed", *COLUMNS, "paid twice, of those on their way")]
    for name, one in {**tallies, "all": together}.items():
        rows.append((name, *(str(getattr(one, column)) for column in COLUMNS), f"{one.paid} of {one.allowed}"))
    if markdown:
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", nargs="+", default=[case.name for case in (*CASES, WORKERS)])
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to use")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    cases = [case for case in (*CASES, WORKERS) if case.name in options.cases]
    tallies = {case.name: Tally() for case in cases}
    if options.out and options.out.exists():
        known = json.loads(options.out.read_text())
        if known["seed"] == options.seed:
            tallies |= {name: Tally(**one) for name, one in known["cases"].items() if name in tallies}
    with tempfile.TemporaryDirectory(dir=options.folder) as name, campaign(Path(name)) as kills:
        for case in cases:

            def keep(tally: Tally, name: str = case.name) -> None:
                tallies[name] = tally
                if options.out:
                    content = {"seed": options.seed, "cases": {one: asdict(own) for one, own in tallies.items()}}
                    options.out.write_text(json.dumps(content, indent=1))

            if tallies[case.name].kills < quotas(options.kills, cases)[case.name]:
                count = quotas(options.kills, cases)[case.name]
                tallies[case.name] = killed(kills, case, count, options.seed, tallies[case.name], keep)
    print(table(tallies, options.markdown))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{(used.ru_utime + used.ru_stime) / 60:.1f} processor minutes")
    return 0 if all(one.clean for one in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
