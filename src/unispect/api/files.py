"""Charts and tables of runs as files for a paper. Names are those of the study and of the chart or table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from unispect.api.frames import arrow_rows, finding_row, table_rows
from unispect.core.errors import StoreError
from unispect.core.findings import Cell, Finding, Section, Table
from unispect.report.downloads import findings_csv, table_csv
from unispect.report.latex import table_latex
from unispect.report.text import Anchors
from unispect.report.vega import specification

SCALE = 2.0
"""Pixels of a PNG for each of the chart."""


def write_figures(sections: Sequence[Section], folder: Path) -> tuple[Path, ...]:
    """Every chart as SVG, PDF and PNG; the files that were written.

    Raises:
        StoreError: a file cannot be written.
    """
    import vl_convert

    def drawn() -> Iterator[tuple[str, bytes]]:
        unique = Anchors()
        for section in sections:
            for figure in section.figures:
                name, chart = unique(section.id, figure.id), specification(figure)
                yield f"{name}.svg", vl_convert.vegalite_to_svg(chart, allowed_base_urls=[]).encode("utf-8")
                yield f"{name}.pdf", vl_convert.vegalite_to_pdf(chart, allowed_base_urls=[])
                yield f"{name}.png", vl_convert.vegalite_to_png(chart, scale=SCALE, allowed_base_urls=[])

    return _written(folder, drawn)


def write_tables(sections: Sequence[Section], folder: Path) -> tuple[Path, ...]:
    """Every table, and one of all findings, as CSV, parquet and LaTeX; the files that were written.

    Raises:
        StoreError: a file cannot be written.
    """

    def set_() -> Iterator[tuple[str, bytes]]:
        unique = Anchors()
        every = unique("findings")
        for section in sections:
            for table in section.tables:
                columns, rows = table_rows(table)
                yield from _each(unique(section.id, table.id), table, table_csv(table), columns, rows)
        rows = [finding_row(section.id, one) for section in sections for one in section.findings]
        yield from _each(every, _findings(sections), findings_csv(sections), list(rows[0]) if rows else [], rows)

    return _written(folder, set_)


def _each(
    name: str, table: Table, csv: bytes, columns: Sequence[str], rows: Sequence[dict[str, object]]
) -> Iterator[tuple[str, bytes]]:
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(arrow_rows(rows, columns), sink)
    yield f"{name}.csv", csv
    yield f"{name}.parquet", sink.getvalue().to_pybytes()
    yield f"{name}.tex", table_latex(table).encode("utf-8")


def _findings(sections: Sequence[Section]) -> Table:
    """All findings as one table."""
    columns = ("study", "model", "claim", "preset", "verdict", "estimate", "n", "units")
    rows = tuple((section.title, *_cells(one)) for section in sections for one in section.findings)
    return Table("findings", "Findings", columns, rows)


def _cells(one: Finding) -> tuple[Cell, ...]:
    interval = one.interval
    sample = (interval.n, f"{interval.clusters} {interval.unit}".strip()) if interval else (None, None)
    return (one.model, one.claim, str(one.preset or ""), str(one.verdict), interval, *sample)


def _written(folder: Path, files: Callable[[], Iterator[tuple[str, bytes]]]) -> tuple[Path, ...]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, content in files():
            (folder / name).write_bytes(content)
            paths.append(folder / name)
    except OSError as error:
        raise StoreError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from error
    return tuple(paths)
