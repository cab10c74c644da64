"""Nothing but the absence of what was asked for voids a reply: paid once, kept, and read again without paying."""

import base64
import json
from dataclasses import replace

import pytest

from tests.helpers.chat_samples import PRICE, REPLY_COST, ROOMY, Clock, chat, client, question
from tests.helpers.loopback_judge import KEY, VARIABLE, send
from tests.helpers.loopback_pictures import png
from unispect.chat import Cassette, Chat, FatalError, Outcome, PictureRequest, Price, Reply, Request, Secret, Unreadable
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.chat.openai_sdk import OpenAISDK
from unispect.core.prompts import Prompt

PLAIN = Request(Prompt.of("hello"), max_tokens=50)
MESSAGE = {"role": "assistant", "content": "A red lighthouse."}
CHOICE = {"index": 0, "message": MESSAGE, "finish_reason": "stop"}
WHOLE = {
    "id": "x",
    "model": "m",
    "choices": [CHOICE],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
}
MOST = PRICE.at_most(PLAIN)


def without(name):
    return {key: value for key, value in WHOLE.items() if key != name}


USAGES = {
    "nothing": None,
    "empty": {},
    "a part": {"prompt_tokens": 100, "total_tokens": 120},
    "null": {"prompt_tokens": None, "completion_tokens": None},
    "words": {"prompt_tokens": "many", "completion_tokens": "few"},
    "negative": {"prompt_tokens": -100, "completion_tokens": -20},
    "zero": {"prompt_tokens": 0, "completion_tokens": 0},
    "nested": {"prompt_tokens": {"total": 100}, "completion_tokens": [20]},
    "huge": {"prompt_tokens": 10**400, "completion_tokens": 20},
    "a truth": {"prompt_tokens": True, "completion_tokens": True},
    "a list": [100, 20],
    "a number": 120,
    "text": "120",
    "of drawing": {"images": 1},
}


@pytest.mark.parametrize("name", USAGES)
def test_tokens_that_are_not_named_count_at_their_most(server, name):
    server.otherwise = send(WHOLE | {"usage": USAGES[name]})
    asking = chat(server.url, price=PRICE, max_cost=1.0)
    answer = asking.ask(PLAIN)
    assert (answer.outcome, answer.text, len(server.seen)) == (Outcome.PARSED, "A red lighthouse.", 1)
    assert answer.cost == pytest.approx(MOST)
    assert asking.tally().uncounted == 1


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 100.0, "completion_tokens": 20.0},
        {"prompt_tokens": "100", "completion_tokens": "20"},
        {"input_tokens": 100, "output_tokens": 20},
        {"prompt_tokens": 100, "completion_tokens": 20, "cost": None, "details": {"a": [1]}},
    ],
)
def test_tokens_are_counted_however_their_numbers_are_written(server, usage):
    server.otherwise = send(WHOLE | {"usage": usage})
    assert chat(server.url, price=PRICE).ask(PLAIN).cost == pytest.approx(REPLY_COST)


ODD = {
    "no id": without("id"),
    "an id that is a number": WHOLE | {"id": 7},
    "an id that is an object": WHOLE | {"id": {"a": 1}},
    "no id but null": WHOLE | {"id": None},
    "no model": without("model"),
    "a model that is a number": WHOLE | {"model": 4},
    "an unknown end": WHOLE | {"choices": [CHOICE | {"finish_reason": "whatever"}]},
    "no end": WHOLE | {"choices": [CHOICE | {"finish_reason": None}]},
    "an end that is a number": WHOLE | {"choices": [CHOICE | {"finish_reason": 1}]},
    "more than was asked for": WHOLE | {"system_fingerprint": [], "error": None, "citations": [{}], "x": 1e999},
    "an empty error beside it": WHOLE | {"error": {}},
    "an error beside it": WHOLE | {"error": "a plugin failed"},
    "tool calls that are null": WHOLE | {"choices": [CHOICE | {"message": MESSAGE | {"tool_calls": None}}]},
    "a refusal that is null": WHOLE | {"choices": [CHOICE | {"message": MESSAGE | {"refusal": None}}]},
    "parts": WHOLE | {"choices": [{"message": {"content": [{"type": "text", "text": "A red lighthouse."}]}}]},
    "parts that are texts": WHOLE | {"choices": [{"message": {"content": ["A red ", "lighthouse."]}}]},
    "one part": WHOLE | {"choices": [{"message": {"content": {"type": "text", "text": "A red lighthouse."}}}]},
    "a choice that is not in a list": WHOLE | {"choices": CHOICE},
    "the text of a completion": WHOLE | {"choices": [{"text": "A red lighthouse.", "finish_reason": "stop"}]},
    "a message that is a text": WHOLE | {"choices": [{"message": "A red lighthouse."}]},
    "no choices, but a message": {"message": MESSAGE, "done": True},
    "empty choices beside a text": {"choices": [], "text": "A red lighthouse."},
    "null choices beside a text": {"choices": None, "output_text": "A red lighthouse."},
    "a response": {
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "A red lighthouse."}]},
        ]
    },
    "a generated text": {"generated_text": "A red lighthouse."},
}


@pytest.mark.parametrize("name", ODD)
def test_a_text_is_kept_whatever_stands_around_it(server, name, tmp_path):
    server.otherwise = send(ODD[name])
    with Cassette(tmp_path / "tape.jsonl") as tape:
        asking = chat(server.url, cassette=tape, price=PRICE, max_cost=1.0)
        answers = [asking.ask(PLAIN), asking.ask(PLAIN)]
    assert [(answer.outcome, answer.text) for answer in answers] == [(Outcome.PARSED, "A red lighthouse.")] * 2
    assert len(server.seen) == 1


SILENT = {
    "no message": {"index": 0, "finish_reason": "length"},
    "no message, and no reason": {"index": 0},
    "a message that is null": {"message": None, "finish_reason": "stop"},
    "nothing": {},
}


@pytest.mark.parametrize("name", SILENT)
def test_a_choice_without_a_message_is_an_empty_answer_that_was_cut_off(server, name):
    server.otherwise = send(WHOLE | {"choices": [SILENT[name]]})
    answer = chat(server.url).ask(PLAIN)
    assert (answer.outcome, answer.text) == (Outcome.UNPARSED, "")
    assert answer.reason.startswith("cut off")
    assert len(server.seen) == 1


def test_a_message_without_a_text_is_an_empty_answer(server):
    server.otherwise = send(WHOLE | {"choices": [CHOICE | {"message": {"content": None}}]})
    answer = chat(server.url).ask(PLAIN)
    assert (answer.text, answer.reason, len(server.seen)) == ("", "the reply is empty", 1)


def test_a_stream_that_nobody_asked_for_is_put_together(server):
    events = [{"choices": [{"delta": {"role": "assistant", "reasoning_content": "Hm."}}], "model": "m"}]
    events += [{"choices": [{"delta": {"content": part}}]} for part in ("A red ", "lighthouse.")]
    events += [{"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": WHOLE["usage"]}]
    lines = [b"data: " + json.dumps(event).encode() for event in events]
    server.otherwise = send(b"\n\n".join([b": hello", *lines, b"data: [DONE]", b""]))
    answer = chat(server.url, price=PRICE).ask(PLAIN)
    assert (answer.text, answer.reply.thoughts, answer.reply.finish) == ("A red lighthouse.", "Hm.", "stop")
    assert answer.cost == pytest.approx(REPLY_COST)


HEADERS = {
    "a byte beyond ASCII": {"x-place": "M\xfcnchen"},
    "a charset that is no text": {"content-type": "application/json; charset=zlib"},
    "a charset that is unknown": {"content-type": "application/json; charset=klingon"},
    "another type": {"content-type": "text/plain"},
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("status", [200, 400])
def test_headers_do_not_matter(server, name, status):
    server.otherwise = send(WHOLE if status == 200 else {"error": {"message": "safety: no"}}, status, HEADERS[name])
    if status == 200:
        assert chat(server.url).ask(PLAIN).text == "A red lighthouse."
    else:
        (error,) = chat(server.url).ask_all([PLAIN])
        assert "status 400: safety: no" in str(error)


UNREAD = {
    "another JSON": {"hello": KEY},
    "a list": [1, 2],
    "empty choices": {"choices": []},
    "a text": b"A red lighthouse, and no JSON.",
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_is_kept_and_not_asked_for_again(server, name, tmp_path):
    server.otherwise = send(UNREAD[name])
    path = tmp_path / "tape.jsonl"
    for _ in range(2):
        with Cassette(path) as tape:
            asking = chat(server.url, cassette=tape, price=PRICE, max_cost=1.0)
            with pytest.raises(Unreadable, match="sent what cannot be read") as caught:
                asking.ask(PLAIN)
            assert (asking.tally().failed, asking.tally().unread) == (1, 1)
    assert len(server.seen) == 1
    assert str(path) in str(caught.value)
    kept = json.loads(path.read_text().splitlines()[-1])["entry"]["reply"]["raw"]
    assert kept == (UNREAD[name].decode() if name == "a text" else json.dumps(UNREAD[name]).replace(KEY, "[key]"))
    assert KEY not in path.read_text() + str(caught.value)


def test_a_version_that_understands_it_reads_it_without_paying(server, tmp_path):
    with Cassette(tmp_path / "tape.jsonl") as tape:
        key = PLAIN.key("openai-http", "loop")
        raw = json.dumps(WHOLE)
        tape.keep(tape.sent(key, 0.0), key, {}, Reply("", unread="an older version did not know this", raw=raw), None)
        assert chat(server.url, cassette=tape).ask(PLAIN).text == "A red lighthouse."
    assert server.seen == []


def test_a_page_under_status_200_stops_at_the_first(server, tmp_path):
    server.otherwise = send(b"<!DOCTYPE html><title>Log in</title>")
    with Cassette(tmp_path / "tape.jsonl") as tape:
        asking = chat(server.url, cassette=tape)
        errors = asking.ask_all([replace(PLAIN, seed=seed) for seed in range(3)])
    assert {type(error) for error in errors} == {FatalError}
    assert "/v1?" in str(errors[0])
    assert len(server.seen) == 1
    assert "Log in" in (tmp_path / "tape.jsonl").read_text()


class Breaking:
    """A client whose HTTP library raises what no list of errors holds."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def send(self, request):
        raise LookupError(KEY)


def test_whatever_a_client_raises_is_a_fault():
    asking = Chat(Breaking(client("http://127.0.0.1:1")), price=PRICE, time=Clock().time)
    (error, answer) = asking.ask_all([PLAIN, question()])
    assert "the client failed (LookupError)" in str(error)
    assert KEY not in str(error) + str(answer)
    assert asking.tally().cost > 0


def test_whatever_the_http_library_raises_is_a_fault(server, monkeypatch):
    def broken(*arguments, **more):
        raise OSError(KEY)

    monkeypatch.setattr("httpx2.Client.send", broken)
    (error,) = chat(server.url).ask_all([PLAIN])
    assert "the HTTP client failed (OSError)" in str(error)
    assert KEY not in str(error)


VENDORS = {
    "openai": (OpenAISDK, "/v1", WHOLE, "usage"),
    "anthropic": (
        AnthropicSDK,
        "",
        {
            "id": "x",
            "type": "message",
            "model": "m",
            "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "A red lighthouse."}],
        },
        "usage",
    ),
    "google.genai": (
        GoogleSDK,
        "",
        {"candidates": [{"content": {"parts": [{"text": "A red lighthouse."}]}, "finishReason": "STOP"}]},
        "usageMetadata",
    ),
}
ASIDES = {
    "a usage that is null": ("usage", None),
    "a usage that is empty": ("usage", {}),
    "a usage in words": ("usage", {"input_tokens": "a", "prompt_tokens": "b", "promptTokenCount": "c"}),
    "a usage that is a list": ("usage", [1]),
    "an id that is a number": ("id", 7),
    "a model that is an object": ("model", {"name": "m"}),
    "what nobody knows": ("surprise", [{"a": None}]),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("name", ASIDES)
def test_so_it_is_through_the_vendors_packages(server, vendor, name):
    pytest.importorskip(vendor)
    kind, path, whole, usage = VENDORS[vendor]
    field, value = ASIDES[name]
    server.otherwise = send(whole | {usage if field == "usage" else field: value})
    asking = Chat(kind("loop", Secret(VARIABLE), server.url + path, ROOMY), price=PRICE, time=Clock().time)
    answer = asking.ask(PLAIN)
    assert (answer.outcome, answer.text, len(server.seen)) == (Outcome.PARSED, "A red lighthouse.", 1)


BYTES = base64.b64encode(png()).decode()
DRAWN = {
    "chat-like tokens": {"data": [{"b64_json": BYTES}], "usage": {"prompt_tokens": 0, "completion_tokens": 0}},
    "no tokens": {"data": [{"b64_json": BYTES}], "usage": {}},
    "null": {"data": [{"b64_json": BYTES, "url": None, "revised_prompt": None}], "usage": None, "model": None},
    "odd types": {"data": [{"b64_json": BYTES, "revised_prompt": ["x"]}], "usage": [1], "model": 7, "id": {}},
    "one picture": {"data": {"b64_json": BYTES}},
    "texts": {"images": [BYTES]},
    "another name": {"images": [{"image": BYTES}]},
    "artifacts": {"artifacts": [{"base64": BYTES, "finishReason": "SUCCESS"}]},
    "an address with the bytes": {"data": [{"b64_json": BYTES, "url": "https://host/a.png"}]},
    "a name that nobody knows": {"data": [{"revised_prompt": "x" * 300, "file": BYTES}]},
    "an error beside it": {"data": [{"b64_json": BYTES}], "error": {"code": 0}},
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_kept_whatever_stands_around_it(server, name):
    server.otherwise = send(DRAWN[name])
    price = Price(input=10.0, output=40.0, drawn_tokens=5000)
    drawing = Chat(OpenAIPictures("loop", server.url, Secret(VARIABLE), ROOMY), price=price, time=Clock().time)
    wish = PictureRequest(Prompt.of("a red square"))
    answer = drawing.ask(wish)
    assert (answer.outcome, len(server.seen)) == (Outcome.PARSED, 1)
    assert answer.value.getpixel((0, 0)) == (255, 0, 0)
    assert answer.cost == pytest.approx(price.at_most(wish))


def test_a_picture_that_is_not_found_is_no_refusal(server):
    server.acts = [
        send({"data": [{"file": "x" * 300}]}),
        send({"data": [{"b64_json": None, "finish_reason": "filtered"}]}),
    ]
    drawing = Chat(OpenAIPictures("loop", server.url, Secret(VARIABLE), ROOMY), time=Clock().time)
    lost, refused = drawing.ask_all([PictureRequest(Prompt.of("a star"), seed=seed) for seed in (0, 1)])
    assert isinstance(lost, Unreadable)
    assert refused.reason == "no picture came"
