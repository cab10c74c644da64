import io

import pytest
import torch
from PIL import Image

from tests.helpers.fake_concepts import ALL, FakeModel, card
from unispect.core.errors import Unsupported, UsageError
from unispect.core.units import Unit
from unispect.data.concepts.grade import grade
from unispect.data.concepts.language import choice_question
from unispect.studies.base import Options
from unispect.studies.concepts import study
from unispect.studies.concepts.plan import plan

MODEL = FakeModel(card(), draws=ALL, tells=ALL)
UNITS = plan(MODEL.card, Options(limit=2, seeds=(0,))).units


def of_kind(kind):
    return [unit for unit in UNITS if unit.kind == kind]


def no_prior(unit):
    raise AssertionError("the study has one stage")


def done(units, model=MODEL):
    records = list(study.run(model, units, no_prior))
    assert [record.unit for record in records] == [unit.id for unit in units]
    return records


@pytest.mark.parametrize("kind", ["draw", "likelihood", "choice", "recall", "reverse", "describe"])
def test_one_record_a_unit_whatever_the_batch(kind):
    units = of_kind(kind)[:5]
    together = done(units)
    for unit, record in zip(units, together, strict=True):
        (alone,) = done([unit])
        assert record.status == "done"
        assert (alone.payload, alone.pictures) == (record.payload, record.pictures)


def test_pictures_are_kept_as_png():
    (record,) = done(of_kind("draw")[:1])
    picture = Image.open(io.BytesIO(record.pictures["picture"]))
    assert picture.format == "PNG"
    assert grade(picture).values == of_kind("draw")[0].inputs["concept"]


def test_choice_asks_every_order_and_keeps_every_letter():
    asked = []

    class Listening(FakeModel):
        def score(self, encoded, answers):
            asked.extend(zip([prompt.text for prompt in encoded.inputs], answers, strict=True))
            return super().score(encoded, answers)

    units = of_kind("choice")[:3]
    records = done(units, Listening(card(), draws=ALL, tells=ALL))
    expected = [(choice_question(u.inputs["word"], order), len(order)) for u in units for order in u.inputs["orders"]]
    assert [(question, len(letters)) for question, letters in asked] == expected
    assert asked[0][1] == list("ABCDEFG")
    for unit, record in zip(units, records, strict=True):
        for order, scores in zip(unit.inputs["orders"], record.payload["scores"], strict=True):
            assert order[scores.index(max(scores))] == unit.inputs["value"]


def test_scores_that_are_no_numbers_fail_the_unit_and_no_other():
    class Broken(FakeModel):
        def _scores(self, text, answers):
            scores = super()._scores(text, answers)
            return scores * float("nan") if "star" in text else scores

    units = of_kind("likelihood")
    records = list(study.run(Broken(card(), draws=ALL, tells=ALL), units, no_prior))
    failed = [unit.inputs["word"] for unit, record in zip(units, records, strict=True) if record.status == "failed"]
    assert failed == ["star"]
    assert all("finite" in record.error for record in records if record.status == "failed")


def test_what_the_model_refuses_is_skipped_with_its_reason():
    class Refusing(FakeModel):
        def score(self, encoded, answers) -> list[torch.Tensor]:
            raise Unsupported("fake", "score", "no reason")

    records = done(of_kind("likelihood")[:2], Refusing(card(), draws=ALL, tells=ALL))
    assert {(record.status, record.error) for record in records} == {("skipped", "fake cannot score: no reason")}


def test_unknown_procedures_are_refused():
    with pytest.raises(UsageError, match="sing"):
        list(study.run(MODEL, [Unit("concepts", 1, "sing", "fake", {})], no_prior))
