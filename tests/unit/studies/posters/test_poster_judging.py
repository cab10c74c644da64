"""What becomes of judges that answer badly, of replies that are none, and of a second judge."""

import json
from dataclasses import replace

import pytest

from tests.helpers.loopback_judge import say
from tests.helpers.poster_run import CARD, NAME, TITLES, grade, judging, replies, section
from tests.helpers.poster_world import Painter, judge, kind_of, picture, subjects_file, title_in, truth
from unispect.chat import Spending, load_prices
from unispect.core.errors import DataError, NoReply, Refused, UsageError
from unispect.core.replies import ImageReply
from unispect.core.units import Entry
from unispect.data.posters.subjects import load_subjects
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.posters import plan as posters
from unispect.studies.posters.judging.plan import ITEMS, How, plan
from unispect.studies.posters.judging.reading import graded, status_of
from unispect.studies.posters.judging.requests import items_request

PLAIN = ("drawing", "telling")


def rows(section, name):
    found = [one for one in section.tables if one.id == name]
    return [dict(zip(found[0].columns, row, strict=True)) for row in found[0].rows] if found else []


def entries(run) -> list[Entry]:
    with RunStore.open(run) as store:
        return list(store.entries("posters"))


def changed(change):
    """A judge whose answers to items are changed before they are sent."""

    def respond(body):
        said = judge(body)
        return change(json.loads(said)) if kind_of(body) == "items" else said

    return respond


@pytest.mark.parametrize(
    ("wanted", "shown", "status"),
    [
        (True, "as stated", "CORRECT"),
        (True, "otherwise", "INCORRECT"),
        (True, "not shown", "MISSING"),
        (False, "as stated", "INCORRECT"),
        (False, "otherwise", "CORRECT"),
        (False, "not shown", "CORRECT"),
    ],
)
def test_what_is_shown_meets_what_should_be_only_here(wanted, shown, status):
    assert status_of(wanted, shown) == status


def test_an_answer_in_another_form_leaves_every_item_unparsed_and_counted(tmp_path):
    run = replies(tmp_path, seeds=(0,), parts=PLAIN)
    with judging(changed(lambda said: "I would rather write prose.")) as server:
        assert grade(run, server.url).failed == 0
        asked = len(server.paid)
        assert grade(run, server.url).done == 0  # unparsed is an answer: it is not asked for again
        assert len(server.paid) == asked
    shown = section(run)
    assert [row["unparsed"] for row in rows(shown, "posters-categories")] == [3 * 12, 3 * 12]
    assert [row["unread"] for row in rows(shown, "posters-counts")] == [3, 3]
    (gap,) = shown.findings
    assert gap.verdict == "cannot tell"
    assert {mark.word for card in shown.cards for item in card.items for mark in item.marks} == {"unparsed"}


def test_numbers_left_out_answered_twice_or_invented_concern_those_items_only(tmp_path):
    def spoil(said):
        _, second, third, *rest = said["answers"]
        twice = third | {"status": "not shown" if third["status"] != "not shown" else "otherwise"}
        again = [second, second]  # said twice, but the same
        return json.dumps({"answers": [*again, third, twice, *rest, rest[0] | {"number": 99}, rest[0] | {"number": 0}]})

    run = replies(tmp_path, seeds=(0,), parts=PLAIN)
    with judging(changed(spoil)) as server:
        grade(run, server.url)
    for one in graded(entries(run)):
        assert (len(one.items), one.unparsed, len(one.readable)) == (12, 2, 10)
    drawn, told = rows(section(run), "posters-categories")
    assert drawn["unparsed"] == told["unparsed"] == 6
    assert "17 %" in section(run).findings[0].detail


def test_a_rubric_that_cannot_be_read_is_asked_for_again_and_then_fails_with_the_reasons(tmp_path):
    said = []

    def respond(body):
        if kind_of(body) == "rubric":
            said.append(body["seed"])
            if len(said) < 3:
                return "no"
        return judge(body)

    run = replies(tmp_path, titles=("Amber",), seeds=(0,), parts=PLAIN)
    with judging(respond) as server:
        assert grade(run, server.url).failed == 0
    assert said == [0, 1, 2]
    (rubric,) = [entry for entry in entries(run) if entry.unit.kind == "rubric"]
    assert len(rubric.record.payload["unread"]) == 2

    other = replies(tmp_path / "other", titles=("Amber",), seeds=(0,), parts=PLAIN)
    with judging(lambda body: "no") as server:
        summary = grade(other, server.url)
    assert (summary.failed, summary.skipped) == (1, 3)
    assert "gave no rubric of amber-1990" in next(iter(summary.causes))


@pytest.mark.slow
def test_a_second_judge_uses_the_rubric_of_the_first_and_is_not_averaged_with_it(tmp_path):
    run = replies(tmp_path, seeds=(0,), parts=PLAIN)

    def blind(said):
        return json.dumps({"answers": [one | {"status": "not shown"} for one in said["answers"]]})

    with judging() as server:
        grade(run, server.url)
        before = section(run)
        server.paid.clear()
        server.otherwise = lambda handler, body: _say(handler, body, changed(blind))
        grade(run, server.url, How("openai:second"))
        assert {kind_of(json.loads(body)) for body in server.paid} == {"items"}
    after = section(run)
    assert rows(after, "posters-scores") == rows(before, "posters-scores")
    assert [row["judge"] for row in rows(after, "posters-gradings")] == [NAME, "openai:second"]
    assert {row["between"] for row in rows(after, "posters-agreement")} == {f"{NAME} and openai:second"}
    assert all(row["alpha"].estimate < 0.3 for row in rows(after, "posters-agreement"))


def _say(handler, body, respond):
    say(respond(body))(handler, body)


class Shy(Painter):
    """Refuses to draw one poster, and is cut off when telling another."""

    def draw(self, encoded, how):
        if any(title_in(prompt.text) == "Basalt" for prompt in encoded.inputs):
            raise Refused("planted", "draw", "that poster is protected")
        return [ImageReply(picture(truth(title_in(p.text))), s) for p, s in zip(encoded.inputs, how.seeds, strict=True)]

    def write(self, encoded, how):
        return [replace(reply, finished="Amber" not in reply.text) for reply in super().write(encoded, how)]


def test_refused_replies_are_kept_counted_and_never_scored_as_errors(tmp_path):
    run = replies(tmp_path, seeds=(0, 1), parts=PLAIN, model=Shy())
    with judging() as server:
        assert grade(run, server.url).failed == 0
    shown = section(run)
    drawn, told = rows(shown, "posters-counts")
    assert (drawn["replies"], drawn["refused"], drawn["graded"]) == (6, 2, 4)
    assert (told["replies"], told["refused"], told["graded"]) == (6, 0, 6)
    assert rows(shown, "posters-scores")[0]["error"].estimate == 0
    assert "33 % and 0 % of the items are without a score" in shown.findings[0].detail
    card = next(card for card in shown.cards if card.title.startswith("Basalt"))
    assert card.sides[0].note == "Refused: that poster is protected"
    assert {item.marks[0].word for item in card.items} == {"not graded"}


class Evasive(Painter):
    """Declines in words, where the provider says so, writes nothing, or draws what is no picture."""

    def draw(self, encoded, how):
        raise NoReply("planted did not draw: no picture came")

    def write(self, encoded, how):
        replies_ = super().write(encoded, how)
        words = {"Amber": "I will not.", "Basalt": ""}
        return [
            replace(reply, text=words.get(title, reply.text), refusal=words.get(title, ""))
            for reply, title in zip(replies_, (title_in(prompt.text) for prompt in encoded.inputs), strict=True)
        ]


def test_what_is_no_reply_is_counted_and_not_graded(tmp_path):
    run = replies(tmp_path, seeds=(0,), parts=PLAIN, model=Evasive())
    with judging() as server:
        assert grade(run, server.url).failed == 0
    shown = section(run)
    drawn, told = rows(shown, "posters-counts")
    assert (drawn["replies"], drawn["refused"], drawn["no reply"], drawn["graded"]) == (3, 0, 3, 0)
    assert (told["replies"], told["refused"], told["no reply"], told["graded"]) == (3, 1, 1, 1)
    notes = {side.note for card in shown.cards for side in card.sides}
    assert "Refused: I will not." in notes
    assert "Nothing to grade: planted did not draw: no picture came." in notes


def test_a_spent_budget_leaves_the_rest_undone_and_a_higher_one_goes_on(tmp_path):
    run = replies(tmp_path, seeds=(0,), parts=PLAIN)
    prices = tmp_path / "prices.yaml"
    prices.write_text("loop: {input: 1, output: 10, picture_tokens: 500}")
    with judging() as server:
        statements = [f"Cell {number} is purple" for number in range(12)]
        dearest = items_request(statements, picture(truth("Amber")), temperature=0.0, seed=0)
        limit = load_prices(prices)["loop"].at_most(dearest) + 0.002
        low = Spending(prices, limit, tmp_path / "tape", concurrency=1)
        halted = grade(run, server.url, limits=low)
        assert halted.failed == 0
        assert 0 < halted.done < 18
        assert halted.done + halted.left == 18
        assert "is spent" in halted.halted
        paid = len(server.paid)
        assert grade(run, server.url, limits=replace(low, max_cost=5.0)).done == halted.left
        assert paid < len(server.paid) == 18


def test_without_a_judge_the_view_says_what_to_do(tmp_path):
    shown = section(replies(tmp_path, seeds=(0,)))
    assert {one.verdict for one in shown.findings} == {"cannot tell"}
    assert any("unispect grade" in caveat for caveat in shown.caveats)
    assert shown.cards
    assert all(not card.items for card in shown.cards)


def test_a_rubric_made_for_another_picture_is_not_used_silently(tmp_path):
    run = replies(tmp_path, titles=("Amber", "Basalt"), seeds=(0,), parts=PLAIN)
    with judging() as server:
        grade(run, server.url)
    picture(truth("Cobalt")).save(tmp_path / "data" / "Amber.png")
    subjects = load_subjects(tmp_path / "data" / "subjects.yaml")
    with pytest.raises(DataError, match=r"Amber \(1990\).*another reference picture"):
        plan(How(NAME), entries(run), subjects)


def test_replies_that_come_later_are_graded_on_the_same_rubric(tmp_path):
    run = replies(tmp_path, titles=("Amber", "Basalt"), seeds=(0,), parts=PLAIN)
    with judging() as server:
        grade(run, server.url, How(NAME, "replies"))
        first = {entry.unit.inputs["rubric"] for entry in entries(run) if entry.unit.kind == ITEMS}
        replies(tmp_path, titles=("Amber", "Basalt"), seeds=(0, 1), parts=PLAIN)
        server.paid.clear()
        summary = grade(run, server.url, How(NAME, "replies"))
        assert summary.done == len(server.paid) == 4
    assert {entry.unit.inputs["rubric"] for entry in entries(run) if entry.unit.kind == ITEMS} == first


def test_replies_about_posters_the_file_lacks_are_left_out_by_name(tmp_path):
    run = replies(tmp_path, seeds=(0,), parts=PLAIN)
    subjects = load_subjects(tmp_path / "data" / "subjects.yaml", limit=2)
    made = plan(How(NAME), entries(run), subjects)
    assert [skip.what for skip in made.skips] == ["replies about cobalt-1992"]
    with pytest.raises(UsageError, match="nothing to do"):
        plan(How(NAME), entries(run), ())


def test_parts_and_data_are_checked(tmp_path):
    with pytest.raises(UsageError, match="--data subjects"):
        posters.plan(CARD, Options())
    data = str(subjects_file(tmp_path, TITLES))
    with pytest.raises(UsageError, match="did you mean 'telling'"):
        posters.plan(CARD, Options(data=data, parts=("teling",)))
    made = posters.plan(CARD, Options(data=data, seeds=(0, 1)))
    assert len(made.units) == 3 * 3 * 2
    assert all("/" not in str(value) for unit in made.units for value in unit.inputs.values())
    text = next(unit for unit in made.units if unit.kind == "describe")
    assert text.settings["temperature"] == pytest.approx(0.7)
