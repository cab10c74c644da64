"""What is patched and steered, and where."""

import dataclasses
from collections import Counter

import pytest

from unispect.core.errors import UsageError
from unispect.core.prompts import Segment
from unispect.core.typed import read_inputs
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.models.registry import card_of
from unispect.studies.base import Options
from unispect.studies.patching.places import positions_at
from unispect.studies.patching.plan import another, apart_from, concept_with, next_to, plan
from unispect.studies.patching.records import (
    ACROSS,
    LAST,
    MOVED,
    NEVER_WORD,
    REAL_WORD,
    TEMPLATE,
    UNRELATED,
    WORD,
    TellPatched,
)
from unispect.studies.states.placed import spread_layers

CARD = card_of("tiny-janus-pro-bound")
EVERY = plan(CARD, Options(seeds=(3, 4)))


def asked(lexicon: str, word: int = 0) -> TellPatched:
    units = [unit for unit in EVERY.units if unit.kind == "patch-tell" and unit.inputs["lexicon"] == lexicon]
    return read_inputs(TellPatched, units[word])


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        (("patch",), ["patch-tell", "patch-draw"]),
        (("steer-draw", "patch-tell"), ["patch-tell", "steer-draw"]),
        (("patch", "patch-draw"), ["patch-tell", "patch-draw"]),
    ],
)
def test_parts_choose_kinds_of_units_each_once(parts: tuple[str, ...], kinds: list[str]):
    found = plan(CARD, Options(seeds=(3,), parts=parts)).units
    assert list(dict.fromkeys(unit.kind for unit in found)) == kinds
    assert len({unit.id for unit in found}) == len(found)
    assert {unit.id for unit in found} < {unit.id for unit in EVERY.units}


def test_every_word_is_patched_for_both_goals_and_real_words_are_steered():
    assert Counter(unit.kind for unit in EVERY.units) == {
        **{"patch-tell": 110, "patch-draw": 110},
        **{"steer-tell": 44, "steer-draw": 22},
    }
    assert {unit.seed for unit in EVERY.units if unit.kind.endswith("draw")} == {3}
    assert len({unit.id for unit in EVERY.units}) == len(EVERY.units)


def test_denoising_is_of_words_never_taught_and_noising_of_real_ones():
    kinds = {name: [source.kind for source in asked(name).sources] for name in ("real", "drawing", "never")}
    assert kinds == {
        "real": [MOVED, REAL_WORD, ACROSS, NEVER_WORD, UNRELATED],
        "drawing": [MOVED, UNRELATED],
        "never": [MOVED, REAL_WORD, ACROSS, UNRELATED],
    }


@pytest.mark.parametrize("word", range(0, 22, 3))
def test_sources_are_runs_about_what_they_should_be(word: int):
    one = asked("never", word)
    sources = {source.kind: source for source in one.sources}
    assert (sources[MOVED].word, sources[MOVED].value) == (one.word, one.value)
    assert one.word in sources[MOVED].prompt.split()
    for kind in (REAL_WORD, ACROSS):
        assert sources[kind].value == sources[kind].word == another(one.attribute, one.value) != one.value
    assert sources[UNRELATED].value in VALUES[next_to(one.attribute)]
    assert not set(sources[UNRELATED].prompt.split()) & {one.word, *sources[MOVED].prompt.split()}


def test_combinations_hold_the_value_and_share_none_with_what_is_unrelated():
    for attribute in ATTRIBUTES:
        for value in VALUES[attribute]:
            concept = concept_with(attribute, value)
            assert concept.values[attribute] == value
            assert all(concept.values[name] != own for name, own in apart_from(concept).values.items())


def test_a_limit_counts_words_of_an_attribute():
    few = plan(CARD, Options(limit=1, parts=("patch",)))
    assert Counter(unit.kind for unit in few.units) == {"patch-tell": 20, "patch-draw": 20}


def test_models_are_asked_what_they_can():
    def can(*less: str):
        return dataclasses.replace(CARD, capabilities=CARD.capabilities - set(less))

    with pytest.raises(UsageError, match="cannot intervene"):
        plan(can("intervene"), Options())
    drawn = plan(can("score"), Options())
    assert {unit.kind for unit in drawn.units} == {"patch-draw", "steer-draw"}
    assert any(skip.what == "telling" for skip in drawn.skips)
    untaught = plan(dataclasses.replace(CARD, taught={}), Options())
    assert {str(unit.inputs["lexicon"]) for unit in untaught.units} == {"real"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(data="geneval:x"), "one kind of data"),
        (Options(limit=0), "at least 1"),
        (Options(parts=("ster",)), "steer"),
    ],
)
def test_options_that_make_no_sense(options: Options, said: str):
    with pytest.raises(UsageError, match=said):
        plan(CARD, options)


def test_places_are_groups_of_positions():
    text = [Segment(0, 2, "text", "template"), Segment(2, 6, "text", "prompt"), Segment(6, 9, "text", "template")]
    assert positions_at(text, range(3, 5)) == {WORD: [3, 4], TEMPLATE: [6, 7], LAST: [8]}
    canvas = [*text, Segment(9, 20, "image", "filler"), Segment(20, 21, "text", "template")]
    assert positions_at(canvas, range(3, 5)) == {WORD: [3, 4], TEMPLATE: [6, 7], LAST: [8]}
    bare = text[:2]
    assert positions_at(bare, range(2, 3)) == {WORD: [2], LAST: [5]}


def test_layers_are_all_or_evenly_spread():
    assert spread_layers(5, 9) == [0, 1, 2, 3, 4, 5]
    assert spread_layers(8, 9) == list(range(9))
    assert spread_layers(24, 9) == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    deep = spread_layers(28, 9)
    assert (len(deep), deep[0], deep[-1]) == (9, 0, 28)
