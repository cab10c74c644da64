"""Whatever a server sends, and however it repeats the key: a client gives back a value, and a batch all its answers."""

import base64
import html
import json
import os
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.chat_samples import Clock, Verdict
from tests.helpers.loopback_raw import raw, whole
from unispect.chat import (
    Answer,
    ApiFailure,
    Cassette,
    Chat,
    Limits,
    PictureRequest,
    Price,
    Reply,
    Request,
    RetryPolicy,
    Secret,
)
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.masking import masked
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.chat.openai_sdk import OpenAISDK
from unispect.core.errors import UnispectError
from unispect.core.prompts import Prompt

VARIABLE = "FUZZED_KEY"
KEY = "sk-proj-Zq3/v9+T0xK_2LmWc8hRtYbN7uEdAfJg5s1Pk6VhX4oQ"
LIMITS = Limits(connect=20.0, read=20.0, total=60.0, bytes=200_000)
ASKED = Request(Prompt.of("is it there?"), Verdict, max_tokens=50)
DRAWN = PictureRequest(Prompt.of("a star"))
CLIENTS = {
    "http": (lambda url: OpenAIHTTP("m", f"{url}/v1", Secret(VARIABLE), LIMITS), ASKED, ""),
    "pictures": (lambda url: OpenAIPictures("m", f"{url}/v1", Secret(VARIABLE), LIMITS), DRAWN, ""),
    "openai": (lambda url: OpenAISDK("m", Secret(VARIABLE), f"{url}/v1", LIMITS), ASKED, "openai"),
    "anthropic": (lambda url: AnthropicSDK("m", Secret(VARIABLE), url, LIMITS), ASKED, "anthropic"),
    "google": (lambda url: GoogleSDK("m", Secret(VARIABLE), url, LIMITS), ASKED, "google.genai"),
    "google pictures": (lambda url: GoogleSDK("m", Secret(VARIABLE), url, LIMITS), DRAWN, "google.genai"),
}
SEEDED = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module", autouse=True)
def _key():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, KEY)
        yield


@pytest.fixture(scope="module")
def server():
    with raw() as running:
        yield running


def client_of(name, server):
    make, asked, package = CLIENTS[name]
    if package:
        pytest.importorskip(package)
    return make(server.url), asked


@pytest.fixture(params=CLIENTS)
def client(request, server):
    return client_of(request.param, server)


def leaks(text: str) -> list[str]:
    """Pieces of the key of 8 letters that stand in a text."""
    return [piece for start in range(len(KEY) - 7) if (piece := KEY[start : start + 8]) in text]


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 1, 10**400, 10**18, 1e308, float("inf"), float("nan"), -0.0, 0.5, 1e-9])
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from([KEY, "stop", "length", "\ud800", "\x00", "<think>", "a" * 5000, "data:image/png;base64,iVBOR"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENVELOPES = [
    {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}, "id": "i"},
    {"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn", "usage": {"input_tokens": 1}},
    {"candidates": [{"content": {"parts": [{"text": "yes", "inlineData": {"data": "aaaa"}}]}}], "usageMetadata": {}},
    {"data": [{"b64_json": "aaaa", "revised_prompt": "yes"}], "usage": {"output_tokens": 3}},
    {"error": {"message": "no", "code": 503, "param": "seed", "type": "x"}, "detail": [{"loc": ["a"]}]},
]


@st.composite
def odd_envelopes(draw):
    """A response of some provider in which something is anything."""

    def changed(value):
        if draw(st.integers(0, 5)) == 0:
            return draw(JSONS)
        if isinstance(value, dict):
            return {name: changed(one) for name, one in value.items() if draw(st.integers(0, 9))}
        return [changed(one) for one in value] if isinstance(value, list) else value

    return json.dumps(changed(draw(st.sampled_from(ENVELOPES)))).encode("utf-8", "surrogatepass")


HOSTILE = [
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\xff\xfe" + "{}".encode("utf-16-le"),
    b"<html>",
    b"\x1f\x8b",
    b"9" * 6000,
    b'{"usage":' + b"9" * 6000 + b"}",
    b'{"choices":[{"text":"' + b"\\u0000" * 9 + b'"}]}',
    b'{"choices":[{"text":"\\ud800"}]}',
    b'{"error":' + b"[" * 900 + b"]" * 900 + b"}",
]
BODIES = (
    odd_envelopes()
    | st.binary(max_size=60)
    | st.builds(lambda body, end: body[:end], odd_envelopes(), st.integers(0, 80))
    | st.builds(lambda body: b"data: " + body + b"\n\ndata: [DONE]\n\n", odd_envelopes())
    | st.sampled_from(HOSTILE)
)
CHARSETS = ["utf-16", "zip", "idna", "hex", "rot13", "undefined", "punycode", "\xfc", "a" * 300, "utf-8; charset=x", ""]
ODD_HEADERS = [
    *(f"content-type: application/json; charset={name}".encode("latin-1") for name in CHARSETS),
    b"x-place: M\xfcnchen",
    b"retry-after: \xb2",
    b"retry-after: " + b"9" * 400,
    b"retry-after: Fri, 99 Jan 99999 99:99:99 GMT",
    b"retry-after-ms: -1e400",
    b"content-encoding: br",
    b"content-encoding: \xff",
    b"transfer-encoding: \xff",
    b"content-length: 7",
    b"content-length: -1",
    b"content-length: 99999999999999999999",
    b"location: http://[",
    b"set-cookie: \x01\x02=\xe9",
    b"content-type:",
    b"x-request-id: " + KEY.encode(),
]
HEADERS = st.lists(
    st.sampled_from(ODD_HEADERS)
    | st.builds(lambda name, value: name + b": " + value, st.sampled_from([b"x-a", b"server"]), st.binary(max_size=12)),
    max_size=4,
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))
STATUSES = st.sampled_from(
    [100, 200, 200, 200, 200, 201, 204, 206, 299, 301, 400, 401, 403, 418, 422, 429, 500, 503, 520, 999]
)
ANSWERS = st.builds(whole, STATUSES, BODIES, HEADERS) | st.builds(
    lambda status, body, headers: b"HTTP/1.1 %d\r\n%s\r\n%s" % (status, headers, body), STATUSES, BODIES, HEADERS
)
ANSWERS |= st.binary(max_size=50) | st.just(b"HTTP/1.1 \xff\xfe\r\n\r\n") | st.just(b"HTTP/9.9 200 OK\r\n\r\n{}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["http", "pictures"])
@settings(max_examples=80, **SEEDED)
@given(answer=ANSWERS)
def test_nothing_that_a_server_sends_raises(name, server, tmp_path_factory, answer):
    a_value_comes_back(client_of(name, server), server, tmp_path_factory, answer)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai", "anthropic", "google", "google pictures"])
@settings(max_examples=15, **SEEDED)
@given(answer=ANSWERS)
def test_nothing_that_a_server_sends_raises_out_of_a_package(name, server, tmp_path_factory, answer):
    a_value_comes_back(client_of(name, server), server, tmp_path_factory, answer)


@pytest.mark.parametrize("status", [200, 400])
def test_what_breaks_readers_breaks_no_client(client, server, status):
    asking, asked = client
    good = json.dumps(ENVELOPES[0]).encode()
    headers = ODD_HEADERS if asking.name == "openai-http" else ODD_HEADERS[:3]
    for answer in (
        *(whole(status, body) for body in HOSTILE),
        *(whole(status, good, one + b"\r\n") for one in headers),
    ):
        server.answer = answer
        assert isinstance(asking.send(asked), Reply | ApiFailure)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_package_warns_or_logs_of_a_key_in_a_response(client, server, status, caplog, recwarn):
    sends, asked = client
    odd = {"model": KEY, "choices": [{"finish_reason": KEY, "message": {"role": KEY, "content": KEY}}], "error": KEY}
    odd |= {"type": KEY, "stop_reason": KEY, "content": [{"type": KEY, "text": KEY}], "usage": {KEY: KEY}}
    odd |= {"candidates": [{"finishReason": KEY, "content": {"role": KEY, "parts": [{"text": KEY, KEY: KEY}]}}]}
    server.answer = whole(status, json.dumps(odd).encode())
    with caplog.at_level("DEBUG"):
        sends.send(asked)
    assert leaks(caplog.text + "".join(str(one.message) for one in recwarn)) == []


@pytest.mark.parametrize("status", [200, 201, 203, 206])
def test_what_was_paid_for_is_kept_whatever_its_headers_say(server, status, tmp_path):
    asking, asked = client_of("http", server)
    for number, header in enumerate(one for one in ODD_HEADERS if not one.startswith((b"content-len", b"content-enc"))):
        server.answer = whole(status, json.dumps(ENVELOPES[0]).encode(), header + b"\r\n")
        if not header.startswith(b"transfer-encoding"):
            with Cassette(tmp_path / f"{number}.jsonl") as tape:
                (answer,) = Chat(asking, cassette=tape, time=Clock().time).ask_all([asked])
                assert answer.text == "yes", header
                assert len(tape) == 1


def a_value_comes_back(client, server, tmp_path_factory, answer):
    asking, asked = client
    server.answer = answer
    outcome = asking.send(asked)
    assert isinstance(outcome, Reply | ApiFailure)
    assert not leaks(repr(outcome))
    path = tmp_path_factory.mktemp("fuzz") / "tape.jsonl"
    retry_policy = RetryPolicy(attempts=1)
    price = Price(input=1, output=10, drawn_tokens=500)
    with Cassette(path) as tape:
        chat = Chat(asking, cassette=tape, price=price, retry_policy=retry_policy, time=Clock().time)
        (given_,) = chat.ask_all([asked])
        assert isinstance(given_, Answer | UnispectError)
        assert not leaks(str(given_))
        spent = tape.spent
        assert 0 <= spent <= 2 * price.at_most(asked) or given_.reply.usage is not None
    assert not leaks(path.read_text())
    with Cassette(path, "replay") as tape:
        assert tape.spent == spent
        (again,) = Chat(asking, cassette=tape, price=price, retry_policy=retry_policy).ask_all([asked])
        if isinstance(given_, Answer):
            assert again.as_payload() == given_.as_payload()
    os.unlink(path)


SPELLINGS = {
    "as it is": lambda key: key,
    "quoted": lambda key: quote(key, safe=""),
    "quoted twice": lambda key: quote(quote(key, safe=""), safe=""),
    "every letter quoted": lambda key: "".join(f"%{ord(letter):02x}" for letter in key),
    "JSON": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda key: json.dumps(json.dumps({"key": key}).replace("/", "\\/"))[1:-1],
    "every letter as JSON": lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
    "HTML": lambda key: html.escape(key).replace("/", "&#x2F;").replace("+", "&#43;"),
    "every letter as HTML": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "base64": lambda key: base64.b64encode(f"user:{key}!".encode()).decode(),
    "base64 of a header": lambda key: base64.urlsafe_b64encode(f"Authorization: Bearer {key}\n".encode()).decode(),
    "in lines": lambda key: "\n".join(key[start : start + 7] for start in range(0, len(key), 7)),
    "in lines of JSON": lambda key: "\\n".join(key[start : start + 7] for start in range(0, len(key), 7)),
    "a header twice": lambda key: f"authorization: Bearer {key}, Bearer {key}",
    "UTF-16": lambda key: key.encode("utf-16-le").decode("latin-1"),
}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="


def of_key(text: str, key: str) -> list[str]:
    """What of a key can still be found: 8 letters in a row, also of its base64."""
    inner = [base64.b64encode(bytes(shift) + key.encode()).decode()[4:-4] for shift in range(3)]
    inner += [one.replace("+", "-").replace("/", "_") for one in inner]
    found = [key[start : start + 8] for start in range(len(key) - 7)]
    found += [one[start : start + 12] for one in inner for start in range(len(one) - 11)]
    return [piece for piece in found if piece in text]


@pytest.mark.parametrize("name", SPELLINGS)
@settings(max_examples=60, **SEEDED)
@given(key=st.text(LETTERS, min_size=20, max_size=180), before=st.text(max_size=30), behind=st.text(max_size=30))
def test_a_key_is_masked_however_it_is_spelled(name, key, before, behind):
    key = "K9-" + key
    said = masked(f"{before} {SPELLINGS[name](key)} {behind}", key)
    assert "[key]" in said
    assert not of_key("".join(said.split()).replace("\\n", "").replace("\x00", ""), key)


@pytest.mark.slow
@settings(max_examples=200, **SEEDED)
@given(st.text(LETTERS, min_size=20, max_size=180), st.data())
def test_a_piece_of_a_key_is_masked_at_either_end_of_a_text(key, data):
    key = "K9-" + key
    start = data.draw(st.integers(0, len(key) - 8))
    end = data.draw(st.integers(start + 8, len(key)))
    piece = key[start:end]
    for text in (f"{piece} behind", f"before {piece}", f"before {piece} behind"):
        assert not of_key(masked(text, key), key)


@settings(max_examples=200, **SEEDED)
@given(st.text(max_size=300))
def test_a_text_without_the_key_is_left_alone(text):
    assert masked(text, KEY) == text


OFFSETS = range(401)
KEYS = ["sk-" + "9fQ2" * 5, KEY, "sk-proj-" + "aB3dE6gH9jK2" * 13]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JSON", "page"])
def test_a_key_at_any_offset_of_an_error_is_masked(client, server, monkeypatch, kind):
    asking, asked = client
    for offset in OFFSETS if asking.name in ("openai-http", "openai-pictures") else range(0, 401, 23):
        key = KEYS[offset % len(KEYS)]
        monkeypatch.setenv(VARIABLE, key)
        said = "x" * offset + key + "y" * 50
        body = f"<html><pre>{said}</pre>" if kind == "page" else json.dumps({"error": {"message": said}})
        server.answer = whole(400, body.encode())
        fault = asking.send(asked)
        assert isinstance(fault, ApiFailure)
        assert fault.what.startswith("status 400: ")
        assert not of_key(repr(fault), key), offset
        if offset < 250:
            assert "[key]" in fault.what


def test_what_is_unknown_of_a_reply_is_not_free(client, server):
    asking, asked = client
    price = Price(input=1, output=10, drawn_tokens=500)
    for odd in (-1, 0, 10**12, 10**400, 1e-9, 0.5, 1e308, True, False, "many", "", "-5", "1e-3", None, [7], {"a": 7}):
        tokens = dict.fromkeys(
            ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "promptTokenCount"), odd
        )
        named = {"usage": tokens, "usageMetadata": tokens | {"candidatesTokenCount": odd}}
        said = {key: value for one in ENVELOPES[:4] for key, value in one.items()} | named
        server.answer = whole(200, json.dumps(said).encode())
        chat = Chat(asking, price=price, time=Clock().time)
        chat.ask_all([asked])
        assert chat.tally().cost == pytest.approx(price.at_most(asked)), odd
