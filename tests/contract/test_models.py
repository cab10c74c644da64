"""The contract of every model (`unispect.contract`), held to by each of ours at tiny random scale."""

from pathlib import Path

import pytest

from tests.helpers.batch_invariance import ORGANISMS
from tests.helpers.contract_models import MODELS
from unispect.contract import Contract, Made
from unispect.models.base import UnifiedModel

AT_NIGHT = pytest.mark.nightly("tests/contract/test_batch_promise.py::test_every_field_of_a_reply_s_record")
"""Of organisms but one: by day their classes are asked with random weights, and they what only they promise."""
BY_DAY = "tiny-janus-pro"


class TestModels(Contract):
    @pytest.fixture(
        scope="class",
        params=[
            pytest.param(name, marks=pytest.mark.slow if name == BY_DAY else AT_NIGHT)
            if name.startswith("tiny-")
            else name
            for name in MODELS
        ],
    )
    @classmethod
    def made(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
        folder: Path = tmp_path_factory.mktemp(request.param) / "checkpoint"
        return lambda dtype: MODELS[request.param](folder, dtype)

    def exact(self, model: UnifiedModel) -> bool:
        return model.card.id in ORGANISMS
