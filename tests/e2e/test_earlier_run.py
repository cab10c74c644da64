"""A run folder that an earlier release wrote opens, is reported, continues and merges with what is written today.

Compared are ids, what was recorded, and what is computed from the same records; states are not computed again, since
their last digits are the processor's (fixtures/earlier_run/README.md).
"""

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commands import here
from unispect.core.findings import Section
from unispect.core.units import Entry
from unispect.models.registry import completed
from unispect.runner.reporting import sections_of
from unispect.runs import RunStore
from unispect.runs.check import check, require_kept

EARLIER = Path(__file__).parents[1] / "fixtures" / "earlier_run"
BOUND, MUTE = "tiny-janus-pro-bound", "tiny-janus-pro-mute"
OF_WHOLE = (
    ("concepts", "--parts", "draw", "recall"),
    ("encoding", "response", "drawing"),
)
OF_STOPPED = ("run", "concepts", "--parts", "draw", "--model", MUTE, "--limit", 2, "--seeds", 0)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EARLIER / "whole", tmp_path / "whole"))


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EARLIER / "stopped", tmp_path / "stopped"))


def said_of(sections: list[Section]) -> dict[str, Any]:
    """Findings and figures of every section, as JSON has them, without what findings did not say of themselves then."""
    said = {
        section.id: {"findings": list(map(asdict, section.findings)), "figures": list(map(asdict, section.figures))}
        for section in sections
    }
    for own in said.values():
        for finding in own["findings"]:
            del finding["bearing"], finding["basis"]
        for figure in own["figures"]:
            assert figure.pop("scale") is figure.pop("small") is None  # neither heat map nor effects
    return json.loads(json.dumps(said, default=lambda _: None))  # the limits at other levels are functions


def same(one: Any, other: Any, place: str = "") -> None:
    """Holds values to each other: numbers to the ninth digit, all else exactly."""
    if isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12) or (math.isnan(one) and math.isnan(other)), place
    elif isinstance(one, dict) and isinstance(other, dict):
        assert list(one) == list(other), place
        for key in one:
            same(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), place
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            same(left, right, f"{place}/{number}")
    else:
        assert one == other, place


def entries(run: Path) -> dict[str, Entry]:
    with RunStore.open(run) as store:
        return {entry.unit.id: entry for entry in store.entries()}


def planned(run: Path) -> list[str]:
    with RunStore.open(run) as store:
        return [unit.id for unit in (*store.pending(), *(entry.unit for entry in store.entries()))]


def test_it_opens_and_holds_what_was_written(whole: Path, stopped: Path) -> None:
    expected = json.loads((EARLIER / "expected.json").read_text())
    assert check(whole) == check(stopped) == ()
    with RunStore.open(whole) as store:
        assert require_kept(store).root == expected["root"]
        assert {entry.record.status for entry in store.entries()} == {"done"}


@pytest.mark.slow
def test_its_findings_and_figures_are_as_they_were(whole: Path) -> None:
    expected = json.loads((EARLIER / "expected.json").read_text())
    with RunStore.open(whole) as store:
        same(said_of(sections_of([store], lambda _: None)), expected["sections"])


@pytest.mark.slow
def test_it_is_reported(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    outcome = here(capsys, "report", whole, "--out", tmp_path / "page.html")
    assert outcome.code == 0, outcome.err
    assert "INCOMPLETE" not in outcome.out
    assert BOUND in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_the_same_commands_plan_the_same_units(whole: Path, capsys: pytest.CaptureFixture) -> None:
    before = entries(whole)
    for studies in OF_WHOLE:
        outcome = here(capsys, "run", *studies, "--model", BOUND, "--limit", 1, "--seeds", 0, "--out", whole)
        assert outcome.code == 0, outcome.err
        assert "\n0 units done" in outcome.out
    assert entries(whole) == before
    with RunStore.open(whole) as store:
        assert store.manifest().cards.keys() == {entry.unit.model for entry in before.values()}


@pytest.mark.slow
def test_one_that_was_stopped_goes_on(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    before, ids = entries(stopped), planned(stopped)
    assert 0 < len(before) < len(ids)
    assert here(capsys, *OF_STOPPED, "--out", stopped).code == 0
    after = entries(stopped)
    assert sorted(after) == sorted(ids)
    assert {id: after[id].record for id in before} == {id: entry.record for id, entry in before.items()}
    assert all(entry.record.status == "done" and entry.grades for entry in after.values())
    assert here(capsys, *OF_STOPPED, "--out", tmp_path / "new").code == 0
    new = entries(tmp_path / "new")
    assert list(new) == list(after)
    assert all(new[id].unit == after[id].unit for id in new)


@pytest.mark.slow
def test_it_merges_with_what_is_written_today(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    new = tmp_path / "new"
    for model in (BOUND, MUTE):
        about = ("--parts", "recall", "--model", model, "--limit", 1, "--seeds", 0)
        assert here(capsys, "run", "concepts", *about, "--out", new).code == 0
    old, own = entries(whole), entries(new)
    shared = old.keys() & own.keys()
    assert shared
    assert {old[id].unit.kind for id in shared} == {"recall"}
    for id in shared:  # texts, and how they were graded
        assert (old[id].unit, old[id].record.payload, old[id].grades) == (
            own[id].unit,
            own[id].record.payload,
            own[id].grades,
        )
    outcome = here(capsys, "merge", whole, new, "--out", tmp_path / "merged")
    assert outcome.code == 0, outcome.err
    merged = entries(tmp_path / "merged")
    assert merged.keys() == old.keys() | own.keys()
    assert all(merged[id].record.payload == (old | own)[id].record.payload for id in merged)
    with RunStore.open(tmp_path / "merged") as store, RunStore.open(whole) as alone:
        cards = {name: completed(card) for name, card in alone.manifest().cards.items()}  # the new folder tells more
        for name, card in cards.items():
            merged_card = store.manifest().cards[name]
            assert merged_card.capabilities >= card.capabilities
            assert replace(merged_card, capabilities=card.capabilities) == card
        together = said_of(sections_of([store], lambda _: None))
        apart = said_of(sections_of([alone], lambda _: None))
    for study in ("encoding", "response", "drawing"):  # of which the new folder holds nothing
        same(together[study], apart[study])
