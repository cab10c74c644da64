"""A request is attempted so often and no oftener, and a server that says nothing ends the command."""

import threading

import loopback_judge as server_acts
import pytest
from chat_samples import PRICE, ROOMY, Clock, chat, question
from loopback_judge import VARIABLE, loopback, refuse, say, send

from unispect.chat import AskError, Cassette, Chat, Hopeless, Patience, Request
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.silence import Silence
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt
from unispect.core.units import Plan, Record, Unit
from unispect.engine.grading import grade
from unispect.engine.local import execute
from unispect.judges import asked
from unispect.judges.safety import STUDY as SAFETY
from unispect.runs import RunStore

MANY = [question(f"item {number}") for number in range(40)]
DEAD = {
    "500": refuse(500),
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
    asking = chat(server.url, patience=Patience(), concurrency=concurrency)
    assert asking.ask(question("at first it lives")).value.seen
    server.otherwise = DEAD[name]
    answers = asking.ask_all(MANY)
    assert 20 <= len(server.seen) - 1 <= 20 + concurrency - 1
    assert all(isinstance(answer, AskError) for answer in answers)
    assert isinstance(answers[-1], Hopeless)
    words = str(answers[-1])
    assert "sent no reply to 20 attempts in a row, the last: " in words
    assert "the same command again" in words
    assert asking.tally().failed == 40


def test_a_server_that_is_not_there_ends_it_too():
    with loopback() as gone:
        url = gone.url
    asking = chat(url, patience=Patience(), price=PRICE, max_cost=1.0)
    answers = asking.ask_all(MANY)
    assert asking.tally().attempts == 20
    assert "no connection" in str(answers[-1])
    assert asking.tally().cost == 0


@pytest.mark.parametrize("name", ALIVE)
def test_a_server_that_says_anything_is_alive(server, name):
    patience = Patience(attempts=1, silence=5)
    asking = Chat(OpenAIHTTP("loop", f"{server.url}/v1", limits=ROOMY), patience=patience, time=Clock().time)
    server.acts = [say('{"seen": true}')]  # what the first requests meet may be met by all
    asking.ask(question("first"))
    server.acts += ([refuse(500)] * 4 + [ALIVE[name]]) * 5
    answers = asking.ask_all(MANY[:25])
    assert not [answer for answer in answers if isinstance(answer, Hopeless)]
    assert len(server.seen) == 26


def test_a_reply_in_time_starts_the_count_anew(server):
    server.acts = [*[refuse(500)] * 19, say('{"seen": true}')] * 2
    asking = chat(server.url, patience=Patience(attempts=20), concurrency=1)
    answers = asking.ask_all(MANY[:2])
    assert [answer.value.seen for answer in answers] == [True, True]


def test_what_was_answered_before_is_still_answered(server, tmp_path):
    with Cassette(tmp_path / "tape.jsonl") as tape:
        asking = chat(server.url, patience=Patience(), cassette=tape)
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
    asking = chat(server.url, patience=Patience(attempts=6))
    for _ in range(3):
        with pytest.raises(AskError, match="attempt 6"):
            asking.ask(question())
    assert len(server.seen) == 6
    assert (asking.tally().failed, asking.tally().attempts) == (1, 6)


def test_patience_for_silence_must_make_sense():
    with pytest.raises(UsageError, match="silence must be at least 1"):
        Patience(silence=0)


def run(model, units, prior):
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
        asking = chat(server.url, cassette=tape, patience=Patience(), price=PRICE)
        summary = execute(Plan((tuple(units_of(8)),)), run, store, asking)
    assert (summary.done, summary.failed, summary.halted) == (7, 1, "")
    sent = [server_acts.asked(body) for body in server.seen]
    assert (sent.count("item 3"), len(sent)) == (6, 13)


def test_a_run_on_a_dead_server_is_left_undone_and_goes_on_when_it_lives(server, tmp_path):
    server.otherwise = refuse(503)
    plan = Plan((tuple(units_of(12)),))
    with RunStore.create(tmp_path / "run") as store:
        summary = execute(plan, run, store, chat(server.url, patience=Patience()), batch_size=4)
        assert (summary.done, summary.failed, summary.left) == (0, 0, 12)
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


def test_a_text_of_an_unknown_client_is_masked_too(monkeypatch):
    """The last look, for clients that are not ours."""
    from unispect.chat import Fault

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
            return Fault(f"x {key[:12]}", body=key)

    with pytest.raises(AskError) as caught:
        Chat(Careless(), time=Clock().time).ask(Request(Prompt.of("a")))
    assert "gave no answer: x [key] (attempt 1" in str(caught.value)
