"""What lies in a run folder leads no command out of it, and nothing in it is waited for."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError
from unispect.core.units import Grade
from unispect.runs import RunStore, blob_path, durable
from unispect.runs.check import check
from unispect.runs.geneval import export_geneval
from unispect.runs.lock import writer_of
from unispect.runs.merge import merge
from unispect.runs.repair import repair
from unispect.runs.status import status

UNITS = [unit(number) for number in range(3)]
THESIS = b"my thesis"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS)
        store.record([record(one, picture=one.seed) for one in UNITS[:2]])
        store.grade([Grade(UNITS[0].id, "rules", {})])
    return tmp_path / "run"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody's own files beside the run."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "thesis").write_bytes(THESIS)
    (folder / ".notes.tmp").write_bytes(THESIS)
    return folder


def untouched(outside: Path) -> bool:
    return {path.name: path.read_bytes() for path in outside.iterdir()} == {"thesis": THESIS, ".notes.tmp": THESIS}


def put(path: Path, kind: str, outside: Path) -> None:
    """Something else in the place of a file."""
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(outside / "thesis")
    elif kind == "hard link":
        path.hardlink_to(outside / "thesis")
    elif kind == "dangling link":
        path.symlink_to(outside / "new")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


ODD = ("link", "hard link", "dangling link", "pipe", "device", "folder")
FILES = ("run.lock", "run.sqlite", "run.json", "run.sqlite-wal", "run.sqlite-shm", "run.sqlite-journal")


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_something_else_is_named_and_followed_nowhere(
    run: Path, outside: Path, tmp_path: Path, capsys, name: str, kind: str
) -> None:
    put(run / name, kind, outside)
    for command in (("grade", run), ("merge", run, "--out", tmp_path / "merged"), ("review", run, "--edited", "x")):
        here(capsys, *command)
    for command in (("status", run), ("export", run, "--out", tmp_path / "out.jsonl"), ("check", "run", run)):
        assert "internal error" not in here(capsys, *command).err
    outcome = here(capsys, "grade", run)
    harmless = name == "run.json" and kind == "hard link"  # read as what it is, and replaced under its own name
    assert outcome.code == 1
    assert harmless or name in outcome.err
    assert untouched(outside)


@pytest.mark.parametrize("kind", ODD)
def test_a_picture_that_is_something_else_is_damaged_and_replaced_under_its_own_name(
    run: Path, outside: Path, kind: str
) -> None:
    with RunStore.open(run) as store:
        entry = store.get(UNITS[0].id)
    assert entry is not None
    path = run / blob_path(entry.record.blobs["drawn"])
    put(path, kind, outside)
    assert [problem.unit for problem in check(run)] == [UNITS[0].id]
    assert status(run).damage
    with pytest.raises(StoreError, match="is damaged"):
        RunStore.open(run)
    if kind == "folder":
        return
    repair(run)
    with RunStore.open(run, "w") as store:
        store.record([record(UNITS[0], picture=0)])
    assert check(run) == ()
    assert not path.is_symlink()
    assert untouched(outside)


def test_pictures_in_a_linked_folder_are_neither_read_nor_written(run: Path, outside: Path, tmp_path: Path) -> None:
    shutil.move(run / "blobs", tmp_path / "elsewhere")
    (run / "blobs").symlink_to(outside)
    for attempt in (
        lambda: RunStore.open(run),
        lambda: RunStore.open(run, "w", verify=False),
        lambda: RunStore.create(run),
        lambda: merge([run], tmp_path / "merged"),
    ):
        with pytest.raises(StoreError, match=r"blobs is a link"):
            attempt()
    assert "blobs is a link" in status(run).damage
    assert untouched(outside)


@pytest.mark.parametrize("name", ["../../outside/thesis", "../outside/thesis", "A" * 64, "0" * 63, "", "0" * 64 + "\n"])
def test_a_picture_s_name_is_its_hash_and_nothing_else(run: Path, outside: Path, name: str) -> None:
    connection = sqlite3.connect(run / "run.sqlite", isolation_level=None)
    connection.execute("UPDATE pictures SET sha256 = ? WHERE unit = ?", (name, UNITS[0].id))
    connection.execute("UPDATE digests SET digest = NULL")
    connection.close()
    with pytest.raises(StoreError):
        blob_path(name)
    with pytest.raises(StoreError, match="is no SHA-256"):
        RunStore.open(run)
    assert {problem.unit for problem in repair(run)} == {UNITS[0].id}
    assert check(run) == ()
    assert untouched(outside)


def test_a_lock_that_holds_something_else_stays_as_it_is(run: Path) -> None:
    (run / "run.lock").write_bytes(THESIS)
    with pytest.raises(StoreError, match=r"run\.lock holds something else"):
        RunStore.open(run, "w")
    assert (run / "run.lock").read_bytes() == THESIS


def test_a_process_number_that_no_process_has_is_gone(run: Path) -> None:
    import socket

    (run / "run.lock").write_text(f"process {10**30} on {socket.gethostname()}: unispect run")
    assert writer_of(run)[0] == "gone"


def test_what_is_written_in_one_step_follows_no_link_that_lies_in_its_way(outside: Path, tmp_path: Path) -> None:
    (tmp_path / f".page.{os.getpid()}{durable.TEMPORARY}").symlink_to(outside / "thesis")
    durable.write(tmp_path / "page", b"new")
    assert (tmp_path / "page").read_bytes() == b"new"
    (tmp_path / "link").symlink_to(outside / "thesis")
    durable.write(tmp_path / "link", b"new")
    assert untouched(outside)


def test_leftovers_are_removed_and_folders_of_such_a_name_stay(outside: Path, tmp_path: Path) -> None:
    (tmp_path / ".a.tmp").symlink_to(outside / "thesis")
    (tmp_path / ".b.tmp").mkdir()
    durable.remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.glob(".*.tmp")) == [".b.tmp"]
    assert untouched(outside)


@pytest.mark.parametrize(
    "what", ["TRIGGER t AFTER INSERT ON grades BEGIN DELETE FROM records; END", "VIEW v AS SELECT 1"]
)
def test_a_database_that_would_act_by_itself_is_refused(run: Path, what: str) -> None:
    connection = sqlite3.connect(run / "run.sqlite", isolation_level=None)
    connection.execute(f"CREATE {what}")
    connection.close()
    for mode in ("r", "w"):
        with pytest.raises(StoreError, match="which no run has"):
            RunStore.open(run, mode)


@pytest.mark.parametrize("index", ["../../x", -1, True, 1.5, None, 10**399, ["x"], {"a": 1}])
def test_an_index_of_geneval_is_a_whole_number(tmp_path: Path, outside: Path, index: object) -> None:
    prompt = {"text": "a cat", "geneval": {"index": index, "metadata": {}}}
    one = unit(0, inputs={"prompt": prompt})
    with RunStore.create(tmp_path / "run") as store:
        store.plan([one])
        store.record([record(one, picture=0)])
        with pytest.raises(StoreError, match=f"unit {one.id} of sample.*not a whole number"):
            export_geneval(store, tmp_path / "out" / "pictures")
    assert not (tmp_path / "out").exists()
    assert untouched(outside)


def test_a_model_s_name_is_a_folder_of_its_own(tmp_path: Path) -> None:
    names = ("..", ".", "../../x", "a/b@1")
    prompt = {"text": "a cat", "geneval": {"index": 0, "metadata": {}}}
    with RunStore.create(tmp_path / "run") as store:
        units = [unit(0, model=name, inputs={"prompt": prompt}) for name in (*names, "b@1")]
        store.plan(units)
        store.record([record(one, picture=0) for one in units])
        with pytest.raises(StoreError):  # two names that become one
            export_geneval(store, tmp_path / "deep" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) in (["run"], ["deep", "run"])
