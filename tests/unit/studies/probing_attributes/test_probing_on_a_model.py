"""Places of prompts in every family, and the study on real ports."""

from functools import cache
from typing import Any

import pytest

import unispect
from tests.helpers.tiny_janus import TINY, write_checkpoint
from unispect.core.prompts import Goal
from unispect.data.concepts.language import draw_prompt, meaning_question
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.split import load_split
from unispect.engine.local import execute
from unispect.models.janus_pro import folder as janus_pro
from unispect.models.spans import spans
from unispect.organisms.families import SHIPPED
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.probing_attributes.places import positions_at
from unispect.studies.probing_attributes.records import LAST, START, TEMPLATE, WORD
from unispect.studies.registry import find_study

ENDS = {
    "tiny-janus-pro": ("<begin_of_image>", ":"),
    "tiny-harmon": ("\n", "\n"),
    "tiny-janusflow": (":", ":"),
    "tiny-show-o": ("", "?"),
    "tiny-show-o2": ("<|vision_start|>", "\n"),
    "tiny-bagel": ("<|im_end|>", "<|im_start|>"),
    "tiny-omnigen2": ("\n", "\n"),
}
"""The row from which a drawing, and an answer, is generated; Show-o's begin-of-image is no text token."""


@cache
def loaded(name: str) -> Any:
    return unispect.load(name, device="cpu", dtype="float32")


@pytest.mark.parametrize("name", [family.organism for family in SHIPPED.values()])
@pytest.mark.parametrize("goal", list(Goal))
def test_places_are_the_word_the_last_row_and_where_the_reply_starts(name: str, goal: Goal):
    model = loaded(name)
    words = Lexicon("drawing").words(load_split().held_out[0])
    word = words["color"]
    encoded = model.encode(draw_prompt(words) if goal is Goal.IMAGE else meaning_question(word), goal)
    ((span,),) = spans(model, encoded, [word])
    places = positions_at(encoded, 0, span)

    def said(at: int) -> str:
        return model.processor.tokenizer.decode([int(encoded.inputs.ids[0][at])], skip_special_tokens=False)

    assert word.endswith(said(places[WORD][0]))
    assert (draw_prompt(words) if goal is Goal.IMAGE else "?").endswith(said(places[LAST][0]).strip())
    assert said(places[START][0]) == ENDS[name][goal is Goal.TEXT]
    if name == "tiny-show-o" and goal is Goal.TEXT:
        assert TEMPLATE not in places
        assert places[START] == places[LAST]
    else:
        assert places[START][0] in places[TEMPLATE]
        assert min(places[TEMPLATE]) > places[LAST][0]
    if name == "tiny-show-o" and goal is Goal.IMAGE:  # begin-of-image is the last row before the canvas
        canvas = [own for own in encoded.segments[0] if own.modality == "image"]
        assert places[START] == [canvas[0].start - 1]


@pytest.mark.slow
def test_batches_change_no_number_and_a_run_goes_on(tmp_path):
    model = janus_pro.load(TINY, write_checkpoint(tmp_path / "tiny"), device="cpu", dtype="float32")
    study = find_study("probing-attributes")
    plan = study.plan(model.card, Options(limit=3, seeds=(0,)))
    left = []
    for name, size in (("together", 8), ("alone", 1)):
        with RunStore.create(tmp_path / name) as store:
            assert execute(plan, study.run, store, model, batch_size=size).done == len(plan.units)
            again = execute(plan, study.run, store, model, batch_size=size)
            assert again.done == 0
            left.append({entry.unit.id: entry.record.payload for entry in store.entries()})
    assert left[0] == left[1]
    assert len(left[0]) == 8
