"""What every model of unispect promises, asked of a tiny one of random weights."""

import pytest
from unispect.contract import Contract, Made

from skeletal_model.folder import load
from skeletal_model.making import TINY, write_checkpoint


class TestSkeletalModel(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, tmp_path_factory: pytest.TempPathFactory) -> Made:
        folder = write_checkpoint(tmp_path_factory.mktemp("checkpoint"))
        return lambda dtype: load(TINY, folder, device="cpu", dtype=dtype)
