"""A run as a table: parquet for data frames, JSON lines for everything else. Rows stand in the order of planning."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Protocol

from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Entry, Made
from unispect.runs import durable, rows, table
from unispect.runs.blobs import blob_path
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.reading import Row, RunReader

ROW_GROUP = 5000
FIXED = ("unit", "study", "version", "kind", "model", "seed", "status", "error", "device", "dtype")
_JSON = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


class Rows(Protocol):
    """Gives the rows from the start, each time it is called."""

    def __call__(self, *, check: bool) -> Iterable[dict[str, object]]: ...


@dataclass(frozen=True)
class Exported:
    """What went into a file, and what of which plan had no record to export."""

    path: Path
    rows: int
    lacking: tuple[Lacking, ...]

    @property
    def pending(self) -> int:
        """Units that were planned and not run yet."""
        return sum(one.pending for one in self.lacking)


def export(store: RunReader, target: str | Path, *, timings: bool = True, check: bool = True) -> Exported:
    """Writes every record of a run, finished, failed or skipped, to one file that appears when it is complete.

    JSON lines keep every value exactly. Parquet has one typed column per key (`payload.text`, `grades.<judge>.<key>`,
    `pictures.<name>`); what no column type holds (lists, mappings, mixed types) stands there as JSON text, and lone
    surrogates as U+FFFD. Pictures are named by their path within the run folder.

    Args:
        store: an open run.
        target: ends in `.parquet` or `.jsonl`.
        timings: with the seconds that each unit took and the batch it was in; without them equal runs give equal
            files.
        check: hold every unit and every value to what they should be; leave it out where `require_kept` did.

    Raises:
        UsageError: another ending.
        StoreError: the run is damaged, or the file cannot be written.
    """
    path = Path(target)
    writers: dict[str, Callable[[Path], int]] = {
        ".parquet": lambda to: _write_parquet(
            to, lambda *, check: (_row(entry, timings) for entry in store.entries(check=check)), check=check
        ),
        ".jsonl": lambda to: _write_lines(to, lines(store, timings=timings, check=check)),
    }
    if path.suffix not in writers:
        raise UsageError(f"{path} must end in {' or '.join(writers)}")
    building = path.with_name(f".{path.name}.{os.getpid()}{durable.TEMPORARY}")
    try:
        with store.snapshot():
            count = writers[path.suffix](building)
            absent = lacking([store])
        building.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        building.unlink(missing_ok=True)
    return Exported(path, count, absent)


def lines(store: RunReader, *, timings: bool = True, check: bool = True) -> Iterator[str]:
    """What `export` writes to JSON lines, without the line feeds.

    Raises:
        StoreError: the run is damaged.
    """
    return (_line(row, timings, check) for row in store.raw(check=check))


def _row(entry: Entry, timings: bool) -> dict[str, object]:
    unit, record = entry.unit, entry.record
    made = record.made or Made("", 0)
    return {
        "unit": unit.id,
        "study": unit.study,
        "version": unit.version,
        "kind": unit.kind,
        "model": unit.model,
        "seed": unit.seed,
        "status": record.status,
        "error": record.error,
        "device": made.device,
        "dtype": made.dtype,
        **({"seconds": record.seconds, "batch": made.batch, "batch_size": made.size or None} if timings else {}),
        "inputs": unit.inputs,
        "settings": unit.settings,
        "payload": record.payload,
        "pictures": {name: blob_path(sha256) for name, sha256 in record.blobs.items()},
        "grades": {judge: grade.payload for judge, grade in entry.grades.items()},
    }


def _line(row: Row, timings: bool, check: bool) -> str:
    """`_row` as JSON; values stand in the tables as they stand here, so that none is read and written again."""
    id, study, version, kind, model, inputs, settings, seed = row.unit
    _, status, payload, error, seconds = row.record
    if check:
        rows.unit_from(row.unit)
        for value in (payload, *(given for _, _, given in row.grades)):
            rows.parsed(value, id)
    made = row.made or Made("", 0)
    fixed = (id, study, version, kind, model, seed, status, error, made.device, made.dtype)
    head = [(name, _JSON.encode(value)) for name, value in zip(FIXED, fixed, strict=True)]
    if timings:
        more = {"seconds": seconds, "batch": made.batch, "batch_size": made.size or None}
        head += [(name, _JSON.encode(value)) for name, value in more.items()]
    pictures = _object((name, _JSON.encode(blob_path(sha256))) for name, sha256 in row.pictures.items())
    grades = _object((judge, given) for _, judge, given in row.grades)
    own = (("inputs", inputs), ("settings", settings), ("payload", payload), ("pictures", pictures), ("grades", grades))
    return _object((*head, *own))


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    """A JSON object of names and values that are JSON already."""
    return f"{{{','.join([f'{encode_basestring_ascii(name)}:{value}' for name, value in pairs])}}}"


def _write_lines(path: Path, found: Iterable[str]) -> int:
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for line in found:
            file.write(f"{line}\n")
            count += 1
    return count


def _write_parquet(path: Path, made: Rows, *, check: bool) -> int:
    import pyarrow
    from pyarrow import parquet

    kinds: dict[str, table.Kind] = dict.fromkeys(FIXED, "null")
    for row in made(check=check):
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
        remaining = (table.flat(row) for row in made(check=False))  # the same ones again, within one snapshot
        while group := list(islice(remaining, ROW_GROUP)):
            cells = {name: [table.cell(kinds[name], row.get(name)) for row in group] for name in columns}
            writer.write_table(pyarrow.table(cells, schema=schema))
            count += len(group)
    return count
