"""A server that misbehaves in every way we know of, on a real socket."""

import logging
from dataclasses import replace

import pytest

from tests.helpers import loopback_judge as server_acts
from tests.helpers.chat_samples import PRICE, REPLY_COST, ROOMY, Clock, chat, question
from tests.helpers.loopback_judge import KEY, loopback, refuse, say
from unispect.chat import AskError, Cassette, Limits, Outcome

AGAIN = {
    "429": (refuse(429), "status 429", False),
    "500": (refuse(500), "status 500", False),
    "529": (refuse(529), "status 529", False),
    "hang": (server_acts.hang, "nothing came for", True),
    "slow drip": (server_acts.drip, "no whole response within", True),
    "slow headers": (server_acts.drip_headers, "no whole response within", True),
    "truncated JSON": (server_acts.half_json, "no whole JSON", True),
    "truncated body": (server_acts.half_body, "the connection broke", True),
    "error under 200": (server_acts.gateway_error, "status 503", False),
    "reset": (server_acts.reset, "the connection broke", True),
}
AT_ONCE = {
    "another JSON": (server_acts.not_chat, "no chat completion", True),
    "400": (refuse(400), "status 400", False),
    "401": (refuse(401), "status 401", False),
    "404": (refuse(404), "status 404", False),
    "10 MB": (server_acts.huge, "larger than 100000 bytes", True),
    "compressed": (server_acts.compressed, "compressed", True),
    "redirect": (server_acts.redirect, "status 307", False),
}


def limits(name, seconds):
    """Tight where the server takes its time, so that one test takes little; roomy elsewhere."""
    tight = {"hang": {"read": seconds}, "slow drip": {"total": seconds}, "slow headers": {"total": seconds}}
    return replace(ROOMY, **tight.get(name, {}))


@pytest.mark.parametrize("name", AGAIN)
def test_what_may_pass_is_tried_again(server, name):
    act, _, paid = AGAIN[name]
    server.acts = [act]
    clock = Clock()
    judge = chat(server.url, clock, limits=limits(name, 1.0), price=PRICE, max_cost=1.0)
    answer = judge.ask(question())
    assert (answer.outcome, answer.value.seen) == (Outcome.PARSED, True)
    assert len(server.seen) == 2
    assert len(clock.naps) == 1
    tally = judge.tally()
    assert (tally.parsed, tally.attempts, tally.lost) == (1, 2, 1)
    most = PRICE.at_most(question())
    assert tally.cost == pytest.approx(REPLY_COST + (most if paid else 0))


@pytest.mark.parametrize("name", [*AGAIN, *AT_ONCE])
def test_failures_say_what_happened_and_hold_no_key(server, name, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    act, words, _ = (AGAIN | AT_ONCE)[name]
    server.otherwise = act
    with Cassette(tmp_path / "tape.jsonl") as tape:
        judge = chat(server.url, limits=limits(name, 0.6), cassette=tape)
        with pytest.raises(AskError, match=words) as caught:
            judge.ask(question())
    assert len(server.seen) == (3 if name in AGAIN else 1)
    assert judge.tally().failed == 1
    everywhere = [repr(caught.value), repr(judge.__dict__), caplog.text, (tmp_path / "tape.jsonl").read_text()]
    error = caught.value
    while error := error.__cause__ or error.__context__:
        everywhere.append(repr(error) + repr(vars(error)))
    assert not [text for text in everywhere if KEY in text or "planted" in text]
    assert all(KEY in " ".join(headers.values()) for headers in server.headers)


def test_nobody_listens():
    with loopback() as gone:
        url = gone.url
    clock = Clock()
    judge = chat(url, clock, price=PRICE, max_cost=1.0)
    with pytest.raises(AskError, match="no connection"):
        judge.ask(question())
    assert len(clock.naps) == 2
    assert judge.tally().cost == 0


def test_a_server_that_asks_to_wait_is_obeyed_by_all(server):
    server.acts = [refuse(429, Retry_After="37")]
    clock = Clock()
    judge = chat(server.url, clock)
    judge.ask(question())
    assert clock.naps == [37.0]


def test_a_server_that_asks_to_wait_for_too_long_is_not_waited_for(server):
    server.otherwise = refuse(429, Retry_After="86400")
    clock = Clock()
    with pytest.raises(AskError, match="asked to wait 86400 s"):
        chat(server.url, clock).ask(question())
    assert clock.naps == []


def test_after_a_wrong_key_nothing_more_is_asked(server):
    server.otherwise = refuse(401)
    judge = chat(server.url, concurrency=1)
    answers = judge.ask_all([question(f"item {number}") for number in range(5)])
    assert all(isinstance(answer, AskError) for answer in answers)
    assert len(server.seen) == 1
    assert judge.tally().failed == 5


def test_a_bad_request_does_not_stop_the_others(server):
    server.acts = [refuse(400)]
    answers = chat(server.url, concurrency=1).ask_all([question(f"item {number}") for number in range(3)])
    assert [isinstance(answer, AskError) for answer in answers] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"seen": "yes"}', "seen: Input should be a valid boolean"),
        ('{"found": true}', "seen: Field required"),
        ("I think it is there.", "Invalid JSON"),
        ('Sure: {"seen": true}', "Invalid JSON"),
        ('{"seen": tr', "Invalid JSON"),
        ("", "empty"),
    ],
)
def test_a_reply_in_another_form_is_an_unparsed_answer(server, text, reason):
    server.otherwise = say(text)
    judge = chat(server.url)
    answer = judge.ask(question())
    assert (answer.outcome, answer.value, answer.text) == (Outcome.UNPARSED, None, text)
    assert reason in answer.reason
    assert (len(server.seen), judge.tally().unparsed) == (1, 1)


def test_an_answer_that_was_cut_off_says_so(server):
    server.otherwise = say('{"seen": ', finish="length")
    assert "limit of tokens" in chat(server.url).ask(question()).reason


def test_a_reply_that_repeats_the_key_is_masked(server, tmp_path):
    server.otherwise = say(f"your key is {KEY}")
    with Cassette(tmp_path / "tape.jsonl") as tape:
        answer = chat(server.url, cassette=tape).ask(question())
    assert answer.text == "your key is [key]"
    assert KEY not in (tmp_path / "tape.jsonl").read_text()


def test_large_replies_within_the_limit_pass(server):
    server.otherwise = say('{"seen": true}' + " " * 1_000_000)
    roomy = Limits(read=5, total=20, bytes=2_000_000)
    assert chat(server.url, limits=roomy).ask(question()).value.seen
