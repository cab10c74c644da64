"""Every view of records that somebody altered says something, or names the study whose records they are."""

import contextlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.helpers.odd_texts import FUZZ, altered
from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError
from unispect.core.findings import Section
from unispect.core.units import Entry, Grade, Record, Unit
from unispect.studies.cautions import cautions
from unispect.studies.families import view as families
from unispect.studies.mechanism import view as mechanism
from unispect.studies.one_way import one_way
from unispect.studies.registry import STUDIES
from unispect.studies.statements import view as statements
from unispect.studies.unreadable import named


@cache
def recorded() -> tuple[dict[str, ModelCard], list[Entry]]:
    """What `make_records.py` wrote: cards, and a few records of every kind."""
    content = json.loads(Path(__file__).with_name("records.json").read_text("ascii"))
    cards = TypeAdapter(dict[str, ModelCard]).validate_python(content["cards"])
    entries = []
    for one in content["entries"]:
        unit = Unit(*one["unit"])
        grades = {name: Grade(unit.id, name, payload) for name, payload in one["grades"].items()}
        entries.append(Entry(unit, Record(unit.id, one["payload"], blobs=one["blobs"]), grades))
    return cards, entries


def of(study: str) -> list[Entry]:
    return [entry for entry in recorded()[1] if entry.unit.study == study]


def shown(study: str, entries: list[Entry]) -> Section:
    """As a report shows a study."""
    cards = recorded()[0]
    with named(study):
        records, _ = (entries, ()) if STUDIES[study].presets else one_way(entries)
        section = STUDIES[study].view(records, cards)
        cautions(records)
        for over_all in (families.view, mechanism.view, statements.view):
            over_all({study: records}, cards)
    return section


def with_part(entry: Entry, part: str, value: Any) -> Entry:
    """The entry with another payload, another grade, or another unit, whose id is that of what it holds."""
    if part == "payload":
        return replace(entry, record=replace(entry.record, payload=value))
    if part in entry.grades:
        return replace(entry, grades={**entry.grades, part: replace(entry.grades[part], payload=value)})
    unit = replace(entry.unit, **{part: value})
    grades = {name: replace(grade, unit=unit.id) for name, grade in entry.grades.items()}
    return replace(entry, unit=unit, record=replace(entry.record, unit=unit.id), grades=grades)


def parts(entry: Entry) -> dict[str, Any]:
    unit = entry.unit
    graded = {name: grade.payload for name, grade in entry.grades.items()}
    return {"payload": entry.record.payload, "inputs": unit.inputs, "settings": unit.settings, **graded}


@pytest.mark.parametrize("study", STUDIES)
def test_records_as_they_were_left_are_shown(study: str):
    assert {entry.unit.version for entry in of(study)} == {STUDIES[study].version}, "make records.json again"
    assert shown(study, of(study)).findings or shown(study, of(study)).tables or shown(study, of(study)).caveats


@pytest.mark.parametrize("study", STUDIES)
@FUZZ
@given(data=st.data())
def test_altered_records_are_shown_or_named(study: str, data: st.DataObject):
    entries = of(study)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(entries) - 1))
        part = data.draw(st.sampled_from(sorted(parts(entries[at]))))
        value = data.draw(altered(parts(entries[at])[part]))
        if isinstance(value, dict):  # the store gives nothing else to views
            entries[at] = with_part(entries[at], part, value)
    with contextlib.suppress(UnispectError):
        shown(study, entries)


def test_the_study_and_the_unit_are_named():
    entry = next(one for one in of("concepts") if one.unit.kind == "likelihood")
    with pytest.raises(
        UnispectError, match=rf"concepts: what is recorded at unit {entry.unit.id} \(likelihood of tiny"
    ):
        shown("concepts", [with_part(entry, "payload", {})])


def test_the_field_and_the_run_folder_are_named():
    entry = next(one for one in of("concepts") if one.unit.kind == "likelihood")
    spoiled = with_part(entry, "payload", {"scores": [0.5, "much"]})
    where = rf"at unit {entry.unit.id} \(likelihood of tiny-[^)]*\) in runs/1 is not what this study writes"
    said = rf"record of unit {entry.unit.id}: field 'scores\[1\]' is 'much', not a number"
    told = pytest.raises(UnispectError, match=rf"^concepts: what is recorded {where} \({said}\)")
    with told, named("concepts", {entry.unit.id: "runs/1"}.__getitem__):
        STUDIES["concepts"].view([spoiled], recorded()[0])


def nowhere_found() -> Exception:
    try:
        sum(next(iter(())) for _ in range(1))
    except RuntimeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), TypeError("x"), ValueError("x"), RecursionError("x"), StopIteration(), nowhere_found()],
    ids=repr,
)
def test_what_nobody_has_explained_becomes_words(error: Exception):
    with pytest.raises(UnispectError, match=r"^response: what is recorded is not what this study"), named("response"):
        raise error


def test_faults_of_ours_stay_faults():
    for error in (ImportError("no module"), RuntimeError("no thread"), OSError("no disk")):
        with pytest.raises(type(error)), named("response"):
            raise error
