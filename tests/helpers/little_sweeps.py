"""Files of sweeps whose trainings take a second, and what they leave."""

from pathlib import Path
from typing import Any

import yaml

from unispect.core.typed import read_payload
from unispect.core.units import Unit
from unispect.runner.sweeping import SweepConfig, Swept, prepare, sweep
from unispect.runs import RunStore
from unispect.runs.export import export
from unispect.sweep.file import load_sweep
from unispect.sweep.plan import SweepPlan, plan_of
from unispect.sweep.records import Trained

SHORT: dict[str, Any] = {"steps": 2, "batch": 12, "micro_batch": 12, "save_every": 1}
ONE: dict[str, Any] = {
    "name": "little",
    "organism": {"families": ["janus-pro"]},
    "binding": {"recipe": "tiny-drawing", "seeds": [0], "set": SHORT, "gates": False},
}
SQUARE: dict[str, Any] = {
    **ONE,
    "factors": {
        "recognise": [0.0, 0.5],
        "learns": {"language model": {}, "everything": {"learn": ["everything"]}},
    },
}
"""Two factors of two levels."""
ASKED = {"concepts": {"parts": ["likelihood"], "limit": 1, "seeds": [0]}}


def written(folder: Path, content: object, name: str = "sweep.yaml") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def planned(folder: Path, content: object) -> SweepPlan:
    return plan_of(load_sweep(written(folder, content)))


def swept(folder: Path, content: object, name: str = "run", **how: Any) -> Swept:
    """A sweep carried out into the folder of that name."""
    order = SweepConfig(written(folder, content), folder / name, device="cpu", **how)
    return sweep(prepare(order))


def lines(run: Path) -> bytes:
    """All records but their times, in the order of the plan."""
    with RunStore.open(run) as store:
        return export(store, run.parent / f"{run.name}.jsonl", timings=False).path.read_bytes()


def left(run: Path, kind: str = "binding") -> list[tuple[Unit, Trained]]:
    """What the finished units of a kind left."""
    with RunStore.open(run) as store:
        found = [entry for entry in store.entries("sweep") if entry.unit.kind == kind]
    assert {entry.record.status for entry in found} == {"done"}
    return [(entry.unit, read_payload(Trained, entry.record)) for entry in found]
