"""A program that asks a judge about many items, writing a cassette, until somebody kills it.

python -m tests.helpers.asker_to_kill URL CASSETTE ITEMS MAX_COST
"""

import sys

from tests.helpers.chat_samples import PRICE, chat, question
from unispect.chat import Cassette


def main(url: str, cassette: str, items: str, max_cost: str) -> None:
    with Cassette(cassette) as tape:
        judge = chat(url, cassette=tape, price=PRICE, max_cost=float(max_cost), concurrency=2)
        judge.ask_all([question(f"item {number}") for number in range(int(items))])
        tally = judge.tally()
    sys.stdout.write(f"{tally.parsed} {tally.replayed} {tally.attempts} {tally.unfinished}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
