"""The seam, as far as a model behind an API can keep it, against a server on the loopback."""

import json
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from tests.helpers.loopback_judge import KEY, VARIABLE, loopback, say
from tests.helpers.loopback_pictures import WORDS, artist, moderate, paint, png
from unispect.chat import AskError, Dialect, Spending
from unispect.core.errors import Halted, NoReply, Refused, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.models.base import Metered, Trainable, UnifiedModel
from unispect.models.registry import card_of
from unispect.models.remote.loading import load
from unispect.models.remote.names import Asking, card_for

TEXTS = ("a red circle", "the turquoise star", "plus", "a red circle")
SEEDS = (11, 12, 13, 2**40 + 14)
PICTURE = Image.new("RGB", (5, 4), "blue")


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with loopback() as running:
        running.otherwise = artist
        yield running


@pytest.fixture
def make(server, tmp_path):
    models = []

    def make(models_named="chat+image", asking=None, **spending):
        spending = Spending(**{"cassette": tmp_path / "tape.jsonl", **spending})
        models.append(load(f"openai:{models_named}@{server.url}/v1", spending, key_from=VARIABLE, asking=asking))
        return models[-1]

    yield make
    for model in models:
        model.close()


def prompts(*texts):
    return [Prompt.of(text) for text in texts or TEXTS]


def test_it_is_a_model_that_costs_and_does_not_learn(make):
    model = make()
    assert isinstance(model, UnifiedModel)
    assert isinstance(model, Metered)
    assert not isinstance(model, Trainable)
    assert model.card.reference == f"openai:chat+image@{model.card.revision}"
    assert model.card.capabilities == {"write", "see", "draw"}


def test_every_position_has_a_segment(make):
    model = make()
    encoded = model.encode([Prompt.of(PICTURE, "What is this?"), Prompt.of("Is", " it")], Goal.TEXT)
    assert [[segment.modality for segment in own] for own in encoded.segments] == [["image", "text"], ["text", "text"]]
    assert [(segment.start, segment.stop) for segment in encoded.segments[0]] == [(0, 1), (1, 2)]
    assert {segment.role for own in encoded.segments for segment in own} == {"prompt"}
    assert encoded.length(0) == 2


def test_a_reply_depends_on_its_prompt_and_seed_alone(make, server):
    model = make()
    together = model.draw(model.encode(prompts(), Goal.IMAGE), ImageSampling(SEEDS))
    for text, seed, reply in zip(TEXTS, SEEDS, together, strict=True):
        shade = zlib.crc32(text.encode()) & 0xFFFFFF
        assert reply.image.getpixel((0, 0)) == (shade >> 16, shade >> 8 & 255, shade & 255)
        (alone,) = model.draw(model.encode(prompts(text), Goal.IMAGE), ImageSampling((seed,)))
        assert (alone.image.tobytes(), alone.seed, alone.image.mode) == (reply.image.tobytes(), seed, "RGB")
    assert len(server.paid) == len(TEXTS)  # what was asked alone was on the cassette; equal prompts differ by seed


def test_texts_come_in_order_and_are_asked_as_said(make, server):
    def echo(handler, body):
        said = body["messages"][-1]["content"]
        say(f" {said[-1]['text']}! ", "length" if "plus" in str(said) else "stop")(handler, body)

    server.otherwise = echo
    model = make(asking=Asking(thinking_tokens=100))
    replies = model.write(model.encode(prompts(), Goal.TEXT), TextSampling(SEEDS, 7, 0.5))
    assert [reply.text for reply in replies] == [f"{text}!" for text in TEXTS]
    assert [reply.finished for reply in replies] == [True, True, False, True]
    assert {(body["max_tokens"], body["temperature"]) for body in server.seen} == {(107, 0.5)}
    assert {body["seed"] for body in server.seen} == {seed % 2**31 for seed in SEEDS}
    greedy = make("chat", Asking(temperature=False), cassette=None)
    greedy.write(greedy.encode(prompts("a"), Goal.TEXT), TextSampling())
    assert "temperature" not in server.seen[-1]


def test_log_probabilities_are_asked_for_where_it_is_said_and_kept_on_the_cassette(make, server, tmp_path):
    def likely(handler, body):
        said = json.loads(handler.envelope("red circle"))
        content = [{"token": "red", "logprob": -0.25}, {"token": " circle", "logprob": odd or -1.5}]
        said["choices"][0]["logprobs"] = {"content": content} if body.get("logprobs") else None
        handler.earn(json.dumps(said).encode(), body)

    odd, server.otherwise = None, likely
    model, usual = make("chat", Asking(log_probabilities=True)), make("chat", cassette=None)
    for _ in range(2):
        (reply,) = model.write(model.encode(prompts("a"), Goal.TEXT), TextSampling())
        assert reply.log_probabilities == (-0.25, -1.5)
    model.close()
    (again,) = (model := make("chat", Asking(log_probabilities=True))).write(
        model.encode(prompts("a"), Goal.TEXT), TextSampling()
    )
    assert again == reply
    assert len(server.seen) == 1
    (bare,) = usual.write(usual.encode(prompts("a"), Goal.TEXT), TextSampling())
    assert bare.log_probabilities == ()
    for odd in (0.5, "much", float("-inf")):
        (reply,) = model.write(model.encode(prompts(f"b{odd}"), Goal.TEXT), TextSampling())
        assert (reply.text, reply.log_probabilities) == ("red circle", ())
    assert "3 without the log-probabilities that were asked for" in model.bill()["writing"]


def test_pictures_in_prompts_go_out_in_their_place(make, server):
    model = make()
    model.write(model.encode([Prompt.of("What is ", PICTURE, "?")], Goal.TEXT), TextSampling())
    assert [part["type"] for part in server.seen[0]["messages"][-1]["content"]] == ["text", "image_url", "text"]


def test_a_refusal_to_write_is_a_reply_and_one_to_draw_is_no_picture(make, server):
    server.otherwise = moderate
    model = make()
    (reply,) = model.write(model.encode(prompts("a"), Goal.TEXT), TextSampling())
    assert (reply.text, reply.refusal, reply.finished) == (WORDS, WORDS, True)
    with pytest.raises(Refused, match="safety system") as caught:
        model.draw(model.encode(prompts("a"), Goal.IMAGE), ImageSampling((1,)))
    assert caught.value.words == WORDS


def test_what_is_no_picture_is_no_reply(make, server):
    server.otherwise = paint(b"%PDF-1.7", words="Here you are.")
    model = make()
    with pytest.raises(NoReply, match=r"no picture .* but said: Here you are\.") as caught:
        model.draw(model.encode(prompts("a"), Goal.IMAGE), ImageSampling((1,)))
    assert not isinstance(caught.value, Refused)


def test_what_concerns_all_is_said_first(make, server, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("chat: {input: 1, output: 1}\nimage: {per_picture: 0.4}")

    def bad(handler, body):
        if "plus" in str(body):
            handler.respond(400, b"{}")
        else:
            paint(png())(handler, body)

    server.otherwise = bad
    model = make(prices=prices, max_cost=0.5, concurrency=1)
    with pytest.raises(Halted, match="the next call could cost"):
        model.draw(model.encode(prompts("plus", *TEXTS), Goal.IMAGE), ImageSampling((1, *SEEDS)))
    free = make(cassette=None)
    with pytest.raises(AskError, match="status 400"):
        free.draw(free.encode(prompts("plus"), Goal.IMAGE), ImageSampling((1,)))
    assert "cost" in model.bill()
    assert KEY not in str(model.bill())


def test_one_limit_holds_for_what_writes_and_what_draws(make, server, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("chat: {input: 0, output: 10000}\nimage: {per_picture: 0.25}")
    model = make(prices=prices, max_cost=0.4)
    model.write(model.encode(prompts("a"), Goal.TEXT), TextSampling(max_new_tokens=20))  # 20 tokens: 0.2
    with pytest.raises(Halted, match=r"could cost 0\.25 and 0\.2 of 0\.4 is spent"):
        model.draw(model.encode(prompts("a"), Goal.IMAGE), ImageSampling((1,)))
    assert len(server.paid) == 1


def test_guidance_and_steps_are_sent_under_the_names_that_the_server_knows(make, server):
    dialect = Dialect(guidance_name="true_cfg_scale", steps_name="step")
    model = make(asking=Asking(guidance=4.0, negative="blurred", dialect=dialect))
    to_draw = model.encode(prompts("a"), Goal.IMAGE)
    (one,) = model.draw(to_draw, ImageSampling((11,), steps=30))
    (two,) = model.draw(to_draw, ImageSampling((11,), guidance=0.0))
    sent = {"size": "1024x1024", "seed": 11, "negative_prompt": "blurred"}
    usual = {"model": "image", "prompt": "a", "n": 1, "response_format": "b64_json"}
    assert server.seen == [
        usual | sent | {"true_cfg_scale": 4.0, "step": 30},
        usual | sent | {"true_cfg_scale": 0.0},
    ]
    assert (one.sent, two.sent) == (sent | {"guidance": 4.0, "steps": 30}, sent | {"guidance": 0.0})


def test_what_it_cannot_do_is_said(make):
    model = make()
    refusing = replace(model, diffuses=False)
    to_write, to_draw = (model.encode(prompts(), goal) for goal in Goal)
    for attempt in (
        lambda: model.score(to_write, [["a"]] * 4),
        lambda: list(model.states(to_write)),
        lambda: model.encode([Prompt.of(PICTURE, "the same in red")], Goal.IMAGE),
        lambda: refusing.draw(to_draw, ImageSampling(SEEDS, guidance=5.0)),
        lambda: model.draw(to_draw, ImageSampling(SEEDS, temperature=0.0)),
        lambda: refusing.draw(to_draw, ImageSampling(SEEDS, steps=3)),
        lambda: model.write(to_write, TextSampling(SEEDS, top_p=0.5, temperature=1.0)),
        lambda: make("chat", cassette=None).encode(prompts(), Goal.IMAGE),
        lambda: make("+image", cassette=None).encode(prompts(), Goal.TEXT),
    ):
        with pytest.raises(Unsupported):
            attempt()


def test_calls_that_make_no_sense_are_refused(make, server):
    model = make()
    to_write, to_draw = (model.encode(prompts(), goal) for goal in Goal)
    for attempt in (
        lambda: model.encode([], Goal.TEXT),
        lambda: model.encode([Prompt.of(" ")], Goal.TEXT),
        lambda: model.write(to_draw, TextSampling()),
        lambda: model.draw(to_write, ImageSampling(SEEDS)),
        lambda: model.draw(to_draw, ImageSampling(SEEDS[:1])),
        lambda: model.write(to_write, TextSampling(temperature=1.0)),
        lambda: model.write(to_write, TextSampling(max_new_tokens=0)),
    ):
        with pytest.raises(UsageError):
            attempt()
    assert server.seen == []


def test_a_revision_stands_for_what_decides_the_answers():
    def revision(spec, **asking):
        return card_for(spec, Asking(**asking)).reference

    same = [revision(f"openai:a+b@http://localhost:{port}/v1") for port in (1, 2)]
    others = [
        revision("openai:a+b"),
        revision("openai:a@http://localhost/v1"),
        revision("openai:a+b@http://localhost/v1", quality="low"),
        revision("openai:a+b@http://localhost/v1", size="512x512"),
        revision("openai:a+b@http://localhost/v1", thinking_tokens=9),
        revision("openai:a+b@http://localhost/v1", temperature=False),
        revision("openai:a+b@http://localhost/v1", guidance=0.0),
        revision("openai:a+b@http://localhost/v1", guidance=4.0),
        revision("openai:a+b@http://localhost/v1", guidance=4.0, dialect=Dialect(guidance_name="cfg_scale")),
        revision("openai:a+b@http://localhost/v1", steps=4),
        revision("openai:a+b@http://localhost/v1", negative="blurred"),
    ]
    assert len(set(same)) == 1
    assert len({*same, *others}) == 1 + len(others)


@pytest.mark.parametrize(
    ("spec", "capabilities"),
    [("openai:a", {"write", "see"}), ("google:a+b", {"write", "see", "draw"}), ("openai:+b@http://[::1]:80", {"draw"})],
)
def test_a_name_says_what_it_can_do(spec, capabilities):
    assert card_of(spec).capabilities == capabilities


@pytest.mark.parametrize("spec", ["openai:a+", "openai:a+b+c", "openai:+", "google:"])
def test_half_a_name_is_refused(spec):
    with pytest.raises(UsageError, match="write PROVIDER"):
        card_of(spec)


def test_anthropic_draws_nothing():
    with pytest.raises(Unsupported, match="no model that draws"):
        load("anthropic:a+b", key_from="")
