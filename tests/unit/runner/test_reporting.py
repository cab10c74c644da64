"""What a report says of run folders beside what their studies say."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.htmltree import parse
from tests.planted_truth.concepts import KINDS, Mind, card, entries, evenly
from tests.planted_truth.curves import Levels, encoded
from unispect.core.units import Record
from unispect.runner import reporting
from unispect.runner.reporting import sections, write_report
from unispect.runs import Invocation, RunStore

MODEL = card("one", revision="1")
LATER = replace(MODEL, revision="2", bound_steps=20)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    found = entries(Mind(evenly(0.9), {kind: evenly(0.3) for kind in KINDS}), 0, limit=1, seeds=(0,), of=MODEL)
    old = replace(found[0].unit, version=0)
    with RunStore.create(tmp_path / "run") as store:
        store.add_invocation(Invocation(("unispect",), study="concepts", models=(MODEL.reference,)), [MODEL])
        store.plan([old, *(entry.unit for entry in found)])
        store.record([Record(old.id, {}), *(replace(entry.record, blobs={}) for entry in found)])
        store.grade([grade for entry in found for grade in entry.grades.values()])
    return tmp_path / "run"


def test_records_of_other_versions_are_named(run: Path, tmp_path: Path):
    page = parse(write_report(run, tmp_path / "page.html").path.read_text())
    left_out = page.one("figure", "table", "planned-skips").one("tbody")
    assert [cell.words for cell in left_out.all("bdi")][::2] == [
        "records of concepts version 0",
        "this release reads version 1",
    ]


def test_an_archive_too_large_for_the_page_lies_beside_it(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_report(run, tmp_path / "light.html")
    assert not (tmp_path / "light-data.zip").exists()
    monkeypatch.setattr(reporting, "CARRIED", 100)
    page = parse(write_report(run, tmp_path / "page.html").path.read_text()).one("section", anchor="data")
    assert not page.all("a")
    assert "page-data.zip" in page.words
    with zipfile.ZipFile(io.BytesIO((tmp_path / "page-data.zip").read_bytes())) as archive:
        assert "findings.json" in archive.namelist()


def test_two_revisions_of_a_model_are_two_models_in_every_section(run: Path, tmp_path: Path):
    found = encoded(Levels(), 0, of=LATER, limit=4)
    with RunStore.open(run, "w") as store:
        store.add_invocation(Invocation(("unispect",), study="encoding", models=(LATER.reference,)), [LATER])
        store.plan([entry.unit for entry in found])
        store.record([entry.record for entry in found])
    names = {section.id: {one.model for one in section.glances} for section in sections(run) if section.glances}
    assert names == {"concepts": {"one, 0 steps"}, "encoding": {"one, 20 steps"}}
    first = parse(write_report(run, tmp_path / "page.html").path.read_text()).one("section", anchor="findings")
    assert [line.words for line in first.all("h3", "said")] == ["one, 0 steps", "one, 20 steps"]
