import json
import os
import threading

import pytest
from PIL import Image

from tests.helpers.chat_samples import PRICE, REPLY_COST, chat, question
from tests.helpers.loopback_judge import VARIABLE, refuse, reset, say
from unispect.chat import AskError, Cassette, Outcome, Reply, Request, Usage
from unispect.chat.cassette import cassette_path
from unispect.core.errors import StoreError, UnispectError, UsageError
from unispect.core.prompts import Prompt
from unispect.core.units import digest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tape.jsonl"


def test_a_replay_gives_the_same_payloads_and_asks_nobody(server, path, monkeypatch):
    server.acts = [say("no JSON at all")]
    requests = [question(f"item {number}") for number in range(4)]
    with Cassette(path) as tape:
        first = [chat(server.url, cassette=tape, concurrency=1).ask(request) for request in requests]
    monkeypatch.delenv(VARIABLE)
    with Cassette(path, "replay") as tape:
        judge = chat("http://127.0.0.1:1", cassette=tape)
        again = judge.ask_all(requests)
        assert [answer.as_payload() for answer in again] == [answer.as_payload() for answer in first]
        assert (judge.tally().replayed, judge.tally().unparsed, judge.tally().attempts) == (4, 1, 0)
        with pytest.raises(AskError, match="holds no reply"):
            judge.ask(question("another"))
    assert [answer.outcome for answer in again].count(Outcome.UNPARSED) == 1
    assert len(server.paid) == 4


def test_whatever_decides_an_answer_is_part_of_the_key(server):
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    base = question()
    different = [
        question("other"),
        question(seed=1),
        question(temperature=0.5),
        question(max_tokens=51),
        question(system="be brief"),
        Request(Prompt.of("is it there?", red), base.schema, max_tokens=50),
        Request(Prompt.of("is it there?", blue), base.schema, max_tokens=50),
        Request(Prompt.of("is it there?", red.resize((2, 8))), base.schema, max_tokens=50),
    ]
    keys = [request.key("c", "m") for request in [base, *different]] + [base.key("c", "n"), base.key("d", "m")]
    assert len(set(keys)) == len(keys)
    assert question().key("c", "m") == base.key("c", "m")


def test_the_request_is_recorded_with_seed_and_temperature(server, path):
    with Cassette(path) as tape:
        chat(server.url, cassette=tape).ask(question(seed=7, temperature=0.3))
    entry = json.loads(path.read_text().splitlines()[-1])["entry"]
    assert entry["about"]["request"]["seed"] == server.seen[0]["seed"] == 7
    assert entry["about"]["request"]["temperature"] == server.seen[0]["temperature"] == 0.3
    assert entry["about"]["seed_sent"] is True


def test_equal_requests_at_the_same_time_are_paid_for_once(server, path):
    with Cassette(path) as tape:
        answers = chat(server.url, cassette=tape, concurrency=4).ask_all([question()] * 8)
    assert len(server.paid) == 1
    assert [answer.replayed for answer in answers].count(False) == 1


def filled(path, replies=3):
    with Cassette(path) as tape:
        for number in range(replies):
            tape.keep(tape.sent(f"k{number}", 1.0), f"k{number}", {}, Reply("é", usage=Usage(1, 2)), 0.25)
    return path.read_bytes()


def test_every_torn_end_is_cut_off_and_the_rest_is_kept(path):
    whole = filled(path)
    starts = [0, *[index + 1 for index, byte in enumerate(whole) if byte == 10]]
    for length in {*range(0, len(whole), 7), *starts, *(start - 1 for start in starts[1:])}:
        path.write_bytes(whole[:length])
        lines = sum(start <= length for start in starts[1:])
        with Cassette(path) as tape:
            assert len(tape) == max(0, (lines - 1) // 2)
            assert tape.unfinished == (lines > 1 and lines % 2 == 0)
            tape.keep(tape.sent("new", 1.0), "new", {}, Reply("x"), None)
        with Cassette(path) as tape:
            assert tape.find("new").reply.text == "x"


def test_damage_in_the_middle_is_an_error_that_names_the_line(path):
    whole = filled(path)
    path.write_bytes(whole.replace(b'"cost":0.25', b'"cost":0.00', 1))
    with pytest.raises(StoreError, match="damaged in line 3"):
        Cassette(path)


def line(entry: object) -> bytes:
    return json.dumps({"entry": entry, "sum": digest(entry)}).encode() + b"\n"


REPLY = {"kind": "reply", "number": 1, "key": "k", "cost": 0.5, "reply": {"text": "x", "usage": None}}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ([], "it: "),
        ({"kind": "other"}, "it: "),
        ({"kind": "sent", "number": "1", "key": "k", "at_most": 1.0}, "number: "),
        ({"kind": "sent", "number": 10**30, "key": "k", "at_most": 1.0}, "number: "),
        ({"kind": "sent", "number": 1, "key": ["k"], "at_most": 1.0}, "key: "),
        ({"kind": "lost", "number": 1, "cost": -5.0, "what": "reset"}, "cost: "),
        ({**REPLY, "cost": "free"}, "cost: "),
        ({**REPLY, "cost": -1.0}, "cost: "),
        ({**REPLY, "reply": []}, "reply: "),
        ({**REPLY, "reply": {"text": 3, "usage": None}}, r"reply\.text: "),
        (
            {**REPLY, "reply": {"text": "x", "usage": {"input_tokens": -1, "output_tokens": 0}}},
            r"reply\.usage\.input_tokens: ",
        ),
        ({**REPLY, "reply": {"text": "x", "usage": None, "picture": "../../other"}}, r"reply\.picture: "),
        ({**REPLY, "reply": {"text": "x", "usage": None, "surprise": 1}}, r"reply\.surprise: "),
    ],
)
def test_a_line_whose_sum_is_right_and_whose_values_are_not_is_named(path, entry, said):
    with Cassette(path):
        pass
    path.write_bytes(path.read_bytes() + line(entry))
    with pytest.raises(StoreError, match=rf"is damaged in line 2 \({said}"):
        Cassette(path)


def test_lines_of_odd_json_are_named(path):
    with Cassette(path):
        pass
    head = path.read_bytes()
    for odd in (
        b"[" * 100_000,
        b"[]",
        b'{"entry": NaN, "sum": ""}',
        b'{"entry": 1' + b"0" * 5000 + b', "sum": ""}',
        b"\xff",
    ):
        path.write_bytes(head + odd + b"\n")
        with pytest.raises(StoreError, match="is damaged in line 2"):
            Cassette(path)


@pytest.mark.parametrize("place", ["folder", "pipe", "zero\0byte"])
def test_a_place_that_is_no_file_is_no_cassette(path, place):
    odd = path.with_name(place)
    if place == "folder":
        odd.mkdir()
    elif place == "pipe":
        os.mkfifo(odd)
    for mode in ("record", "replay"):
        with pytest.raises(UnispectError):
            Cassette(odd, mode)


def test_another_file_is_left_alone(path):
    for content in (b"hello\n", b'{"a": 1}\n', b"no line end"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="is not a cassette"):
            Cassette(path)
        assert path.read_bytes() == content


def test_one_writer_and_no_replay_of_nothing(path):
    with Cassette(path), pytest.raises(StoreError, match="in use by another process"):
        Cassette(path)
    with Cassette(path):
        pass
    with pytest.raises(UsageError, match="there is no cassette"):
        Cassette(path.with_name("none"), "replay")


def test_attempts_without_an_end_count_at_their_most(path):
    with Cassette(path) as tape:
        tape.sent("a", 0.5)
        tape.lost(tape.sent("a", 0.5), 0.125, "reset")
        tape.keep(tape.sent("a", 0.5), "a", {}, Reply("x"), 0.25)
    with Cassette(path) as tape:
        assert (tape.spent, tape.unfinished) == (0.875, 1)


def test_lost_attempts_stay_on_the_bill(server, path):
    server.acts = [reset]
    with Cassette(path) as tape:
        chat(server.url, cassette=tape, price=PRICE).ask(question())
        spent = tape.spent
    assert spent == pytest.approx(REPLY_COST + PRICE.at_most(question()))
    with Cassette(path) as tape:
        assert chat(server.url, cassette=tape, price=PRICE).tally().cost == spent


def test_when_the_disk_is_full_nothing_more_is_paid_for(server, path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    with Cassette(path) as tape:
        judge = chat(server.url, cassette=tape, concurrency=1)
        judge.ask(question("item 0"))
        monkeypatch.setattr("os.pwrite", full)
        answers = judge.ask_all([question(f"item {number}") for number in range(5)])
        monkeypatch.undo()
    assert answers[0].replayed
    assert [type(answer) for answer in answers[1:]] == [StoreError] * 4
    assert len(server.seen) == 1


def test_any_text_comes_back_as_it_was(path):
    text = "\u2028 \ud800 \x00 \r\n é 🦊"
    with Cassette(path) as tape:
        tape.keep(tape.sent("a", 0.0), "a", {}, Reply(text), None)
    with Cassette(path) as tape:
        assert tape.find("a").reply.text == text


def test_after_a_wrong_key_what_is_there_is_still_answered(server, path):
    with Cassette(path) as tape:
        judge = chat(server.url, cassette=tape, concurrency=1)
        judge.ask(question("held"))
        server.otherwise = refuse(401)
        answers = judge.ask_all([question("new"), question("held"), question("newer")])
    assert [isinstance(answer, AskError) for answer in answers] == [True, False, True]
    assert len(server.seen) == 2


def test_threads_share_a_cassette(path):
    with Cassette(path) as tape:

        def work(name):
            for number in range(10):
                key = f"{name}-{number}"
                tape.keep(tape.sent(key, 0.0), key, {}, Reply(key), None)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Cassette(path, "replay") as tape:
        assert (len(tape), tape.unfinished) == (40, 0)
        assert tape.find("3-9").reply.text == "3-9"


def lines_of(path):
    return [json.loads(line)["entry"] for line in path.read_text().splitlines()]


def rewrite(path, entries):
    """Whoever writes lines can compute their sums."""
    path.write_text("".join(json.dumps({"entry": one, "sum": digest(one)}) + "\n" for one in entries))


LIES = {
    "a negative cost": (2, {"cost": -5.0}),
    "a cost that is a text": (2, {"cost": "0"}),
    "a cost that is a truth": (2, {"cost": False}),
    "a cost that is a list": (2, {"cost": []}),
    "no cost": (2, {"cost": ...}),
    "a negative cost of a lost attempt": (4, {"cost": -5.0}),
    "no cost of a lost attempt": (4, {"cost": None}),
    "a negative cost at most": (1, {"at_most": -5.0}),
    "an attempt twice": (3, {"number": 1}),
    "an attempt without a number": (1, {"number": None}),
    "a number that is a list": (2, {"number": [1]}),
    "a key that is a list": (2, {"key": ["k0"]}),
    "a reply that is a text": (2, {"reply": "x"}),
    "a reply with more": (2, {"reply": {"text": "x", "usage": None, "more": 1}}),
    "another kind": (2, {"kind": "gift"}),
}


@pytest.mark.parametrize("name", LIES)
def test_a_line_that_would_take_something_off_the_bill_is_refused(path, name):
    with Cassette(path) as tape:
        tape.keep(tape.sent("k0", 1.0), "k0", {}, Reply("x", usage=Usage(1, 2)), 0.25)
        tape.lost(tape.sent("k1", 1.0), 1.0, "reset")
    entries = lines_of(path)
    place, change = LIES[name]
    entries[place] |= change
    entries[place] = {key: value for key, value in entries[place].items() if value is not ...}
    rewrite(path, entries)
    with pytest.raises(StoreError, match=f"damaged in line {place + 1}"):
        Cassette(path)


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity", "9" * 5000])
def test_an_amount_that_is_no_number_is_refused(path, number):
    with Cassette(path) as tape:
        tape.keep(tape.sent("k0", 1.0), "k0", {}, Reply("x"), 0.25)
    path.write_text(path.read_text().replace('"cost":0.25', f'"cost":{number}'))
    with pytest.raises(StoreError, match="damaged in line 3"):
        Cassette(path)


@pytest.mark.parametrize("picture", ["../../elsewhere", "a" * 63, 7, ["a" * 64]])
def test_a_picture_is_named_by_its_hash_and_nothing_else(path, picture):
    with Cassette(path) as tape:
        tape.keep(tape.sent("k0", 1.0), "k0", {}, Reply("x", picture=b"file"), 0.25)
    entries = lines_of(path)
    entries[2]["reply"]["picture"] = picture
    rewrite(path, entries)
    with pytest.raises(StoreError, match="damaged in line 3"):
        Cassette(path)


def test_lines_of_before_are_read(path):
    """As the first version wrote them: without what replies had not yet."""
    said = {"text": "x", "model": "", "usage": None, "finish": "", "refusal": "", "id": ""}
    rewrite(
        path,
        [
            {"kind": "cassette", "version": 1},
            {"kind": "sent", "number": 1, "key": "k0", "at_most": 0},
            {"kind": "reply", "number": 1, "key": "k0", "reply": said, "cost": None, "about": {}},
        ],
    )
    with Cassette(path) as tape:
        assert tape.find("k0").reply == Reply("x")


def test_nobody_else_reads_what_was_asked_and_answered(tmp_path):
    path = tmp_path / "run" / "cassettes" / "tape.jsonl"
    with Cassette(path) as tape:
        tape.keep(tape.sent("k0", 1.0), "k0", {}, Reply("x", picture=b"file"), 0.25)
    modes = {one.name: one.stat().st_mode & 0o777 for one in (path.parent, path, tape.pictures)}
    assert modes == {"cassettes": 0o700, "tape.jsonl": 0o600, "tape.jsonl.pictures": 0o700}


def test_what_a_kill_left_of_a_picture_goes_with_the_next_recording(tmp_path):
    with Cassette(tmp_path / "tape.jsonl"):
        pass
    left = tmp_path / "tape.jsonl.pictures" / f".{'0' * 64}.1.tmp"
    left.parent.mkdir()
    left.write_bytes(b"half")
    with Cassette(tmp_path / "tape.jsonl", "replay"):
        assert left.exists()
    with Cassette(tmp_path / "tape.jsonl"):
        assert not left.exists()


def test_a_link_is_not_followed(tmp_path):
    victim = tmp_path / "mine"
    victim.write_text("")
    (tmp_path / "tape.jsonl").symlink_to(victim)
    with pytest.raises(StoreError, match="it is a link"):
        Cassette(tmp_path / "tape.jsonl")
    assert victim.read_text() == ""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "other.jsonl.pictures").symlink_to(tmp_path / "elsewhere")
    with Cassette(tmp_path / "other.jsonl") as tape, pytest.raises(StoreError, match="is a link"):
        tape.keep(tape.sent("k0", 1.0), "k0", {}, Reply("x", picture=b"file"), 0.25)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "cassettes").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cassettes is a link"):
        cassette_path(tmp_path / "run", "tape")


def test_what_is_no_file_is_no_cassette(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for mode in ("record", "replay"):
        with pytest.raises(UsageError, match="pipe"):
            Cassette(tmp_path / "pipe", mode)
