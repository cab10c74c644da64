"""A revision rests on the files that were read, all of them and no other; a digest is never a stale one."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from unispect.models import digests
from unispect.models import ledger as ledgers
from unispect.models.digests import sha256_of
from unispect.models.ledger import FileLedger

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def read(folder: Path, *names: str) -> FileLedger:
    ledger = FileLedger(folder)
    for name in names:
        ledger.read(folder / name)
    return ledger


def snapshot(home: Path, **contents: bytes) -> Path:
    """A snapshot as the hub's cache keeps it: weights under their SHA-256, other files under git's name."""
    place = home / "snapshots" / COMMIT
    for path in (place, home / "blobs"):
        path.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        blob = hashlib.sha256(content).hexdigest() if name == "weights" else git
        (home / "blobs" / blob).write_bytes(content)
        (place / name).symlink_to(f"../../blobs/{blob}")
    return place


def test_what_was_read_counts_and_nothing_else(tmp_path: Path):
    for name in ("weights", "config", "notes"):
        (tmp_path / name).write_text(name)
    before = read(tmp_path, "weights", "config").revision()
    (tmp_path / "notes").write_text("other")
    assert read(tmp_path, "weights", "config").revision() == before
    assert read(tmp_path, "config", "weights").revision() == before
    assert read(tmp_path, "config", "weights", "notes").revision() != before
    (tmp_path / "config").write_text("other")
    assert read(tmp_path, "weights", "config").revision() != before


def test_where_files_lie_does_not_count(tmp_path: Path):
    for place in ("a/vae", "b/vae", "b/model"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config").write_text(place[2:])
    inside, beside = FileLedger(tmp_path / "a"), FileLedger(tmp_path / "b" / "model")
    inside.read(tmp_path / "a" / "vae" / "config")
    beside.read(tmp_path / "b" / "vae" / "config")
    assert inside.revision() == beside.revision()
    assert list(inside.digests()) == list(beside.digests()) == ["vae/config"]


def test_an_unchanged_snapshot_goes_by_its_commit(tmp_path: Path):
    place = snapshot(tmp_path / "models--o--n", weights=b"w", config=b"c")
    assert read(place, "weights", "config").revision() == COMMIT
    (tmp_path / "link").symlink_to(place)
    assert read(tmp_path / "link", "weights", "config").revision() == COMMIT
    (place / "note").write_text("mine")
    assert read(place, "weights", "config").revision() == COMMIT
    assert read(place, "weights", "note").revision().startswith(f"{COMMIT}+sha256:")


def test_no_file_is_hashed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hashed: list[Path] = []
    monkeypatch.setattr(ledgers, "sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    (tmp_path / "weights").write_text("w")
    ledger = read(tmp_path, "weights")
    ledger.revision()
    ledger.digests()
    ledger.revision()
    assert hashed == [tmp_path / "weights"]


@pytest.mark.parametrize("name", ["weights", "config"])
@pytest.mark.parametrize("through", [False, True])
def test_what_was_changed_in_a_snapshot_is_noticed(tmp_path: Path, name: str, through: bool):
    """Replaced as a file of its own, and written through the link into the cache, in the same number of bytes."""
    place = snapshot(tmp_path / "models--o--n", weights=b"w", config=b"c")
    if not through:
        (place / name).unlink()
    (place / name).write_bytes(b"x")
    rest = "config" if name == "weights" else "weights"
    assert read(place, name).revision().startswith("sha256:")
    assert read(place, name, rest).revision().startswith(f"{COMMIT}+sha256:")


def test_a_snapshot_without_links_goes_by_its_content(tmp_path: Path):
    place = tmp_path / "snapshots" / COMMIT
    place.mkdir(parents=True)
    (place / "weights").write_text("w")
    before = read(place, "weights").revision()
    (place / "weights").write_text("x")
    assert before.startswith("sha256:")
    assert read(place, "weights").revision() != before


def test_a_named_file_of_a_snapshot_goes_by_its_content(tmp_path: Path):
    place = snapshot(tmp_path / "models--o--n", weights=b"w")
    ledger = FileLedger(place, chosen=True)
    ledger.read(place / "weights")
    assert ledger.revision().startswith("sha256:")


@pytest.fixture
def remembering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file counts as big and as long settled; the list says which were read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "REMEMBERED", 0)
    monkeypatch.setattr(digests, "SETTLED", -60.0)
    hashed: list[Path] = []
    original = digests._sha256

    def watched(path: Path) -> str:
        hashed.append(path)
        return original(path)

    monkeypatch.setattr(digests, "_sha256", watched)
    return hashed


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path, remembering: list[Path]):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    assert sha256_of(path) == sha256_of(path) == hashlib.sha256(b"old").hexdigest()
    assert len(remembering) == 1
    seen = path.stat()
    path.write_bytes(b"new")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert sha256_of(path) == hashlib.sha256(b"new").hexdigest()
    assert len(remembering) == 2


def test_a_file_that_has_just_changed_is_not_remembered(
    tmp_path: Path, remembering: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(digests, "SETTLED", 10.0)
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    sha256_of(path)
    sha256_of(path)
    assert len(remembering) == 2
    assert not (tmp_path / "cache").exists()


def test_a_memory_that_is_damaged_or_cannot_be_written_changes_nothing(tmp_path: Path, remembering: list[Path]):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    sha256_of(path)
    (note,) = (tmp_path / "cache" / "unispect" / "digests").iterdir()
    content = json.loads(note.read_text())
    odd = [json.dumps(content | {"sha256": value}) for value in ("", "x" * 64, 3, None, ["a"])]
    for damage in ("", "[]", "{", '{"seen": 1}', "[" * 500, *odd):
        note.write_text(damage)
        assert sha256_of(path) == hashlib.sha256(b"old").hexdigest()
