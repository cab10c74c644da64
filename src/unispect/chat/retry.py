"""When to ask again, and how many times a minute."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from unispect.chat.faults import ApiFailure
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
class RetryPolicy:
    """How often and how long to try.

    Attributes:
        attempts: at most so many for one request.
        first: seconds before the second attempt; each later pause is twice as long, drawn between half and all of it.
        longest: such a pause.
        obeyed: the longest wait that a server may ask for; asked for more, the request fails and says so.
        silence: at most so many attempts in a row, of any requests, that bring no reply; then no more are made.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 60.0
    obeyed: float = 600.0
    silence: int = 20

    def __post_init__(self) -> None:
        for what, number in (("attempts", self.attempts), ("silence", self.silence)):
            if number < 1:
                raise UsageError(f"{what} must be at least 1, not {number}")

    def pause(self, fault: ApiFailure, key: str, attempt: int) -> float | None:
        """Seconds to wait after attempt number `attempt` (from 1); None to give up.

        A server's own wish is a lower bound. Pauses differ between requests, so that those turned away together do
        not come back together, and are the same in every repetition.
        """
        if not fault.again or attempt >= self.attempts or (fault.wait or 0.0) > self.obeyed:
            return None
        full = min(self.longest, self.first * 2 ** (attempt - 1))
        drawn = full * random.Random(seed_for("back-off", key, attempt)).uniform(0.5, 1.0)
        return max(drawn, fault.wait or 0.0)


MINUTE = 60.0
LOOK = 1.0
"""Seconds after which a request that waits for room looks again: replies may have taken less than they could."""


class RateLimiter:
    """Lets one request through at a time, none while the server is crowded, and at most so much in any minute.

    Safe to share between threads, and between clients of one account.

    Args:
        per_minute: requests, evenly spread.
        time: where waiting happens.
        tokens_per_minute: read and written. A request counts as many as it could take while it is on its way, and as
            many as it took when its reply is there; one that could take more than a whole minute's has a minute to
            itself.
    """

    def __init__(
        self, per_minute: float | None = None, time: Time | None = None, *, tokens_per_minute: float | None = None
    ) -> None:
        for what, most in (("requests", per_minute), ("tokens", tokens_per_minute)):
            if most is not None and not most > 0:
                raise UsageError(f"{what} per minute must be more than 0, not {most}")
        self._apart = MINUTE / per_minute if per_minute else 0.0
        self._tokens = tokens_per_minute
        self._time = time or Time()
        self._lock = threading.Lock()
        self._next = self._time.clock()
        self._window: dict[int, tuple[float, int]] = {}
        self._turns = 0

    def turn(self, tokens: int = 0) -> int:
        """Returns when the next request may go, which could take `tokens`; the number of its turn."""
        while True:
            with self._lock:
                now = self._time.clock()
                wait = max(self._next - now, min(self._until_room(tokens, now), LOOK))
                if wait <= 0:
                    self._next = now + self._apart
                    self._turns += 1
                    if self._tokens:
                        self._window[self._turns] = now, tokens
                    return self._turns
            self._time.sleep(wait)

    def took(self, turn: int, tokens: int) -> None:
        """The request of that turn took `tokens`."""
        with self._lock:
            if turn in self._window:
                self._window[turn] = self._window[turn][0], tokens

    def hold(self, seconds: float) -> None:
        """Lets nobody through for so long."""
        with self._lock:
            self._next = max(self._next, self._time.clock() + seconds)

    def _until_room(self, tokens: int, now: float) -> float:
        """Seconds until so many tokens fit into the minute that then ends."""
        if not self._tokens:
            return 0.0
        self._window = {turn: one for turn, one in self._window.items() if one[0] + MINUTE > now}
        over = sum(taken for _, taken in self._window.values()) + tokens - self._tokens
        wait = 0.0
        for start, taken in self._window.values():  # the oldest first
            if over <= 0:
                break
            wait = start + MINUTE - now
            over -= taken
        return wait
