"""What of a plan is in no part, not run or not graded is said by every command, and in its exit code."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.cli.completeness import INCOMPLETE
from unispect.core.errors import UsageError
from unispect.core.findings import Finding, Section, Verdict
from unispect.core.units import Grade, Plan, Record, Unit
from unispect.runner.completeness import marked, ungraded
from unispect.runs import RunStore
from unispect.runs.completeness import lacking
from unispect.studies.base import Study
from unispect.studies.registry import find_study

UNITS = [unit(number) for number in range(6)]
STUDY = cast(Study, SimpleNamespace(name="sample", version=1))


def part(folder: Path, own: list[Unit], *, done: int | None = None, among: list[Unit] = UNITS) -> Path:
    with RunStore.create(folder) as store:
        store.plan(own, among=among)
        store.record([record(one, picture=one.seed) for one in own[:done]])
    return folder


def said(outcome) -> str:
    return outcome.out + outcome.err


def test_a_part_that_was_not_merged_is_said_by_every_command(tmp_path: Path, capsys) -> None:
    one, two = part(tmp_path / "one", UNITS[:4]), part(tmp_path / "two", UNITS[3:])
    merged = tmp_path / "merged"
    words = "of the 6 planned units of sample on tiny@1, 2 are in no part that was merged"
    for command in (("merge", one, "--out", merged), ("export", merged, "--out", tmp_path / "out.jsonl")):
        outcome = here(capsys, *command)
        assert (outcome.code, words in said(outcome)) == (INCOMPLETE, True), command
    outcome = here(capsys, "status", merged)
    assert (outcome.code, "4 of the plan's 6 units are here" in outcome.out) == (INCOMPLETE, True)
    found = json.loads(here(capsys, "status", merged, "--json").out)
    assert [(one["planned"], one["elsewhere"], one["pending"]) for one in found["lacking"]] == [(6, 2, 0)]
    assert here(capsys, "merge", merged, "--out", tmp_path / "again").code == INCOMPLETE, "a merge of a merge knows it"
    outcome = here(capsys, "merge", two, "--out", merged)
    assert (outcome.code, "INCOMPLETE" in said(outcome)) == (0, False)
    assert here(capsys, "export", merged, "--out", tmp_path / "out.parquet").code == 0
    assert here(capsys, "status", merged).code == 0


def test_units_without_a_record_are_said(tmp_path: Path, capsys) -> None:
    run = part(tmp_path / "run", UNITS, done=4)
    words = "of the 6 planned units of sample on tiny@1, 2 have no record yet"
    for command in (
        ("merge", run, "--out", tmp_path / "merged"),
        ("export", run, "--out", tmp_path / "out.jsonl"),
        ("grade", run),
    ):
        outcome = here(capsys, *command)
        assert (outcome.code, words in said(outcome)) == (INCOMPLETE, True), command
    assert here(capsys, "status", run).code == INCOMPLETE
    with RunStore.open(run, "w"):
        assert here(capsys, "status", run).code == 0, "while somebody writes, more is to come"


def test_a_part_of_which_nothing_fell_here_is_known_of(tmp_path: Path, capsys) -> None:
    run = part(tmp_path / "run", UNITS)
    with RunStore.open(run, "w") as store:
        store.plan((), among=[unit(number, study="other") for number in range(3)])
    outcome = here(capsys, "merge", run, "--out", tmp_path / "merged")
    assert outcome.code == INCOMPLETE
    assert "of the 3 planned units of other on tiny@1, 3 are in no part that was merged" in outcome.out


def test_runs_that_are_looked_at_together_make_up_for_one_another(tmp_path: Path) -> None:
    folders = [
        part(tmp_path / "one", UNITS[:2]),
        part(tmp_path / "two", UNITS[2:4], done=1),
        part(tmp_path / "three", UNITS[3:]),
    ]
    stores = [RunStore.open(folder) for folder in folders]
    assert lacking(stores) == ()
    (found,) = lacking(stores[:2])
    assert (found.planned, found.pending, found.elsewhere) == (6, 1, 2)
    for store in stores:
        store.close()


def test_two_parts_of_different_plans_are_counted_once(tmp_path: Path) -> None:
    run = part(tmp_path / "run", UNITS[:1])
    part(run, UNITS[:1], among=UNITS[:4])
    with RunStore.open(run) as store:
        (found,) = lacking([store])
    assert (found.planned, found.elsewhere) == (6, 5)


def test_verdicts_carry_it() -> None:
    section = Section("a", "A", "", (Finding("x", "c", Verdict.SUPPORTED, "n = 3."),), caveats=("own",))
    assert marked([section], ()) == [section]
    (found,) = marked([section], ("one", "two"))
    assert found.caveats == ("From a part of what was planned: one; two.", "own")
    assert found.findings[0].detail == "n = 3. From a part of what was planned: one; two."


def test_ungraded_records_are_counted_without_a_look_at_pictures(tmp_path: Path) -> None:
    tells = [unit(number, "tell") for number in range(30)]

    def judge(one: Unit, kept: Record, open_blob) -> Grade | None:
        if one.kind == "tell":
            return None
        open_blob(kept.blobs["drawn"])
        return Grade(one.id, "eye", {})

    with RunStore.create(tmp_path / "run") as store:
        store.plan([*UNITS, *tells])
        store.record([*(record(one, picture=one.seed) for one in UNITS), *map(record, tells)])
        assert ungraded([store], STUDY, "eye", judge) == "eye graded 0 of 6 records of sample"
        store.grade([Grade(one.id, "eye", {}) for one in UNITS[:4]])
        assert ungraded([store], STUDY, "eye", judge) == "eye graded 4 of 6 records of sample"
        store.grade([Grade(one.id, "eye", {}) for one in UNITS[4:]])
        assert ungraded([store], STUDY, "eye", judge) == ""


@pytest.mark.slow
def test_a_study_of_which_nothing_falls_to_a_part_is_passed_over(tmp_path: Path, capsys, monkeypatch) -> None:
    """The others are run, whatever comes first; carried out alone it is refused."""
    from unispect.runner import ready

    passed = find_study("response")

    def shard(plan: Plan, number: int, count: int) -> Plan | None:
        return None if plan.units[0].study == passed.name else plan

    monkeypatch.setattr(ready, "shard", shard)
    run = tmp_path / "run"
    words = ["--model", "tiny-janus-pro", "--limit", "1", "--seeds", "0", "--preset", "controlled", "--shard", "1/2"]
    outcome = here(capsys, "run", "response", "encoding", *words, "--out", run)
    assert outcome.code == 0
    assert "falls to part 1 of 2: passed over" in outcome.out
    with RunStore.open(run) as store:
        assert {count.study for count in store.counts()} == {"encoding"}
        found = {one.study: one for one in lacking([store])}
    assert found["response"].elsewhere == found["response"].planned > 0
    outcome = here(capsys, "run", "response", *words, "--out", tmp_path / "alone")
    assert outcome.code == 0
    outcome = here(capsys, "report", run, "--out", tmp_path / "page.html")
    assert outcome.code == INCOMPLETE
    page = (tmp_path / "page.html").read_text()
    assert "Incomplete: every verdict below rests on a part of what was planned." in page
    with RunStore.open(run) as store:
        assert store.sealed().root in page


def test_nothing_is_carried_out_of_an_empty_part(tmp_path: Path) -> None:
    from unispect.runner.running import execute_run

    order = SimpleNamespace(study=STUDY, model=SimpleNamespace(name="m"), shard=(1, 2))
    ready = SimpleNamespace(order=order, plan=None, whole=(), nothing="nothing falls here")
    with RunStore.create(tmp_path / "run") as store, pytest.raises(UsageError, match="sample on m: nothing falls here"):
        execute_run(ready, store, None)  # type: ignore[arg-type]
