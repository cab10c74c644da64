import base64
import csv
import io
import json
import math
import zipfile

import pytest

from tests.helpers import report_sample as sample
from unispect.core.findings import Finding, Interval, Section, Table, Verdict
from unispect.report.downloads import Download, archive, findings_csv, findings_json, offered, table_csv
from unispect.report.provenance import Provenance


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"))))


def packed(sections=None, provenance=None) -> zipfile.ZipFile:
    sections = sample.sections(sample.Pictures()) if sections is None else sections
    return zipfile.ZipFile(io.BytesIO(archive(sections, provenance or sample.provenance())))


def test_everything_on_the_page_can_be_taken_away():
    assert packed().namelist() == [
        "findings.json",
        "findings.csv",
        "tables/concepts-aphasia.csv",
        "tables/response-counts.csv",
        "figures/encoding-paper-numbers.csv",
        "figures/encoding-controlled-numbers.csv",
        "figures/response-gain-numbers.csv",
    ]


def test_the_archive_is_offered_in_the_page_or_as_a_file_beside_it():
    data = archive([], Provenance())
    inside = offered(data)
    assert base64.b64decode(inside.uri.partition(",")[2], validate=True) == data
    assert offered(data, "report-data.zip") == Download("report-data.zip", "", len(data))


def test_json_holds_findings_and_provenance_and_null_for_what_does_not_exist():
    value = json.loads(packed().read("findings.json"))
    assert [section["id"] for section in value["sections"]] == ["concepts", "encoding", "response"]
    interval = value["sections"][2]["findings"][0]["interval"]
    assert (interval["estimate"], interval["low"]) == (0.21, None)
    assert value["provenance"]["runs"][0]["failures"][0]["reason"] == "the model produced NaN scores at step 12"
    assert value["sections"][1]["figures"][0]["preset"] == "paper"


def test_json_takes_any_string():
    section = Section("\ud800\u202e", "</script>", "\x00")
    assert json.loads(findings_json([section], Provenance()))["sections"][0]["id"] == "\ud800\u202e"


def test_findings_as_rows():
    head, *rows = read(findings_csv(sample.sections(sample.Pictures())))
    first = dict(zip(head, rows[0], strict=True))
    assert len(rows) == 10
    assert first["id"] == "gap"
    assert (first["estimate"], first["n"], first["clusters"], first["seeds"]) == ("0.71", "171", "22", "0 1 2")
    last = dict(zip(head, rows[-1], strict=True))
    assert (last["low"], last["high"]) == ("", "")


def test_a_table_keeps_full_precision_and_spreads_intervals():
    table = Table("t", "T", ("m", "x"), (("a", Interval(1 / 3, 0.25, math.nan, 7, 7)), ("b", None)))
    assert read(table_csv(table)) == [
        ["m", "x", "x low", "x high", "x n"],
        ["a", "0.3333333333333333", "0.25", "", "7"],
        ["b", "", "", "", ""],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_spreadsheet_runs_a_models_words(start: str):
    bad = start + 'HYPERLINK("https://example.org")'
    finding = Finding("f", bad, Verdict.SUPPORTED, "")
    assert read(findings_csv([Section("s", "", "", (finding,))]))[1][2] == "'" + bad
    assert read(table_csv(Table("t", "T", (bad,), ((bad,), (-1.5,))))) == [["'" + bad], ["'" + bad], ["-1.5"]]


def test_a_lone_surrogate_does_not_stop_a_table():
    assert table_csv(Table("t", "T", ("a",), (("\ud800",),))) == b"a\n\\ud800\n"


def test_long_names_of_tables_stay_apart_whatever_their_order():
    names = [f"{'levels of something ' * 8}{end}" for end in ("paper", "controlled")]
    tables = [Table(name, "T", ("a",), (("x",),)) for name in names]
    found = [set(packed([Section("s", "", "", tables=tuple(order))]).namelist()) for order in (tables, tables[::-1])]
    assert found[0] == found[1]
    assert len(found[0]) == 4


def test_the_archive_is_the_same_every_time():
    sections, provenance = sample.sections(sample.Pictures()), sample.provenance()
    assert archive(sections, provenance) == archive(sections, provenance)
