"""Text answers of a run as samples in the form of lmms-eval (`--log_samples`), a file per model and study.

Its own tools read them: for the paired test of two models (`--baseline FILE`), which pairs by `doc_id` and takes
`score`. Equal questions have equal numbers in all models of a run, and in runs of equal plans. Besides what lmms-eval
writes today (doc_id, input, target, resps, filtered_resps, doc_hash), lines keep `doc` and `arguments`, which it
gathers and leaves out of its files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unispect.core.errors import StoreError, UsageError
from unispect.core.outcomes import Outcome
from unispect.core.units import Entry, Unit, canonical_json
from unispect.report.text import slug
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.durable import TEMPORARY
from unispect.runs.geneval import folder_name
from unispect.runs.reading import RunReader
from unispect.studies.outcomes import outcome
from unispect.studies.registry import all_studies

_UNIT = re.compile(r'"[0-9a-f]{24}"')
"""The id of a unit that another builds on, which is another one for every model."""


@dataclass(frozen=True)
class ExportedSamples:
    """The files, how many samples they hold, and what of the plans left no record."""

    paths: tuple[Path, ...]
    samples: int
    lacking: tuple[Lacking, ...]


def export_lmms_eval(store: RunReader, folder: Path) -> ExportedSamples:
    """Writes `MODEL/DATE_samples_STUDY.jsonl` into a folder for every model and study with text answers.

    Equal names are written anew. A sample has the prompt as its input, what is right as its target, the reply as it was
    written, what was read off it, and, where the study says what is right, `score` from 0 to 1.

    Raises:
        UsageError: the run holds no text answers.
        StoreError: the run is damaged, or a file cannot be written.
    """
    studies, paths, samples = all_studies(), [], 0
    try:
        with store.snapshot():
            date = re.sub(r"\D", "", store.manifest().created)[:14]
            for name in dict.fromkeys(one.study for one in store.counts()):
                numbers: dict[str, int] = {}
                found: dict[str, list[str]] = {}
                for entry in store.entries(name):
                    number = numbers.setdefault(_question(entry.unit), len(numbers))
                    said = outcome(studies.get(name), entry)
                    if entry.record.status == "done" and said.told:
                        line = json.dumps(_sample(number, entry, said), ensure_ascii=True)
                        found.setdefault(entry.unit.model, []).append(line + "\n")
                for model, lines in found.items():
                    path = folder / folder_name(model) / f"{date[:8]}_{date[8:]}_samples_{slug(name)}.jsonl"
                    if path in paths:
                        raise StoreError(
                            f"two models of the run, one of them {model}, would be the same folder {path.parent}"
                        )
                    _write(path, "".join(lines))
                    samples += len(lines)
                    paths.append(path)
            if not paths:
                raise UsageError("the run holds no text answers; pictures leave by --format geneval or inspect")
            return ExportedSamples(tuple(paths), samples, lacking([store]))
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error


def _write(path: Path, text: str) -> None:
    """Writes a file that appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        building.write_text(text, encoding="ascii")
        building.replace(path)
    finally:
        building.unlink(missing_ok=True)


def _question(unit: Unit) -> str:
    """What is asked, whatever the model and the way in which its authors sample: equal for equal units of models."""
    settings = {name: value for name, value in unit.settings.items() if name != "defaults"}
    return _UNIT.sub('"*"', canonical_json([unit.kind, unit.inputs, settings, unit.seed]))


def _sample(number: int, entry: Entry, said: Outcome) -> dict[str, Any]:
    unit = entry.unit
    doc = {"kind": unit.kind, "seed": unit.seed, "inputs": unit.inputs, "group": said.group, "about": said.about}
    input = said.asked or canonical_json(unit.inputs)
    scored = {} if said.credit is None else {"score": said.credit}
    return {
        "doc_id": number,
        "doc": doc,
        "target": _plain(said.truth),
        "arguments": [input, unit.settings],
        "input": input,
        "resps": [said.told],
        "filtered_resps": _plain(said.found) or said.told,
        "doc_hash": hashlib.sha256(_question(unit).encode("utf-8", "surrogatepass")).hexdigest(),
        **scored,
        "unit": unit.id,
        "grades": {judge: grade.payload for judge, grade in entry.grades.items()},
    }


def _plain(values: Mapping[str, str | None]) -> str:
    """The one value, or all of them as JSON; empty where there is none or nothing clear."""
    if len(values) == 1:
        return next(iter(values.values())) or ""
    return json.dumps(values, ensure_ascii=False) if any(values.values()) else ""
