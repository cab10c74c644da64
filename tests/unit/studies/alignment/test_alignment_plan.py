"""What `alignment` plans, and which prompts a comparison is made of."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Segment, start_of_reply
from unispect.core.units import Plan
from unispect.data.concepts.lexicons import Lexicon
from unispect.models.registry import card_of
from unispect.studies.alignment.plan import plan
from unispect.studies.alignment.prompts import items_of, lines_of
from unispect.studies.alignment.records import Compared
from unispect.studies.base import Options

BOUND = card_of("tiny-janus-pro-bound")


def kinds(planned: Plan) -> Counter[str]:
    return Counter(unit.kind for unit in planned.units)


def test_every_lexicon_is_compared_and_some_prompts_are_looked_at():
    planned = plan(BOUND, Options())
    lexicons = [unit.inputs["lexicon"] for unit in planned.units if unit.kind == "compare"]
    assert lexicons == ["real", "drawing", "text", "both", "never"]
    assert kinds(planned) == {"compare": 5, "attend": 5 * 8 + 8}
    assert planned.skips == ()
    small = plan(BOUND, Options(limit=1))
    assert all(unit.inputs["contexts"] == 2 for unit in small.units if unit.kind == "compare")
    with pytest.raises(UsageError, match="at least 1"):
        plan(BOUND, Options(limit=0))


def test_a_model_without_invented_words_is_asked_about_real_ones_and_some_that_nobody_was_taught():
    planned = plan(card_of("tiny-janus-pro"), Options())
    assert [unit.inputs["lexicon"] for unit in planned.units if unit.kind == "compare"] == ["real", "never"]
    assert "was taught no invented words" in planned.skips[0].reason


@pytest.mark.parametrize(
    ("lacks", "left", "said"),
    [
        ("probe", {}, "does not show its states"),
        ("draw", {"attend": 8}, "cannot draw"),
        ("write", {"attend": 40}, "cannot write"),
        ("see", {"compare": 5, "attend": 40}, "cannot see"),
        ("attend", {"compare": 5}, "cannot attend"),
    ],
)
def test_what_a_model_cannot_do_is_left_out_and_said(lacks: str, left: dict[str, int], said: str):
    card = replace(BOUND, capabilities=BOUND.capabilities - {lacks})  # type: ignore[arg-type]
    if not left:
        with pytest.raises(UsageError, match=said):
            plan(card, Options())
        return
    planned = plan(card, Options())
    assert kinds(planned) == left
    assert any(said in skip.reason for skip in planned.skips)


def test_pictures_that_no_rows_are_of_are_not_looked_at():
    planned = plan(card_of("tiny-omnigen2-bound"), Options())
    assert all(unit.settings["goal"] == "text" for unit in planned.units if unit.kind == "attend")
    assert any("not applicable" in skip.reason for skip in planned.skips)


def test_texts_of_the_user_are_compared_as_they_are(tmp_path: Path):
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(f"text number {number}" for number in range(12)))
    planned = plan(BOUND, Options(data=f"text:{file}"))
    assert kinds(planned) == {"compare": 1, "attend": 8}
    lines = list(lines_of(Compared(texts=[f"text number {number}" for number in range(12)])))
    assert [line.text for line in lines if line.goal is Goal.IMAGE] == [
        line.text for line in lines if line.goal is Goal.TEXT
    ]
    file.write_text("one\ntwo")
    few = plan(BOUND, Options(data=f"text:{file}"))
    assert kinds(few) == {"attend": 2}
    assert "too few to compare" in few.skips[-1].reason


def test_words_of_an_attribute_are_drawn_in_the_same_company():
    asked = Compared(lexicon="drawing", contexts=4)
    items, lines, lexicon = items_of(asked), list(lines_of(asked)), Lexicon("drawing")
    assert len(items.names) == 22
    drawn = [line for line in lines if line.goal is Goal.IMAGE]
    assert Counter(line.item for line in drawn) == dict.fromkeys(range(22), 4)
    for group in set(items.groups):
        companies = {
            item: sorted((line.wording, line.text.replace(line.word, "_")) for line in drawn if line.item == item)
            for item in range(22)
            if items.groups[item] == group
        }
        assert len({tuple(own) for own in companies.values()}) == 1
    told = [line for line in lines if line.goal is Goal.TEXT]
    assert {line.wording for line in told if line.item == 0} == {0, 1}
    assert all(line.word in line.text for line in lines)
    assert {line.word for line in lines} == {
        lexicon.word(group, name) for group, name in zip(items.groups, items.names, strict=True)
    }


def test_a_reply_starts_behind_the_prompt_and_before_what_is_drawn_on():
    prompt = (Segment(0, 3, "text", "template"), Segment(3, 8, "text", "prompt"), Segment(8, 9, "text", "template"))
    assert start_of_reply(prompt) == 8
    assert start_of_reply(prompt[:2]) == 7
    assert start_of_reply((*prompt, Segment(9, 25, "image", "filler"), Segment(25, 26, "text", "template"))) == 8
    assert start_of_reply((Segment(0, 2, "text", "filler"), Segment(2, 4, "text", "prompt"))) == 3
