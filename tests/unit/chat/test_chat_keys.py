import json
import pickle

import pytest
from pydantic import BaseModel

from tests.helpers.chat_samples import chat, client, question
from tests.helpers.loopback_judge import KEY, VARIABLE, loopback
from unispect.chat import Cassette, Request, Secret, Spending, chat_for
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.openai_http import OpenAIHTTP
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt


def test_a_secret_holds_the_name_only():
    secret = Secret(VARIABLE)
    assert secret.value() == KEY
    assert KEY not in repr(secret) + str(vars(secret)) + repr(client("http://127.0.0.1:1"))
    assert KEY.encode() not in pickle.dumps(secret)


def test_without_a_key_nothing_is_sent(monkeypatch):
    monkeypatch.delenv(VARIABLE)
    with loopback() as server:
        with pytest.raises(UsageError, match=f"{VARIABLE} is not set"):
            chat(server.url).ask(question())
        assert server.seen == []


@pytest.mark.parametrize("key", ["sk-planted\nx-evil: 1", "sk-plänted-key", "sk planted key"])
def test_a_key_that_cannot_be_sent_is_not_quoted(monkeypatch, key):
    monkeypatch.setenv(VARIABLE, key)
    with pytest.raises(UsageError, match="cannot be a key") as caught:
        Secret(VARIABLE).value()
    assert "pl" not in str(caught.value).replace("replace", "")


def test_keys_are_masked_however_they_are_spelled():
    spelled = [KEY, "sk-planted%2F0123456789%2Bsecret"]
    assert [Secret(VARIABLE).scrub(f"a {text} b") for text in spelled] == ["a [key] b"] * 2


def test_a_placeholder_is_no_secret(monkeypatch):
    monkeypatch.setenv(VARIABLE, "EMPTY")
    assert Secret(VARIABLE).scrub("the set is EMPTY") == "the set is EMPTY"


class Leak(BaseModel):
    seen: bool


@pytest.mark.parametrize(
    "request_", [question(f"my key is {KEY}"), question(system=KEY), Request(Prompt.of("a", KEY), Leak)]
)
def test_a_request_that_holds_the_key_is_refused(request_):
    with loopback() as server:
        with pytest.raises(UsageError, match="holds the API key") as caught:
            chat(server.url).ask(request_)
        assert server.seen == []
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"https://user:{KEY}@host/v1", "no user, password"),
        (f"https://host/v1?key={KEY}", "no user, password"),
        ("http://judge.example.org/v1", "in the clear"),
        ("ftp://host/v1", "must look like"),
        ("host/v1", "must look like"),
    ],
)
def test_urls_that_could_give_a_key_away_are_refused(url, words):
    for make in (lambda: OpenAIHTTP("m", url, Secret(VARIABLE)), lambda: AnthropicSDK("m", base_url=url)):
        with pytest.raises(UsageError, match=words) as caught:
            make()
        assert KEY not in str(caught.value)


def test_an_endpoint_may_want_no_key():
    with loopback() as server:
        from tests.helpers.chat_samples import Clock
        from unispect.chat import Chat

        judge = Chat(OpenAIHTTP("m", server.url + "/v1"), time=Clock().time)
        assert judge.ask(question()).value.seen
        assert not {"authorization", "Authorization"} & set(server.headers[0])


@pytest.mark.parametrize("name", ["sk-planted-0123456789", "a b", "$KEY", "KEY=1"])
def test_a_key_in_the_place_of_its_variable_is_not_repeated(name):
    with pytest.raises(UsageError, match="no name of a variable") as caught:
        Secret(name)
    assert name not in str(caught.value)


@pytest.mark.parametrize("key", ["AIzaSyPlanted0123456789", "PLANTED0123456789ABC"])
def test_a_key_that_looks_like_a_variable_is_not_repeated(key):
    with pytest.raises(UsageError, match="is not set") as caught:
        Secret(key).value()
    assert key not in str(caught.value)


@pytest.mark.parametrize("place", ["content", "reasoning"])
def test_a_key_in_the_parts_of_a_stream_is_masked(place, tmp_path):
    parts = [KEY[start : start + 5] for start in range(0, len(KEY), 5)]
    events = [{"choices": [{"delta": {place: part}}]} for part in ("your key: ", *parts)]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    with loopback() as server, Cassette(tmp_path / "tape.jsonl") as tape:
        server.otherwise = lambda handler, asked: handler.respond(200, body.encode())
        reply = chat(server.url, cassette=tape).ask(Request(Prompt.of("a"))).reply
    assert (reply.text or reply.thoughts) == "your key: [key]"
    assert not [part for part in parts[:-1] if part in (tmp_path / "tape.jsonl").read_text()]


def test_a_model_that_is_called_as_the_key_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="holds the API key") as caught:
        chat_for(f"openai:{KEY}@http://127.0.0.1:1/v1", Spending(cassette=tmp_path / "tape.jsonl"), key_from=VARIABLE)
    assert KEY not in str(caught.value)
    assert not list(tmp_path.iterdir())


WORDS = "sk-no-key-required"


def test_words_of_a_key_that_is_made_of_words_are_left(monkeypatch):
    monkeypatch.setenv(VARIABLE, WORDS)
    said = "An API key is required."
    assert Secret(VARIABLE).scrub(said) == said
    assert Secret(VARIABLE).scrub(f"it is {WORDS}.") == "it is [key]."


def test_a_file_in_base64_is_no_key(monkeypatch):
    """Any 8 letters stand in one sooner or later; the whole key does not."""
    monkeypatch.setenv(VARIABLE, "sk" + "Zq3v9T0xK2LmWc8hRtYbN7uEdAfJg5s1Pk6VhX4oQ")
    file = "A" * 5000
    held = file + "Zq3v9T0x" + file
    assert Secret(VARIABLE).scrub(held) == held
    assert "Zq3v9T0x" not in Secret(VARIABLE).scrub(f"{file} Zq3v9T0x {file}")
    assert Secret(VARIABLE).scrub(file + Secret(VARIABLE).value() + file) == f"{file}[key]{file}"


@pytest.mark.parametrize("part", [KEY, KEY[:-1], KEY[3:15], "\\" * 10, "%25", "&amp;"])
def test_a_text_full_of_it_is_looked_through_and_not_shown(part):
    text = part * (200_000 // len(part))
    found = Secret(VARIABLE).scrub(text)
    assert found == ("[key]" if part in KEY else text)
