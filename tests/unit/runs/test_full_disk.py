"""A full disk stops a run with one clear error; nothing kept is lost, and the run goes on once there is room."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import samples
from tests.helpers.commands import can_mount
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError
from unispect.runs import Invocation, RunStore
from unispect.runs.check import check

CHILD = """
import hashlib, json, os, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.helpers.samples import png, record, unit
from unispect.core.errors import StoreError
from unispect.runs import RunStore

folder, payload, picture, limit = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
ballast = folder / "ballast"
ballast.write_bytes(b"x" * 200_000)
units = [unit(number) for number in range(100)]
made = [
    record(
        one,
        payload={"text": "x" * payload, "number": one.seed},
        pictures={"drawn": png(one.seed) + hashlib.shake_256(b"%d" % one.seed).digest(picture)},
    )
    for one in units
]
with RunStore.create(folder / "run") as store:
    store.plan(units)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    kept = 0
    try:
        for start in range(0, 100, 5):
            store.record(made[start : start + 5])
            kept = start + 5
        message = ""
    except StoreError as error:
        message = str(error)
    seen = [entry.unit.seed for entry in store.entries()]
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ballast.unlink()
    if len(sys.argv) < 7:
        store.record([one for one in made if one.unit in {p.id for p in store.pending()}])
print(json.dumps({"kept": kept, "message": message, "seen": seen}))
"""


def fill(folder: Path, *, payload: int, picture: int, limit: int = 0, within: tuple[str, ...] = ()) -> dict:
    tests = str(Path(samples.__file__).parents[2])
    command = [sys.executable, "-c", CHILD, tests, str(folder), str(payload), str(picture), str(limit)]
    if within:
        command = [
            *within,
            "sh",
            "-c",
            'mount -t tmpfs -o size=1m none "$0" && exec "$@"',
            str(folder),
            *command,
            "stop",
        ]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("payload", "picture", "limit", "part", "some"),
    [(20_000, 10, 400_000, "run.sqlite", True), (10, 60_000, 50_000, "blobs", False)],
    ids=["database", "picture"],
)
def test_files_that_may_not_grow(tmp_path, payload, picture, limit, part, some):
    told = fill(tmp_path, payload=payload, picture=picture, limit=limit)
    assert part in told["message"]
    assert "nothing recorded so far is lost" in told["message"]
    assert told["kept"] < 100
    assert (told["kept"] > 0) == some
    assert told["seen"] == list(range(told["kept"]))
    assert check(tmp_path / "run") == ()
    assert not list(tmp_path.rglob("*.tmp"))
    with RunStore.open(tmp_path / "run") as store:
        assert [entry.record.payload["number"] for entry in store.entries()] == list(range(100))


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace for a small disk")
@pytest.mark.parametrize(("payload", "picture"), [(20_000, 10), (10, 20_000)], ids=["database", "picture"])
def test_a_disk_without_room(tmp_path, payload, picture):
    told = fill(tmp_path, payload=payload, picture=picture, within=("unshare", "-rm"))
    assert "full" in told["message"] or os.strerror(errno.ENOSPC) in told["message"]
    assert 0 < told["kept"] < 100
    assert told["seen"] == list(range(told["kept"]))


def test_a_database_that_may_not_grow_in_this_process(tmp_path):
    units = [unit(number, inputs={"text": "x" * 2000, "number": number}) for number in range(50)]
    with RunStore.create(tmp_path) as store:
        store.plan(units[:10])
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StoreError, match=r"run\.sqlite .*full"):
            store.plan(units)
        assert store.pending() == units[:10]
        store._connection.execute("PRAGMA max_page_count = 100000")
        store.plan(units)
        store.record([record(one) for one in units])
        assert store.pending() == []


def test_no_room_for_the_manifest_keeps_the_old_one(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with RunStore.create(tmp_path) as store:
        before = (tmp_path / "run.json").read_bytes()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"run\.json cannot be written: No space left"):
            store.add_invocation(Invocation(("x",)))
    assert (tmp_path / "run.json").read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))
