import pytest

from unispect.core.errors import UsageError
from unispect.core.units import Record, Unit
from unispect.studies.judges import find_judge


def test_rules_are_those_of_the_study():
    rules = find_judge("rules")
    record = Record("", {"text": "It is a square."})
    graded = {
        study: rules(Unit(study, 1, "describe", "m", {"attribute": "shape"}), record, pytest.fail)
        for study in ("concepts", "faces", "encoding", "nobody's")
    }
    assert graded["concepts"] is not None
    assert "shape" in graded["concepts"].payload["values"]
    assert graded["faces"] is not None
    assert "hair color" in graded["faces"].payload["values"]
    assert graded["encoding"] is graded["nobody's"] is None


def test_unknown_judge_names_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'rules'"):
        find_judge("rule")
