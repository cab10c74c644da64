"""Rows as a data frame of whichever library is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from unispect.core.findings import Cell, Finding, Interval, Table
from unispect.core.shown import valid

if TYPE_CHECKING:
    import pyarrow

Frame = "pandas.DataFrame | pyarrow.Table"
"""A frame of pandas where it is installed, else a table of pyarrow; Polars, DuckDB and Altair take either."""


def frame(tables: Iterator[pyarrow.Table]) -> Any:
    """Tables of equal schema, one below the other, as a `Frame`. There must be one, which may be empty."""
    import pyarrow

    whole = pyarrow.concat_tables(tables)
    return whole.to_pandas() if find_spec("pandas") else whole


def frame_of(rows: Sequence[Mapping[str, object]], columns: Iterable[str]) -> Any:
    """Rows of one depth as a `Frame`; a column that a row lacks holds None there."""
    return frame(iter([arrow_rows(rows, columns)]))


def arrow_rows(rows: Sequence[Mapping[str, object]], columns: Iterable[str]) -> pyarrow.Table:
    """Rows of one depth as a table of pyarrow; texts that UTF-8 cannot hold are made such that it can (`valid`)."""
    import pyarrow

    def cells(name: str) -> list[object]:
        found = (row.get(name) for row in rows)
        return [valid(cell) if isinstance(cell, str) else cell for cell in found]

    return pyarrow.table({valid(name): pyarrow.array(cells(name)) for name in columns})


def table_rows(table: Table) -> tuple[list[str], list[dict[str, object]]]:
    """Columns and rows; one that holds intervals becomes four, with `, low`, `, high` and `, n` behind its name."""
    wide = [any(isinstance(row[at], Interval) for row in table.rows) for at in range(len(table.columns))]
    columns: list[str] = []
    for name, is_wide in zip(table.columns, wide, strict=True):
        columns += [name, f"{name}, low", f"{name}, high", f"{name}, n"] if is_wide else [name]
    rows = []
    for row in table.rows:
        cells: list[object] = []
        for cell, is_wide in zip(row, wide, strict=True):
            cells += _spread(cell) if is_wide else [cell]
        rows.append(dict(zip(columns, cells, strict=True)))
    return columns, _columns_of_one_kind(columns, rows)


def _spread(cell: Cell) -> list[object]:
    return [cell.estimate, cell.low, cell.high, cell.n] if isinstance(cell, Interval) else [cell, None, None, None]


def _columns_of_one_kind(columns: Sequence[str], rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Columns in which words stand beside numbers hold words only: no frame holds both."""
    for name in columns:
        kinds = {type(row[name]) for row in rows if row[name] is not None}
        if str in kinds and len(kinds) > 1:
            for row in rows:
                row[name] = None if row[name] is None else str(row[name])
        elif kinds == {int, float}:
            for row in rows:
                row[name] = None if row[name] is None else float(row[name])  # pyright: ignore[reportArgumentType]
    return rows


def finding_row(section: str, one: Finding) -> dict[str, object]:
    """A finding as a row; numbers are those of its interval."""
    interval = one.interval
    return {
        "section": section,
        "id": one.id,
        "model": one.model,
        "preset": None if one.preset is None else str(one.preset),
        "claim": one.claim,
        "verdict": str(one.verdict),
        "estimate": None if interval is None else interval.estimate,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "chance": one.chance,
        "n": None if interval is None else interval.n,
        "clusters": None if interval is None else interval.clusters,
        "unit": None if interval is None else interval.unit,
        "adjusted": one.adjusted,
        "control": one.control,
        "headline": one.headline,
        "detail": one.detail,
    }
