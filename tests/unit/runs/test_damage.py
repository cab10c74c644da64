"""Damage of every part of a run folder is reported by that part's name, and what can be made again can be repaired."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.helpers.samples import png, record, unit
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Grade
from unispect.runs import Invocation, RunStore, blob_path
from unispect.runs.check import check
from unispect.runs.repair import repair

UNITS = [unit(number) for number in range(200)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """200 units, 100 of them done, the first 50 with pictures of their own, 50 sharing one."""
    with RunStore.create(tmp_path / "run") as store:
        store.add_invocation(Invocation(("unispect", "run")))
        store.plan(UNITS)
        store.record([record(one, picture=min(one.seed, 50)) for one in UNITS[:100]])
        store.grade([Grade(UNITS[3].id, "j", {})])
    assert check(tmp_path / "run") == ()
    return tmp_path / "run"


def sha(run: Path, number: int) -> str:
    with RunStore.open(run, verify=False) as store:
        entry = store.get(UNITS[number].id)
        assert entry is not None
        return entry.record.blobs["drawn"]


def refused(run: Path) -> str:
    """What readers, writers and the command that continues are told; all the same."""
    messages = set()
    for attempt in (lambda: RunStore.open(run), lambda: RunStore.open(run, "w"), lambda: RunStore.create(run)):
        with pytest.raises(StoreError) as caught:
            attempt()
        messages.add(str(caught.value))
    (message,) = messages
    return message


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_database_is_named(run, share):
    path = run / "run.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "run.sqlite" in refused(run)
    assert [problem.part for problem in check(run)][:1] == ["run.sqlite"]
    assert path.read_bytes() == whole[: int(len(whole) * share)], "nothing was made anew over the remains"


def test_overwritten_pages_are_named(run):
    path = run / "run.sqlite"
    data = bytearray(path.read_bytes())
    for page in range(3, len(data) // 4096, 2):
        data[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(data)
    assert "run.sqlite" in refused(run)
    assert "run.sqlite" in {problem.part for problem in check(run)}


def test_a_foreign_database_is_named(run):
    (run / "run.sqlite").unlink()
    sqlite3.connect(run / "run.sqlite").execute("CREATE TABLE units (x)").connection.close()
    assert "not the database of a run" in refused(run)


@pytest.mark.parametrize("name", ["run.sqlite", "run.json"])
def test_a_missing_part_is_named_and_not_made_anew(run, name):
    (run / name).unlink()
    assert f"{name} is missing" in refused(run)
    assert [problem.part for problem in check(run)] == [name]
    assert not (run / name).exists()


def test_pictures_without_their_run_are_not_taken_over(run):
    for name in ("run.sqlite", "run.json"):
        (run / name).unlink()
    with pytest.raises(StoreError, match="holds the pictures of a run"):
        RunStore.create(run)
    with pytest.raises(UsageError):
        RunStore.open(run)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "run.json"),
        ("{", "run.json"),
        ("[]", "run.json"),
        ('{"format": 1}', "created"),
        ('{"format": 99}', "newer"),
    ],
)
def test_a_damaged_manifest_is_named(run, text, place):
    (run / "run.json").write_text(text)
    assert place in refused(run)
    assert [problem.part for problem in check(run)] == ["run.json"]


def test_a_newer_format_is_not_touched(run):
    connection = sqlite3.connect(run / "run.sqlite")
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    assert "newer unispect" in refused(run)


def test_a_missing_picture_is_named_with_its_unit(run):
    lost = blob_path(sha(run, 7))
    (run / lost).unlink()
    message = refused(run)
    assert f"{lost} is missing (needed by unit {UNITS[7].id})" in message
    (problem,) = check(run)
    assert (problem.part, problem.what, problem.unit) == (lost, "is missing", UNITS[7].id)
    with RunStore.open(run, verify=False) as store:
        assert len(list(store.entries())) == 100
        with pytest.raises(StoreError, match=f"{lost} is missing"):
            store.open_blob(sha(run, 7))


def test_many_missing_pictures_are_counted(run):
    for path in (run / "blobs").iterdir():
        path.unlink()
    assert "and 97 more" in refused(run)
    assert [problem.unit for problem in check(run)] == [one.id for one in UNITS[:100]]


def test_a_shortened_picture_is_named(run):
    short = blob_path(sha(run, 7))
    (run / short).write_bytes((run / short).read_bytes()[:-1])
    assert f"{short} was altered: " in refused(run)


def test_an_altered_picture_of_the_same_length_is_named_when_read(run):
    altered = blob_path(sha(run, 7))
    (run / altered).write_bytes(png(199)[: len((run / altered).read_bytes())].ljust(len(png(7)), b"x"))
    (problem,) = check(run)
    assert (problem.part, problem.unit) == (altered, UNITS[7].id)
    with RunStore.open(run) as store:
        entry = store.get(UNITS[7].id)
        assert entry is not None
        with pytest.raises(StoreError, match=f"{altered} was altered"):
            entry.record.pictures["drawn"]


def test_repair_gives_up_only_the_records_concerned(run):
    lost_picture = blob_path(sha(run, 7))
    (run / lost_picture).unlink()
    shared = run / blob_path(sha(run, 60))
    shared.write_bytes(b"\0" * len(shared.read_bytes()))
    concerned = [UNITS[7], *UNITS[50:100]]
    assert [problem.unit for problem in repair(run)] == [one.id for one in concerned]
    assert check(run) == ()
    with RunStore.create(run) as store:
        assert store.pending(UNITS[:100]) == concerned
        (lost,) = store.history(UNITS[7].id)
        assert (lost.status, lost.error) == ("failed", f"{lost_picture} is missing")
        store.record([record(one, picture=min(one.seed, 50)) for one in concerned])
    assert check(run) == ()
    with RunStore.open(run) as store:
        assert [entry.record.pictures["drawn"] for entry in store.entries()] == [png(min(n, 50)) for n in range(100)]


def test_repair_refuses_what_it_cannot_bring_back(run):
    (run / "run.json").unlink()
    with pytest.raises(StoreError, match=r"cannot be repaired.*run\.json"):
        repair(run)


def test_storing_a_picture_again_heals_it(run):
    altered = run / blob_path(sha(run, 7))
    altered.write_bytes(b"\0" * len(png(7)))
    with RunStore.open(run, "w") as store:
        store.record([record(UNITS[100], picture=7)])
    assert check(run) == ()


def test_half_written_files_are_cleared_by_the_next_writer_only(run):
    leftovers = [run / "blobs" / f".{'0' * 64}.png.99.tmp", run / ".run.json.99.tmp", run / ".run.sqlite.tmp-wal"]
    for leftover in leftovers:
        leftover.write_bytes(png(1)[:20])
    assert check(run) == ()
    RunStore.open(run).close()
    assert all(leftover.exists() for leftover in leftovers)
    RunStore.open(run, "w").close()
    assert not any(leftover.exists() for leftover in leftovers[:2])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE units SET seed = 99 WHERE position = 5",
        "UPDATE units SET inputs = '{\"number\":' WHERE position = 5",
        "UPDATE records SET payload = '{' WHERE unit = (SELECT id FROM units WHERE position = 5)",
    ],
)
def test_an_altered_row_is_named_by_its_unit(run, change):
    connection = sqlite3.connect(run / "run.sqlite", isolation_level=None)
    connection.execute(change)
    connection.close()
    with RunStore.open(run) as store, pytest.raises(StoreError, match=f"unit {UNITS[4].id} was altered"):
        list(store.entries())
    (problem,) = check(run)
    assert UNITS[4].id in problem.what


def test_a_record_without_its_unit_is_reported(run):
    connection = sqlite3.connect(run / "run.sqlite", isolation_level=None)
    connection.execute("DELETE FROM units WHERE position = 5")
    connection.close()
    assert "missing row of units" in refused(run)


def test_an_interrupted_making_is_completed(tmp_path):
    RunStore.create(tmp_path).close()
    (tmp_path / "run.json").unlink()  # the last step had not happened
    (tmp_path / ".run.sqlite.tmp").write_bytes(b"half")
    with RunStore.create(tmp_path) as store:
        assert store.plan(UNITS) == 200
    assert json.loads((tmp_path / "run.json").read_text())["format"] == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".run.sqlite.tmp").write_bytes(b"half")
    RunStore.create(tmp_path / "other").close()
    assert not (tmp_path / "other" / ".run.sqlite.tmp").exists()
