"""A model behind an API as the subject of a study, through the command line: nothing is paid for twice."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.chat_samples import Clock
from tests.helpers.commands import Outcome, here
from tests.helpers.loopback_judge import KEY, VARIABLE, loopback, refuse
from tests.helpers.loopback_pictures import WORDS, artist, moderate
from unispect.runs import RunStore

LOCAL = "openai:+image@http://127.0.0.1:1/v1"
PROMPTS = [f"picture number {number}" for number in range(6)]


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OPENAI_API_KEY", "UNISPECT_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with loopback() as running:
        running.otherwise = artist
        yield running


@pytest.fixture
def files(tmp_path):
    (tmp_path / "prompts.txt").write_text("\n".join(PROMPTS))
    (tmp_path / "prices.yaml").write_text("chat: {input: 1, output: 10}\nimage: {input: 1, per_picture: 0.04}")
    return tmp_path


def drawing(server, files: Path, *more: object, model: str = "openai:chat+image") -> list[str]:
    said = ["run", "drawing", "--model", f"{model}@{server.url}/v1", "--key-from", VARIABLE]
    said += ["--data", f"text:{files / 'prompts.txt'}", "--seeds", "0", "--out", str(files / "run")]
    return [*said, "--prices", str(files / "prices.yaml"), *map(str, more)]


def nowhere(files: Path, *outcomes: Outcome) -> None:
    """The key stands in nothing that was said or kept, nor 8 letters of it."""
    pieces = [KEY[start : start + 8] for start in range(len(KEY) - 7)]
    assert not [outcome for outcome in outcomes for piece in pieces if piece in outcome.out + outcome.err]
    kept = [file for file in files.rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept for piece in pieces if piece.encode() in file.read_bytes()]


def statuses(files: Path) -> Counter[str]:
    with RunStore.open(files / "run") as store:
        return Counter(entry.record.status for entry in store.entries())


@pytest.mark.parametrize("offset", [0, 262, 270, 279, 290])
def test_a_page_that_repeats_the_request_shows_no_piece_of_the_key(server, files, capsys, offset):
    def page(handler, body):
        said = f"<html><pre>{'x' * offset} authorization: {handler.key}</pre></html>"
        handler.respond(400, said.encode(), {"content-type": "text/html"})

    server.otherwise = page
    run = here(capsys, *drawing(server, files))
    assert run.code == 1
    assert "status 400: <html>" in run.error
    assert len(server.seen) == 2
    exported = here(capsys, "export", files / "run", "--format", "jsonl", "--out", files / "records.jsonl")
    nowhere(files, run, exported)


def test_a_key_in_the_place_of_its_variable_is_written_nowhere(server, files, capsys):
    said = drawing(server, files)
    said[said.index(VARIABLE)] = KEY
    refused = here(capsys, *said)
    assert (refused.code, "no name of a variable" in refused.error) == (2, True)
    nowhere(files, refused)


def test_a_server_that_is_not_there_ends_it_and_what_used_up_its_attempts_has_failed(files, capsys, monkeypatch):
    monkeypatch.setattr("unispect.chat.chat.Time", lambda: Clock().time)
    with loopback() as gone:
        pass
    run = here(capsys, *drawing(gone, files))
    assert run.code == 1
    assert "stopped with 3 units left undone" in run.error
    assert statuses(files) == {"failed": 3}
    assert "sent no reply to 20 attempts in a row, the last: no connection" in run.error
    assert "in 20 calls" in run.out


def test_a_spent_limit_leaves_the_rest_undone_and_more_money_goes_on(server, files, capsys):
    short = here(capsys, *drawing(server, files, "--max-cost", 0.15, "--concurrency", 1))
    assert short.code == 1
    assert "stopped with 3 units left undone: the next call could cost 0.04" in short.error
    assert statuses(files) == {"done": 3}
    assert "cost: 0.1203 over all commands" in short.out
    more = here(capsys, *drawing(server, files, "--max-cost", 1))
    assert more.code == 0, more.err
    assert statuses(files) == {"done": 6}
    assert len(server.paid) == 6
    with RunStore.open(files / "run") as store:
        first, second = store.manifest().invocations
    assert first.settings["cost"].startswith("0.1203")
    assert second.settings["drawing"].startswith("3 new replies in 3 calls")
    assert second.settings["asked at"] == f"{server.url}/v1"
    nowhere(files, short, more)


@pytest.mark.slow
def test_a_refused_prompt_is_skipped_with_the_words_and_counted(server, files, capsys):
    server.otherwise = lambda handler, body: (moderate if "number 2" in str(body) else artist)(handler, body)
    outcome = here(capsys, *drawing(server, files))
    assert outcome.code == 0, outcome.err
    assert statuses(files) == {"done": 5, "skipped": 1}
    with RunStore.open(files / "run") as store:
        (refused,) = [entry.record for entry in store.entries() if entry.record.status == "skipped"]
    assert refused.error == f"openai:chat+image refused to draw: {WORDS}"
    assert here(capsys, *drawing(server, files)).code == 0
    assert len(server.seen) == 6
    page = files / "page.html"
    assert here(capsys, "report", files / "run", "--out", page).code == 0
    nowhere(files)


def test_a_key_that_is_not_accepted_ends_the_command_after_one_try(server, files, capsys):
    server.otherwise = refuse(401)
    outcome = here(capsys, *drawing(server, files, "--concurrency", 1))
    assert outcome.code == 1
    assert "stopped with 6 units left undone" in outcome.error
    assert "status 401" in outcome.error
    assert statuses(files) == {}
    assert len(server.seen) == 1
    nowhere(files, outcome)


def test_a_replay_asks_nobody_and_needs_no_key(server, files, capsys, monkeypatch):
    tape = files / "tape.jsonl"
    assert here(capsys, *drawing(server, files, "--cassette", tape)).code == 0
    monkeypatch.delenv(VARIABLE)
    replayed = drawing(server, files, "--cassette", tape, "--replay")
    replayed[replayed.index(str(files / "run"))] = str(files / "again")
    outcome = here(capsys, *replayed)
    assert outcome.code == 0, outcome.err
    with RunStore.open(files / "run") as one, RunStore.open(files / "again") as other:
        assert [entry.record.blobs for entry in one.entries()] == [entry.record.blobs for entry in other.entries()]
    assert len(server.seen) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "opnai:chat"), "did you mean 'openai'"),
        (("--model", "openai:+image"), "OPENAI_API_KEY is not set"),
        (("--model", "openai:chat"), "openai:chat cannot draw"),
        (("--model", "openai:chat+"), "write PROVIDER:CHAT"),
        (("--model", "anthropic:a+b"), "no model that draws"),
        (("--model", "openai:+image@https://api.example.org/v1"), "--key-from VARIABLE"),
        (("--model", LOCAL, "--max-cost", "1"), "--prices"),
        (("--model", LOCAL, "--max-cost", "1", "--prices", "PRICES"), "per_picture"),
        (("--model", LOCAL, "--max-cost", "nan"), "must be 0 or more"),
        (("--model", LOCAL, "--concurrency", "0"), "at least 1"),
        (("--model", LOCAL, "--tokens-per-minute", "-3"), "more than 0"),
        (("--model", LOCAL, "--thinking-tokens", "-3"), "0 or more"),
        (("--model", LOCAL, "--replay"), "to replay"),
        (("--model", LOCAL, "--prices", "nothing.yaml"), "cannot read the price table nothing.yaml: No such file"),
        (("--model", "tiny-janus-pro", "--max-cost", "1"), "--max-cost is for models behind an API"),
        (("--model", "openai:a", "openai:b", "--cassette", "tape"), "--cassette is for one model"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(files, capsys, arguments, words):
    (files / "bad.yaml").write_text("image: {input: 1, output: 1}")
    said = [str(files / "bad.yaml") if word == "PRICES" else word for word in arguments]
    data = ("--data", f"text:{files / 'prompts.txt'}", "--out", files / "run")
    outcome = here(capsys, "run", "drawing", *said, *data)
    assert outcome.code in (1, 2)
    assert words in outcome.error
    assert not (files / "run").exists()


def test_what_has_no_states_cannot_be_probed(server, files, capsys):
    said = drawing(server, files)
    said[1] = "encoding"
    outcome = here(capsys, *said)
    assert outcome.code == 2
    assert "does not show its states" in outcome.error
    assert server.seen == []


@pytest.mark.slow
def test_a_killed_run_goes_on_and_pays_for_no_picture_twice(server, files):
    drawn: Counter[str] = Counter()
    stuck = threading.Semaphore(0)

    def draw(handler, body):
        with server.lock:
            drawn[body["prompt"]] += 1
        artist(handler, body)

    def draw_three_then_hold(handler, body):
        with server.lock:
            go = drawn.total() < 3
            drawn[body["prompt"]] += go
        if go:
            artist(handler, body)
        else:
            stuck.release()
            server.over.wait(60)

    def start():
        command = [sys.executable, "-m", "unispect", *drawing(server, files, "--max-cost", 1, "--concurrency", 2)]
        return subprocess.Popen(command, env=dict(os.environ), stdout=-1, stderr=-1, text=True)

    server.otherwise = draw_three_then_hold
    program = start()
    for _ in range(2):  # both places wait: what was answered before is on the cassette
        assert stuck.acquire(timeout=120)
    program.send_signal(signal.SIGKILL)
    said = Outcome(program.wait(), *program.communicate())
    assert said.code == -signal.SIGKILL

    server.otherwise = draw
    program = start()
    again = Outcome(0, *program.communicate(timeout=300))
    assert program.returncode == 0, again.err
    assert drawn == Counter(PROMPTS)
    assert statuses(files) == {"done": 6}
    assert "3 new replies in 3 calls, 3 from the cassette" in again.out
    assert "without an end: 2 calls" in again.out
    nowhere(files, said, again)
