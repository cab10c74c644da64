"""A run as programs hold it: the same records, findings and tables as the folder's own readers give."""

import math
import shutil
from pathlib import Path

import pyarrow
import pytest

import unispect
from tests.helpers.frames import columns
from unispect.api import frames
from unispect.api.opened import Findings
from unispect.core.errors import UsageError
from unispect.core.findings import Finding, Preset, Verdict

ORGANISM = "tiny-janus-pro-bound"


def test_a_frame_holds_every_record_of_a_study(ran: Path) -> None:
    run = unispect.open(ran)
    assert set(run.studies) == {"concepts", "encoding"}
    frame = columns(run.frame("encoding"))
    with unispect.open_run(ran) as store:
        entries = list(store.entries("encoding"))
    assert frame["unit"] == [entry.unit.id for entry in entries]
    at = next(i for i, entry in enumerate(entries) if entry.unit.kind == "trajectory")
    assert list(frame["payload.content"][at]) == entries[at].record.payload["content"]
    assert frame["inputs.prompt"][at]["text"] == entries[at].unit.inputs["prompt"]["text"]


@pytest.mark.parametrize("pandas", [True, False])
def test_a_frame_is_of_pandas_where_it_is_installed(ran: Path, monkeypatch: pytest.MonkeyPatch, pandas: bool) -> None:
    if pandas:
        pytest.importorskip("pandas")
    else:
        monkeypatch.setattr(frames, "find_spec", lambda name: None)
    frame = unispect.open(ran).findings.frame()
    assert isinstance(frame, pyarrow.Table) is not pandas
    assert set(columns(frame)["verdict"]) <= {"supported", "not supported", "cannot tell", "not applicable"}


def test_several_studies_need_a_name(ran: Path) -> None:
    run = unispect.open(ran)
    with pytest.raises(UsageError, match=r"records of concepts, encoding; name one, as in frame\('concepts'\)"):
        run.frame()
    with pytest.raises(UsageError, match="did you mean 'encoding'"):
        run.frame("encodin")


def test_findings_are_those_of_the_report(ran: Path) -> None:
    run = unispect.open(ran)
    everything = [finding for section in unispect.sections(ran) for finding in section.findings]
    assert list(map(repr, run.findings)) == list(map(repr, everything))  # a limit that is not there equals nothing
    assert [one.id for one in run.findings.headlines] == [one.id for one in everything if one.headline]
    assert everything[0].claim in run.findings._repr_html_()
    frame = columns(run.findings.frame())
    for row, one in enumerate(everything):
        if one.interval is not None and not math.isnan(one.interval.low):
            assert (frame["estimate"][row], frame["low"][row]) == (one.interval.estimate, one.interval.low)


def test_a_table_spreads_its_intervals(ran: Path) -> None:
    run = unispect.open(ran)
    frame = columns(run.table("concepts/aphasia"))
    (section,) = [one for one in run.sections if one.id == "concepts"]
    (table,) = [one for one in section.tables if one.id == "aphasia"]
    at = table.columns.index("drawn")
    assert frame["drawn"] == [row[at].estimate for row in table.rows]
    assert frame["drawn, high"] == [row[at].high for row in table.rows]
    with pytest.raises(UsageError, match="unknown table 'concepts/aphasa'; did you mean 'concepts/aphasia'"):
        run.table("concepts/aphasa")


def test_a_column_of_words_and_numbers_holds_words() -> None:
    from unispect.core.findings import Table

    names, rows = frames.table_rows(Table("t", "T", ("a", "b"), ((1, "x"), ("y", None), (0.5, "z"))))
    assert columns(frames.frame_of(rows, names)) == {"a": ["1", "y", "0.5"], "b": ["x", None, "z"]}


def test_a_chart_is_altairs_and_holds_every_number(ran: Path, tmp_path: Path) -> None:
    altair = pytest.importorskip("altair")
    run = unispect.open(ran)
    name = "encoding/trajectories-paper"
    assert name in run.figures
    chart = run.figure("trajectories-paper")
    assert isinstance(chart, altair.TopLevelMixin)
    (figure,) = [one for section in run.sections for one in section.figures if f"{section.id}/{one.id}" == name]
    drawn = {(row["series"], row["x"], row["y"]) for row in next(iter(chart.to_dict()["datasets"].values()))}
    series = [one for panel in figure.panels.values() for one in panel]
    assert drawn == {(one.label, x, y) for one in series for x, y in zip(one.x, one.y, strict=True)}
    chart.save(tmp_path / "a.svg")
    assert all(one.label in (tmp_path / "a.svg").read_text() for one in series), "every line is in the legend"


def test_pictures_come_wrong_ones_first(ran: Path) -> None:
    run = unispect.open(ran)
    found = run.pictures("concepts", limit=1000)
    assert len(found) == found.among
    judged = [bool(one.wrong) for one in found if one.judge]
    assert judged == sorted(judged, reverse=True)
    assert {True, False} <= set(judged), "the organism draws some right and some wrong"
    few = run.pictures(model=ORGANISM, limit=2)
    assert [one.unit for one in few] == [one.unit for one in found[:2]]
    assert few[0].image.size == (64, 64)
    assert "2 of" in few._repr_html_()
    assert few._repr_html_().count("<img") == 2


def test_a_folder_stands_for_the_runs_below_it(ran: Path, tmp_path: Path) -> None:
    (tmp_path / "several").mkdir()
    (tmp_path / "several" / "one").symlink_to(ran)
    with pytest.raises(UsageError, match="is not a run folder, and none lies in it"):
        unispect.open(tmp_path / "several")  # links are not followed
    assert unispect.open(ran.parent).folders == (ran,)
    with pytest.raises(UsageError, match="name a run folder"):
        unispect.open()


def test_a_unit_that_two_folders_hold_is_one_row(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran, tmp_path / "copy")
    both, one = unispect.open(ran, tmp_path / "copy"), unispect.open(ran)
    assert columns(both.frame("encoding"))["unit"] == columns(one.frame("encoding"))["unit"]
    assert both.pictures().among == one.pictures().among
    with pytest.raises(UsageError, match="named twice"):
        unispect.open(ran, ran)


def test_a_run_shows_itself(ran: Path) -> None:
    run = unispect.open(ran)
    assert repr(run) == f"<Run of concepts, encoding in {ran}>"
    assert ORGANISM in run._repr_html_()
    assert run.report(ran.parent / "page.html").path.is_file()


def test_what_a_notebook_shows_is_text_whatever_it_says() -> None:
    from unispect.core import shown

    said = shown.text("<script>alert(1)</script>\u202e\x1b[31m")
    assert "<" not in said
    assert "U+202E" in said
    assert "U+001B" in said


def test_a_finding_is_called_by_its_model_and_preset() -> None:
    def one(model: str = "", preset: Preset | None = None) -> Finding:
        return Finding("c", "It draws.", Verdict.SUPPORTED, "", model=model, preset=preset)

    said = [("s", one("m", Preset.PAPER)), ("s", one("m", Preset.CONTROLLED)), ("s", one("m")), ("s", one())]
    assert repr(Findings(said)).splitlines() == [
        "supported: [m, paper preset] It draws.",
        "supported: [m, controlled preset] It draws.",
        "supported: [m] It draws.",
        "supported: It draws.",
    ]
