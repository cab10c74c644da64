"""What was drawn, side by side: a question a row, with the pictures of all models and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unispect.viewer.filters import Filter
from unispect.viewer.pages.base import Made, page
from unispect.viewer.queries import ABREAST, QUESTIONS, choices, questions, tally
from unispect.viewer.records import shown as read

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer


def gallery(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """A page of pictures."""
    shown = Filter.of(query)
    count, rows = questions(viewer.index, shown)
    last = max(1, -(-count // QUESTIONS))
    if shown.page > last:
        shown = shown.but(page=last)
        count, rows = questions(viewer.index, shown)
    pictures = {one.hit: one for one in read(viewer.run, [hit for row in rows for hit in row])}
    return page(
        viewer,
        "view_gallery.html.j2",
        title="Gallery",
        nav="gallery",
        shown=shown,
        tally=tally(viewer.index, shown.but(result=""), pictures=True),
        questions=count,
        rows=[[pictures[hit] for hit in row] for row in rows],
        last=last,
        abreast=ABREAST,
        choices=choices(viewer.index, shown),
        runs={run.key: run.name for run in viewer.runs()},
    )
