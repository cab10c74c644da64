import base64
import csv
import io
import json
import math
import os
import zipfile

import pytest

from tests.helpers import report_sample as sample
from unispect.core.findings import Finding, Interval, Section, Table, Verdict
from unispect.report import downloads as module
from unispect.report.downloads import LARGEST, downloads, findings_csv, findings_json, table_csv
from unispect.report.provenance import Provenance


def body(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2], validate=True)


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"))))


def offered(**data: bytes) -> dict[str, bytes]:
    made = downloads(sample.sections(sample.Pictures()), sample.provenance(), data)
    return {file.name: body(file.uri) for file in made.files}


def test_everything_on_the_page_can_be_taken_away():
    files = offered()
    assert list(files) == ["unispect-report.zip", "findings.json", "findings.csv"]
    names = zipfile.ZipFile(io.BytesIO(files["unispect-report.zip"])).namelist()
    assert names == [
        "findings.json",
        "findings.csv",
        "tables/concepts-aphasia.csv",
        "tables/response-counts.csv",
        "figures/encoding-paper-numbers.csv",
        "figures/encoding-controlled-numbers.csv",
        "figures/response-gain-numbers.csv",
    ]


def test_json_holds_findings_and_provenance_and_null_for_what_does_not_exist():
    value = json.loads(offered()["findings.json"])
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


def test_extra_files_stay_inside_the_archive_under_names_of_their_own():
    made = downloads([], Provenance(), {"../../etc/passwd": b"1", "a b.jsonl": b"2", "a-b.jsonl": b"3", "": b"4"})
    archive = zipfile.ZipFile(io.BytesIO(body(made.files[0].uri)))
    extra = {name: archive.read(name) for name in archive.namelist() if name.startswith("data/")}
    assert extra == {"data/passwd": b"1"} | {"data/a-b.jsonl": b"2", "data/a-b-2.jsonl": b"3", "data/x": b"4"}


def test_what_is_too_large_for_a_link_is_named_not_dropped_silently():
    made = downloads([], Provenance(), {"big.jsonl": os.urandom(LARGEST + 1), "small.jsonl": b"{}"})
    assert made.left_out == (("data/big.jsonl", LARGEST + 1),)
    assert "data/small.jsonl" in zipfile.ZipFile(io.BytesIO(body(made.files[0].uri))).namelist()
    assert all(file.size <= LARGEST for file in made.files)


def test_findings_too_large_for_a_link_stay_in_the_archive():
    section = Section("s", "Study", "word " * 400_000)
    made = downloads([section], Provenance(), {})
    assert [file.name for file in made.files] == ["unispect-report.zip", "findings.csv"]
    assert [name for name, _ in made.left_out] == ["findings.json"]


def test_the_archive_is_the_same_every_time():
    assert offered(records=b"{}")["unispect-report.zip"] == offered(records=b"{}")["unispect-report.zip"]


def test_files_that_come_in_pieces_are_taken_like_those_in_memory():
    held = {"b.jsonl": b'{"a": 1}\n' * 50, "a.jsonl": b"x"}
    in_pieces = {name: lambda content=content: (bytes([one]) for one in content) for name, content in held.items()}
    assert downloads([], Provenance(), held) == downloads([], Provenance(), in_pieces)


def test_what_cannot_fit_is_counted_and_not_held(monkeypatch):
    monkeypatch.setattr(module, "PIECE", LARGEST // 4)
    big = os.urandom(4 * LARGEST)
    pieces = [big[start : start + 1000] for start in range(0, len(big), 1000)]
    measured = module._Measured.of(lambda: pieces)
    assert measured.size == len(big)
    assert LARGEST < measured.packed < 2 * LARGEST
    assert not measured.content
    made = downloads([], Provenance(), {"big.jsonl": lambda: pieces, "small.jsonl": b"{}"})
    assert made.left_out == (("data/big.jsonl", len(big)),)
    assert "data/small.jsonl" in zipfile.ZipFile(io.BytesIO(body(made.files[0].uri))).namelist()
