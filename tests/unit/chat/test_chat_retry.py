import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.chat_samples import Clock
from unispect.chat import ApiFailure, RateLimiter, RetryPolicy
from unispect.chat.faults import asked_to_wait, of_status
from unispect.core.errors import UsageError

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def test_pauses_double_up_to_the_longest():
    retry_policy = RetryPolicy(attempts=10, first=1.0, longest=20.0)
    pauses = [retry_policy.pause(ApiFailure("x", again=True), "key", attempt) for attempt in range(1, 10)]
    for pause, full in zip(pauses, [1, 2, 4, 8, 16, 20, 20, 20, 20], strict=True):
        assert full / 2 <= pause <= full
    assert pauses == [retry_policy.pause(ApiFailure("x", again=True), "key", attempt) for attempt in range(1, 10)]
    assert retry_policy.pause(ApiFailure("x", again=True), "another", 1) != pauses[0]


def test_giving_up():
    retry_policy = RetryPolicy(attempts=3, obeyed=60)
    assert retry_policy.pause(ApiFailure("x", again=True), "k", 3) is None
    assert retry_policy.pause(ApiFailure("x"), "k", 1) is None
    assert retry_policy.pause(ApiFailure("x", again=True, wait=61), "k", 1) is None
    assert retry_policy.pause(ApiFailure("x", again=True, wait=60), "k", 1) == 60
    with pytest.raises(UsageError, match="at least 1"):
        RetryPolicy(attempts=0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_servers_ask_for(headers, seconds):
    assert asked_to_wait(headers, NOW) == seconds


def test_a_spent_quota_is_not_a_crowd():
    fault = of_status(429, {"retry-after": "1"}, '{"error": {"code": "insufficient_quota", "message": "pay"}}', NOW)
    assert (fault.again, fault.crowded, fault.fatal, fault.what) == (False, False, True, "status 429: pay")


@settings(deadline=None)
@given(st.integers(400, 599), st.text(max_size=1000))
def test_no_body_breaks_the_reading_of_an_error(status, body):
    assert len(of_status(status, {}, body, NOW).what) < 330


@pytest.mark.parametrize(
    "body", ["null", "[]", '{"error": null}', '{"error": {}}', '{"error": "text"}', '{"message": 3}']
)
def test_errors_of_any_form_are_read(body):
    assert of_status(500, {}, body, NOW).what.startswith("status 500")


def test_requests_are_kept_apart():
    clock = Clock()
    rate_limiter = RateLimiter(30, clock.time)
    times = []
    for _ in range(4):
        rate_limiter.turn()
        times.append(clock.time.clock())
    assert times == [0.0, 2.0, 4.0, 6.0]


def test_a_crowded_server_is_left_alone_by_all():
    clock = Clock()
    rate_limiter = RateLimiter(time=clock.time)
    rate_limiter.turn()
    rate_limiter.hold(45)
    rate_limiter.turn()
    rate_limiter.turn()
    assert clock.time.clock() == 45


def test_threads_get_one_turn_each():
    clock = Clock()
    rate_limiter, turns = RateLimiter(60, clock.time), []

    def take():
        rate_limiter.turn()
        turns.append(1)

    threads = [threading.Thread(target=take) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == 10
    assert clock.time.clock() >= 9


def test_a_pace_must_be_more_than_nothing():
    with pytest.raises(UsageError, match="more than 0"):
        RateLimiter(0)
