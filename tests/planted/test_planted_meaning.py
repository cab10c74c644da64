"""Where the meaning is lost, in hand-built models: three studies on the real seam, and the rule's verdict on them."""

from collections.abc import Iterator
from itertools import groupby

import pytest

from tests.helpers.fake_concepts import entries_of, judged
from tests.planted import models
from unispect.core.findings import Verdict
from unispect.core.prompts import Goal
from unispect.core.units import Entry, Record, Unit
from unispect.studies.base import RULES, Options, Study
from unispect.studies.meaning.evidence import evidence_of
from unispect.studies.meaning.verdict import Lost, decide, one_format
from unispect.studies.names import NEVER
from unispect.studies.patching import study as patching
from unispect.studies.probing_attributes import study as probing


def decides(unit: Unit) -> bool:
    """Whether the rule reads it: states of questions, and answers about words drawn and words never taught."""
    if unit.study == probing.name:
        return unit.inputs["goal"] == Goal.TEXT
    return unit.kind == "patch-tell" and unit.inputs["lexicon"] in ("drawing", NEVER)


def entries(study: Study, model: models.HandBuilt, options: Options) -> Iterator[Entry]:
    """A study run and judged, as far as it decides."""
    planned, records = study.planned(model.card, options), dict[str, Record]()
    asked = [unit for unit in planned.units if decides(unit)]
    for _, units in groupby(asked, key=lambda unit: (unit.kind, repr(unit.inputs) if study is probing else "")):
        batch = list(units)
        records |= {record.unit: record for record in study.run(model, batch, records.__getitem__)}
    judge = study.judges.get(RULES)
    for unit in asked:
        yield judged(judge, unit, records[unit.id]) if judge else Entry(unit, records[unit.id], {})


AT_NIGHT = pytest.mark.nightly("tests/unit/studies/meaning/test_meaning_verdict.py::test_the_table_of_cases")
"""Half a minute each; by day the rule is held to planted evidence of the same kinds, and four models to the seam."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "lost", "one"),
    [
        (lambda: models.two_memories(agree=True), Lost.NOT_WRITTEN, Verdict.SUPPORTED),
        (lambda: models.two_memories(agree=False), Lost.NOT_WRITTEN, Verdict.NOT_SUPPORTED),
        pytest.param(models.written_not_read, Lost.NOT_READ, Verdict.SUPPORTED, marks=AT_NIGHT),
        (models.format_only, Lost.NOT_SAID, Verdict.SUPPORTED),
        pytest.param(lambda: models.written_at(2, "last"), Lost.NOT_LOST, Verdict.SUPPORTED, marks=AT_NIGHT),
        pytest.param(models.mute, Lost.NOT_WRITTEN, Verdict.SUPPORTED, marks=AT_NIGHT),
        (models.null, Lost.NOT_DRAWN, Verdict.CANNOT_TELL),
    ],
    ids=["one format", "two formats", "hidden", "unsaid", "fluent", "mute", "null"],
)
def test_the_verdict_is_what_was_planted(make, lost, one):
    model = make()
    options = Options(limit=24, seeds=(0,))
    found = {
        "concepts": entries_of(model, Options(limit=24, seeds=(0,), parts=("draw", "likelihood", "recall"))),
        "probing-attributes": list(entries(probing, model, options)),
        "patching": list(entries(patching, model, Options(seeds=(0,), parts=("patch",)))),
    }
    (evidence,) = evidence_of(found, {model.card.reference: model.card}).values()
    assert None not in vars(evidence).values()  # nothing that the rule reads was left out
    assert decide(evidence) is lost
    formats = one_format(evidence)
    assert formats.verdict(formats.p) is one
