"""Riddles of the world: each means what an independent reader of its text finds, and rules answer its checklist."""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import cache

import pytest
from PIL import Image

from unispect.core.errors import UsageError
from unispect.core.units import canonical_json
from unispect.data.checklists import ChecklistItem
from unispect.data.concepts.grade import grade
from unispect.data.concepts.reading import SYNONYMS, named_values, read_description
from unispect.data.concepts.render import render
from unispect.data.concepts.riddles import KINDS, MEANT, PLAIN, make_riddle, some_riddle
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept, attribute_of
from unispect.data.items import PromptItem
from unispect.data.prompts import load_prompts
from unispect.data.world_riddles import ITEMS, held_out_riddles
from unispect.organisms.tokenizer import build_tokenizer, world_sentences

ITEMS_OF_ALL = load_prompts("world-riddles").items
SIDES = {"three": "triangle", "four": "square", "five": "pentagon", "six": "hexagon"}
POLYGONS = {3: "triangle", 4: "square", 5: "pentagon", 6: "hexagon"}
MAP = {"north": "top", "south": "bottom", "west": "left", "east": "right"}
LIKE = {
    "wheel": "circle", "adding": "plus", "twinkles": "star", "blood": "red", "lagoon": "turquoise", "lemons": "yellow",
    "grass": "green", "sapphires": "blue", "plums": "purple", "bare": "solid", "zebra": "striped",
    "chess": "checkered", "saw": "zigzag", "bubbles": "circles",
}  # fmt: skip


def solved(text: str) -> Concept:
    """What a text means, by its words alone: no function of the package makes or reads it."""
    if "," not in text:
        shape, color, pattern, *position = text.split()
        return Concept(shape, color, pattern, " ".join(position))
    parts = text.split(", ")
    meanings = dict(re.findall(r"([A-G]) means ([a-z ]+?|[A-G])(?= and |$)", parts[4])) if len(parts) == 5 else {}
    return Concept(*(_value(part, meanings) for part in parts[:4]))


def _value(part: str, meanings: dict[str, str]) -> str:
    while part in meanings:
        part = meanings[part]
    if " but " in part:
        named, ruled_out = part.split(" but ")
        (left,) = set(named.split(" or ")) - {one.removeprefix("not ") for one in ruled_out.split(" and ")}
        return left
    if "a corner for each of " in part:
        listed = part.partition("each of ")[2].split(" and ")
        assert len(set(listed)) == len(listed)
        return POLYGONS[len(listed)]
    words = part.split()
    if "map" in words:
        return f"{MAP[words[1]]} {MAP[words[2]]}"
    found = [SIDES[word] for word in words if word in SIDES] + [LIKE[word] for word in words if word in LIKE]
    return found[0] if found else part


@cache
def shown(concept: Concept) -> dict[str, str | None]:
    return dict(grade(render(concept, 64)).values)


def answers(item: PromptItem, values: dict[str, str | None]) -> list[bool]:
    """Each question of a checklist is answered as it is expected, by rules."""
    return [("yes" if values[one.attribute] in one.values else "no") == one.expected for one in item.checklist]


def by_kind(kind: str) -> list[PromptItem]:
    return [item for item in ITEMS_OF_ALL if item.kind == kind]


def test_every_text_means_its_answer() -> None:
    for item in ITEMS_OF_ALL:
        meant = solved(str(item.inputs["text"]))
        assert meant in load_split().held_out
        assert item.spelled == " ".join(meant.values.values())
        assert read_description(item.answer) == meant.values


@pytest.mark.parametrize("kind", [PLAIN, *KINDS])
def test_lessons_mean_what_they_teach(kind: str) -> None:
    for number in range(300):
        found = some_riddle(kind, load_split().train, random.Random(number))
        assert solved(found.text) == found.concept
        if kind != PLAIN:
            assert found.concept.values[found.attribute] in found.candidates


def test_the_solver_can_be_wrong() -> None:
    text = "star, red or blue but not red, solid, top left"
    assert solved(text) == Concept("star", "blue", "solid", "top left")
    assert solved(text.replace("not red", "not blue")) == Concept("star", "red", "solid", "top left")
    chain = "A, red, solid, top left, where C means plus and A means B and B means star and D means C"
    assert solved(chain).shape == "star"
    assert solved(chain.replace("A, red", "D, red")).shape == "plus"


def test_kinds_are_equally_many_and_no_text_comes_twice() -> None:
    assert Counter(item.kind for item in ITEMS_OF_ALL) == dict.fromkeys((PLAIN, *KINDS), ITEMS)
    assert len({canonical_json(item.inputs) for item in ITEMS_OF_ALL}) == len({item.id for item in ITEMS_OF_ALL}) == 420
    for kind in (PLAIN, *KINDS):
        assert len({item.spelled for item in by_kind(kind)}) == ITEMS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [12, 40, ITEMS])
def test_any_first_ones_are_about_all_values_as_evenly_as_can_be(kind: str, first: int) -> None:
    found = held_out_riddles(kind)[:first]
    attributes = Counter(one.attribute for one in found)
    assert max(attributes.values()) - min(attributes.values()) <= 1
    for attribute, values in KINDS[kind].values.items():
        asked = Counter(one.concept.values[attribute] for one in found if one.attribute == attribute)
        counts = [asked[value] for value in values]
        assert max(counts) - min(counts) <= 1


def test_right_options_stand_anywhere_among_what_is_named() -> None:
    for kind in ("negation", "two-hop"):
        places = Counter(
            str(item.inputs["text"]).find(one.concept.values[one.attribute])
            > max(str(item.inputs["text"]).find(other) for other in one.candidates if other != value)
            for item, one in zip(by_kind(kind), held_out_riddles(kind), strict=True)
            for value in [one.concept.values[one.attribute]]
        )
        assert min(places.values()) > ITEMS / 5


def test_a_riddle_names_no_value_of_what_it_is_about() -> None:
    for value, said in MEANT.items():
        assert not any(named_values(said).values()), value
        assert not {word for names in SYNONYMS.values() for word in names} & set(said.split())
    assert len(set(MEANT.values())) == len(MEANT) == sum(map(len, VALUES.values()))
    for item in by_kind("counting"):
        assert not named_values(str(item.inputs["text"]))["shape"]


def test_a_checklist_asks_about_every_attribute_what_is_and_what_is_not() -> None:
    for item in ITEMS_OF_ALL:
        asked = [(one.attribute, one.expected) for one in item.checklist]
        assert asked == [(attribute, expected) for attribute in ATTRIBUTES for expected in ("yes", "no")]
        assert len({one.id for one in item.checklist}) == 8
        for one in item.checklist:
            (value,) = one.values
            assert attribute_of(value) == one.attribute
            assert value in one.question


def test_hops_stand_where_the_text_is_roundabout() -> None:
    steps = {"riddle": "1-hop", "negation": "1-hop", "counting": "multi-hop", "two-hop": "multi-hop"}
    for kind, hop in steps.items():
        for item, one in zip(by_kind(kind), held_out_riddles(kind), strict=True):
            assert {q.attribute: q.hop for q in item.checklist} == {
                a: hop if a == one.attribute else "0-hop" for a in ATTRIBUTES
            }
            (wrong,) = [q for q in item.checklist if q.attribute == one.attribute and q.expected == "no"]
            assert wrong.values[0] in one.candidates
    assert {q.hop for item in by_kind(PLAIN) for q in item.checklist} == {"0-hop"}


def test_the_picture_that_is_meant_passes_and_others_fail() -> None:
    for item in ITEMS_OF_ALL[::21]:
        meant = solved(str(item.inputs["text"]))
        assert all(answers(item, shown(meant)))
        for attribute, value in meant.values.items():
            no: ChecklistItem = next(q for q in item.checklist if q.attribute == attribute and q.expected == "no")
            other = Concept(**{**meant.values, attribute: no.values[0]})
            assert other.values[attribute] != value
            wrong = [one for one, right in zip(item.checklist, answers(item, shown(other)), strict=True) if not right]
            assert {(one.attribute, one.expected) for one in wrong} == {(attribute, "yes"), (attribute, "no")}


def test_an_empty_picture_shows_nothing_that_is_asked_for() -> None:
    values = dict(grade(Image.new("RGB", (64, 64), "white")).values)
    for item in ITEMS_OF_ALL[::40]:
        assert answers(item, values) == [one.expected == "no" for one in item.checklist]


def test_a_kind_alone_is_the_same_items() -> None:
    for kind in (PLAIN, *KINDS):
        assert list(load_prompts(f"world-riddles-{kind}").items) == by_kind(kind)
    with pytest.raises(UsageError, match="world-riddles-counting"):
        load_prompts("world-riddles-count")


def test_texts_are_the_same_whatever_the_size_of_pictures() -> None:
    assert load_prompts("world-riddles").digest == load_prompts("world-riddles", image_size=48).digest


def test_the_organisms_tokenizer_reads_every_text_back() -> None:
    tokenizer = build_tokenizer((), world_sentences())
    for item in ITEMS_OF_ALL:
        text = str(item.inputs["text"])
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids) == text
        assert len(ids) < 45


def test_what_a_kind_cannot_say_is_refused() -> None:
    star = Concept("star", "red", "solid", "top left")
    with pytest.raises(ValueError, match="no riddle of kind 'counting' says 'star'"):
        make_riddle("counting", star, "shape", random.Random(0))
