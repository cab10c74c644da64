"""The section on where meanings are lost: what it claims of which evidence, and what it shows beside it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.studies.meaning.test_meaning_verdict import evidence
from unispect.core.cards import ModelCard
from unispect.core.findings import Bearing, Verdict
from unispect.studies.meaning.verdict import Lost
from unispect.studies.meaning.view import Case, section

CARD = ModelCard("one", "family", "draws", None, 64, 64, taught={"drawing": "drawing"})


def case(name: str = "one", taught: str = "drawing", planted: str = "", **rates: float | None) -> Case:
    return Case(name, replace(CARD, id=name, planted=planted), taught, evidence(**rates))  # type: ignore[arg-type]


def found(*cases: Case):
    made = section(cases)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("rates", "lost", "bearing"),
    [
        ({}, Lost.NOT_WRITTEN, Bearing.APART),
        ({"probed": 1, "selectivity": 1}, Lost.NOT_READ, Bearing.APART),
        ({"told": 1, "probed": 1}, Lost.NOT_SAID, None),
        ({"told": 1, "recalled": 1, "probed": 1}, Lost.NOT_LOST, None),
        ({"drawn": 0}, Lost.NOT_DRAWN, None),
    ],
)
def test_a_verdict_is_a_claim_and_a_word_in_the_table(rates, lost, bearing):
    made = found(case(**rates))
    first = made.findings[0]
    assert first.verdict is Verdict.SUPPORTED
    assert first.says is bearing
    assert made.tables[0].rows[0][2] == str(lost)


def test_what_was_not_measured_is_named_and_decides_nothing():
    made = found(case(probed=None, selectivity=None, patched_own=None))
    (first,) = made.findings
    assert first.verdict is Verdict.CANNOT_TELL
    assert "Not measured: a question's states hold it, above control tasks by, told from its states" in first.detail
    assert made.tables[0].rows[0][2:] == (str(Lost.CANNOT_TELL), "not measured")
    assert made.tables[1].rows[0][5] is None


def test_nothing_is_named_that_the_data_do_not_point_to():
    """Drawn at once and told never, with neither probes nor patches: any of two verdicts, and none of the others."""
    made = found(case(recalled=None, probed=None, selectivity=None, probed_known=None, patched_known=None))
    assert made.findings[0].claim == "Where the meaning of words taught by drawing is lost can be told."
    assert made.findings[0].verdict is Verdict.CANNOT_TELL
    assert made.findings[0].interval is None


def test_the_claim_that_the_data_chose_is_never_refuted_by_them():
    made = found(case(drawn=0.5, told=0.5))
    assert made.findings[0].verdict is Verdict.CANNOT_TELL


def test_controls_are_no_headline_and_every_model_has_a_glance_of_its_own_words():
    made = found(case("bound"), case("fluent", planted="fluent"), case("bound", taught="both"))
    headlines = [one.model for one in made.findings if one.headline]
    assert headlines == ["bound"]
    assert [glance.model for glance in made.glances] == ["bound", "fluent"]
    ids = {one.id for one in made.findings}
    assert all(id in ids for glance in made.glances for id in glance.asked.values())


def test_many_models_are_corrected_together():
    """Of words in which one part is only just sure, the verdict stands alone and falls among thirty."""
    just: dict[str, Any] = {"probed": 0.22}
    alone = found(case(**just)).findings[0]
    among = found(case("just", **just), *(case(f"model {n}", drawn=0.5) for n in range(30))).findings[0]
    assert alone.decision == among.decision
    assert (alone.verdict, among.verdict) == (Verdict.SUPPORTED, Verdict.CANNOT_TELL)


def test_without_words_there_is_no_section():
    assert section([]) is None
