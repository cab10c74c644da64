"""Figures as Altair holds them."""

from __future__ import annotations

from typing import Any

from unispect.core.extras import told
from unispect.core.findings import Figure
from unispect.report.vega import specification


def chart(figure: Figure) -> Any:
    """The figure as an Altair chart.

    Raises:
        MissingExtra: Altair is not installed.
    """
    with told():
        import altair

    return altair.Chart.from_dict(specification(figure))
