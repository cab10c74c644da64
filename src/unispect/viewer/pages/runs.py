"""The first page: all runs and all models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unispect.viewer.overview import models_of
from unispect.viewer.pages.base import Made, page

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer


def runs(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """All runs and models."""
    glances = viewer.overview.glances(viewer.runs(), viewer.index)
    return page(
        viewer, "view_runs.html.j2", title="Runs", nav="runs", glances=glances, models=models_of(glances, viewer.index)
    )
