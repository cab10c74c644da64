"""A chat model behind the loopback server, with a clock that waits for nobody."""

from __future__ import annotations

import threading

from pydantic import BaseModel

from tests.helpers.loopback_judge import VARIABLE
from unispect.chat import Chat, Limits, Price, Request, RetryPolicy, Secret, Time
from unispect.chat.openai_http import OpenAIHTTP
from unispect.core.prompts import Prompt

ROOMY = Limits(connect=20.0, read=20.0, total=60.0, bytes=100_000)
"""Only what hangs or drips meets the limits of time, which tests of those make tight; a busy machine does not."""
PRICE = Price(input=1.0, output=10.0, picture_tokens=2000)
"""The server's every reply has 100 tokens in and 20 out: 0.0003."""
REPLY_COST = 0.0003


class Verdict(BaseModel):
    seen: bool


class Clock:
    """Time that passes only by sleeping; remembers the naps."""

    def __init__(self) -> None:
        self.naps: list[float] = []
        self._now = 0.0
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.naps.append(seconds)
            self._now += seconds

    @property
    def time(self) -> Time:
        return Time(clock=lambda: self._now, sleep=self.sleep, now=lambda: 1_800_000_000.0)


def question(text: str = "is it there?", **more) -> Request[Verdict]:
    return Request(Prompt.of(text), Verdict, **{"max_tokens": 50, **more})


def client(url: str, *, limits: Limits = ROOMY, **more) -> OpenAIHTTP:
    return OpenAIHTTP("loop", url + "/v1", Secret(VARIABLE), limits, now=lambda: 1_800_000_000.0, **more)


def chat(url: str, clock: Clock | None = None, *, limits: Limits = ROOMY, **more) -> Chat:
    clock = clock or Clock()
    return Chat(client(url, limits=limits), **{"retry_policy": RetryPolicy(attempts=3), "time": clock.time, **more})
