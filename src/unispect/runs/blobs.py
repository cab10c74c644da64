"""Pictures by content: `blobs/<sha256>.png`, each written once and checked whenever it is read."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unispect.core.errors import StoreError
from unispect.runs import durable, inside

FOLDER = "blobs"
PNG = b"\x89PNG\r\n\x1a\n"
_SHA256 = re.compile("[0-9a-f]{64}")
WRITERS = 8
"""Waiting for the disk is most of the work of a small picture, so a batch waits together."""


def is_name(sha256: object) -> bool:
    """It can be the SHA-256 of a picture."""
    return isinstance(sha256, str) and bool(_SHA256.fullmatch(sha256))


def blob_path(sha256: str) -> str:
    """Where a picture lies, relative to the run folder.

    Raises:
        StoreError: that is no SHA-256, so it could name any file.
    """
    if not is_name(sha256):
        raise StoreError(f"{sha256!r:.80} is not the SHA-256 of a picture: the record that names it was altered")
    return f"{FOLDER}/{sha256}.png"


class Blobs:
    """The pictures of one run folder."""

    def __init__(self, run: Path) -> None:
        self.folder = run

    def put(self, pictures: Sequence[bytes]) -> list[str]:
        """SHA-256 of every picture, all of them on the disk for good when it returns.

        Raises:
            StoreError: a picture cannot be written.
        """
        if not pictures:
            return []
        hashes = [hashlib.sha256(picture).hexdigest() for picture in pictures]
        distinct = dict(zip(hashes, pictures, strict=True))
        folder = self._own()
        try:
            with ThreadPoolExecutor(min(WRITERS, len(distinct))) as pool:
                list(pool.map(self._put_one, distinct.keys(), distinct.values()))
            durable.sync_folder(folder)
        except OSError as error:
            raise StoreError(
                f"cannot write a picture to {folder}: {error.strerror or error}; nothing recorded so far is lost: "
                "make room and run the same command again"
            ) from error
        return hashes

    def _put_one(self, sha256: str, picture: bytes) -> None:
        if self._load(sha256)[1]:
            durable.write(self.folder / blob_path(sha256), picture)

    def adopt(self, other: Blobs, sha256: str) -> None:
        """Takes a picture over from another run's folder: the same file where the disk allows it, else a checked copy.

        Its name is on the disk for good once the folder was synced.

        Raises:
            StoreError: it is damaged there, or cannot be written here.
        """
        data = other.read(sha256)
        self._own()
        source, path = other.folder / blob_path(sha256), self.folder / blob_path(sha256)
        try:
            path.unlink(missing_ok=True)  # a damaged one
            try:
                os.link(source, path)
            except OSError:  # another disk, or one without links
                durable.write(path, data)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror or error}; make room and repeat") from error

    def read(self, sha256: str) -> bytes:
        """The PNG bytes of a picture.

        Raises:
            StoreError: the file is missing, unreadable or not what was stored; names it.
        """
        data, damage = self._load(sha256)
        if damage:
            raise StoreError(f"{self.folder}: {blob_path(sha256)} {damage}")
        return data

    def damage(self, sha256: str) -> str:
        """What is wrong with a stored picture; empty when nothing is."""
        return self._load(sha256)[1]

    def _own(self) -> Path:
        """The folder of the pictures.

        Raises:
            StoreError: it is a link to another one, or no folder.
        """
        inside.require_folder(self.folder / FOLDER)
        return self.folder / FOLDER

    def _load(self, sha256: str) -> tuple[bytes, str]:
        try:
            data = inside.read(self._own() / blob_path(sha256).rpartition("/")[2])
        except FileNotFoundError:
            return b"", "is missing"
        except OSError as error:
            return b"", f"cannot be used: {error.strerror or error}"
        altered = hashlib.sha256(data).hexdigest() != sha256
        return data, "was altered: its content has another hash" if altered else ""

    def sizes(self) -> dict[str, int]:
        """SHA-256 -> bytes of every picture file in the folder.

        Raises:
            StoreError: the folder is a link to another one.
        """
        folder = self._own()
        if not folder.is_dir():
            return {}
        with os.scandir(folder) as found:
            looked = ((each.name, each.stat(follow_symlinks=False)) for each in found if each.name.endswith(".png"))
            return {name[:-4]: kind.st_size for name, kind in looked if stat.S_ISREG(kind.st_mode)}

    def remove_leftovers(self) -> None:
        """Deletes half-written files; for the writer of the run only.

        Raises:
            StoreError: the folder is a link to another one.
        """
        durable.remove_leftovers(self._own())


class StoredPictures(Mapping[str, bytes]):
    """name -> PNG bytes of one record, read and checked on access."""

    __slots__ = ("_blobs", "_hashes")

    def __init__(self, blobs: Blobs, hashes: Mapping[str, str]) -> None:
        self._blobs = blobs
        self._hashes = hashes

    def __getitem__(self, name: str) -> bytes:
        return self._blobs.read(self._hashes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)
