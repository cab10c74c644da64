"""A run as a table: parquet for data frames, JSON lines for everything else. Rows stand in the order of planning."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Entry
from unispect.runs import durable, table
from unispect.runs.blobs import blob_path
from unispect.runs.reading import RunReader

ROW_GROUP = 5000
FIXED = ("unit", "study", "version", "kind", "model", "seed", "status", "error")
_LINE = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
Rows = Callable[[], Iterable[dict[str, object]]]
"""Gives the rows from the start, each time it is called."""


@dataclass(frozen=True)
class Exported:
    """What went into a file, and how many planned units had no record to export."""

    path: Path
    rows: int
    pending: int


def export(store: RunReader, target: str | Path, *, timings: bool = True) -> Exported:
    """Writes every record of a run, finished, failed or skipped, to one file that appears when it is complete.

    JSON lines keep every value exactly. Parquet has one typed column per key (`payload.text`, `grades.<judge>.<key>`,
    `pictures.<name>`); what no column type holds (lists, mappings, mixed types) stands there as JSON text, and lone
    surrogates as U+FFFD. Pictures are named by their path within the run folder.

    Args:
        store: an open run.
        target: ends in `.parquet` or `.jsonl`.
        timings: with the seconds that each unit took; without them equal runs give equal files.

    Raises:
        UsageError: another ending.
        StoreError: the run is damaged, or the file cannot be written.
    """
    path = Path(target)
    writers = {".parquet": _write_parquet, ".jsonl": _write_lines}
    if path.suffix not in writers:
        raise UsageError(f"{path} must end in {' or '.join(writers)}")
    building = path.with_name(f".{path.name}.{os.getpid()}{durable.TEMPORARY}")
    try:
        with store.snapshot():
            count = writers[path.suffix](building, lambda: (_row(entry, timings) for entry in store.entries()))
            pending = sum(count.pending for count in store.counts())
        building.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        building.unlink(missing_ok=True)
    return Exported(path, count, pending)


def _row(entry: Entry, timings: bool) -> dict[str, object]:
    unit, record = entry.unit, entry.record
    return {
        "unit": unit.id,
        "study": unit.study,
        "version": unit.version,
        "kind": unit.kind,
        "model": unit.model,
        "seed": unit.seed,
        "status": record.status,
        "error": record.error,
        **({"seconds": record.seconds} if timings else {}),
        "inputs": unit.inputs,
        "settings": unit.settings,
        "payload": record.payload,
        "pictures": {name: blob_path(sha256) for name, sha256 in record.blobs.items()},
        "grades": {judge: grade.payload for judge, grade in entry.grades.items()},
    }


def _write_lines(path: Path, rows: Rows) -> int:
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for row in rows():
            file.write(_LINE.encode(row) + "\n")
            count += 1
    return count


def _write_parquet(path: Path, rows: Rows) -> int:
    import pyarrow
    from pyarrow import parquet

    kinds: dict[str, table.Kind] = dict.fromkeys(FIXED, "null")
    for row in rows():
        table.widen(kinds, table.flat(row))
    types = {
        "bool": pyarrow.bool_(),
        "int": pyarrow.int64(),
        "wide": pyarrow.int64(),
        "float": pyarrow.float64(),
    }
    columns = table.ordered(kinds, FIXED)
    schema = pyarrow.schema([(name, types.get(kinds[name], pyarrow.string())) for name in columns])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        remaining = (table.flat(row) for row in rows())
        while group := list(islice(remaining, ROW_GROUP)):
            cells = {name: [table.cell(kinds[name], row.get(name)) for row in group] for name in columns}
            writer.write_table(pyarrow.table(cells, schema=schema))
            count += len(group)
    return count
