"""Charts, tables and frames of sections that share names, or whose texts no file can hold."""

from pathlib import Path

import pytest
from pyarrow import parquet

from tests.helpers.frames import columns
from unispect.api.files import write_figures, write_tables
from unispect.api.frames import frame_of
from unispect.api.opened import Findings
from unispect.core.findings import Figure, Finding, Section, Series, Table, Verdict

HALF = "half \ud800 a character"


def section(name: str, *ids: str) -> Section:
    line = (Series("one", (0, 1), (0.5, 0.6)),)
    return Section(
        name,
        name,
        "",
        (Finding("c", HALF, Verdict.CANNOT_TELL, HALF, model=HALF),),
        tuple(Table(one, one, ("name", HALF), ((HALF, index),)) for index, one in enumerate(ids)),
        tuple(Figure(one, one, "layer", "bits", {"all": line}, None) for one in ids),
    )


def test_no_file_takes_the_place_of_another(tmp_path: Path):
    sections = [section("a", "b c", "b-c", "findings"), section("a-b", "c")]
    written = write_tables(sections, tmp_path / "tables")
    assert len(set(written)) == len(written) == 3 * 5
    assert all(path.exists() for path in written)
    cells = [parquet.read_table(path).to_pylist() for path in written if path.suffix == ".parquet"]
    assert [rows[0][valid] for rows in cells[:-1] for valid in rows[0] if valid != "name"] == [0, 1, 2, 0]


@pytest.mark.slow
def test_no_chart_takes_the_place_of_another(tmp_path: Path):
    written = write_figures([section("a", "b c", "b-c")], tmp_path)
    assert len(set(written)) == len(written) == 3 * 2


def test_half_a_character_is_in_no_file_and_stops_none(tmp_path: Path):
    for path in write_tables([section("a", "b")], tmp_path):
        if path.suffix == ".parquet":
            assert "half \ufffd a character" in str(parquet.read_table(path).to_pylist())
        else:
            path.read_text("utf-8")
    frame = columns(Findings([("a", one) for one in section("a").findings]).frame())
    assert frame["claim"] == ["half \ufffd a character"]
    assert columns(frame_of([{HALF: HALF}], [HALF])) == {"half \ufffd a character": ["half \ufffd a character"]}
