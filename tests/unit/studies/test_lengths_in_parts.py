"""Prompts by length in parts: every prompt in one of them, neighbours together, none too small for limits."""

import numpy as np
import pytest

from unispect.metrics.means import LEAST
from unispect.studies.states.agreement import _parts
from unispect.studies.states.gaps import Side


@pytest.mark.parametrize("count", range(1, 40))
def test_parts_hold_every_prompt_once_and_in_order(count):
    lengths = np.arange(count, dtype=float)
    names = tuple(f"p{i}" for i in range(count))
    parts = _parts(Side(names, lengths[:, None], lengths, ("kind",) * count))
    assert [name for part in parts for name in part.prompts] == list(names)
    assert len(parts) == 1 or all(len(part) >= LEAST for part in parts)
