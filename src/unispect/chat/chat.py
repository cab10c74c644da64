"""A chat model that can be relied on: asked once, paid once, within its limits, and everything counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from unispect.chat.bodies import NOTHING, parsed
from unispect.chat.budget import Budget, Price, SpendingLedger
from unispect.chat.cassette import Cassette
from unispect.chat.faults import ApiFailure, AskError, FatalError, Unreadable
from unispect.chat.pictures import PictureRequest
from unispect.chat.reading import read, without_thoughts
from unispect.chat.retry import RateLimiter, RetryPolicy, Time
from unispect.chat.silence import Silence, Tries
from unispect.chat.values import Answer, Client, Outcome, Reply, Request, T, Usage
from unispect.core.errors import Halted, UnispectError, UsageError
from unispect.core.units import canonical_json

if TYPE_CHECKING:
    from PIL.Image import Image

Asked = Request[Any] | PictureRequest


@dataclass(frozen=True)
class Tally:
    """What asking came to, in this process.

    Attributes:
        parsed: answers in the form asked for.
        unparsed: answers that were not; they are in no way errors.
        failed: requests without an answer, each counted once.
        unread: replies among these that were paid for and could not be read; they are on the cassette.
        thinking: answers that came with thoughts.
        bare: answers that came without the log-probabilities that were asked for.
        replayed: answers that came from the cassette, among the first two.
        attempts: calls that were made.
        lost: attempts among them that brought no reply.
        input_tokens: of replies that were paid for in this process.
        output_tokens: of these.
        uncounted: replies among these whose provider named no tokens.
        cost: spent on the cassette or, without one, in this process; what may have been charged counts at its most.
        unfinished: attempts on the cassette that never ended, such as those on their way when a program was killed.
    """

    parsed: int = 0
    unparsed: int = 0
    failed: int = 0
    unread: int = 0
    thinking: int = 0
    bare: int = 0
    replayed: int = 0
    attempts: int = 0
    lost: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    uncounted: int = 0
    cost: float = 0.0
    unfinished: int = 0


class Chat:
    """Asks one chat model. Safe to use from several threads.

    Args:
        client: how it is reached.
        cassette: replies already paid for, and the place for new ones; without one, nothing is kept.
        price: of the model; without it nothing is known of cost.
        max_cost: never pass this, counting everything on the cassette and every call at the most it can cost.
        ledger: instead of `max_cost`, where several models share a cassette and its limit.
        retry_policy: when to try again.
        rate_limiter: how many requests and tokens a minute.
        concurrency: calls on their way at the same time.
        time: where waiting happens.

    Raises:
        UsageError: a limit on the cost without a price, or a limit that is no number.
    """

    def __init__(
        self,
        client: Client,
        *,
        cassette: Cassette | None = None,
        price: Price | None = None,
        max_cost: float | None = None,
        ledger: SpendingLedger | None = None,
        retry_policy: RetryPolicy | None = None,
        rate_limiter: RateLimiter | None = None,
        concurrency: int = 4,
        time: Time | None = None,
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency must be at least 1, not {concurrency}")
        self._client = client
        self._cassette = cassette
        self._budget = Budget(price, ledger or SpendingLedger(max_cost, 0.0 if cassette is None else cassette.spent))
        self._retry_policy = retry_policy or RetryPolicy()
        self._time = time or Time()
        self._rate_limiter = rate_limiter or RateLimiter(time=self._time)
        self._concurrency = concurrency
        self._slots = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._counts: Counter[str] = Counter()
        self._answered = False
        self._silence = Silence(self._retry_policy.silence)
        self._known: frozenset[str] = (
            frozenset() if cassette is None else cassette.given_up(self._retry_policy.attempts)
        )
        self._given_up: dict[str, AskError] = {}
        self._without: dict[str, bool] = {}
        self._refused: dict[str, set[str]] = {}
        self._over: FatalError | None = None

    def close(self) -> None:
        """Closes the cassette, if there is one; calling it again does nothing."""
        if self._cassette is not None:
            self._cassette.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def client(self) -> Client:
        """How the model is reached."""
        return self._client

    def tally(self) -> Tally:
        """What asking came to so far."""
        with self._lock:
            counts = {**self._counts, "failed": len(self._without), "unread": sum(self._without.values())}
        unfinished = 0 if self._cassette is None else self._cassette.unfinished
        return Tally(**counts, cost=self._budget.ledger.spent, unfinished=unfinished)

    @overload
    def ask(self, request: Request[T]) -> Answer[T]: ...

    @overload
    def ask(self, request: PictureRequest) -> Answer[Image]: ...

    def ask(self, request: Asked) -> Answer[Any]:
        """The answer to a request, from the cassette if it is there; an unparsed one is an answer.

        A request that was given up is not asked again by this chat: whoever asks again has the same error.

        Raises:
            BudgetExceeded: it could have cost more than is left; no call was made.
            AskError: no attempt brought a reply, or the cassette is only replayed and does not hold it.
            Unreadable: what came, now or before, could not be read; it is on the cassette and is not asked for again.
            FatalError: every other request would meet the same, or no attempt of many (`RetryPolicy.silence`) brought a
                reply; after that no more calls are made.
            UsageError: there is no key, or the request holds it.
            StoreError: the cassette cannot be written.
        """
        key = self._key(request)
        try:
            answer = self._ask(request, key)
        except Exception as error:
            self._note_without(key, unread=isinstance(error, Unreadable))
            raise
        with self._lock:
            self._without.pop(key, None)
        self._count(
            **{answer.outcome.value: 1},
            replayed=int(answer.replayed),
            thinking=int(bool(answer.reply.thoughts)),
            bare=int(isinstance(request, Request) and request.log_probabilities > bool(answer.reply.log_probabilities)),
        )
        return answer

    @overload
    def ask_all(self, requests: Sequence[Request[T]]) -> list[Answer[T] | UnispectError]: ...

    @overload
    def ask_all(self, requests: Sequence[PictureRequest]) -> list[Answer[Image] | UnispectError]: ...

    def ask_all(self, requests: Sequence[Any]) -> list[Any]:
        """For each request its answer or why there is none, in order, several at a time.

        Until something was answered requests go one by one, so that what every one would meet is met once. After a
        failure that every other request would share (no key, budget spent, full disk, a server that is silent) no more
        calls are made; what is on the cassette is still answered. Whatever goes wrong with one request, the answers to
        the others are returned.
        """
        stop: list[UnispectError] = []

        def one(request: Asked) -> Answer[Any] | UnispectError:
            try:
                if stop and not self._is_held(key := self._key(request)):
                    self._note_without(key)
                    return stop[0]
                return self.ask(request)
            except UnispectError as error:
                if isinstance(error, Halted) or not isinstance(error, AskError):
                    stop.append(error)
                return error
            except Exception as error:  # what was paid for the others is theirs
                return AskError(f"a request to {self._client.model} failed ({type(error).__name__})")

        first: list[Answer[Any] | UnispectError] = []
        while len(first) < len(requests) and not (self._answered or stop):
            first.append(one(requests[len(first)]))
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                return [*first, *pool.map(one, requests[len(first) :])]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _key(self, request: Asked) -> str:
        return request.key(self._client.name, self._client.model, self._client.manner(request))

    def _is_held(self, key: str) -> bool:
        return self._cassette is not None and key in self._cassette

    def _note_without(self, key: str, *, unread: bool = False) -> None:
        with self._lock:
            self._without[key] = unread

    def _ask(self, request: Asked, key: str) -> Answer[Any]:
        with self._lock:
            alone = self._asking.setdefault(key, threading.Lock())
        with alone:  # equal requests at the same time are paid for once: the later ones find the reply
            if self._cassette is not None and (held := self._cassette.find(key)):
                return self._answer(request, key, held.reply, held.cost, replayed=True)
            if self._cassette is not None and self._cassette.mode == "replay":
                raise AskError(f"the cassette {self._cassette.path} holds no reply to request {key}")
            reply, cost = self._pay(request, key)
            return self._answer(request, key, reply, cost, replayed=False)

    def _answer(self, request: Asked, key: str, reply: Reply, cost: float | None, *, replayed: bool) -> Answer[Any]:
        reply = self._read_again(reply)
        if reply.unread:
            kept = "" if self._cassette is None else f"; it is kept on {self._cassette.path}, and not asked for again"
            raise Unreadable(
                f"{self._client.model} at {self._client.endpoint} sent what cannot be read: {reply.unread}{kept} "
                f"(request {key})"
            )
        reply = without_thoughts(reply)
        value, reason = read(request, reply)
        return Answer(
            outcome=Outcome.UNPARSED if reason else Outcome.PARSED,
            value=value,
            reply=reply,
            reason=reason,
            key=key,
            cost=cost,
            replayed=replayed,
            client=self._client.name,
            model=self._client.model,
            temperature=request.temperature,
            seed=request.seed,
            seed_sent=self._client.seeded,
        )

    def _read_again(self, reply: Reply) -> Reply:
        """A reply that was not understood when it came, as it is understood now."""
        if not reply.unread:
            return reply
        answer = parsed(reply.raw)
        again = reply if answer is NOTHING else self._client.read(answer)
        return self._scrubbed(again) if isinstance(again, Reply) and not again.unread else reply

    def _pay(self, request: Asked, key: str) -> tuple[Reply, float | None]:
        for error in (self._given_up.get(key), self._over):  # what a request met itself is its own
            if error is not None:
                raise type(error)(*error.args)
        self._client.prepare()
        about = self._about(request)
        if self._client.secret.occurs_in(canonical_json(about)):
            raise UsageError(
                f"request {key}, its model or its endpoint holds the API key; keys come from the environment"
            )
        with self._silence.request() as tries:
            return self._tried(request, key, about, tries)

    def _tried(self, request: Asked, key: str, about: Mapping[str, Any], tries: Tries) -> tuple[Reply, float | None]:
        attempt = 0
        while True:
            attempt += 1
            tries.turn()
            self._require_open()
            with self._slots:
                turn = self._rate_limiter.turn(self._budget.tokens_at_most(request))
                outcome, cost = self._attempt(request, key, about)
                if isinstance(outcome, Reply) and outcome.usage is not None:
                    self._rate_limiter.took(turn, outcome.usage.input_tokens + outcome.usage.output_tokens)
            if isinstance(outcome, Reply):
                self._listen(outcome, tries)
                self._answered = True
                return outcome, cost
            known = key in self._known and not self._answered
            pause = None if known else self._retry_policy.pause(outcome, key, attempt)
            one_sided = self._answered and outcome.worded
            if outcome.heard or not (known or (one_sided and pause is not None)):
                self._listen(outcome, tries, "requests" if one_sided else "attempts")
            if pause is None:
                raise self._failure(outcome, key, attempt)
            self._require_open()
            if outcome.crowded:
                self._rate_limiter.hold(pause)
            else:
                self._time.sleep(pause)

    def _require_open(self) -> None:
        """Raises where nothing more is to be asked; threads find out at any moment."""
        if self._over is not None:
            raise type(self._over)(*self._over.args)

    def _listen(self, outcome: Reply | ApiFailure, tries: Tries, counted: str = "attempts") -> None:
        """Notes whether the server was heard of; after too long a silence nothing more is asked.

        A server may live and fail over some requests. Where it has answered others and says itself that it failed, a
        request is noted once, when it is given up. What an earlier command gave up shows nothing by failing again,
        and is attempted once until something was answered: a command gets past it.
        """
        lost = isinstance(outcome, ApiFailure)
        tries.told(heard=outcome.heard if lost else not outcome.unread)
        if self._silence.over and self._over is None:
            last = outcome.what if lost else outcome.unread
            self._over = FatalError(
                f"{self._client.model} at {self._client.endpoint} sent no reply to {self._silence.lasted} "
                f"{counted} in a row, the last: {last}; nothing more is asked. See whether the server runs and can be "
                "reached from here, then give the same command again: it goes on with what is left"
            )

    def _failure(self, fault: ApiFailure, key: str, attempt: int) -> AskError:
        """The error for a request that is given up, and whether it stands for all others."""
        words = (
            f"{self._client.model} at {self._client.endpoint} gave no answer: {fault.what} (attempt {attempt}"
            + (f", asked to wait {fault.wait:g} s" if fault.wait else "")
            + f", request {key})"
        )
        shared = self._is_shared(fault, key)
        if not (fault.fatal or shared):
            self._given_up[key] = AskError(words)
            return self._given_up[key]
        if self._over is not None:
            return FatalError(*self._over.args)
        first = shared and not fault.common
        self._over = FatalError(words + ("; no request was answered, and others met the same" if first else ""))
        return self._over

    def _is_shared(self, fault: ApiFailure, key: str) -> bool:
        """No request was answered yet, and this fault names what all hold, or met another request in the same words."""
        if self._answered:
            return False
        with self._lock:
            met = self._refused.setdefault(fault.alike, set())
            met.add(key)
            return fault.common or (bool(fault.alike) and len(met) > 1)

    def _about(self, request: Asked) -> Mapping[str, Any]:
        return {
            "client": self._client.name,
            "model": self._client.model,
            "endpoint": self._client.endpoint,
            "seed_sent": self._client.seeded,
            "request": request.identity,
            **({"manner": manner} if (manner := self._client.manner(request)) else {}),
        }

    def _attempt(self, request: Asked, key: str, about: Mapping[str, Any]) -> tuple[Reply | ApiFailure, float | None]:
        """One call, with its lines on the cassette and its place in the budget."""
        at_most = self._budget.at_most(request)
        self._budget.ledger.set_aside(at_most)
        cost: float | None = at_most  # whatever interrupts the call: it may have been paid for
        try:
            number = 0 if self._cassette is None else self._cassette.sent(key, at_most)
            self._count(attempts=1)
            outcome = self._scrubbed(self._sent(request))
            cost = self._cost(outcome, at_most)
            if isinstance(outcome, ApiFailure):
                self._count(lost=1)
                if self._cassette is not None:
                    self._cassette.lost(number, cost or 0.0, outcome.what, outcome.body)
            else:
                self._count_tokens(outcome.usage)
                if self._cassette is not None:
                    self._cassette.keep(number, key, about, outcome, cost)
        finally:
            self._budget.ledger.settle(at_most, cost or 0.0)
        return outcome, cost

    def _sent(self, request: Asked) -> Reply | ApiFailure:
        """One attempt; whatever a client raises is a fault like any other, of which nothing but its type is kept."""
        try:
            return self._client.send(request)
        except UnispectError:
            raise
        except Exception as error:
            return ApiFailure(f"the client failed ({type(error).__name__})", paid=True)

    def _cost(self, outcome: Reply | ApiFailure, at_most: float) -> float | None:
        if isinstance(outcome, ApiFailure):
            return at_most if outcome.paid else 0.0
        if self._budget.price is None:
            return None
        cost = self._budget.price.of_reply(outcome)
        return at_most if cost is None else cost

    @overload
    def _scrubbed(self, outcome: Reply) -> Reply: ...

    @overload
    def _scrubbed(self, outcome: Reply | ApiFailure) -> Reply | ApiFailure: ...

    def _scrubbed(self, outcome: Reply | ApiFailure) -> Reply | ApiFailure:
        """The same without the key, should a server repeat it."""
        scrub = self._client.secret.scrub
        if isinstance(outcome, ApiFailure):
            return replace(outcome, **{name: scrub(getattr(outcome, name)) for name in ("what", "alike", "body")})
        names = ("text", "model", "finish", "refusal", "id", "thoughts", "unread", "raw")
        words = {name: scrub(getattr(outcome, name)) for name in names}
        return replace(outcome, **words, picture=self._client.secret.scrub_bytes(outcome.picture))

    def _count_tokens(self, usage: Usage | None) -> None:
        if usage is None:
            self._count(uncounted=1)
        else:
            self._count(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)

    def _count(self, **more: int) -> None:
        with self._lock:
            self._counts.update(more)
