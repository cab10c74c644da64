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
    found = tally(viewer.index, shown)
    last = max(1, -(-found.total // SIZE))
    if shown.page > last:
        shown = shown.but(page=last)
    rows = [read(viewer.run(hit.run), hit) for hit in hits(viewer.index, shown)]
    return page(
        viewer,
        "view_records.html.j2",
        title="Records",
        nav="records",
        shown=shown,
        tally=tally(viewer.index, shown.but(result="")),
        found=found,
        rows=rows,
        last=last,
        first=SIZE * (shown.page - 1) + 1,
        choices=choices(viewer.index, shown),
        runs={run.key: run.name for run in viewer.runs()},
    )
