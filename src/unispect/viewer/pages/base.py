"""What all pages share: the frame around them, and links that keep what was chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import jinja2

from unispect.report.environment import environment
from unispect.viewer import charts
from unispect.viewer.filters import Filter

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer

STATIC: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "style.css": (("unispect.report", "style.css"), ("unispect.viewer", "static/view.css")),
    "view.js": (("unispect.viewer", "static/view.js"),),
    "icon.svg": (("unispect.viewer", "static/icon.svg"),),
    "vega.js": (),
}
"""Name -> the files that it is put together from, as (package, path); Vega's is made by its package."""


@dataclass(frozen=True)
class Made:
    """A page.

    Attributes:
        unfinished: something on it is still being worked out: the browser asks again.
    """

    html: str
    status: int = 200
    unfinished: bool = False


Page = Callable[["Viewer", Mapping[str, str]], Made]
"""From the viewer, and what stands in the address by name."""


@cache
def _templates() -> jinja2.Environment:
    """The report's engine, for our templates and for its own."""
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("unispect.viewer"), jinja2.PackageLoader("unispect.report")])
    return environment().overlay(loader=loader)


@cache
def _version() -> str:
    """Of all that is under /static: another one whenever something of it is another."""
    content = hashlib.sha256(charts.version().encode())
    for files in STATIC.values():
        for package, path in files:
            content.update(resources.files(package).joinpath(path).read_bytes())
    return content.hexdigest()[:12]


def page(viewer: Viewer, template: str, *, title: str, nav: str = "", status: int = 200, **more: Any) -> Made:
    """A page from a template.

    Args:
        viewer: whose runs are shown.
        template: name of it.
        title: of the page.
        nav: which entry of the navigation it belongs to.
        status: of the response.
        more: what the template shows; `unfinished` also says that the browser is to ask again.
    """
    looked = viewer.index.progress(viewer.runs())
    frame = {"title": title, "nav": nav, "revision": viewer.revision(), "looked": looked}
    html = _templates().get_template(template).render(_LINKS | frame | {"unfinished": False} | more)
    return Made(html, status, bool(more.get("unfinished")))


def failure(said: str) -> str:
    """The page that says why there is none."""
    frame = {"title": "Cannot be shown", "nav": "", "revision": "", "looked": None, "unfinished": False, "said": said}
    return _templates().get_template("view_failure.html.j2").render(_LINKS | frame)


def static(name: str) -> str:
    """The address of a file that pages load."""
    return f"/static/{_version()}/{name}"


def records_link(shown: Filter, **changes: Any) -> str:
    """The records of a filter with changes, from the first page on; so `gallery_link` with their pictures."""
    return _link("/records", shown.but(**changes).query)


def gallery_link(shown: Filter, **changes: Any) -> str:
    return _link("/gallery", shown.but(**changes).query)


def record_link(run: str, unit: str, shown: Filter | None = None) -> str:
    """A record, and the filter that it was found by; the filter's run is called `among`, since the path has one too."""
    among = {"among": shown.run} if shown and shown.run else {}
    query = "&".join(filter(None, (shown.but(run="", page=shown.page).query if shown else "", urlencode(among))))
    return _link(f"/record/{quote(run, safe='')}/{quote(unit, safe='')}", query)


def world_link(values: Mapping[str, str]) -> str:
    return _link("/world.png", urlencode(values))


def link(path: str, **query: str) -> str:
    """An address with what is not empty of `query`."""
    return _link(path, urlencode({name: value for name, value in query.items() if value}))


def _link(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


_LINKS: Final[dict[str, Any]] = {
    "static": static,
    "records_link": records_link,
    "gallery_link": gallery_link,
    "record_link": record_link,
    "world_link": world_link,
    "link": link,
    "everything": Filter(),
}
