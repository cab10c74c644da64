"""What benchmarks were published with, held to what lies here: counts, in words, and the SHA-256 of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from unispect.core.outside import regular_bytes
from unispect.data.items import Caution, SourceFile


class Published(NamedTuple):
    """How many prompts and checklist questions a benchmark was published with; 0 questions where none are counted."""

    name: str
    prompts: int
    questions: int = 0

    def cautions(self, prompts: int, questions: int = 0) -> Iterator[Caution]:
        """Says where counts differ: a part of a benchmark may be what somebody wants, its score is another one."""
        pairs = ((prompts, self.prompts, "prompts"), (questions, self.questions, "checklist questions"))
        off = [f"{found:,} {what} of {published:,} published" for found, published, what in pairs if found != published]
        if off:
            yield Caution(f"{self.name}: {' and '.join(off)}; scores are of these, not of the whole benchmark")


def file_of(path: Path, name: str = "") -> SourceFile:
    """A file by its name and digest.

    Raises:
        OutsideError: it cannot be read.
    """
    return SourceFile(name or path.name, hashlib.sha256(regular_bytes(path)).hexdigest())


def files_as_one(name: str, paths: Iterable[Path]) -> SourceFile:
    """Very many small files as one: the digest of their names and digests, a line each, sorted.

    Raises:
        OutsideError: one cannot be read.
    """
    lines = sorted(f"{one.sha256}  {one.name}\n" for one in map(file_of, paths))
    return SourceFile(f"{name} ({len(lines):,} files)", hashlib.sha256("".join(lines).encode()).hexdigest())
