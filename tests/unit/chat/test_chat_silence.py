"""A request is attempted so often and no oftener, and a server that says nothing ends the command."""

import threading

import pytest

from tests.helpers import loopback_judge as server_acts
from tests.helpers import poster_run
from tests.helpers.chat_samples import PRICE, ROOMY, Clock, chat, question
from tests.helpers.loopback_judge import VARIABLE, loopback, refuse, say, send
from unispect.chat import AskError, Cassette, Chat, FatalError, Request, RetryPolicy
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.silence import Silence
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt
from unispect.core.units import Plan, Record, Unit
from unispect.engine.grading import grade
from unispect.engine.local import execute
from unispect.runs import RunStore
from unispect.studies.safety import asked
from unispect.studies.safety.plan import STUDY as SAFETY

MANY = [question(f"item {number}") for number in range(40)]
PAGE = send(b"<html><body>Internal Server Error</body></html>", 500)
DEAD = {
    "500 of a gateway": PAGE,
    "500 without words": send({"error": None}, 500),
    "502": refuse(502),
    "503": refuse(503),
    "522 of a gateway": refuse(522),
    "error under 200": server_acts.gateway_error,
    "reset": server_acts.reset,
    "truncated JSON": server_acts.half_json,
    "truncated body": server_acts.half_body,
    "compressed": server_acts.compressed,
    "another JSON": server_acts.not_chat,
}
ALIVE = {
    "a reply": say('{"seen": true}'),
    "429": refuse(429),
    "529": refuse(529),
    "503 that asks to wait": refuse(503, Retry_After="3"),
    "an error about one request": send({"error": {"message": "flagged by our safety system"}}, 400),
}


@pytest.mark.parametrize("name", DEAD)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_after_twenty_attempts_without_a_reply_nothing_more_is_asked(server, name, concurrency):
    asking = chat(server.url, retry_policy=RetryPolicy(), concurrency=concurrency)
    assert asking.ask(question("at first it lives")).value.seen
    server.otherwise = DEAD[name]
    answers = asking.ask_all(MANY)
    assert 20 <= len(server.seen) - 1 <= 20 + concurrency - 1
    assert all(isinstance(answer, AskError) for answer in answers)
    assert isinstance(answers[-1], FatalError)
    words = str(answers[-1])
    assert "sent no reply to 20 attempts in a row, the last: " in words
    assert "the same command again" in words
    assert asking.tally().failed == 40


def test_a_server_that_is_not_there_ends_it_too():
    with loopback() as gone:
        url = gone.url
    asking = chat(url, retry_policy=RetryPolicy(), price=PRICE, max_cost=1.0)
    answers = asking.ask_all(MANY)
    assert asking.tally().attempts == 20
    assert "no connection" in str(answers[-1])
    assert asking.tally().cost == 0


@pytest.mark.parametrize("name", ALIVE)
def test_a_server_that_says_anything_is_alive(server, name):
    retry_policy = RetryPolicy(attempts=1, silence=5)
    asking = Chat(OpenAIHTTP("loop", f"{server.url}/v1", limits=ROOMY), retry_policy=retry_policy, time=Clock().time)
    server.acts = [say('{"seen": true}')]  # what the first requests meet may be met by all
    asking.ask(question("first"))
    server.acts += ([refuse(502)] * 4 + [ALIVE[name]]) * 5
    answers = asking.ask_all(MANY[:25])
    assert not [answer for answer in answers if isinstance(answer, FatalError)]
    assert len(server.seen) == 26


def test_a_reply_in_time_starts_the_count_anew(server):
    server.acts = [*[refuse(500)] * 19, say('{"seen": true}')] * 2
    asking = chat(server.url, retry_policy=RetryPolicy(attempts=20), concurrency=1)
    answers = asking.ask_all(MANY[:2])
    assert [answer.value.seen for answer in answers] == [True, True]


def test_what_was_answered_before_is_still_answered(server, tmp_path):
    with Cassette(tmp_path / "tape.jsonl") as tape:
        asking = chat(server.url, retry_policy=RetryPolicy(), cassette=tape)
        asking.ask(MANY[-1])
        server.otherwise = refuse(502)
        answers = asking.ask_all(MANY)
    assert isinstance(answers[0], AskError)
    assert answers[-1].replayed


def test_while_a_server_is_silent_one_request_tries_alone():
    silence = Silence(20)
    order, first_fell, go_on = [], threading.Event(), threading.Event()

    def first():
        with silence.request() as tries:
            tries.turn()
            tries.told(heard=False)
            tries.turn()
            first_fell.set()
            go_on.wait(30)
            order.append("first")
            tries.told(heard=True)

    def second():
        with silence.request() as tries:
            tries.turn()
            order.append("second")
            tries.told(heard=True)

    one = threading.Thread(target=first)
    one.start()
    first_fell.wait(30)
    other = threading.Thread(target=second)
    other.start()
    go_on.set()
    one.join()
    other.join()
    assert order == ["first", "second"]
    assert silence.lasted == 0


def test_attempts_that_fall_silent_together_count_once():
    silence = Silence(3)
    tries = [silence.request().__enter__() for _ in range(5)]
    for one in tries:
        one.turn()
    for one in tries:
        one.told(heard=False)
    assert (silence.lasted, silence.over) == (1, False)


def test_one_request_alone_is_waited_for_when_it_gives_up():
    silence = Silence(20)
    with silence.request() as tries:
        tries.turn()
        tries.told(heard=False)
        tries.turn()
    with silence.request() as others:
        others.turn()  # would wait for ever
    assert silence.lasted == 1


def test_a_request_that_was_given_up_is_not_asked_again(server):
    server.otherwise = refuse(500)
    asking = chat(server.url, retry_policy=RetryPolicy(attempts=6))
    for _ in range(3):
        with pytest.raises(AskError, match="attempt 6"):
            asking.ask(question())
    assert len(server.seen) == 6
    assert (asking.tally().failed, asking.tally().attempts) == (1, 6)


def test_patience_for_silence_must_make_sense():
    with pytest.raises(UsageError, match="silence must be at least 1"):
        RetryPolicy(silence=0)


def run(model, units, upstream):
    """Asks for all units of a batch at once, as the studies do, and has no answer if one has none."""
    answers = model.ask_all([question(unit.inputs["said"]) for unit in units])
    for answer in answers:
        if isinstance(answer, AskError):
            raise answer
    for unit, answer in zip(units, answers, strict=True):
        yield Record(unit.id, {"seen": answer.value.seen})


def units_of(number):
    return [Unit("ask", 1, "ask", "m@1", {"said": f"item {one}"}) for one in range(number)]


def fails_for(word, act):
    def answer(handler, body):
        (act if word in server_acts.asked(body) else say('{"seen": true}'))(handler, body)

    return answer


def test_a_unit_without_an_answer_fails_after_six_attempts_and_costs_the_others_nothing(server, tmp_path):
    server.otherwise = fails_for("item 3", server_acts.reset)
    with Cassette(tmp_path / "tape.jsonl") as tape, RunStore.create(tmp_path / "run") as store:
        asking = chat(server.url, cassette=tape, retry_policy=RetryPolicy(), price=PRICE)
        summary = execute(Plan((tuple(units_of(8)),)), run, store, asking)
    assert (summary.done, summary.failed, summary.halted) == (7, 1, "")
    sent = [server_acts.asked(body) for body in server.seen]
    assert (sent.count("item 3"), len(sent)) == (6, 13)


FAILS = {
    "in its own words": refuse(500),
    "as a gateway does": refuse(504),
    "without a word": server_acts.reset,
    "with what cannot be read": server_acts.half_json,
}


def fails_up_to(number, act):
    """A server that lives, and fails over every item before that one."""

    def answer(handler, body):
        item = int(server_acts.asked(body).split()[-1])
        (act if item < number else say('{"seen": true}'))(handler, body)

    return answer


@pytest.mark.parametrize("name", FAILS)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_run_gets_past_units_over_which_a_living_server_fails(server, tmp_path, name, concurrency):
    server.otherwise = fails_up_to(6, FAILS[name])
    plan = Plan((tuple(units_of(12)),))
    with RunStore.create(tmp_path / "run") as store:
        asking = [chat(server.url, retry_policy=RetryPolicy(), concurrency=concurrency) for _ in range(2)]
        first, second = (execute(plan, run, store, one, batch_size=4) for one in asking)
        assert "in a row" in first.halted
        assert (first.done, first.failed) == (0, 3)
        assert second.done == 6  # what failed comes after what is new
        assert store.get(units_of(12)[0].id).record.error.startswith("AskError: ")


@pytest.mark.parametrize("name", FAILS)
@pytest.mark.parametrize("together", [1, 4])
def test_grading_gets_past_records_over_which_a_living_judge_fails(server, tmp_path, name, together):
    answers = say('{"verdict": "neither"}')

    def judge(handler, body):
        failing = any(f"no {number}\n" in server_acts.asked(body) for number in range(7))
        (FAILS[name] if failing else answers)(handler, body)

    server.otherwise = judge
    units = [Unit(SAFETY, 1, "request", "m@1", {"number": number}) for number in range(12)]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([Record(unit.id, {"text": f"no {number}"}) for number, unit in enumerate(units)])
        for _ in range(3):
            with Cassette(tmp_path / "tape.jsonl") as tape:
                asking = chat(server.url, retry_policy=RetryPolicy(), cassette=tape)
                summary = grade(store, "judge", asked.judging(asking, "judge"), together=together)
        assert summary.halted == ""
        assert (summary.already + summary.done, summary.failed) == (5, 7)


def test_a_server_that_says_that_it_fails_over_some_is_not_dead(server):
    server.acts = [say('{"seen": true}')]
    server.otherwise = fails_up_to(19, refuse(500))
    asking = chat(server.url, retry_policy=RetryPolicy(), concurrency=1)
    asking.ask(question("at first it lives"))
    answers = asking.ask_all(MANY)
    assert [isinstance(answer, AskError) for answer in answers] == [True] * 19 + [False] * 21
    assert not [answer for answer in answers if isinstance(answer, FatalError)]


def test_a_server_that_says_so_to_all_is_asked_by_twenty_requests(server):
    server.acts = [say('{"seen": true}')]
    server.otherwise = refuse(500)
    asking = chat(server.url, retry_policy=RetryPolicy(), concurrency=1)
    asking.ask(question("at first it lives"))
    answers = asking.ask_all(MANY)
    assert len(server.seen) - 1 == 20 * 6
    assert [isinstance(answer, FatalError) for answer in answers] == [False] * 20 + [True] * 20
    assert "sent no reply to 20 requests in a row" in str(answers[-1])


def test_a_server_that_never_answered_is_dead_whatever_it_says(server):
    server.otherwise = refuse(500)
    asking = chat(server.url, retry_policy=RetryPolicy())
    assert isinstance(asking.ask_all(MANY)[-1], FatalError)
    assert len(server.seen) == 20


def test_what_was_given_up_is_attempted_once_until_the_server_answers(server, tmp_path):
    server.otherwise = refuse(500)
    for more in (20, 3 + 20):
        before = len(server.seen)
        with Cassette(tmp_path / "tape.jsonl") as tape:
            chat(server.url, retry_policy=RetryPolicy(), cassette=tape).ask_all(MANY)
        assert len(server.seen) - before == more
    server.otherwise = say('{"seen": true}')
    with Cassette(tmp_path / "tape.jsonl") as tape:
        answers = chat(server.url, retry_policy=RetryPolicy(), cassette=tape).ask_all(MANY)
        assert tape.given_up(1) == frozenset()
    assert all(answer.value.seen for answer in answers)


def test_a_run_on_a_dead_server_is_left_undone_and_goes_on_when_it_lives(server, tmp_path):
    server.otherwise = refuse(503)
    plan = Plan((tuple(units_of(12)),))
    with RunStore.create(tmp_path / "run") as store:
        summary = execute(plan, run, store, chat(server.url, retry_policy=RetryPolicy()), batch_size=4)
        assert (summary.done, summary.failed, summary.left) == (0, 3, 9)  # three used their attempts up
        assert "attempts in a row" in summary.halted
        assert len(server.seen) == 20
        server.otherwise = say('{"seen": true}')
        assert execute(plan, run, store, chat(server.url), batch_size=4).done == 12


@pytest.mark.parametrize("together", [1, 4])
def test_grading_by_a_dead_judge_ends_in_words(server, tmp_path, together):
    server.otherwise = server_acts.half_json
    units = [Unit(SAFETY, 1, "request", "m@1", {"number": number}) for number in range(40)]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([Record(unit.id, {"text": f"no {number}"}) for number, unit in enumerate(units)])
        asking = Chat(
            OpenAIHTTP("loop", f"{server.url}/v1", limits=ROOMY),
            time=Clock().time,
            concurrency=4,
        )
        summary = grade(store, "judge", asked.judging(asking, "judge"), together=together)
    assert "attempts in a row" in summary.halted
    assert 20 <= len(server.seen) < 20 + together
    assert summary.done == 0
    assert summary.left + summary.failed == 40


def test_posters_by_a_dead_judge_go_on_when_it_lives(server, tmp_path, monkeypatch):
    monkeypatch.setattr("unispect.chat.chat.Time", lambda: Clock().time)
    run = poster_run.replies(tmp_path, titles=[f"Poster{number}" for number in range(6)], seeds=(0,))
    server.otherwise = refuse(502)
    dead = poster_run.grade(run, server.url, cassette=tmp_path / "tape.jsonl")
    assert "attempts in a row" in dead.halted
    assert (dead.done, len(server.seen)) == (0, 20)
    server.otherwise = poster_run.answer()
    alive = poster_run.grade(run, server.url, cassette=tmp_path / "tape.jsonl")
    assert (alive.halted, alive.failed) == ("", 0)


def test_an_answer_that_breaks_us_takes_no_other_with_it(server, monkeypatch):
    from unispect.chat import chat as door

    asking = chat(server.url)
    whole = door.read

    def breaks(request, reply):
        if request.prompt.text == "item 1":
            raise LookupError("hidden")
        return whole(request, reply)

    monkeypatch.setattr(door, "read", breaks)
    answers = asking.ask_all(MANY[:4])
    assert [isinstance(answer, AskError) for answer in answers] == [False, True, False, False]
    assert "LookupError" in str(answers[1])
    assert "hidden" not in str(answers[1])
    assert (asking.tally().failed, asking.tally().parsed) == (1, 3)


def test_a_text_of_an_unknown_client_is_masked_too(monkeypatch):
    """The last look, for clients that are not ours."""
    from unispect.chat import ApiFailure

    key = "sk-planted/0123456789+secret"
    monkeypatch.setenv(VARIABLE, key)

    class Careless:
        name, model, endpoint, seeded = "careless", "m", "here", True
        secret = __import__("unispect.chat", fromlist=["Secret"]).Secret(VARIABLE)

        def prepare(self): ...

        def manner(self, request):
            return {}

        def read(self, answer): ...

        def send(self, request):
            return ApiFailure(f"x {key[:12]}", body=key)

    with pytest.raises(AskError) as caught:
        Chat(Careless(), time=Clock().time).ask(Request(Prompt.of("a")))
    assert "gave no answer: x [key] (attempt 1" in str(caught.value)
