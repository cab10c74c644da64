"""A run as tables: parquet for data frames, CSV for spreadsheets, JSON lines for everything else.

Rows stand in the order of planning.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from unispect.core.errors import StoreError, UsageError
from unispect.core.shown import spreadsheet_cell
from unispect.core.units import Entry, Made
from unispect.runs import durable, rows, table
from unispect.runs.blobs import blob_path
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.reading import Row, RunReader

if TYPE_CHECKING:
    import pyarrow

ROW_GROUP = 5000
FIXED = ("unit", "study", "version", "kind", "model", "seed", "status", "error", "device", "dtype")
ENDINGS = (".parquet", ".csv", ".jsonl")
_JSON = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


class Rows(Protocol):
    """Gives the rows from the start, each time it is called."""

    def __call__(self, *, check: bool) -> Iterable[dict[str, object]]: ...


@dataclass(frozen=True)
class Exported:
    """What went into files, and what of which plan had no record to export.

    Attributes:
        paths: one; of several studies, whose records have columns of their own, one for each.
        rows: in all of them.
        lacking: what of the plans left no record.
    """

    paths: tuple[Path, ...]
    rows: int
    lacking: tuple[Lacking, ...]

    @property
    def path(self) -> Path:
        """The first of `paths`."""
        return self.paths[0]

    @property
    def pending(self) -> int:
        """Units that were planned and not run yet."""
        return sum(one.pending for one in self.lacking)


def export(store: RunReader, target: str | Path, *, timings: bool = True, check: bool = True) -> Exported:
    """Writes every record of a run, finished, failed or skipped, to files that appear when they are complete.

    JSON lines keep every value exactly. Parquet has one typed column per key (`payload.text`, `grades.<judge>.<key>`,
    `pictures.<name>`), lists and mappings as lists and structs; what no column type holds (mixed types, mappings of
    more than `table.MOST_FIELDS` names) stands there as JSON text, and lone surrogates as U+FFFD. CSV has the same
    columns; lists and mappings are JSON text there, and an apostrophe stands before what a spreadsheet would take for a
    formula. Of several studies there is a table for each, `NAME-STUDY.parquet`. Pictures are named by their path within
    the run folder.

    Args:
        store: an open run.
        target: ends in `.parquet`, `.csv` or `.jsonl`.
        timings: with the seconds that each unit took and the batch it was in; without them equal runs give equal
            files.
        check: hold every unit and every value to what they should be; leave it out where `require_kept` did.

    Raises:
        UsageError: another ending.
        StoreError: the run is damaged, or a file cannot be written.
    """
    path = Path(target)
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path} must end in {' or '.join(ENDINGS)}")
    building: dict[Path, Path] = {}
    try:
        with store.snapshot():
            count = 0
            for final, write in _tables(store, path, timings=timings, check=check).items():
                building[final] = final.with_name(f".{final.name}.{os.getpid()}{durable.TEMPORARY}")
                count += write(building[final])
            absent = lacking([store])
        for final, built in building.items():
            built.replace(final)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        for built in building.values():
            built.unlink(missing_ok=True)
    return Exported(tuple(building), count, absent)


def _tables(store: RunReader, path: Path, *, timings: bool, check: bool) -> dict[Path, Callable[[Path], int]]:
    """File -> what writes it; one for each study, but JSON lines hold any number of studies."""
    if path.suffix == ".jsonl":
        return {path: lambda to: _write_lines(to, lines(store, timings=timings, check=check))}
    write = _write_csv if path.suffix == ".csv" else _write_parquet
    studies = list(dict.fromkeys(count.study for count in store.counts() if count.planned > count.pending))
    if len(studies) < 2:
        return {path: partial(write, found=rows_of(store, timings=timings), check=check)}
    return {
        path.with_stem(f"{path.stem}-{study}"): partial(
            write, found=rows_of(store, study, timings=timings), check=check
        )
        for study in studies
    }


def rows_of(store: RunReader, study: str | None = None, *, timings: bool = True) -> Rows:
    """The records of a run, or of one of its studies, as nested rows."""
    return lambda *, check: (_row(entry, timings) for entry in store.entries(study, check=check))


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


def arrow_table(found: Rows, *, check: bool) -> Iterator[pyarrow.Table]:
    """Rows as tables of equal schema, `ROW_GROUP` rows each; one without rows where there are none.

    Args:
        found: gives the rows, twice.
        check: as of `export`.
    """
    import pyarrow

    kinds = _kinds(found, check=check)
    schema = pyarrow.schema([(name, table.arrow_type(kind)) for name, kind in kinds.items()])
    remaining = map(table.flat, found(check=False))  # the same ones again, within one snapshot
    count = 0
    while (group := list(islice(remaining, ROW_GROUP))) or not count:
        count += 1
        cells = {name: [table.cell(kind, row.get(name)) for row in group] for name, kind in kinds.items()}
        yield pyarrow.table(cells, schema=schema)
        if len(group) < ROW_GROUP:
            return


def _kinds(found: Rows, *, check: bool) -> dict[str, table.Kind]:
    """Column -> what it holds, in the order of columns."""
    kinds: dict[str, table.Kind] = dict.fromkeys(FIXED, "null")
    for row in found(check=check):
        table.widen(kinds, table.flat(row))
    return {name: table.settled(kinds[name]) for name in table.ordered(kinds, FIXED)}


def _write_parquet(path: Path, found: Rows, *, check: bool) -> int:
    from pyarrow import parquet

    groups = arrow_table(found, check=check)
    first = next(groups)
    with parquet.ParquetWriter(path, first.schema, compression="zstd") as writer:
        count = 0
        for group in chain([first], groups):
            writer.write_table(group)
            count += group.num_rows
    return count


def _write_csv(path: Path, found: Rows, *, check: bool) -> int:
    kinds: dict[str, table.Kind] = {name: table.plain(kind) for name, kind in _kinds(found, check=check).items()}
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(kinds)
        for row in map(table.flat, found(check=False)):
            writer.writerow([spreadsheet_cell(table.cell(kind, row.get(name))) for name, kind in kinds.items()])
            count += 1
    return count
