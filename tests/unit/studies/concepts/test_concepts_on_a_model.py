"""The study on a real port with random weights: every procedure leaves a record; knowing nothing is not aphasia."""

import pytest

from tests.helpers.fake_concepts import entries_of
from tests.helpers.tiny_janus import TINY, write_checkpoint
from unispect.core.findings import Verdict
from unispect.models.janus_pro import folder as janus_pro
from unispect.studies.base import Options
from unispect.studies.concepts.view import view

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return janus_pro.load(TINY, write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu", dtype="float32")


def test_a_model_without_training_leaves_a_section_without_any_claim_of_aphasia(model):
    entries = entries_of(model, Options(limit=1, seeds=(0,)), batch=32)
    assert {entry.record.status for entry in entries} == {"done"}
    section = view(entries, {model.card.reference: model.card})
    (found,) = section.findings
    assert found.id.endswith("real-words")
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert any("no invented words" in caveat for caveat in section.caveats)
