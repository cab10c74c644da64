"""Attempts in a row that brought nothing: while they last requests go one by one, and after so many none goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Silence:
    """Whether a server still answers, over all requests of one chat. Safe to share between threads.

    Attempts that were on their way together when it fell silent are one sign of it and count once.

    Args:
        most: attempts in a row without a reply, after which it is over.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._lasted = 0
        self._falls = 0
        self._trying: object = None

    @property
    def over(self) -> bool:
        """It lasted for so many attempts that no more should be made."""
        return self._lasted >= self._most

    @property
    def lasted(self) -> int:
        """Attempts in a row."""
        return self._lasted

    @contextmanager
    def request(self) -> Iterator[Tries]:
        """The attempts of one request: what is waited for before each, and told after it."""
        tries = Tries(self)
        try:
            yield tries
        finally:
            self._leave(tries)

    def _turn(self, tries: Tries) -> int:
        with self._changed:
            while self._lasted and not self.over and self._trying not in (None, tries):
                self._changed.wait()
            if self._lasted:
                self._trying = tries
            return self._falls

    def _heard(self) -> None:
        with self._changed:
            self._lasted = 0
            self._trying = None
            self._changed.notify_all()

    def _unheard(self, began: int) -> None:
        with self._changed:
            if began == self._falls:
                self._falls += 1
                self._lasted += 1
            self._changed.notify_all()

    def _leave(self, tries: Tries) -> None:
        with self._changed:
            if self._trying is tries:
                self._trying = None
                self._changed.notify_all()


class Tries:
    """The attempts of one request."""

    def __init__(self, silence: Silence) -> None:
        self._silence = silence
        self._began = 0

    def turn(self) -> None:
        """Returns when the next attempt may be made: at once, or when no other request is trying alone."""
        self._began = self._silence._turn(self)

    def told(self, *, heard: bool) -> None:
        """The attempt is over; the server was heard of, or not."""
        if heard:
            self._silence._heard()
        else:
            self._silence._unheard(self._began)
