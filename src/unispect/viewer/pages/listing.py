"""Records: filtered, searched, sorted, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unispect.viewer.filters import Filter
from unispect.viewer.pages.base import Made, page
from unispect.viewer.queries import SIZE, choices, hits, tally
from unispect.viewer.records import shown as read

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer


def listing(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """A page of records."""
    shown = Filter.of(query)
    every = tally(viewer.index, shown.but(result=""))
    count = every.of(shown.result)
    last = max(1, -(-count // SIZE))
    if shown.page > last:
        shown = shown.but(page=last)
    rows = read(viewer.run, hits(viewer.index, shown))
    return page(
        viewer,
        "view_records.html.j2",
        title="Records",
        nav="records",
        shown=shown,
        tally=every,
        total=count,
        rows=rows,
        last=last,
        first=SIZE * (shown.page - 1) + 1,
        choices=choices(viewer.index, shown),
        runs={run.key: run.name for run in viewer.runs()},
    )
