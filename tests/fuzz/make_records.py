"""Makes `records.json`: a few finished records of every kind of every study, as a small run left them.

    python tests/fuzz/make_records.py RUN [RUN ...]

The runs are of one tiny model, for instance `unispect run concepts --model tiny-janus-pro-bound --limit 1 --seeds 0`.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from unispect.core.units import Entry
from unispect.runs.store import RunStore

EACH = 2
FILE = Path(__file__).with_name("records.json")


def as_json(entry: Entry) -> dict[str, object]:
    unit = entry.unit
    return {
        "unit": [unit.study, unit.version, unit.kind, unit.model, unit.inputs, unit.settings, unit.seed],
        "payload": entry.record.payload,
        "blobs": entry.record.blobs,
        "grades": {judge: grade.payload for judge, grade in entry.grades.items()},
    }


def main() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    kept: list[dict[str, object]] = []
    cards: dict[str, object] = {}
    for run in sys.argv[1:]:
        cards |= json.loads((Path(run) / "run.json").read_text("utf-8"))["cards"]
        with RunStore.open(run) as store:
            for entry in store.entries(status="done"):
                seen[entry.unit.study, entry.unit.kind] += 1
                if seen[entry.unit.study, entry.unit.kind] <= EACH:
                    kept.append(as_json(entry))
    lines = ",\n".join(json.dumps(entry, sort_keys=True, separators=(",", ":")) for entry in kept)
    FILE.write_text(f'{{"cards": {json.dumps(cards, sort_keys=True)},\n"entries": [\n{lines}\n]}}\n', "ascii")


if __name__ == "__main__":
    main()
