import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.chat_samples import Clock, chat, question
from tests.helpers.loopback_judge import loopback
from unispect.chat import RateLimiter
from unispect.chat.budget import tokens_at_most
from unispect.core.errors import UsageError


@given(
    most=st.integers(1, 1000),
    takes=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 1500)), max_size=30),
)
def test_no_minute_sees_more_tokens_than_allowed(most, takes):
    clock = Clock()
    rate_limiter = RateLimiter(time=clock.time, tokens_per_minute=most)
    gone = []
    for could, did in takes:
        turn = rate_limiter.turn(could)
        gone.append((clock.time.clock(), min(could, did)))
        rate_limiter.took(turn, min(could, did))
    for start, _ in gone:
        within = [tokens for at, tokens in gone if start <= at < start + 60]
        assert sum(within) <= most or len([tokens for tokens in within if tokens]) == 1


def test_what_was_not_taken_is_given_back():
    clock = Clock()
    rate_limiter = RateLimiter(time=clock.time, tokens_per_minute=100)
    rate_limiter.took(rate_limiter.turn(90), 10)
    rate_limiter.turn(90)
    assert clock.naps == []
    rate_limiter.turn(1)
    assert sum(clock.naps) == pytest.approx(60)


def test_a_chat_counts_the_tokens_of_its_replies(monkeypatch):
    clock = Clock()
    could = tokens_at_most(question("item 0"))
    room = could.input_tokens + could.output_tokens + 4 * 120  # a reply takes 120
    with loopback() as server:
        asking = chat(server.url, clock, rate_limiter=RateLimiter(time=clock.time, tokens_per_minute=room))
        for number in range(5):
            asking.ask(question(f"item {number}"))
        assert clock.naps == []
        asking.ask(question("item 5"))
    assert sum(clock.naps) == pytest.approx(60)


@pytest.mark.parametrize("much", [0, -1, float("nan")])
def test_a_pace_of_nothing_is_refused(much):
    with pytest.raises(UsageError, match="tokens per minute must be more than 0"):
        RateLimiter(tokens_per_minute=much)
