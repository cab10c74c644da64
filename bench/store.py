"""How many records a second the run store keeps, and how fast it gives them back.

    python bench/store.py [--records 4000] [--folder FOLDER]

Every number includes waiting for the disk: a batch counts when it would survive a power failure. The folder decides
which disk is measured; a memory file system would flatter. The first row is the disk alone, with one waiting writer:
every picture waits like that, up to eight of a batch at a time.
"""

import argparse
import struct
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unispect.core.units import Record, Unit
from unispect.runs import RunStore, durable
from unispect.runs.check import check
from unispect.runs.export import export

GOAL = 2000
TEXT = "a small red circle with stripes on a blue ground, " * 8
LAYERS = [round(0.1 * layer, 3) for layer in range(48)]


def units(count: int) -> list[Unit]:
    return [
        Unit("bench", 1, "draw", "tiny@1", {"number": number, "prompt": TEXT}, {"w": 5.0}) for number in range(count)
    ]


def records(planned: list[Unit], side: int) -> list[Record]:
    """400 characters of text and 48 numbers each; with a picture of `side` pixels of noise unless that is 0."""
    draw = np.random.default_rng(0)
    return [
        Record(one.id, {"text": TEXT, "entropy": LAYERS}, pictures={"drawn": png(draw, side)} if side else {})
        for one in planned
    ]


def png(draw: np.random.Generator, side: int) -> bytes:
    rows = draw.integers(0, 256, (side, 1 + 3 * side), dtype=np.uint8)
    rows[:, 0] = 0
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def row(what: str, count: int, seconds: float) -> None:
    print(f"{what:<44} {count:>7} {seconds:>9.3f} {count / seconds:>12,.0f}")


def write(folder: Path, count: int, batch: int, side: int) -> None:
    planned = units(count)
    made = records(planned, side)
    with RunStore.create(folder) as store:
        store.plan(planned)
        seconds = timed(lambda: [store.record(made[start : start + batch]) for start in range(0, count, batch)])
    what = f"record, batches of {batch}" + (f", {side}x{side} pictures" if side else "")
    row(what, count, seconds)


def disk(folder: Path, count: int) -> None:
    def sync_all() -> None:
        for number in range(count):
            durable.write(folder / f"{number}.bin", bytes(4096))

    row("disk alone: 4 KiB files, each synced", count, timed(sync_all))


def read(folder: Path, count: int) -> None:
    planned = units(count)
    with RunStore.create(folder / "plan") as store:
        row("plan", count, timed(lambda: store.plan(planned)))
        row("plan again (all known)", count, timed(lambda: store.plan(planned)))
        store.record(records(planned, 0)[: count // 2])
        row("pending", count, timed(lambda: store.pending(planned)))
        store.record(records(planned, 0))
        row("entries", count, timed(lambda: list(store.entries())))
        row("export, JSON lines", count, timed(lambda: export(store, folder / "out.jsonl")))
        row("export, parquet", count, timed(lambda: export(store, folder / "out.parquet")))
    row("open and verify", count, timed(lambda: RunStore.open(folder / "plan").close()))
    row("check everything", count, timed(lambda: check(folder / "plan")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=4000)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    print(f"{'what':<44} {'records':>7} {'seconds':>9} {'per second':>12}    (goal for records: {GOAL:,})")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        disk(folder, 300)
        for side in (0, 64, 384):
            for batch in (1, 16, 64):
                count = min(options.records, {0: 100_000, 64: 2000, 384: 256}[side])
                write(folder / f"{side}-{batch}", count if batch > 1 else count // 4, batch, side)
        read(folder, options.records)


if __name__ == "__main__":
    main()
