"""Prompts by length: thirds of the row counts of a model's text prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from unispect.studies.encoding.traces import Trace

THIRDS = ("short", "middle", "long")


class Terciles:
    """The thirds of every model's text prompts, by rows."""

    def __init__(self, texts: Sequence[Trace]) -> None:
        rows: dict[str, list[int]] = defaultdict(list)
        for trace in texts:
            rows[trace.model].append(trace.rows)
        self._edges = {model: np.quantile(own, [1 / 3, 2 / 3], method="inverted_cdf") for model, own in rows.items()}

    def third(self, trace: Trace) -> str:
        """One of `THIRDS`."""
        low, high = self._edges[trace.model]
        return THIRDS[int(trace.rows > low) + int(trace.rows > high)]

    def name(self, trace: Trace) -> str:
        """The third with its row counts."""
        low, high = (int(edge) for edge in self._edges[trace.model])
        counts = {"short": f"up to {low} rows", "middle": f"{low + 1} to {high} rows", "long": f"over {high} rows"}
        third = self.third(trace)
        return f"{third}: {counts[third]}"


def differ(texts: Sequence[Trace]) -> bool:
    """Whether there are lengths enough to speak of thirds."""
    return len({trace.rows for trace in texts}) > 2
