"""Servers that refuse a part of what is sent, think aloud, or answer what cannot be read, through the command line."""

import json
from collections import Counter

import pytest

from tests.helpers.commands import here
from tests.helpers.loopback_judge import KEY, VARIABLE, loopback, say, send
from tests.helpers.loopback_pictures import artist, moderate, paint, seeded, unseeded
from tests.helpers.poster_world import judge, subjects_file
from unispect.runs import RunStore


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    for name in ("OPENAI_API_KEY", "UNISPECT_DEBUG", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with loopback() as running:
        running.otherwise = artist
        yield running


def drawing(server, folder, *more):
    (folder / "prompts.txt").write_text("one\ntwo\nthree")
    said = ["run", "drawing", "--model", f"openai:+image@{server.url}/v1", "--data", f"text:{folder / 'prompts.txt'}"]
    seeds = () if "--seeds" in more else ("--seeds", "0")
    return [*said, *seeds, "--out", folder / "run", *more]


def records(folder):
    with RunStore.open(folder / "run") as store:
        return [(entry.unit, entry.record) for entry in store.entries()], store.manifest().invocations


def refusing(name, otherwise):
    """Refuses what holds a parameter, as strict servers do."""

    def act(handler, body):
        if name in body:
            send({"error": {"message": f"Unknown parameter: '{name}'.", "code": "unknown_parameter"}}, 400)(
                handler, body
            )
        else:
            otherwise(handler, body)

    return act


@pytest.mark.parametrize(
    ("name", "option", "setting"),
    [
        ("response_format", "--no-picture-format", {"response_format of pictures": "not sent"}),
        ("seed", "--no-picture-seed", {}),
        ("size", "--picture-size none", {}),
    ],
)
def test_a_server_that_refuses_a_part_is_found_at_the_first_unit(server, tmp_path, capsys, name, option, setting):
    server.otherwise = refusing(name, artist)
    stopped = here(capsys, *drawing(server, tmp_path))
    assert stopped.code == 1
    assert "stopped with 3 units left undone" in stopped.error
    assert option in stopped.error
    assert len(server.seen) == 1
    again = here(capsys, *drawing(server, tmp_path, *option.split()))
    assert again.code == 0, again.err
    found, invocations = records(tmp_path)
    assert [record.status for _, record in found] == ["done"] * 3
    assert setting.items() <= invocations[-1].settings.items()
    sent = invocations[-1].settings["seeds of pictures"]
    assert sent == "sent" if name != "seed" else sent.startswith("not sent: replies under different seeds are rep")


DIFFUSION = ("--picture-guidance", 4.5, "--picture-steps", 20, "--negative-prompt", "blurred")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("guidance_scale", "another --guidance-name, or leaving --picture-guidance out"),
        ("num_inference_steps", "another --steps-name, or leaving --picture-steps out"),
        ("negative_prompt", "leaving --negative-prompt out"),
    ],
)
def test_a_server_that_refuses_a_field_of_diffusion_is_asked_once(server, tmp_path, capsys, name, option):
    server.otherwise = refusing(name, artist)
    stopped = here(capsys, *drawing(server, tmp_path, *DIFFUSION))
    assert (stopped.code, len(server.seen)) == (1, 1)
    assert f"Unknown parameter: '{name}'.; for such servers: {option}" in stopped.error


def seeds_of(folder):
    return records(folder)[1][-1].settings["seeds of pictures"]


def test_what_is_sent_of_diffusion_stands_in_every_record(server, tmp_path, capsys):
    server.otherwise = seeded
    said = drawing(server, tmp_path, *DIFFUSION, "--picture-size", "64x64", "--seeds", 0, 1)
    outcome = here(capsys, *said)
    assert outcome.code == 0, outcome.err
    found, invocations = records(tmp_path)
    for unit, record in found:
        assert unit.settings["defaults"] == {"guidance": 4.5, "steps": 20}
        (body,) = {json.dumps(body) for body in server.seen if body["seed"] == record.payload["sent"]["seed"]}
        asked = json.loads(body)
        assert record.payload["sent"] == {
            "seed": asked["seed"],
            "size": "64x64",
            "guidance": asked["guidance_scale"],
            "steps": asked["num_inference_steps"],
            "negative_prompt": asked["negative_prompt"],
        }
    told = {"guidance of pictures": "4.5", "steps of pictures": "20", "negative prompt of pictures": "blurred"}
    assert told.items() <= invocations[-1].settings.items()
    assert "kept: one prompt drawn twice under one seed gave one picture" in " ".join(outcome.out.split())
    assert seeds_of(tmp_path).startswith("sent; kept: ")
    assert len(server.seen) == 6 + 1  # the pictures of the study, and one of them once more
    assert here(capsys, *said).code == 0
    assert len(server.seen) == 7


def test_a_server_that_draws_anew_under_the_same_seed_is_noticed(server, tmp_path, capsys):
    server.otherwise = unseeded
    outcome = here(capsys, *drawing(server, tmp_path, "--seeds", 0, 1))
    words = " ".join(outcome.out.split())
    assert (
        "seeds of pictures are sent, and not kept: one prompt drawn twice under one seed gave pictures that differ"
        in words
    )
    assert "no reply can be drawn again" in seeds_of(tmp_path)
    assert here(capsys, "report", tmp_path / "run", "--out", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert "no reply can be drawn again" in page
    assert "no independent observations" not in page


def test_a_server_whose_seeds_change_nothing_is_noticed_and_so_is_what_it_drew(server, tmp_path, capsys):
    outcome = here(capsys, *drawing(server, tmp_path, "--seeds", 0, 1, 2))
    assert "without effect: one prompt gave one and the same picture under two seeds" in " ".join(outcome.out.split())
    assert seeds_of(tmp_path).startswith("sent; without effect: ")
    assert here(capsys, "report", tmp_path / "run", "--out", tmp_path / "page.html").code == 0
    said = "was sent seeds, and 3 of 3 prompts drawn under several gave the same picture under each"
    assert said in (tmp_path / "page.html").read_text()


def test_where_no_picture_comes_seeds_are_not_judged(server, tmp_path, capsys):
    server.otherwise = moderate
    outcome = here(capsys, *drawing(server, tmp_path, "--seeds", 0, 1))
    assert outcome.code == 0, outcome.err
    assert seeds_of(tmp_path) == "sent; not looked at, since not every picture came"


@pytest.mark.parametrize("model", ["openai:+image", "google:+image", "openai:chat@http://127.0.0.1:1/v1"])
def test_what_has_no_place_for_guidance_is_refused_before_any_call(tmp_path, capsys, monkeypatch, model):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    (tmp_path / "prompts.txt").write_text("one")
    said = ("--data", f"text:{tmp_path / 'prompts.txt'}", "--out", tmp_path / "run", "--picture-guidance", 4)
    outcome = here(capsys, "run", "drawing", "--model", model, *said)
    assert outcome.code == 2
    assert ("guidance of pictures" if "+" in model else "--picture-guidance is for models that draw") in outcome.error
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_read_is_no_refusal_and_is_read_again_without_paying(server, tmp_path, capsys):
    acts = {"one": moderate, "two": paint(b"%PDF-1.7"), "three": send({"surprise": 1})}
    server.otherwise = lambda handler, body: acts[body["prompt"]](handler, body)
    for _ in range(2):
        outcome = here(capsys, *drawing(server, tmp_path))
        assert outcome.code == 1
        assert "2 of 3 units failed" in outcome.error
        assert "cannot be read" in outcome.error
        assert "with one that cannot be read" in outcome.out
    assert len(server.seen) == 3
    found, _ = records(tmp_path)
    assert Counter(record.status for _, record in found) == {"failed": 2, "skipped": 1}


def test_a_proxy_that_cannot_be_used_is_named_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks4://me:secret@127.0.0.1:1")
    (tmp_path / "prompts.txt").write_text("one")
    said = ("--data", f"text:{tmp_path / 'prompts.txt'}", "--out", tmp_path / "run")
    outcome = here(capsys, "run", "drawing", "--model", "openai:+image@http://gpu.invalid/v1", *said)
    assert outcome.code == 2
    assert "ALL_PROXY=socks4://***@127.0.0.1:1" in outcome.error
    assert "secret" not in outcome.err
    assert not (tmp_path / "run").exists()


def test_a_broken_setting_is_a_line_of_doctor(monkeypatch):
    from unispect.doctor.machine import _network

    monkeypatch.setenv("SSL_CERT_FILE", "/gone/cacert.pem")
    monkeypatch.setenv("HTTP_PROXY", "socks4://127.0.0.1:1")
    said = [check.detail for check in _network()]
    assert len(said) == 2
    assert any("SSL_CERT_FILE=/gone/cacert.pem" in line for line in said)
    assert any("HTTP_PROXY=socks4://127.0.0.1:1" in line for line in said)
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("HTTP_PROXY")
    assert [check.level for check in _network()] == ["ok"]


def test_rules_read_the_answer_and_not_the_thoughts(server, tmp_path, capsys):
    server.otherwise = say("<think>\nMaybe blue? A circle, green, bottom right?\n</think>\n\nred")
    said = ("--model", f"openai:m@{server.url}/v1", "--limit", 1, "--seeds", 0, "--out", tmp_path / "run")
    outcome = here(capsys, "run", "concepts", *said)
    assert outcome.code == 0, outcome.err
    with RunStore.open(tmp_path / "run") as store:
        entries = list(store.entries())
    told = [entry for entry in entries if entry.unit.kind == "recall"]
    assert told
    assert {entry.record.payload["text"] for entry in told} == {"red"}
    assert {entry.grades["rules"].payload["value"] for entry in told} == {"red"}
    assert all("Maybe blue?" in entry.record.payload["thoughts"] for entry in told)
    (described,) = [entry for entry in entries if entry.unit.kind == "describe"]
    assert {name: value for name, value in described.grades["rules"].payload["values"].items() if value} == {
        "color": "red"
    }
    assert here(capsys, "report", tmp_path / "run", "--out", tmp_path / "page.html").code == 0
    assert f"{len(server.seen)} with thoughts" in (tmp_path / "page.html").read_text()


def test_log_probabilities_stand_in_the_records_of_texts_and_a_refusal_of_them_names_the_option(
    server, tmp_path, capsys
):
    def likely(handler, body):
        said = json.loads(handler.envelope("red"))
        said["choices"][0]["logprobs"] = {"content": [{"token": "red", "logprob": -0.12345}]}
        handler.earn(json.dumps(said).encode(), body)

    run = ("run", "concepts", "--model", f"openai:m@{server.url}/v1", "--limit", 1, "--seeds", 0)
    server.otherwise = refusing("logprobs", likely)
    stopped = here(capsys, *run, "--out", tmp_path / "refused", "--log-probabilities")
    assert (stopped.code, len(server.seen)) == (1, 1)
    assert "leaving --log-probabilities out" in stopped.error
    server.otherwise = likely
    assert here(capsys, *run, "--out", tmp_path / "run", "--log-probabilities").code == 0
    found, invocations = records(tmp_path)
    assert {tuple(record.payload["log_probabilities"]) for unit, record in found if unit.kind == "recall"} == {
        (-0.1235,)
    }
    assert invocations[-1].settings["log-probabilities"] == "asked for"


def test_a_judges_server_that_knows_no_schema(server, tmp_path, capsys):
    subjects_file(tmp_path / "data", ("Amber",))

    def act(handler, body):
        _, worded, schema = str(body["messages"][0]["content"]).partition("JSON schema:\n")
        if worded:
            form = {"response_format": {"json_schema": {"schema": json.loads(schema)}}}
            say(judge(body | form))(handler, body)
        else:
            say("A red circle.")(handler, body)

    server.otherwise = refusing("response_format", act)
    data = (
        "--data",
        tmp_path / "data" / "subjects.yaml",
        "--parts",
        "telling",
        "--seeds",
        0,
        "--out",
        tmp_path / "run",
    )
    assert here(capsys, "run", "posters", "--model", f"openai:m@{server.url}/v1", *data).code == 0
    server.seen.clear()
    grade = ("grade", tmp_path / "run", "--judge", f"openai:j@{server.url}/v1")
    stopped = here(capsys, *grade)
    assert stopped.code == 1
    assert "--answer-form object (or words)" in stopped.error
    assert len(server.seen) == 1
    again = here(capsys, *grade, "--answer-form", "words")
    assert again.code == 0, again.err  # what was planned with the other form belongs to no plan any more
    found, invocations = records(tmp_path)
    judged = [unit for unit, _ in found if unit.model == "openai:j@127.0.0.1"]
    assert judged
    assert {unit.settings["forms"] for unit in judged} == {"words"}
    assert invocations[-1].settings["answer form"] == "words"
    rules = here(capsys, "grade", tmp_path / "run", "--answer-form", "words")
    assert "is for chat judges" in rules.error
