"""Servers that refuse a part of what is sent: named options, found at the first request, part of what is asked."""

import pytest
from PIL import Image

from tests.helpers.chat_samples import ROOMY, Clock, chat, client, question
from tests.helpers.loopback_judge import VARIABLE, refuse, say, send
from tests.helpers.loopback_pictures import paint
from unispect.chat import AskError, Chat, Dialect, FatalError, PictureRequest, Request, Secret, Spending, chat_for
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.named import client_for, drawer_of, parse
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt
from unispect.models.remote.names import Asking, card_for, remote_name
from unispect.studies.posters.judging.plan import How
from unispect.studies.posters.records import OfPoster

LOCAL = "openai:m@http://127.0.0.1:1/v1"
INSTRUCTED = question("is it there?", system="be fair", temperature=0.3)
PLAIN = Request(Prompt.of("is it", " there?"), max_tokens=50)


def body(request=INSTRUCTED, spec=LOCAL, **dialect):
    return client_for(spec, dialect=Dialect(**dialect)).body(request)


def test_by_default_all_is_sent():
    sent = body()
    assert sent["response_format"]["type"] == "json_schema"
    assert (sent["seed"], sent["max_tokens"], sent["temperature"]) == (0, 50, 0.3)
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]


def test_each_option_changes_its_part_alone():
    whole = body()
    assert body(forms="object")["response_format"] == {"type": "json_object"}
    assert "response_format" not in body(forms="words")
    assert "JSON schema" in body(forms="words")["messages"][0]["content"]
    assert body(seeds=False) == {name: value for name, value in whole.items() if name != "seed"}
    assert body(limit_name="none") == {name: value for name, value in whole.items() if name != "max_tokens"}
    assert body(limit_name="max_completion_tokens")["max_completion_tokens"] == 50
    (message,) = body(system=False)["messages"]
    assert [part["text"] for part in message["content"]] == ["be fair\n\n", "is it there?"]
    assert body(PLAIN, plain=True)["messages"] == [{"role": "user", "content": "is it there?"}]
    seen = Request(Prompt.of("what is ", Image.new("RGB", (4, 4))))
    assert [part["type"] for part in body(seen, plain=True)["messages"][0]["content"]] == ["text", "image_url"]


def test_what_is_left_open_suits_the_server():
    assert "max_completion_tokens" in body(spec="openai:m")
    assert "max_tokens" in body()
    wish = PictureRequest(Prompt.of("a star"), seed=7)

    def drawn(spec, dialect=None):
        return {
            name for name in drawer_of(parse(spec), None, dialect).body(wish) if name in ("seed", "response_format")
        }

    assert drawn("openai:m") == set()
    assert drawn(LOCAL) == {"seed", "response_format"}
    assert drawn(LOCAL, Dialect(picture_seeds=False)) == {"response_format"}
    assert drawn(LOCAL, Dialect(picture_format=False)) == {"seed"}
    assert drawn("openai:m", Dialect(picture_seeds=True, picture_format=True)) == {"seed", "response_format"}


def test_seeds_of_pictures_are_sent_and_recorded(server):
    server.otherwise = paint()
    drawing = Chat(OpenAIPictures("loop", server.url, Secret(VARIABLE), ROOMY, seeded=True), time=Clock().time)
    answers = drawing.ask_all([PictureRequest(Prompt.of("a star"), seed=seed) for seed in (7, 8)])
    assert [sent["seed"] for sent in server.seen] == [7, 8]
    assert all(answer.seed_sent for answer in answers)


@pytest.mark.parametrize(
    ("request_", "dialect", "changes"),
    [
        (INSTRUCTED, Dialect(forms="object"), True),
        (INSTRUCTED, Dialect(forms="words"), True),
        (INSTRUCTED, Dialect(seeds=False), True),
        (INSTRUCTED, Dialect(limit_name="none"), True),
        (INSTRUCTED, Dialect(system=False), True),
        (INSTRUCTED, Dialect(limit_name="max_completion_tokens"), False),
        (INSTRUCTED, Dialect(plain=True), False),
        (PLAIN, Dialect(forms="words"), False),
        (PLAIN, Dialect(system=False), False),
    ],
)
def test_what_decides_an_answer_makes_another_request(request_, dialect, changes):
    def key(way):
        return request_.key(way.name, way.model, way.manner(request_))

    assert (key(client_for(LOCAL, dialect=dialect)) != key(client_for(LOCAL))) == changes
    assert key(client_for(LOCAL)) == request_.key("openai-http", "m")  # as older cassettes hold it


def test_what_decides_the_answers_is_part_of_the_revision():
    def revision(spec, **dialect):
        return card_for(spec, Asking(dialect=Dialect(**dialect))).revision

    local = "openai:a+b@http://localhost/v1"
    assert revision(local, limit_name="max_tokens") == revision(local, picture_format=False) == revision(local)
    others = [{"seeds": False}, {"picture_seeds": False}, {"limit_name": "none"}]
    assert len({revision(local), *(revision(local, **other) for other in others)}) == 4
    assert revision("openai:a+b") != revision("openai:a+b", picture_seeds=True)
    assert revision("google:a+b", picture_seeds=True) == revision("google:a+b")
    assert revision("openai:a+b") == "9629573d3000"  # as before there were options


def test_seeds_that_are_not_sent_are_repetitions():
    def notes(spec, **dialect):
        return [note for note in card_for(spec, Asking(dialect=Dialect(**dialect))).notes if "repetitions" in note]

    assert notes("openai:a+b@http://localhost/v1") == []
    assert notes("openai:a+b") == [
        "seeds of pictures are not sent: replies under different seeds are repetitions of one request"
    ]
    assert len(notes("openai:a+b", seeds=False)) == 2
    assert notes("anthropic:a")[0].startswith("seeds of texts are not sent")
    assert remote_name("openai:+b").size(Asking(size="none")) == ""


def test_what_decides_a_judges_answers_is_part_of_its_units():
    def settings(**dialect):
        return How("judge", dialect=Dialect(**dialect)).unit("items", OfPoster(poster="one")).settings

    usual = settings()
    assert settings(limit_name="max_completion_tokens", plain=True) == usual
    assert settings(forms="words") == {**usual, "forms": "words"}
    assert settings(seeds=False) == {**usual, "seeds": "not sent"}


@pytest.mark.parametrize(
    ("spec", "dialect", "words"),
    [
        ("anthropic:m", Dialect(forms="object"), "--answer-form object is for servers of OpenAI's protocol"),
        ("anthropic:m", Dialect(seeds=False), "--no-seed is for"),
        ("google:m", Dialect(limit_name="none"), "--limit-name is for"),
        ("google:m", Dialect(plain=True), "--plain-prompts is for"),
        ("google:m", Dialect(system=False), "--no-system-role is for"),
    ],
)
def test_an_option_without_effect_is_refused(spec, dialect, words):
    with pytest.raises(UsageError, match=words):
        client_for(spec, dialect=dialect)


def test_without_a_limit_on_replies_there_is_none_on_the_cost(tmp_path):
    (tmp_path / "prices.yaml").write_text("m: {input: 1, output: 1}")
    with pytest.raises(UsageError, match="--limit-name none"):
        chat_for(LOCAL, Spending(tmp_path / "prices.yaml", 1.0), dialect=Dialect(limit_name="none"))


def test_vendors_forms_in_words():
    anthropic = AnthropicSDK("m", forms="words").body(INSTRUCTED)
    assert "output_config" not in anthropic
    assert "JSON schema" in anthropic["system"]
    usual = GoogleSDK("m")._config(INSTRUCTED)
    assert {"response_mime_type", "response_json_schema", "seed"} <= usual.keys()
    worded = GoogleSDK("m", forms="words", seeded=False)._config(INSTRUCTED)
    assert not {"response_mime_type", "response_json_schema", "seed"} & worded.keys()
    assert "JSON schema" in worded["system_instruction"]
    assert "response_json_schema" not in GoogleSDK("m", forms="object")._config(INSTRUCTED)


def openai(message, **more):
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


REFUSALS = {
    "DeepSeek's schema": (openai("This response_format type is unavailable now"), "--answer-form object"),
    "OpenAI's schema": (
        openai("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model"),
        "--answer-form object",
    ),
    "a gateway's schema": ({"error": "structured outputs are not supported"}, "--answer-form object"),
    "Mistral's seed": (
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
        "--no-seed",
    ),
    "a seed by parameter": (openai("Unrecognized request argument supplied", param="seed"), "--no-seed"),
    "max_tokens": (
        openai("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", param="max_tokens"),
        "--limit-name max_completion_tokens",
    ),
    "temperature": (
        openai("Unsupported value: 'temperature' does not support 0 with this model.", param="temperature"),
        "--no-temperature",
    ),
    "the system role": (openai("System role not supported"), "--no-system-role"),
    "parts": (openai("messages[1].content: invalid type: sequence, expected a string"), "--plain-prompts"),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("status", [400, 422])
def test_the_error_names_the_option_and_nothing_more_is_asked(server, name, status):
    said, option = REFUSALS[name]
    server.otherwise = send(said, status)
    asking = chat(server.url)
    requests = [question(f"item {number}", system="be fair") for number in range(6)]
    errors = asking.ask_all(requests)
    assert {type(error) for error in errors} == {FatalError}
    assert f"status {status}" in str(errors[0])
    assert option in str(errors[0])
    with pytest.raises(FatalError):  # nor later
        asking.ask(question("another"))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("said", "option"),
    [
        (openai("Unknown parameter: 'response_format'.", param="response_format"), "--no-picture-format"),
        (openai("Unknown parameter: 'seed'."), "--no-picture-seed"),
        (openai("Argument not supported: size"), "--picture-size none"),
    ],
)
def test_so_it_is_with_pictures(server, said, option):
    server.otherwise = send(said, 400)
    way = OpenAIPictures("loop", server.url, Secret(VARIABLE), ROOMY, seeded=True)
    wishes = [PictureRequest(Prompt.of("a star"), "16x16", seed=seed) for seed in range(3)]
    errors = Chat(way, time=Clock().time).ask_all(wishes)
    assert option in str(errors[-1])
    assert len(server.seen) == 1


def test_what_was_not_sent_is_not_advised_against(server):
    server.otherwise = send(openai("Unknown parameter: 'seed'."), 400)
    way = client(server.url, seeded=False)
    (error,) = Chat(way, time=Clock().time).ask_all([PLAIN])
    assert "--no-seed" not in str(error)


@pytest.mark.parametrize(
    "message",
    [
        "The prompt was flagged by our safety policy: unsupported seed of violence",
        "This model's maximum context length is 4096 tokens, your max_tokens is not allowed",
        "max_tokens is too large: 99999 is not supported, at most 4096",
    ],
)
def test_what_one_request_holds_concerns_it_alone(server, message):
    server.acts = [send(openai(message), 400), send(openai(message), 400)]
    answers = chat(server.url, concurrency=1).ask_all([question(f"item {number}") for number in range(4)])
    kinds = [type(answer) for answer in answers]
    assert kinds[0] is AskError
    assert "--" not in str(answers[0])
    assert len(server.seen) in (2, 4)


def test_content_that_is_refused_stops_nobody(server):
    server.acts = [send(openai("flagged by our safety policy"), 400)] * 3
    answers = chat(server.url, concurrency=1).ask_all([question(f"item {number}") for number in range(4)])
    assert [isinstance(answer, AskError) for answer in answers] == [True, True, True, False]


@pytest.mark.parametrize("status", [400, 405, 422])
def test_the_same_words_to_the_first_requests_are_meant_for_all(server, status):
    server.otherwise = send(openai("Bad request."), status)
    errors = chat(server.url, concurrency=1).ask_all([question(f"item {number}") for number in range(9)])
    assert isinstance(errors[-1], FatalError)
    assert len(server.seen) <= 2


def test_once_something_was_answered_a_refusal_stops_nobody(server):
    server.acts = [say('{"seen": true}'), *[send(openai("Bad request."), 400)] * 3]
    answers = chat(server.url, concurrency=1).ask_all([question(f"item {number}") for number in range(5)])
    assert [isinstance(answer, AskError) for answer in answers] == [False, True, True, True, False]
    assert not any(isinstance(answer, FatalError) for answer in answers)


def test_an_error_under_status_200_names_the_option_too(server):
    server.otherwise = send({"error": {"message": "seed is not supported", "code": 400}})
    (error,) = chat(server.url).ask_all([PLAIN])
    assert "--no-seed" in str(error)


def test_servers_that_are_broken_are_not_taken_for_servers_that_refuse(server):
    server.otherwise = refuse(500)
    errors = chat(server.url, concurrency=1).ask_all([question(f"item {number}") for number in range(2)])
    assert {type(error) for error in errors} == {AskError}
    assert len(server.seen) == 2 * 3  # attempts
