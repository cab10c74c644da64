import pytest

from unispect.core.errors import UsageError
from unispect.judges.registry import find_judge
from unispect.judges.rules import judge


def test_rules_is_the_judge_of_both_worlds():
    assert find_judge("rules") is judge


def test_unknown_judge_names_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'rules'"):
        find_judge("rule")
