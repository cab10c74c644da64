"""Records and grades that are not what was written are named wherever they are read; one root stands for all."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError
from unispect.core.units import Grade, Made
from unispect.runs import RunStore, database, schema
from unispect.runs.check import check
from unispect.runs.export import export
from unispect.runs.merge import merge
from unispect.runs.repair import repair
from unispect.runs.status import status

UNITS = [unit(number) for number in range(6)]
LAST = UNITS[5]
"""Planned and never run."""


def write(folder: Path, *, batch: int = 2, judges: tuple[str, ...] = ("rules",), graded: bool = True) -> Path:
    """Five of six units, in batches of some size, graded."""
    with RunStore.create(folder) as store:
        store.plan(UNITS)
        for start in range(0, 5, batch):
            own = UNITS[start : min(5, start + batch)]
            store.record(
                [
                    replace(record(one, picture=one.seed), made=Made(f"batch {start}", len(own), "cpu", "float32"))
                    for one in own
                ]
            )
        if graded:
            store.grade([Grade(one.id, judge, {"right": True}) for one in UNITS[:5] for judge in judges])
    return folder


def sql(run: Path, *statements: str) -> None:
    connection = sqlite3.connect(run / "run.sqlite", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def root(run: Path) -> str:
    with RunStore.open(run) as store:
        return store.sealed().root


OF_3 = f"unit = '{UNITS[3].id}'"
EDITS = {
    "payload": f'UPDATE records SET payload = \'{{"text":"another"}}\' WHERE {OF_3}',
    "a digit": f"UPDATE records SET payload = replace(payload, '3', '4') WHERE {OF_3}",
    "status": f"UPDATE records SET status = 'skipped' WHERE {OF_3}",
    "error": f"UPDATE records SET error = 'x' WHERE {OF_3}",
    "seconds": f"UPDATE records SET seconds = 1.5 WHERE {OF_3}",
    "precision": f"UPDATE made SET dtype = 'bfloat16' WHERE {OF_3}",
    "size of the batch": f"UPDATE made SET size = 7 WHERE {OF_3}",
    "how it was made": f"DELETE FROM made WHERE {OF_3}",
    "picture taken away": f"DELETE FROM pictures WHERE {OF_3}",
    "picture of another unit": f"UPDATE pictures SET sha256 = (SELECT max(sha256) FROM pictures WHERE NOT {OF_3}) "
    f"WHERE {OF_3}",
    "name of a picture": f"UPDATE pictures SET name = 'other' WHERE {OF_3}",
    "grade": f"UPDATE grades SET payload = '{{\"right\":false}}' WHERE {OF_3}",
    "judge": f"UPDATE grades SET judge = 'eye' WHERE {OF_3}",
    "grade taken away": f"DELETE FROM grades WHERE {OF_3}",
    "record taken away": f"DELETE FROM records WHERE {OF_3}",
    "record with all it had": "; ".join(
        f"DELETE FROM {t} WHERE {OF_3}" for t in ("grades", "pictures", "made", "records")
    ),
    "grade put in": f"INSERT INTO grades VALUES ('{UNITS[3].id}', 'eye', '{{}}')",
    "digest taken away": f"DELETE FROM digests WHERE judge = '' AND position = (SELECT position FROM units WHERE id = "
    f"'{UNITS[3].id}')",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_was_edited_is_named_by_study_and_unit_wherever_it_is_read(tmp_path: Path, capsys, edit: str) -> None:
    run = write(tmp_path / "run")
    sql(run, *edit.split("; "))
    named = f"sample draw unit {UNITS[3].id}"
    assert any(named in str(problem) for problem in check(run))
    assert named in status(run).damage
    for command in (
        ("status", run),
        ("export", run, "--out", tmp_path / "out.jsonl"),
        ("export", run, "--out", tmp_path / "out.parquet"),
        ("merge", run, "--out", tmp_path / "merged"),
        ("report", run, "--out", tmp_path / "page.html"),
        ("check", "run", run),
    ):
        outcome = here(capsys, *command)
        assert outcome.code == 1, command
        assert named in outcome.out + outcome.err, command


UNIT_EDITS = {
    "inputs": f"UPDATE units SET inputs = replace(inputs, '3', '4') WHERE id = '{UNITS[3].id}'",
    "seed": f"UPDATE units SET seed = 99 WHERE id = '{UNITS[3].id}'",
    "model": f"UPDATE units SET model = 'another' WHERE id = '{UNITS[3].id}'",
    "settings": "UPDATE settings SET json = '{\"another\":1}'",
}


@pytest.mark.parametrize("edit", UNIT_EDITS.values(), ids=UNIT_EDITS)
def test_no_root_is_given_to_a_run_whose_units_were_edited(tmp_path: Path, capsys, edit: str) -> None:
    run = write(tmp_path / "run")
    sql(run, edit)
    found = status(run)
    assert f"unit {UNITS[3].id} was altered: its content has another id" in " ".join(map(str, check(run)))
    assert "was altered: its content has another id" in found.damage
    assert found.sealed is None
    assert here(capsys, "status", run).code == here(capsys, "check", "run", run).code == 1


def test_a_length_that_was_edited_is_found_by_what_repairs(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    sql(run, f"UPDATE pictures SET bytes = bytes + 1 WHERE {OF_3}")
    with pytest.raises(StoreError, match="was altered"):
        RunStore.open(run)
    assert {problem.unit for problem in repair(run)} == {UNITS[3].id}
    assert check(run) == ()


def test_a_record_that_was_put_in_is_named(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    sql(run, f"INSERT INTO records VALUES ('{LAST.id}', 'done', '{{}}', '', 0.0, 0)")
    assert f"unit {LAST.id} was added or altered" in status(run).damage
    sql(run, f"DELETE FROM records WHERE {OF_3}")  # as many as before
    assert {problem.unit for problem in check(run)} == {LAST.id, UNITS[3].id}


@pytest.mark.parametrize("change", [f"DELETE FROM units WHERE id = '{LAST.id}'", "DELETE FROM members"])
def test_a_plan_that_became_smaller_is_noticed(tmp_path: Path, change: str) -> None:
    run = tmp_path / "run"
    with RunStore.create(run) as store:
        store.plan([*UNITS[:2], LAST], among=UNITS)
        store.record([record(one) for one in UNITS[:2]])
    sql(run, change)
    with pytest.raises(StoreError, match=r"it holds \d rows of (units|members) instead of \d"):
        RunStore.open(run)


@pytest.mark.parametrize("edit", ["payload", "record taken away", "record with all it had", "picture taken away"])
def test_repair_gives_up_what_is_not_as_it_was_written(tmp_path: Path, edit: str) -> None:
    run = write(tmp_path / "run")
    whole = root(run)
    sql(run, *EDITS[edit].split("; "))
    assert {problem.unit for problem in repair(run)} == {UNITS[3].id}
    assert check(run) == ()
    with RunStore.open(run, "w") as store:
        assert store.pending(UNITS[:5]) == [UNITS[3]]
        store.record([replace(record(UNITS[3], picture=3), made=Made("batch 2", 2, "cpu", "float32"))])
        store.grade([Grade(UNITS[3].id, "rules", {"right": True})])
    assert root(run) == whole


def test_repair_gives_up_a_grade_alone(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    sql(run, EDITS["grade"])
    assert [(problem.unit, problem.judge) for problem in repair(run)] == [(UNITS[3].id, "rules")]
    with RunStore.open(run) as store:
        assert [entry.unit for entry in store.entries(ungraded_by="rules")] == [UNITS[3]]


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(6)), batch=st.integers(1, 6))
def test_the_root_is_that_of_the_records_in_whatever_order_and_batches_they_came(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], batch: int
) -> None:
    folder = tmp_path_factory.mktemp("root")
    mixed = [UNITS[number] for number in order]
    with RunStore.create(folder / "mixed") as store:
        store.plan(mixed)
        done = [one for one in mixed if one is not LAST]
        for start in range(0, 5, batch):
            own = done[start : start + batch]
            made = Made(f"{start}", len(own), "cpu", "float32")
            store.record([replace(record(one, picture=one.seed, seconds=start), made=made) for one in own])
        store.grade([Grade(one.id, "rules", {"right": True}) for one in done])
    assert root(folder / "mixed") == root(write(folder / "plain"))


def test_the_root_is_another_for_other_records_grades_and_plans(tmp_path: Path) -> None:
    def other(name: str, change: Callable[[RunStore], object]) -> str:
        run = write(tmp_path / name)
        with RunStore.open(run, "w") as store:
            change(store)
        return root(run)

    found = {
        root(write(tmp_path / "plain")),
        root(write(tmp_path / "ungraded", graded=False)),
        root(write(tmp_path / "judges", judges=("rules", "eye"))),
        other("planned", lambda store: store.plan([unit(9)])),
        other("recorded", lambda store: store.record([record(LAST)])),
        other("failed", lambda store: store.record([record(LAST, status="failed", payload={}, error="x")])),
    }
    assert len(found) == 6


def test_parts_have_the_root_of_the_run_that_was_never_cut_up(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole")
    for name, own in (("one", UNITS[:3]), ("two", UNITS[3:])):
        with RunStore.create(tmp_path / name) as store:
            store.plan(own)
            made = Made(name, len(own), "cpu", "float32")
            store.record([replace(record(one, picture=one.seed), made=made) for one in own if one is not LAST])
            store.grade([Grade(one.id, "rules", {"right": True}) for one in own if one is not LAST])
    merged = merge([tmp_path / "two", tmp_path / "one"], tmp_path / "merged")
    assert merged.root == root(whole) == root(merged.path)


def test_the_root_can_be_made_from_what_is_exported(tmp_path: Path) -> None:
    """As docs/runs.md says it is made, by nothing of ours."""
    from hashlib import sha256

    def of(value: object) -> str:
        return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    run = write(tmp_path / "run", judges=("rules", "eye"))
    with RunStore.open(run) as store:
        rows = map(json.loads, export(store, tmp_path / "out.jsonl").path.read_text().splitlines())
    lines = {LAST.id: f"{LAST.id} -\n"}
    for row in rows:
        pictures = {name: path.removeprefix("blobs/").removesuffix(".png") for name, path in row["pictures"].items()}
        keys = ("unit", "status", "payload", "error", "device", "dtype")
        marks = [of(["grade", row["unit"], judge, row["grades"][judge]]) for judge in sorted(row["grades"])]
        outcome = of(["record", *(row[key] for key in keys), pictures])
        lines[row["unit"]] = " ".join([row["unit"], outcome, *marks]) + "\n"
    assert sha256("".join(lines[unit] for unit in sorted(lines)).encode()).hexdigest() == root(run)


def older(run: Path) -> Path:
    """The folder as a release without digests left it."""
    sql(run, *(f"DROP TABLE {table}" for table in ("digests", "totals", "wholes")), "PRAGMA user_version = 1")
    content = json.loads((run / "run.json").read_text()) | {"format": 1}
    (run / "run.json").write_text(json.dumps(content))
    return run


def test_a_folder_of_an_older_release_is_read_and_continued(tmp_path: Path, capsys) -> None:
    newer = root(write(tmp_path / "newer"))
    run = older(write(tmp_path / "run"))
    before = (run / "run.sqlite").read_bytes()
    assert (status(run).damage, check(run), root(run)) == ("", (), newer)
    outcome = here(capsys, "status", run)
    assert "10 records and grades were written before digests" in outcome.out
    with RunStore.open(run) as store:
        assert len(list(store.entries())) == 5
    assert (run / "run.sqlite").read_bytes() == before
    with RunStore.open(run, "w") as store:  # a newer release goes on with it
        store.record([record(LAST)])
    found = status(run).sealed
    assert found is not None
    assert found.before == 10
    sql(run, f"UPDATE records SET payload = '{{}}' WHERE unit = '{LAST.id}'")
    assert LAST.id in status(run).damage
    sql(run, f"DELETE FROM records WHERE {OF_3}")  # what the older one wrote is missed as well
    assert {problem.unit for problem in check(run)} == {LAST.id, UNITS[3].id}


def test_an_older_release_leaves_a_continued_folder_alone(tmp_path: Path) -> None:
    run = older(write(tmp_path / "run"))
    RunStore.open(run, "w").close()
    connection = sqlite3.connect(run / "run.sqlite")
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    connection.close()
    assert version == schema.FORMAT > 1
    assert database.has_digests(database.connect(run, writing=False))


def test_old_and_new_folders_are_merged_and_say_what_has_no_digest(tmp_path: Path) -> None:
    old, new = older(write(tmp_path / "old")), write(tmp_path / "new")
    with RunStore.open(new, "w") as store:
        store.record([record(LAST)])
    for order in ([old, new], [new, old]):
        merged = merge(order, tmp_path / order[0].name.replace("d", "d-"))
        found = status(merged.path).sealed
        assert found is not None
        assert (found.root, found.before) == (root(new), 0)  # of equal records those with digests stand
    alone = status(merge([old], tmp_path / "alone").path).sealed
    assert alone is not None
    assert alone.before == 10


def test_a_unit_of_a_finished_plan_keeps_its_first_record(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    before = root(run)
    with RunStore.open(run, "w") as store:
        store.record([record(UNITS[0], payload={"text": "another"})])
        store.grade([Grade(UNITS[0].id, "rules", {"right": False})])
    assert root(run) == before


def test_a_failure_that_gives_way_leaves_no_digest_behind(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    with RunStore.open(run, "w") as store:
        store.record([record(LAST, status="failed", payload={}, error="x")])
        store.record([record(LAST)])
    assert check(run) == ()
