"""Thoughts stand beside a reply, in every place that servers put them, and nobody who grades reads them."""

import pytest

from tests.helpers.chat_samples import ROOMY, Clock, Verdict, chat, question
from tests.helpers.loopback_judge import VARIABLE, say, send
from unispect.chat import Cassette, Chat, Outcome, Reply, Request, Secret, Spending
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.reading import is_cut
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import TextReply, TextSampling
from unispect.core.typed import to_json
from unispect.models.remote.loading import load
from unispect.studies.asking import _written

THOUGHT = "Maybe blue?"
PLAIN = Request(Prompt.of("Which colour?"), max_tokens=50)


def completion(finish="stop", **message):
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]}


PLACES = {
    "in the text": {"content": f"<think>\n{THOUGHT}\n</think>\n\nred"},
    "in the text, opened in the prompt": {"content": f"{THOUGHT}\n</think>\n\nred"},
    "reasoning_content": {"content": "red", "reasoning_content": THOUGHT},
    "reasoning": {"content": "red", "reasoning": THOUGHT},
    "reasoning as an object": {"content": "red", "reasoning": {"content": THOUGHT}},
    "reasoning_details": {"content": "red", "reasoning_details": [{"type": "reasoning.text", "text": THOUGHT}]},
    "two names for the same": {"content": "red", "reasoning_content": THOUGHT, "reasoning": THOUGHT},
    "parts of the content": {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
            {"type": "text", "text": "red"},
        ]
    },
    "parts, thoughts as text": {
        "content": [{"type": "reasoning", "text": THOUGHT}, {"type": "output_text", "text": "red"}]
    },
    "beside and in the text": {"content": f"<think>{THOUGHT}</think>red", "reasoning": ""},
}


@pytest.mark.parametrize("place", PLACES)
def test_thoughts_stand_beside_the_answer(server, place):
    server.otherwise = send(completion(**PLACES[place]))
    asking = chat(server.url)
    answer = asking.ask(PLAIN)
    assert (answer.outcome, answer.text, answer.reply.thoughts) == (Outcome.PARSED, "red", THOUGHT)
    assert answer.as_payload()["thoughts"] == THOUGHT
    assert asking.tally().thinking == 1


def test_without_thoughts_a_payload_says_nothing_of_them(server):
    server.otherwise = send(completion(content="red"))
    assert "thoughts" not in chat(server.url).ask(PLAIN).as_payload()


def test_a_form_is_read_behind_the_thoughts(server):
    server.otherwise = say('<think>{"seen": false}?</think>\n```json\n{"seen": true}\n```')
    answer = chat(server.url).ask(question())
    assert (answer.value, answer.reply.thoughts) == (Verdict(seen=True), '{"seen": false}?')


@pytest.mark.parametrize(
    "message",
    [
        {"content": f"<think>{THOUGHT}"},
        {"content": f"<think>{THOUGHT}</think>"},
        {"content": None, "reasoning_content": THOUGHT},
        {"content": [{"type": "thinking", "thinking": THOUGHT}]},
    ],
)
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_thoughts_without_an_answer_were_cut_off(server, message, finish):
    server.otherwise = send(completion(finish, **message))
    answer = chat(server.url).ask(PLAIN)
    assert (answer.outcome, answer.text, answer.reply.thoughts) == (Outcome.UNPARSED, "", THOUGHT)
    assert answer.reason.startswith("cut off")
    assert is_cut(answer.reply)


def test_what_older_versions_kept_whole_is_parted_when_it_is_replayed(tmp_path):
    text = f"<think>{THOUGHT}</think>red"
    with Cassette(tmp_path / "tape.jsonl") as tape:
        key = PLAIN.key("openai-http", "loop")
        tape.keep(tape.sent(key, 0.0), key, {}, Reply(text), None)
        asking = chat("http://127.0.0.1:1", cassette=tape)
        assert (asking.ask(PLAIN).text, asking.ask(PLAIN).reply.thoughts) == ("red", THOUGHT)
        assert tape.find(key).reply.text == text


def test_a_subject_leaves_its_thoughts_beside_its_reply(server):
    server.acts = [send(completion(content=f"<think>{THOUGHT}</think>\nred")), say(f"<think>{THOUGHT}", "length")]
    model = load(f"openai:loop@{server.url}/v1", Spending(concurrency=1), key_from=VARIABLE)
    replies = model.write(model.encode([Prompt.of("one"), Prompt.of("two")], Goal.TEXT), TextSampling())
    assert [(reply.text, reply.thoughts, reply.finished) for reply in replies] == [
        ("red", THOUGHT, True),
        ("", THOUGHT, False),
    ]
    assert to_json(_written(replies[0], None)) == {"text": "red", "finished": True, "thoughts": THOUGHT}
    assert "2 with thoughts" in model.bill()["writing"]
    model.close()


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        (f"<think> {THOUGHT} </think> red", {"text": "red", "finished": True, "thoughts": THOUGHT}),
        (f"<think> {THOUGHT}", {"text": "", "finished": False, "thoughts": THOUGHT}),
        ("red ", {"text": "red ", "finished": True}),
    ],
)
def test_so_does_a_model_that_runs_here(text, payload):
    assert to_json(_written(TextReply(text, (1,), (0.0,), finished=True), None)) == payload


VENDORS = {
    "anthropic": (
        AnthropicSDK,
        {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "stop_reason": "end_turn",
            "content": [
                {"type": "thinking", "thinking": THOUGHT, "signature": "x"},
                {"type": "redacted_thinking", "data": "sealed"},
                {"type": "text", "text": "red"},
            ],
        },
    ),
    "google.genai": (
        GoogleSDK,
        {"candidates": [{"content": {"parts": [{"text": THOUGHT, "thought": True}, {"text": "red"}]}}]},
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_so_it_is_with_the_vendors_own_replies(server, vendor):
    pytest.importorskip(vendor)
    kind, body = VENDORS[vendor]
    server.otherwise = send(body)
    answer = Chat(kind("loop", Secret(VARIABLE), server.url, ROOMY), time=Clock().time).ask(PLAIN)
    assert (answer.text, answer.reply.thoughts) == ("red", THOUGHT)
