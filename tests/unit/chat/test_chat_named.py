import pytest

from tests.helpers.loopback_judge import KEY, VARIABLE, loopback, say
from unispect.chat import AskError, Request, Spending, chat_for, client_for, is_named
from unispect.chat.named import parse
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("spec", "kind", "model", "place"),
    [
        ("openai:gpt-x", "openai-http", "gpt-x", "https://api.openai.com/v1/chat/completions"),
        (
            "openai:a/b:free@http://localhost:80/v1/",
            "openai-http",
            "a/b:free",
            "http://localhost:80/v1/chat/completions",
        ),
        ("openai:@cf/a@http://127.0.0.1:80", "openai-http", "@cf/a", "http://127.0.0.1:80/chat/completions"),
        ("openai-sdk:gpt-x", "openai", "gpt-x", "https://api.openai.com/v1"),
        ("anthropic:c", "anthropic", "c", "https://api.anthropic.com"),
        ("google:g", "google", "g", "https://generativelanguage.googleapis.com"),
    ],
)
def test_a_name_leads_to_a_client(spec, kind, model, place):
    client = client_for(spec)
    assert is_named(spec)
    assert (client.name, client.model, client.endpoint) == (kind, model, place)


@pytest.mark.parametrize("spec", ["rules", "tiny-janus-pro", "janus-pro-1b=folder:1", "harmon-0.5b=owner/name@v1:2"])
def test_names_of_other_things_are_left_alone(spec):
    assert not is_named(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("opnai:m", "did you mean 'openai'"),
        ("openai:", "no model"),
        ("openai:@https://host/v1", "no model"),
        ("openai:m@localhost:8000/v1", "must begin with http"),
        ("openai:m@10.0.0.7:8000/v1", "must begin with http"),
        (f"openai:m@https://user:{KEY}@host/v1", "no user, password"),
        (f"openai:m@https://host/v1?key={KEY}", "no user, password"),
        ("openai:m@https://api.example.org/v1", "which key goes to api.example.org"),
    ],
)
def test_what_cannot_be_read_is_said_and_not_quoted(spec, words):
    with pytest.raises(UsageError, match=words) as caught:
        client_for(spec)
    assert KEY not in str(caught.value)


def test_a_providers_key_goes_to_the_provider_only(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert client_for("openai:m").secret.variable == "OPENAI_API_KEY"
    assert client_for("openai:m@http://localhost:1/v1").secret.variable == ""
    assert client_for("openai:m@http://gpu-7:8000/v1").secret.variable == ""
    assert client_for("openai:m@https://api.example.org/v1", key_from="OTHER").secret.variable == "OTHER"
    assert parse("google:m@https://generativelanguage.googleapis.com/").own


@pytest.mark.parametrize(("held", "used"), [("GOOGLE_API_KEY", "GOOGLE_API_KEY"), ("", "GEMINI_API_KEY")])
def test_google_has_two_names_for_its_key(held, used, monkeypatch):
    if held:
        monkeypatch.setenv(held, KEY)
    assert client_for("google:g").secret.variable == used


def prices(folder, text="loop: {input: 1, output: 10}"):
    (folder / "prices.yaml").write_text(text)
    return folder / "prices.yaml"


def test_what_is_missing_is_said_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="OPENAI_API_KEY is not set"):
        chat_for("openai:m")
    with pytest.raises(UsageError, match="--prices"):
        chat_for("openai:m", Spending(max_cost=1.0))
    with pytest.raises(UsageError, match="did you mean 'loop'"):
        chat_for("openai:lop@http://localhost:1", Spending(prices(tmp_path)))


def test_a_chat_by_name_keeps_what_it_paid_for_and_replays_without_a_key(tmp_path, monkeypatch):
    spending = Spending(prices(tmp_path), 1.0, tmp_path / "tape.jsonl")
    with loopback() as server:
        server.otherwise = say("A plain answer.")
        spec = f"openai:loop@{server.url}/v1"
        with chat_for(spec, spending, key_from=VARIABLE) as chat:
            answer = chat.ask(Request(Prompt.of("hello")))
        assert (answer.outcome, answer.text, answer.value) == ("parsed", "A plain answer.", None)
        assert "response_format" not in server.seen[0]
        assert answer.cost == pytest.approx(0.0003)
        monkeypatch.delenv(VARIABLE)
        with chat_for(spec, Spending(cassette=tmp_path / "tape.jsonl", replay=True), key_from=VARIABLE) as chat:
            assert chat.ask(Request(Prompt.of("hello"))).text == "A plain answer."
            with pytest.raises(AskError, match="holds no reply"):
                chat.ask(Request(Prompt.of("goodbye")))
        assert len(server.paid) == 1
    assert KEY not in (tmp_path / "tape.jsonl").read_text()


@pytest.mark.parametrize(
    ("act", "outcome", "reason"),
    [
        (say('{"a": 1}'), "parsed", ""),
        (say("Half a sen", finish="length"), "unparsed", "cut off at the limit of tokens"),
        (say(" "), "unparsed", "the reply is empty"),
    ],
)
def test_text_without_a_form_is_an_answer_if_it_is_whole(act, outcome, reason):
    with loopback() as server:
        server.otherwise = act
        with chat_for(f"openai:loop@{server.url}/v1") as chat:
            answer = chat.ask(Request(Prompt.of("hello")))
    assert (answer.outcome, answer.reason) == (outcome, reason)
