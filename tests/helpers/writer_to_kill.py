"""A program that fills a run folder, continues where it was killed, and can be told at which call into C to die.

    python -m tests.helpers.writer_to_kill FOLDER LOG UNITS FATE NUMBER

FATE "making" and "recording": dies at the NUMBERth call, counted from the start or from the first record. "waiting":
stops after NUMBER batches until somebody kills it. "living": nothing of the kind. A dot on standard output follows
every batch; LOG holds what was started and what was kept, as the program saw it.
"""

import itertools
import os
import signal
import sys
import threading

from tests.helpers.samples import record, unit
from unispect.core.units import Grade
from unispect.runs import Invocation, RunStore

BATCH = 5


def die_after(calls: int) -> None:
    """Kills this process at its `calls`-th call of a C function from now on, in whatever thread it happens."""
    count = itertools.count(1)

    def on_event(frame: object, event: str, argument: object) -> None:
        if event == "c_call" and next(count) >= calls:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(on_event)
    sys.setprofile(on_event)


def main(folder: str, log: str, units: int, fate: str, number: int) -> None:
    notes = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    planned = [unit(number) for number in range(units)]
    if fate == "making":
        die_after(number)
    with RunStore.create(folder) as store:
        store.add_invocation(Invocation(("writer",)))
        store.plan(planned)
        pending = store.pending(planned)
        if fate == "recording":
            die_after(number)
        for start in range(0, len(pending), BATCH):
            batch = pending[start : start + BATCH]
            os.write(notes, b"".join(b"start %s\n" % one.id.encode() for one in batch))
            store.record([record(one, picture=one.seed // 2) for one in batch])
            os.write(notes, b"".join(b"kept %s\n" % one.id.encode() for one in batch))
            store.grade([Grade(one.id, "even", {"even": one.seed % 2 == 0}) for one in batch])
            os.write(1, b".")
            if fate == "waiting" and start // BATCH + 1 == number:
                sys.stdin.read()
        ungraded = [entry.unit for entry in store.entries(ungraded_by="even")]
        store.grade([Grade(one.id, "even", {"even": one.seed % 2 == 0}) for one in ungraded])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
