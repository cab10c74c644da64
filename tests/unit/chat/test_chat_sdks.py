"""The vendors' own packages against the loopback server, where they are installed."""

import json
import logging
import ssl
from dataclasses import replace

import pytest
from PIL import Image

from tests.helpers import loopback_judge as server_acts
from tests.helpers.chat_samples import PRICE, ROOMY, Clock, Verdict
from tests.helpers.loopback_judge import KEY, VARIABLE, refuse, say
from tests.helpers.loopback_pictures import paint, png
from unispect.chat import AskError, Chat, PictureRequest, Request, RetryPolicy, Secret, Usage
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.openai_sdk import OpenAISDK
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt

CLIENTS = {"openai": (OpenAISDK, "/v1"), "anthropic": (AnthropicSDK, ""), "google.genai": (GoogleSDK, "")}
ASKED = Request(
    Prompt.of("what is ", Image.new("RGB", (8, 8), "red"), "?"),
    Verdict,
    "be fair",
    max_tokens=50,
    temperature=0.3,
    seed=7,
)


@pytest.fixture(params=CLIENTS)
def vendor(request):
    pytest.importorskip(request.param)
    return request.param


def judge_of(vendor, server, limits=ROOMY, attempts=2):
    kind, path = CLIENTS[vendor]
    client = kind("loop", Secret(VARIABLE), server.url + path, limits)
    return Chat(client, price=PRICE, retry_policy=RetryPolicy(attempts=attempts), time=Clock().time)


def test_text_and_pictures_go_out_and_answers_and_counts_come_back(vendor, server):
    judge = judge_of(vendor, server)
    answer = judge.ask(ASKED)
    assert (answer.value, answer.reply.model) == (Verdict(seen=True), "loop-1")
    assert (answer.reply.usage.input_tokens, answer.reply.usage.output_tokens) == (100, 20)
    assert answer.cost == pytest.approx(0.0003)
    sent = str(server.seen[0])
    assert "be fair" in sent
    assert "what is " in sent
    assert "iVBOR" in sent  # the base64 of a PNG's first bytes
    assert "additionalProperties" in sent
    assert "0.3" in sent
    assert answer.seed_sent == ("'seed': 7" in sent) == (vendor != "anthropic")
    assert "50" in sent


def test_another_form_is_unparsed(vendor, server):
    server.otherwise = say("I would rather talk.")
    answer = judge_of(vendor, server).ask(ASKED)
    assert (answer.value, answer.text) == (None, "I would rather talk.")


def test_text_without_a_form_is_not_asked_for_one(vendor, server):
    server.otherwise = say("A plain answer.")
    answer = judge_of(vendor, server).ask(replace(ASKED, schema=None))
    assert (answer.outcome, answer.text) == ("parsed", "A plain answer.")
    assert not [word for word in ("schema", "json") if word in str(server.seen[0]).lower()]


def test_a_server_may_want_no_key(vendor, server):
    kind, path = CLIENTS[vendor]
    chat = Chat(kind("loop", Secret(), server.url + path, ROOMY), time=Clock().time)
    assert chat.ask(ASKED).value == Verdict(seen=True)
    assert KEY not in str(server.headers)


def test_google_draws_and_says_why_it_does_not(server):
    pytest.importorskip("google.genai")
    wish = PictureRequest(Prompt.of("a red square"), "1:1", "1K", seed=7)
    server.acts = [paint(png("red"), words="Here it is."), paint(data="", words="I would rather not."), paint(b"%PDF")]
    answers = [judge_of("google.genai", server).ask(wish) for _ in range(3)]
    assert (answers[0].value.getpixel((0, 0)), answers[0].text) == ((255, 0, 0), "Here it is.")
    assert answers[0].reply.usage == Usage(100, 1290)
    assert (answers[1].value, answers[1].reason, answers[1].text) == (None, "no picture came", "I would rather not.")
    assert "no picture (PNG" in answers[2].reason
    how = server.seen[0]["generationConfig"]
    assert (how["responseModalities"], how["seed"]) == (["TEXT", "IMAGE"], 7)
    assert how["imageConfig"] == {"aspectRatio": "1:1", "imageSize": "1K"}


def test_google_refuses_pictures_in_its_own_words(server):
    pytest.importorskip("google.genai")
    said = {"candidates": [{"finishReason": "IMAGE_SAFETY"}], "usageMetadata": {"promptTokenCount": 9}}
    server.otherwise = lambda handler, body: handler.respond(200, json.dumps(said).encode())
    answer = judge_of("google.genai", server).ask(PictureRequest(Prompt.of("a red square")))
    assert (answer.reason, answer.reply.refusal) == ("the model refused", "IMAGE_SAFETY")


FAULTS = {
    "429": (refuse(429, Retry_After="3"), "status 429", {}),
    "500": (refuse(500), "status 500", {}),
    "401": (refuse(401), "status 401", {}),
    "hang": (server_acts.hang, "nothing came for", {"read": 0.2}),
    "slow drip": (server_acts.drip, "no whole response within", {"total": 0.3}),
    "truncated JSON": (server_acts.half_json, "gave no answer", {}),
    "truncated body": (server_acts.half_body, "the connection broke", {}),
    "10 MB": (server_acts.huge, "larger than 100000 bytes", {}),
    "another JSON": (server_acts.not_chat, "cannot be read", {}),
    "reset": (server_acts.reset, "the connection broke", {}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_those_of_plain_http_and_hold_no_key(vendor, server, name, caplog):
    caplog.set_level(logging.DEBUG)
    act, words, tight = FAULTS[name]
    server.otherwise = act
    judge = judge_of(vendor, server, replace(ROOMY, **tight))
    with pytest.raises(AskError, match=words) as caught:
        judge.ask(ASKED)
    # The packages have retries of their own, which must be off: ours counts, prices and waits.
    assert len(server.seen) == judge.tally().attempts == (1 if name in ("401", "10 MB", "another JSON") else 2)
    assert KEY not in repr(caught.value) + caplog.text
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("name", CLIENTS)
def test_a_package_that_is_not_installed_is_named(name, server, monkeypatch):
    def missing(package):
        raise ModuleNotFoundError(name=package)

    monkeypatch.setattr("unispect.chat.sdk.import_module", missing)
    with pytest.raises(UsageError, match=r"pip install 'unispect\[judges\]'"):
        judge_of(name, server).ask(ASKED)
    assert server.seen == []


def test_certificates_are_not_read_anew_for_every_request(vendor, server, monkeypatch):
    """Reading the system's takes longer than all else that is computed for a request."""
    read = []
    honest = ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(
        ssl.SSLContext, "load_verify_locations", lambda self, *a, **k: (read.append(a), honest(self, *a, **k))[1]
    )
    judge = judge_of(vendor, server)
    judge.ask(ASKED)
    read.clear()
    judge.ask(replace(ASKED, seed=8))
    assert not read
