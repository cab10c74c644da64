import pytest

pytest.register_assert_rewrite("unispect.contract")
