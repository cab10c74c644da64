"""Hand-built models are what they say they are: meanings stand where they were planted, and edits reach them there."""

from functools import cache
from typing import cast

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaModel

from tests.helpers.fake_concepts import entries_of
from tests.planted import models
from tests.planted.models import DRAWN, HIDDEN, KNOWN, MEANINGS, TOLD, HandBuilt, Truth, memory, word_rows
from unispect.core.findings import Verdict
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.data.concepts.grade import grade
from unispect.data.concepts.language import draw_prompt, meaning_question
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.models.decode.fused import fused
from unispect.models.edits import Edit, Read, Replace
from unispect.models.processing.template import Inputs
from unispect.studies.base import Options
from unispect.studies.concepts.view import view
from unispect.studies.concepts.words import word_lines

CONCEPTS = load_split().held_out[:8]
PLACES = ("word", "last")
GRID = [
    *(("word", written, read) for written, read in ((1, 2), (1, 4), (2, 3), (3, 4))),
    *(("last", written, read) for written, read in ((1, 1), (2, 1), (3, 3), (4, 2))),
]
"""Place, block that writes, block that reads."""


@cache
def built(place: models.Place, written: int, read: int) -> HandBuilt:
    return models.written_at(written, place, read=read)


@cache
def named(name: str) -> HandBuilt:
    made = {
        "one format": lambda: models.two_memories(agree=True),
        "one format, last": lambda: models.two_memories(agree=True, place="last", layer=3),
        "two formats": lambda: models.two_memories(agree=False),
        "hidden": models.written_not_read,
        "unsaid": models.format_only,
        "fluent": models.fluent,
        "mute": models.mute,
        "null": models.null,
    }
    return made[name]()


def asked(model: HandBuilt, lexicon: str, meanings=MEANINGS):
    """Questions about words of a lexicon."""
    return model.encode([Prompt.of(meaning_question(Lexicon(lexicon).word(*own))) for own in meanings], Goal.TEXT)


def told(model: HandBuilt, encoded, edits=None, meanings=MEANINGS) -> list[tuple[str, str]]:
    """Which of the values of an attribute every answer most likely is."""
    scores = model.score(encoded, [VALUES[attribute] for attribute, _ in meanings], edits=edits)
    return [(a, VALUES[a][int(own.argmax())]) for (a, _), own in zip(meanings, scores, strict=True)]


def share(found, wanted) -> float:
    return sum(one == other for one, other in zip(found, wanted, strict=True)) / len(wanted)


def said(model: HandBuilt, encoded, edits=None) -> list[str]:
    return [reply.text for reply in model.write(encoded, TextSampling(max_new_tokens=4), edits=edits)]


def drawn(model: HandBuilt, lexicon: str) -> float:
    """Share of attributes that are drawn right by name."""
    encoded = model.encode([Prompt.of(draw_prompt(Lexicon(lexicon).words(one))) for one in CONCEPTS], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling(seeds=tuple(range(len(CONCEPTS)))))
    right = [grade(reply.image).right(one) for reply, one in zip(replies, CONCEPTS, strict=True)]
    return sum(sum(own.values()) for own in right) / (len(ATTRIBUTES) * len(CONCEPTS))


def row_of(place: models.Place, words: list[int]) -> int:
    return words[-1] if place == "word" else -1


def others(meanings=MEANINGS) -> list[tuple[str, str]]:
    """For every meaning the next one of the same attribute."""
    return [(a, VALUES[a][(VALUES[a].index(value) + 1) % len(VALUES[a])]) for a, value in meanings]


def patched(model: HandBuilt, source, target, layer: int, place: models.Place):
    """Edits of every target sample: the row at a place is that of the source sample."""
    states = next(one for one in model.states(source) if one.layer == layer)
    own, other = word_rows(model, source), word_rows(model, target)
    rows = [row[row_of(place, at)] for row, at in zip(states.rows, own, strict=True)]
    return [[Edit(layer, row_of(place, to), Replace(row))] for to, row in zip(other, rows, strict=True)]


@pytest.mark.parametrize(("place", "written", "read"), GRID)
@pytest.mark.parametrize("goal", list(Goal))
def test_a_meaning_stands_where_it_is_planted_and_nowhere_else(place, written, read, goal):
    model, truth = built(place, written, read), Truth(4, written, place, read)
    assert model.network.truth == truth
    for lexicon in ("drawing", "never"):
        words = [Lexicon(lexicon).word(*own) for own in MEANINGS]
        encoded = model.encode([Prompt.of(meaning_question(word)) for word in words], goal)
        places = word_rows(model, encoded)
        for state in model.states(encoded):
            for where in PLACES:
                found = torch.cat(
                    [memory(own[[row_of(where, at)]]) for own, at in zip(state.rows, places, strict=True)]
                )
                shown = lexicon != "never" and truth.shows(where, state.layer)
                assert torch.allclose(found, torch.eye(len(MEANINGS)) * shown, atol=0.2), (where, state.layer)
                assert shown or not found.any()  # not the smallest rest, which a probe would find


@pytest.mark.parametrize(
    ("name", "right_drawn", "right_told", "right_said", "stands"),
    [
        ("one format", 1.0, False, False, {}),
        ("two formats", 1.0, False, False, {}),
        ("hidden", 1.0, False, False, {HIDDEN}),
        ("unsaid", 1.0, True, False, {TOLD}),
        ("fluent", 1.0, True, True, {TOLD}),
        ("mute", 1.0, False, False, {}),
    ],
)
def test_words_taught_by_drawing_are_drawn_told_and_said_as_planted(name, right_drawn, right_told, right_said, stands):
    model = named(name)
    encoded = asked(model, "drawing")
    assert drawn(model, "drawing") == right_drawn
    assert (share(told(model, encoded), MEANINGS) == 1) == right_told
    assert (share(said(model, encoded), [value for _, value in MEANINGS]) == 1) == right_said
    if not right_said:
        assert said(model, encoded) == [models.HM] * len(MEANINGS)
    last = list(model.states(encoded))[-1]
    rows = torch.stack([own[-1] for own in last.rows])
    assert {number for number in (TOLD, DRAWN, HIDDEN) if memory(rows, number).any()} == set(stands)
    for lexicon in (REAL, "text") if name != "mute" else (REAL,):  # everything else is whole
        own = asked(model, lexicon)
        assert told(model, own) == list(MEANINGS)
        assert said(model, own) == [value for _, value in MEANINGS]
        assert drawn(model, lexicon) == 1


def test_where_nothing_is_known_guesses_are_no_better_than_chance():
    chance = len(ATTRIBUTES) / len(MEANINGS)
    for model, lexicons in ((named("fluent"), ("never",)), (named("null"), (REAL, "drawing", "never"))):
        for lexicon in lexicons:
            assert share(told(model, asked(model, lexicon)), MEANINGS) < chance + 0.25
            assert drawn(model, lexicon) < 0.5


@pytest.mark.parametrize(("place", "written", "read"), GRID)
def test_answers_follow_a_patch_at_the_right_layer_and_place_alone(place, written, read):
    model = built(place, written, read)
    own = MEANINGS[::3]
    target, source = asked(model, "never", own), asked(model, "text", others(own))
    for layer in range(5):
        for where in PLACES:
            edits = patched(model, source, target, layer, where)
            moves = Truth(4, written, place, read).moves(where, layer)
            followed = share(told(model, target, edits, own), others(own))
            assert followed == 1 if moves else followed < 0.6, (where, layer)  # chance is 0.2


@pytest.mark.parametrize("name", ["one format", "one format, last", "two formats", "hidden", "mute"])
def test_states_of_a_drawing_prompt_restore_telling_where_formats_agree(name):
    model = named(name)
    truth = model.network.truth
    assert truth is not None
    target = asked(model, "drawing")
    words = [Prompt.of(Lexicon("drawing").word(*own)) for own in MEANINGS]
    source = model.encode(words, Goal.IMAGE)
    restored = {
        (where, layer)
        for where in PLACES
        for layer in range(truth.layers + 1)
        if share(told(model, target, patched(model, source, target, layer, where)), MEANINGS) == 1
    }
    assert restored == {(p, layer) for p in PLACES for layer in range(truth.layers + 1) if truth.restores(p, layer)}
    assert bool(restored) == (name != "two formats")


def test_drawing_follows_states_of_a_question_at_the_word():
    model = named("fluent")
    concepts = CONCEPTS[:4]
    target = model.encode([Prompt.of(draw_prompt(one.values)) for one in concepts], Goal.IMAGE)
    wanted = others([("color", one.color) for one in concepts])
    source = model.encode([Prompt.of(meaning_question(value)) for _, value in wanted], Goal.TEXT)
    rows, places = word_rows(model, source), word_rows(model, target)
    for layer, moves in ((2, True), (3, False)):
        states = next(one for one in model.states(source) if one.layer == layer)
        edits = [
            [Edit(layer, to[ATTRIBUTES.index("color")], Replace(own[at[-1]]))]
            for to, own, at in zip(places, states.rows, rows, strict=True)
        ]
        replies = model.draw(target, ImageSampling(seeds=(0, 1, 2, 3)), edits=edits)
        colors = [("color", str(grade(reply.image).values["color"])) for reply in replies]
        assert colors == (wanted if moves else [("color", one.color) for one in concepts])


def test_blocks_are_stock_ones_and_prepared_like_them():
    with torch.inference_mode():
        backbone = named("fluent").backbone
        assert isinstance(backbone, LlamaModel)
        assert fused(backbone) is not backbone


def test_a_patch_with_what_stands_there_changes_no_bit():
    model = named("fluent")
    target = asked(model, "drawing")
    places = word_rows(model, target)
    reads = [Read() for _ in places]
    list(model.states(target, edits=[[Edit(2, at[-1], read)] for at, read in zip(places, reads, strict=True)]))
    own = [[Edit(2, at[-1], Replace(read.found[0]))] for at, read in zip(places, reads, strict=True)]
    answers = [VALUES[attribute] for attribute, _ in MEANINGS]
    for one, other in zip(model.score(target, answers), model.score(target, answers, edits=own), strict=True):
        assert torch.equal(one, other)


def test_words_of_two_tokens_are_found_and_their_meaning_stands_at_the_second():
    model = named("fluent")
    for lexicon in sorted(KNOWN):
        for own in MEANINGS:
            parts = models.parts_of(lexicon, *own)
            text = meaning_question("".join(parts))
            encoded = model.encode([Prompt.of(text)], Goal.TEXT)
            ids = cast(Inputs, encoded.inputs).ids[0].tolist()
            ((place,),) = word_rows(model, encoded)
            read = model.processor.tokenizer.decode(ids[place - len(parts) + 1 : place + 1]).strip()
            assert read == "".join(parts)
    assert {len(models.parts_of("drawing", *own)) for own in MEANINGS} == {1, 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "likely", "recalled"), [("one format", 0, 0), ("hidden", 0, 0), ("unsaid", 1, 0), ("fluent", 1, 1)]
)
def test_the_concepts_study_reads_off_what_is_planted(name, likely, recalled):
    model = named(name)
    options = Options(limit=24, seeds=(0,), parts=("draw", "likelihood", "recall"))
    entries = entries_of(model, options)  # type: ignore[arg-type]
    cards = {model.card.reference: model.card}
    lines = [line for line in word_lines(entries, cards) if line.lexicon == "drawing"]
    assert {line.drawn for line in lines if line.drawings} == {1}
    assert {line.likely for line in lines} == ({1} if likely else {0, 1})
    assert sum(line.likely == 1 for line in lines) < len(lines) / 2 or likely
    assert {line.recalled for line in lines} == {recalled}
    found = {one.id: one.verdict for one in view(entries, cards).findings}
    if model.card.planted:
        assert found[f"{model.card.reference}-planted"] is Verdict.SUPPORTED
    else:
        assert (found[f"{model.card.reference}-taught-drawing"] is Verdict.SUPPORTED) == (not likely)
