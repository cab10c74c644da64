"""Killed in the middle, continued from the cassette; the server counts what was paid for."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.chat_samples import PRICE, REPLY_COST, question
from tests.helpers.loopback_judge import KEY, VARIABLE, asked, loopback, say
from unispect.chat import Cassette

PROGRAM = Path(__file__).parents[2] / "helpers" / "asker_to_kill.py"
ITEMS = 12


def start(url, cassette, max_cost=1.0):
    environment = os.environ | {VARIABLE: KEY, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, str(PROGRAM), url, str(cassette), str(ITEMS), str(max_cost)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(program):
    said, errors = program.communicate(timeout=300)
    assert program.returncode == 0, errors
    assert KEY not in said + errors
    return [int(number) for number in said.split()]


@pytest.mark.slow
def test_a_killed_program_pays_for_no_answer_twice(tmp_path):
    tape = tmp_path / "tape.jsonl"
    answered = Counter()
    with loopback() as server:
        stuck, ok = threading.Semaphore(0), say('{"seen": true}')

        def answer(handler, body):
            answered[asked(body)] += 1
            ok(handler, body)

        def answer_five_then_hold(handler, body):
            with server.lock:
                go = sum(answered.values()) < 5
                if go:
                    answered[asked(body)] += 1
            if go:
                ok(handler, body)
            else:
                stuck.release()
                server.over.wait(60)

        server.otherwise = answer_five_then_hold
        program = start(server.url, tape)
        for _ in range(2):  # both places of the program wait for a reply: the other five are on the cassette
            assert stuck.acquire(timeout=120)
        program.send_signal(signal.SIGKILL)
        program.communicate()
        assert program.returncode == -signal.SIGKILL

        with Cassette(tape, "replay") as killed:
            assert (len(killed), killed.unfinished) == (5, 2)
            most = PRICE.at_most(question("item 11"))
            assert killed.spent == pytest.approx(5 * REPLY_COST + 2 * most, rel=1e-3)

        server.otherwise = answer
        assert finish(start(server.url, tape)) == [ITEMS, 5, ITEMS - 5, 2]
        assert answered == Counter({f"item {number}": 1 for number in range(ITEMS)})
        assert finish(start(server.url, tape)) == [ITEMS, ITEMS, 0, 2]
        assert sum(answered.values()) == len(server.paid) == ITEMS
    assert KEY not in tape.read_text()
