"""Groups of rows: those of a graph search, whatever the graph."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from unispect.metrics.blocks import groups


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), density=st.sampled_from([0.0, 0.02, 0.05, 0.2, 0.9]))
def test_groups_are_the_components_of_the_graph(seed, n, density):
    drawn = np.random.default_rng(seed).random((n, n)) < density
    joined = drawn | drawn.T | np.eye(n, dtype=bool)
    count, labels = connected_components(joined, directed=False)
    found = groups(joined)
    assert len(set(found)) == count == len(set(zip(found, labels, strict=True)))
    assert set(found) == set(range(count))
