"""Pictures from a server that misbehaves: what is a picture, what is an answer without one, what is tried again."""

import base64
import logging
from urllib.parse import quote

import pytest
from PIL import Image

from tests.helpers import loopback_judge as server_acts
from tests.helpers.chat_samples import ROOMY, Clock
from tests.helpers.loopback_judge import KEY, VARIABLE, refuse, send
from tests.helpers.loopback_pictures import WORDS, bomb, file_of, give_address, moderate, paint, png
from unispect.chat import (
    AskError,
    BudgetExceeded,
    Cassette,
    Chat,
    FatalError,
    Outcome,
    PictureRequest,
    Price,
    Reply,
    RetryPolicy,
    Secret,
    Unreadable,
    load_prices,
)
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.core.errors import StoreError, UsageError
from unispect.core.prompts import Prompt

BY_TOKENS = Price(input=10.0, output=40.0, drawn_tokens=5000)
BY_PICTURE = Price(input=1.0, output=40.0, per_picture=0.04)
COST = (100 * 10 + 1290 * 40) / 1e6


@pytest.fixture
def server(server):
    server.otherwise = paint()
    return server


def drawer(server, **more) -> Chat:
    client = OpenAIPictures("loop", server.url + "/v1", Secret(VARIABLE), ROOMY)
    return Chat(client, **{"retry_policy": RetryPolicy(attempts=3), "time": Clock().time, **more})


def wish(text="a red square", **more) -> PictureRequest:
    return PictureRequest(Prompt.of(text), "16x16", "low", **more)


def test_a_picture_comes_as_it_was_sent(server):
    server.otherwise = paint(png("#123456"), words="a square, red")
    answer = drawer(server, price=BY_TOKENS).ask(wish())
    assert (answer.outcome, answer.reason) == (Outcome.PARSED, "")
    assert (answer.value.mode, answer.value.size, answer.value.getpixel((3, 3))) == (
        "RGB",
        (16, 16),
        (0x12, 0x34, 0x56),
    )
    assert (answer.text, answer.cost, answer.seed_sent) == ("a square, red", pytest.approx(COST), False)
    asked = {"model": "loop", "prompt": "a red square", "n": 1, "size": "16x16", "quality": "low"}
    assert server.seen == [asked | {"response_format": "b64_json"}]


def test_a_provider_that_always_sends_bytes_is_not_asked_for_them():
    body = OpenAIPictures("m", "http://localhost", ask_for_bytes=False).body(PictureRequest(Prompt.of("a")))
    assert body == {"model": "m", "prompt": "a", "n": 1}


def test_what_is_transparent_stands_on_white(server):
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    server.otherwise = paint(file_of(clear))
    assert drawer(server).ask(wish()).value.getpixel((0, 0)) == (255, 255, 255)


def test_a_refusal_is_an_answer_with_its_words_and_never_asked_again(server, tmp_path):
    server.otherwise = moderate
    with Cassette(tmp_path / "tape.jsonl") as tape:
        chat = drawer(server, cassette=tape, price=BY_PICTURE, max_cost=1.0)
        for _ in range(2):
            answer = chat.ask(wish())
            assert (answer.outcome, answer.value, answer.reason) == (Outcome.UNPARSED, None, "the model refused")
            assert answer.reply.refusal == WORDS
        assert (chat.tally().unparsed, chat.tally().attempts, chat.tally().cost) == (2, 1, 0.0)
    assert len(server.seen) == 1


def broken(text, every=76):
    return "\r\n".join(text[index : index + every] for index in range(0, len(text), every))


PICTURE = Image.effect_noise((24, 24), 90).convert("RGB")
SPELLINGS = {
    "bare": lambda data: {"b64_json": base64.b64encode(data).decode()},
    "a data URL": lambda data: {"b64_json": "data:image/png;base64," + base64.b64encode(data).decode()},
    "a data URL in url": lambda data: {"url": "data:image/png;base64," + base64.b64encode(data).decode()},
    "an image_url": lambda data: {"image_url": {"url": "data:;base64," + base64.b64encode(data).decode()}},
    "in capitals": lambda data: {"url": "DATA:IMAGE/PNG;BASE64," + base64.b64encode(data).decode()},
    "with parameters": lambda data: {
        "b64_json": "data:image/png;name=a.png;charset=utf-8;base64," + base64.b64encode(data).decode()
    },
    "percent-encoded": lambda data: {"url": "data:image/png;base64," + quote(base64.b64encode(data).decode(), safe="")},
    "without base64": lambda data: {"url": "data:image/png," + quote(data, safe="")},
    "in lines": lambda data: {"b64_json": broken(base64.encodebytes(data).decode())},
    "with space around": lambda data: {"b64_json": f"  {base64.b64encode(data).decode()}\n"},
    "for URLs": lambda data: {"b64_json": base64.urlsafe_b64encode(data).decode()},
    "without padding": lambda data: {"b64_json": base64.urlsafe_b64encode(data).decode().rstrip("=")},
    "a data URL in lines": lambda data: {"url": "data:image/png;base64,\n" + base64.encodebytes(data).decode()},
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_picture_is_read_in_every_spelling_of_bytes(server, spelling, kind):
    data = file_of(PICTURE, kind)
    data += b"\0" * (1 - len(data) % 3) if kind == "PNG" else b""  # so that there is padding
    server.otherwise = send({"data": [SPELLINGS[spelling](data)]})
    answer = drawer(server).ask(wish())
    assert answer.reply.picture == data
    assert answer.value.size == (24, 24)
    assert len(server.seen) == 1


RED = base64.b64encode(png()).decode()


@pytest.mark.parametrize("text", ["data:image/png;base64," + RED, broken(RED, 8)])
def test_what_older_versions_kept_as_text_is_read_without_paying(server, text, tmp_path):
    with Cassette(tmp_path / "tape.jsonl") as tape:
        key = wish().key("openai-pictures", "loop")
        tape.keep(tape.sent(key, 0.0), key, {}, Reply("", picture=text.encode()), None)
        answer = drawer(server, cassette=tape).ask(wish())
    assert answer.value.getpixel((0, 0)) == (255, 0, 0)
    assert server.seen == []


@pytest.mark.parametrize("address", ["https://host/a.png", " HTTP://host/a.png", "s3://bucket/a.png"])
def test_an_address_is_not_taken_for_bytes_and_what_came_is_kept(server, address, tmp_path):
    server.otherwise = send({"data": [{"b64_json": address}]})
    with Cassette(tmp_path / "tape.jsonl") as tape:
        (first, second) = drawer(server, cassette=tape).ask_all([wish(), wish(seed=1)])
    assert isinstance(first, FatalError)
    assert isinstance(second, FatalError)
    assert len(server.seen) == 1
    assert address in (tmp_path / "tape.jsonl").read_text()


NO_PICTURES = {
    "broken base64": (paint(data="iVBOR!!!not base64"), "no picture"),
    "not a picture": (paint(b"%PDF-1.7 hello"), "no picture"),
    "half a picture": (paint(png(side=400)[:-200]), "damaged"),
    "a bomb": (paint(bomb()), "10000 x 6000 pixels"),
    "another format": (paint(file_of(Image.new("RGB", (4, 4)), "GIF")), "no picture"),
    "nothing": (paint(data=""), "no picture came"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_an_answer_without_one(server, name, tmp_path):
    act, words = NO_PICTURES[name]
    server.otherwise = act
    with Cassette(tmp_path / "tape.jsonl") as tape:
        chat = drawer(server, cassette=tape)
        answer = chat.ask(wish())
        assert (answer.outcome, answer.value) == (Outcome.UNPARSED, None)
        assert words in answer.reason
        assert chat.ask(wish()).reason == answer.reason
    assert len(server.seen) == 1


AGAIN = {
    "429": (refuse(429), "status 429", False),
    "500": (refuse(500), "status 500", False),
    "truncated JSON": (server_acts.half_json, "no whole JSON", True),
    "truncated body": (server_acts.half_body, "the connection broke", True),
    "error under 200": (server_acts.gateway_error, "status 503", False),
    "reset": (server_acts.reset, "the connection broke", True),
}
AT_ONCE = {
    "another JSON": (server_acts.not_chat, "holds no pictures", Unreadable),
    "400": (refuse(400), "status 400", AskError),
    "401": (refuse(401), "status 401", FatalError),
    "10 MB": (server_acts.huge, "larger than 100000 bytes", AskError),
    "an address": (give_address, "addresses are not followed", FatalError),
}


@pytest.mark.parametrize("name", AGAIN)
def test_what_may_pass_is_tried_again_and_counted_at_its_most(server, name):
    act, _, paid = AGAIN[name]
    server.acts = [act]
    chat = drawer(server, price=BY_TOKENS, max_cost=1.0)
    assert chat.ask(wish()).value is not None
    assert len(server.seen) == 2
    most = BY_TOKENS.at_most(wish())
    assert chat.tally().cost == pytest.approx(COST + (most if paid else 0))


@pytest.mark.parametrize("name", [*AGAIN, *AT_ONCE])
def test_failures_say_what_happened_and_hold_no_key(server, name, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    act, words, kind = AT_ONCE[name] if name in AT_ONCE else (*AGAIN[name][:2], AskError)
    server.otherwise = act
    with Cassette(tmp_path / "tape.jsonl") as tape, pytest.raises(kind, match=words) as caught:
        drawer(server, cassette=tape).ask(wish())
    assert len(server.seen) == (3 if name in AGAIN else 1)
    assert KEY not in repr(caught.value) + caplog.text + (tmp_path / "tape.jsonl").read_text()


@pytest.mark.parametrize("sent", [KEY, base64.b64encode(png() + KEY.encode()).decode()])
def test_the_key_is_masked_in_bytes_too(server, sent, tmp_path):
    server.otherwise = paint(data=sent)
    with Cassette(tmp_path / "tape.jsonl") as tape:
        drawer(server, cassette=tape).ask(wish())
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes()


def test_pictures_lie_beside_the_cassette_and_are_replayed_without_asking(server, tmp_path):
    path = tmp_path / "tape.jsonl"
    wishes = [wish(text, seed=seed) for text in ("one", "two") for seed in (0, 1)]
    with Cassette(path) as tape:
        first = drawer(server, cassette=tape, price=BY_TOKENS).ask_all(wishes)
    assert len(path.read_bytes()) < 10_000
    assert len(list((tmp_path / "tape.jsonl.pictures").iterdir())) == 1  # equal pictures are kept once
    with Cassette(path, "replay") as tape:
        again = drawer(server, cassette=tape).ask_all(wishes)
        assert tape.spent == pytest.approx(4 * COST)
    assert [answer.value.tobytes() for answer in again] == [answer.value.tobytes() for answer in first]
    assert all(answer.replayed for answer in again)
    assert len(server.paid) == 4


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(png("blue"))])
def test_a_picture_that_is_gone_or_changed_is_named(server, tmp_path, damage):
    path = tmp_path / "tape.jsonl"
    with Cassette(path) as tape:
        drawer(server, cassette=tape).ask(wish())
    (file,) = (tmp_path / "tape.jsonl.pictures").iterdir()
    damage(file)
    with Cassette(path) as tape, pytest.raises(StoreError, match=file.name):
        drawer(server, cassette=tape).ask(wish())


def test_the_limit_on_the_cost_counts_a_picture_at_its_most(server):
    read = (len("a red square") + 256) / 1e6
    assert BY_TOKENS.at_most(wish()) == pytest.approx(read * 10 + 0.2)
    assert BY_PICTURE.at_most(wish()) == pytest.approx(read * 1 + 0.04)
    chat = drawer(server, price=BY_PICTURE, max_cost=0.1, concurrency=3)
    answers = chat.ask_all([wish(seed=seed) for seed in range(6)])
    assert [isinstance(answer, BudgetExceeded) for answer in answers].count(False) == len(server.paid) == 2
    assert chat.tally().cost == pytest.approx(2 * (0.04 + 100 / 1e6))


def test_a_reply_without_counts_costs_the_picture_or_the_most(server):
    server.otherwise = paint(usage=False)
    assert drawer(server, price=BY_PICTURE).ask(wish()).cost == pytest.approx(0.04)
    assert drawer(server, price=BY_TOKENS).ask(wish()).cost == pytest.approx(BY_TOKENS.at_most(wish()))


def test_a_price_without_pictures_is_no_limit_on_them(server):
    with pytest.raises(UsageError, match="per_picture or drawn_tokens"):
        drawer(server, price=Price(input=1, output=1), max_cost=1.0).ask(wish())
    assert server.seen == []


@pytest.mark.parametrize(("text", "fine"), [("m: {per_picture: 0.04}", True), ("m: {input: 1}", False)])
def test_a_price_table_needs_tokens_or_pictures(tmp_path, text, fine):
    (tmp_path / "prices.yaml").write_text(text)
    if fine:
        assert load_prices(tmp_path / "prices.yaml")["m"].draws
    else:
        with pytest.raises(UsageError, match="or per_picture"):
            load_prices(tmp_path / "prices.yaml")
