"""The pages: from what an address asks for to HTML."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.viewer.pages import base
from unispect.viewer.pages.base import STATIC, Made, Page, failure
from unispect.viewer.pages.compare import compare
from unispect.viewer.pages.gallery import gallery
from unispect.viewer.pages.listing import listing
from unispect.viewer.pages.matrix import matrix, study
from unispect.viewer.pages.runs import runs
from unispect.viewer.pages.single import single

PAGES: Mapping[str, Page] = {
    "/": runs,
    "/verdicts": matrix,
    "/verdicts/{section}": study,
    "/records": listing,
    "/record/{run}/{unit}": single,
    "/gallery": gallery,
    "/compare": compare,
}
"""Path -> what makes the page."""

__all__ = ["PAGES", "STATIC", "Made", "Page", "base", "failure"]
