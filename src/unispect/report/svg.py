"""A foreign SVG taken apart and put together again from what is known to be harmless."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

from markupsafe import Markup, escape

_ELEMENTS = frozenset({"svg", "g", "path", "rect", "line", "text", "tspan", "circle"})
_ATTRIBUTES = frozenset(
    {
        "viewBox",
        "transform",
        "d",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "dx",
        "dy",
        "cx",
        "cy",
        "r",
        "width",
        "height",
        "fill",
        "stroke",
        "opacity",
        "fill-opacity",
        "stroke-opacity",
        "stroke-width",
        "stroke-dasharray",
        "stroke-linecap",
        "stroke-linejoin",
        "text-anchor",
        "font-size",
        "font-weight",
    }
)
_DEFAULTS = frozenset({("opacity", "1"), ("font-weight", "normal")})
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_VALUE = re.compile(r"[-+.,#%()\w\s]*\Z")


def harmless(source: str, colours: Mapping[str, str]) -> Markup:
    """`source` reduced to shapes and text that can stand inline in a page.

    Keeps drawing elements and geometric attributes only (no links, scripts, styles, ids or event handlers), escapes
    every text, and replaces the colours named in `colours`, so that one drawing can follow a page's themes.
    """
    return Markup(_element(ElementTree.fromstring(source), colours, top=True))


def _element(element: ElementTree.Element, colours: Mapping[str, str], *, top: bool = False) -> str:
    name = element.tag.rpartition("}")[2]
    if name not in _ELEMENTS or element.get("display") == "none" or _draws_nothing(name, element):
        return ""
    inside = str(escape(element.text or "")) if name in ("text", "tspan") else ""
    inside += "".join(_element(child, colours) for child in element)
    if name == "g" and not inside:
        return ""
    attributes = "".join(
        f' {key}="{escape(colours.get(value) or _LONG_NUMBER.sub(_rounded, value))}"'
        for key, value in element.attrib.items()
        if key in _ATTRIBUTES
        and _VALUE.match(value)
        and (key, value) not in _DEFAULTS
        and not (top and key in ("width", "height"))
    )
    if name == "g" and not attributes:
        return inside
    extra = ' class="plot" aria-hidden="true" focusable="false"' if top else ""
    return f"<{name}{extra}{attributes}>{inside}</{name}>" if inside or top else f"<{name}{attributes}/>"


def _draws_nothing(name: str, element: ElementTree.Element) -> bool:
    if name == "rect":
        return element.get("fill") == "transparent"
    unpainted = element.get("stroke") is None and element.get("fill") is None
    return name == "path" and (not element.get("d") or ("background" in element.get("class", "") and unpainted))


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
