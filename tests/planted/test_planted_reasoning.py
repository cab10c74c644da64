"""The reasoning study must say what a model fails at: it knows, it draws, it uses what it knows, and it sees."""

from __future__ import annotations

import pytest

from tests.helpers.fake_riddles import DATA, entries_of, items, reasoner, section_of
from unispect.core.findings import Verdict
from unispect.data import prompts, sources
from unispect.studies.base import Options
from unispect.studies.families.claims import findings
from unispect.studies.families.measures import everything_left

YES, NO, OPEN = Verdict.SUPPORTED, Verdict.NOT_SUPPORTED, Verdict.CANNOT_TELL


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    for module in (sources, prompts):
        monkeypatch.setattr(module, "WORLDS", {**sources.WORLDS, DATA: items})


PLANTED = {
    "one mind": ({}, {"transfer": NO, "knows": YES, "renders": YES, "thinking": NO, "own-eyes": YES, "follows": YES}),
    "apart": (
        {"transfers": 0.0},
        {"transfer": YES, "knows": YES, "renders": YES, "thinking": YES, "own-eyes": YES, "follows": YES},
    ),
    "cannot render": (
        {"renders": 0.0},
        {"transfer": OPEN, "knows": YES, "renders": NO, "thinking": NO, "own-eyes": YES},
    ),
    "does not know": (
        {"knows": 0.0},
        {"transfer": OPEN, "knows": NO, "renders": YES, "own-eyes": YES},
    ),
    "blind": ({"sees": 0.0}, {"transfer": NO, "own-eyes": NO}),
}


@pytest.mark.parametrize("name", PLANTED)
def test_verdicts_are_as_planted(name: str):
    truth, wanted = PLANTED[name]
    section = section_of(reasoner(name, **truth), options=Options(data=DATA, seeds=(0, 1)))
    found = {one.id: one.verdict for one in section.findings}
    assert {id: found[id] for id in wanted} == wanted


def test_families_are_compared_by_what_fails_from_the_prompt_alone():
    """Whether contextual prediction draws what has to be worked out; families are the unit: two models say nothing."""
    models = [reasoner("one"), reasoner("apart", transfers=0.0)]
    entries = [entry for model in models for entry in entries_of(model, Options(data=DATA, seeds=(0,)))]
    left = everything_left({"reasoning": entries}, {model.card.reference: model.card for model in models})
    one, apart = (reading.interval.estimate for own in left if (reading := own.reading(own.transfer)))
    assert one < 0.1
    assert apart > 0.6
    (finding,) = findings(left)
    assert finding.id == "contextual-transfer"
    assert finding.verdict in (Verdict.CANNOT_TELL, Verdict.NOT_APPLICABLE)
