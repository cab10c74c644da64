"""When to ask again, and how many times a minute."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from unispect.chat.faults import Fault
from unispect.core.errors import UsageError
from unispect.core.seeds import seed_for


@dataclass(frozen=True)
class Time:
    """Where waiting happens; tests bring their own.

    Attributes:
        clock: seconds that never run backwards.
        sleep: waits so many seconds.
        now: seconds since the epoch.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time


@dataclass(frozen=True)
class Patience:
    """How often and how long to try.

    Attributes:
        attempts: at most so many for one request.
        first: seconds before the second attempt; each later pause is twice as long, drawn between half and all of it.
        longest: such a pause.
        obeyed: the longest wait that a server may ask for; asked for more, the request fails and says so.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 60.0
    obeyed: float = 600.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(f"attempts must be at least 1, not {self.attempts}")

    def pause(self, fault: Fault, key: str, attempt: int) -> float | None:
        """Seconds to wait after attempt number `attempt` (from 1); None to give up.

        A server's own wish is a lower bound. Pauses differ between requests, so that those turned away together do
        not come back together, and are the same in every repetition.
        """
        if not fault.again or attempt >= self.attempts or (fault.wait or 0.0) > self.obeyed:
            return None
        full = min(self.longest, self.first * 2 ** (attempt - 1))
        drawn = full * random.Random(seed_for("back-off", key, attempt)).uniform(0.5, 1.0)
        return max(drawn, fault.wait or 0.0)


class Pace:
    """Lets one request through at a time, at most `per_minute` in a minute and none while the server is crowded.

    Safe to share between threads, and between clients of one account.
    """

    def __init__(self, per_minute: float | None = None, time: Time | None = None) -> None:
        if per_minute is not None and not per_minute > 0:
            raise UsageError(f"requests per minute must be more than 0, not {per_minute}")
        self._apart = 60.0 / per_minute if per_minute else 0.0
        self._time = time or Time()
        self._lock = threading.Lock()
        self._next = self._time.clock()

    def turn(self) -> None:
        """Returns when the next request may go."""
        while True:
            with self._lock:
                now = self._time.clock()
                if now >= self._next:
                    self._next = now + self._apart
                    return
                wait = self._next - now
            self._time.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Lets nobody through for so long."""
        with self._lock:
            self._next = max(self._next, self._time.clock() + seconds)
