import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.chat_samples import PRICE, REPLY_COST, chat, question
from tests.helpers.loopback_judge import refuse, reset, say
from unispect.chat import BudgetExceeded, Cassette, Price, Request, Usage, load_prices
from unispect.chat.budget import SpendingLedger
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt

MOST = PRICE.at_most(question("item 0"))


def test_costs_by_hand():
    assert Price(input=2.5, output=10).of(Usage(1000, 200)) == pytest.approx(0.0045)


def test_a_call_that_could_exceed_the_limit_is_not_made(server):
    judge = chat(server.url, price=PRICE, max_cost=MOST * 0.99)
    with pytest.raises(BudgetExceeded, match="the next call could cost"):
        judge.ask(question("item 0"))
    assert server.seen == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_calls_go_on_until_the_next_one_might_exceed(server, concurrency):
    limit = MOST + 7.5 * REPLY_COST
    judge = chat(server.url, price=PRICE, max_cost=limit, concurrency=concurrency)
    answers = judge.ask_all([question(f"item {number % 10}", seed=number) for number in range(20)])
    answered = [answer for answer in answers if not isinstance(answer, BudgetExceeded)]
    assert len(answered) == len(server.paid) == 8
    assert judge.tally().cost == pytest.approx(8 * REPLY_COST)
    assert (judge.tally().failed, judge.tally().parsed) == (12, 8)


def test_what_may_have_been_charged_counts_at_its_most(server):
    server.otherwise = reset
    judge = chat(server.url, price=PRICE, max_cost=2.5 * MOST)
    with pytest.raises(BudgetExceeded):
        judge.ask(question("item 0"))
    assert len(server.seen) == 2
    assert judge.tally().cost == pytest.approx(2 * MOST)


def test_refused_calls_cost_nothing(server):
    server.acts = [refuse(429), refuse(503)]
    judge = chat(server.url, price=PRICE, max_cost=MOST)
    judge.ask(question("item 0"))
    assert judge.tally().cost == pytest.approx(REPLY_COST)


def test_a_reply_without_counts_costs_the_most(server):
    server.otherwise = say('{"seen": true}', usage=False)
    judge = chat(server.url, price=PRICE)
    assert judge.ask(question("item 0")).cost == pytest.approx(MOST)
    assert judge.tally().uncounted == 1


def test_the_limit_is_that_of_the_cassette_over_all_sessions(server, tmp_path):
    limit = MOST + 2.5 * REPLY_COST
    for _ in range(3):
        with Cassette(tmp_path / "tape.jsonl") as tape:
            judge = chat(server.url, cassette=tape, price=PRICE, max_cost=limit, concurrency=1)
            judge.ask_all([question(f"item {number}") for number in range(6)])
            assert judge.tally().cost == pytest.approx(3 * REPLY_COST)
    assert len(server.paid) == 3


def test_without_a_price_tokens_are_counted_and_no_limit_is_promised(server):
    judge = chat(server.url)
    assert judge.ask(question()).cost is None
    assert (judge.tally().input_tokens, judge.tally().output_tokens) == (100, 20)
    with pytest.raises(UsageError, match="needs the price"):
        chat(server.url, max_cost=1.0)


def test_pictures_need_a_bound(server):
    shown = Request(Prompt.of("?", Image.new("RGB", (8, 8))), question().schema)
    with pytest.raises(UsageError, match="picture_tokens"):
        chat(server.url, price=Price(input=1, output=1), max_cost=1.0).ask(shown)
    assert server.seen == []
    more = PRICE.at_most(shown) - PRICE.at_most(Request(Prompt.of("?"), shown.schema))
    assert more == pytest.approx(2000 * 1e-6)


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_a_limit_must_be_a_number(limit):
    with pytest.raises(UsageError, match="must be 0 or more"):
        SpendingLedger(limit)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30), st.floats(0, 5))
def test_never_more_than_the_limit_if_calls_cost_what_was_set_aside_or_less(calls, limit):
    ledger = SpendingLedger(limit)
    for most, share in calls:
        try:
            ledger.set_aside(most)
        except BudgetExceeded:
            continue
        ledger.settle(most, most * share)
        assert ledger.spent <= limit


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_has_more_tokens_than_bytes(system, text):
    most = Price(input=1e6, output=0).at_most(question(text, system=system))
    assert most >= len((system + text).encode("utf-8", "surrogatepass"))


def test_a_price_table(tmp_path):
    (tmp_path / "prices.yaml").write_text("judge-1: {input: 2.5, output: 10, picture_tokens: 1600}\n")
    assert load_prices(tmp_path / "prices.yaml")["judge-1"] == Price(input=2.5, output=10, picture_tokens=1600)
    (tmp_path / "prices.yaml").write_text("judge-1: {input: -2.5, output: 10}\n")
    with pytest.raises(UsageError, match=r"judge-1\.input"):
        load_prices(tmp_path / "prices.yaml")
    with pytest.raises(UsageError, match=r"cannot read the price table .*none\.yaml"):
        load_prices(tmp_path / "none.yaml")
    (tmp_path / "prices.yaml").write_text("judge-1: {input: " + "9" * 5000 + ", output: 10}\n")
    with pytest.raises(UsageError, match=r"price table .*prices\.yaml: holds an integer of more than 400 digits"):
        load_prices(tmp_path / "prices.yaml")
