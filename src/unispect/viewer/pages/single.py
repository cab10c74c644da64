"""One record: all that was asked, drawn, told, judged and measured, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unispect.core.errors import StoreError
from unispect.report.figures import draw, numbers_of, styles_for
from unispect.report.tables import show_table
from unispect.viewer import charts
from unispect.viewer.filters import Filter
from unispect.viewer.pages.base import Made, page
from unispect.viewer.queries import alike, holders, place
from unispect.viewer.records import RAW, curves, history, judged, pretty, raw, upstream
from unispect.viewer.records import shown as read

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer


def single(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """A record.

    Raises:
        StoreError: there is none of that unit.
    """
    run, unit = viewer.run(query["run"]), query["unit"]
    shown = Filter.of({**query, "run": query.get("among", "")})
    known = holders(viewer.index, unit)
    hit = next((one for one in known if one.run == run.key), None)
    if hit is None:
        raise StoreError(
            f"{run.name} holds no record of unit {unit:.40}"
            + ("" if viewer.index.progress([run]).done else ", as far as it was looked through")
        )
    one, *others = read(viewer.run, [hit, *alike(viewer.index, hit)])
    figure = curves(one.outcome)
    builds = upstream(one.entry) if one.entry else []
    return page(
        viewer,
        "view_record.html.j2",
        title=f"{hit.study} {hit.kind}, {one.model}",
        nav="records",
        one=one,
        shown=shown,
        place=place(viewer.index, shown, run.key, unit),
        alike=others,
        copies=[viewer.run(other.run) for other in known if other.run != run.key],
        upstream=[found[0] for each in builds if (found := holders(viewer.index, each))],
        history=history(run, unit),
        judged=judged(one.entry) if one.entry else [],
        raw=[(name, _cut(pretty(value))) for name, value in raw(one.entry).items()] if one.entry else [],
        drawing=draw(figure, styles_for([figure])) if figure else None,
        numbers=show_table(numbers_of(figure), bars=False) if figure else None,
        charts=charts.specifications(figure) if figure else [],
    )


def _cut(text: str) -> tuple[str, bool]:
    return text[:RAW], len(text) > RAW
