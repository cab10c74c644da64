"""The application: which address shows what, over the runs in some folders."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from unispect.core.errors import StoreError, UnispectError
from unispect.viewer import charts, pages, pictures
from unispect.viewer.folders import Run, found
from unispect.viewer.gate import Gate
from unispect.viewer.index import Index
from unispect.viewer.overview import Overview
from unispect.viewer.records import raw
from unispect.viewer.verdicts import Verdicts

A_PAGE: Final = 500
"""Records that are looked at for a page, at most; the rest is looked at beside the pages."""
A_STEP: Final = 500
"""Records that are looked at in one go, while pages wait."""
PAUSE: Final = 1.0
"""Seconds between two looks for what is new."""
KEPT: Final = {"Cache-Control": "private, max-age=86400, immutable"}
"""Of what has its content, or its version, in its address."""


class Viewer:
    """The runs in some folders, with what was found out about them.

    Args:
        folders: run folders, or folders that hold some.

    Raises:
        UsageError: a folder is not there, or holds no run.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = list(folders)
        self._runs: dict[str, Run] = dict(found(self._folders))
        self.index = Index()
        self.overview = Overview()
        self.verdicts = Verdicts()

    def runs(self) -> list[Run]:
        """All that were found so far, also those that are gone; new ones are looked for."""
        for folder in self._folders:
            try:
                self._runs = {**self._runs, **found([folder])}
            except (UnispectError, OSError):  # it is gone, and was told about when the viewer began
                continue
        return list(self._runs.values())

    def run(self, key: str) -> Run:
        """The run of that key.

        Raises:
            StoreError: there is none.
        """
        if key not in self._runs:
            raise StoreError("there is no such run among those that are viewed")
        return self._runs[key]

    def look(self, most: int = A_PAGE) -> None:
        """Looks at what is new in the runs, up to so many records."""
        before = self.index.progress(self._runs.values()).looked
        for run in self.runs():
            left = most - (self.index.progress(self._runs.values()).looked - before)
            self.index.advance(run, max(left, 0))

    def revision(self) -> str:
        """Another text whenever a page would say something else."""
        progress = self.index.progress(self._runs.values())
        seen = [f"{run.key} {run.revision()} {run.writing()}" for run in self.runs()]
        return hashlib.sha256("\n".join((*seen, str(progress))).encode()).hexdigest()[:16]

    def keep_looking(self, stop: threading.Event) -> None:
        """Looks at everything, and again at what comes, until told to stop."""
        while not stop.is_set():
            more = [self.index.advance(run, A_STEP) for run in self.runs() if not stop.is_set()]
            stop.wait(0.001 if any(more) else PAUSE)

    def close(self) -> None:
        self.index.close()


def application(viewer: Viewer, *, token: str, hosts: Sequence[str], cookie: str = "unispect-view") -> Gate:
    """The whole application, behind its gate."""

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        stop = threading.Event()
        looking = threading.Thread(target=viewer.keep_looking, args=(stop,), daemon=True)
        looking.start()
        try:
            yield
        finally:
            stop.set()
            looking.join()

    app = Starlette(routes=list(_routes(viewer)), exception_handlers={HTTPException: _missing}, lifespan=living)
    return Gate(app, token=token, hosts=hosts, cookie=cookie)


def _routes(viewer: Viewer) -> Iterator[Route]:
    for path, page in pages.PAGES.items():
        yield Route(path, _said(_page(viewer, page)))

    def live(request: Request) -> Response:
        viewer.look()
        progress = viewer.index.progress(viewer.runs())
        return JSONResponse({"revision": viewer.revision(), "looked": progress.looked, "total": progress.total})

    def record_file(request: Request) -> Response:
        run, unit = viewer.run(request.path_params["run"]), request.path_params["unit"]
        with run.opened() as reader:
            entry = reader.get(unit)
        if entry is None:
            raise StoreError("there is no such record")
        return Response(json.dumps(raw(entry), indent=1), media_type="application/json")

    def picture(request: Request) -> Response:
        run, sha256 = viewer.run(request.path_params["run"]), request.path_params["sha256"]
        return Response(pictures.png_of(run, sha256), media_type="image/png", headers=KEPT)

    def world(request: Request) -> Response:
        return Response(pictures.rendered(dict(request.query_params)), media_type="image/png", headers=KEPT)

    yield Route("/live", _said(live))
    yield Route("/raw/{run}/{unit}.json", _said(record_file))
    yield Route("/picture/{run}/{sha256}.png", _said(picture))
    yield Route("/world.png", _said(world))
    yield Route("/static/{version}/{name}", _said(_static))


def _page(viewer: Viewer, page: pages.Page) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        viewer.look()
        made = page(viewer, {**request.query_params, **request.path_params})
        headers = {"Refresh": "2"} if made.unfinished else {}
        return HTMLResponse(made.html, made.status, headers)

    return answer


_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in pages.STATIC:
        raise HTTPException(404)
    media = _TYPES[Path(name).suffix]
    if name == "vega.js":
        return Response(charts.bundle(), media_type=media, headers=KEPT)
    content = "".join(
        resources.files(package).joinpath(path).read_text("utf-8") for package, path in pages.STATIC[name]
    )
    return Response(content, media_type=media, headers=KEPT)


def _said(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """The same; what cannot be shown is said, and the viewer goes on."""

    def answered(request: Request) -> Response:
        try:
            return answer(request)
        except UnispectError as error:
            return HTMLResponse(pages.failure(str(error)), 404)
        except HTTPException as error:
            return _missing(request, error)
        except Exception as error:  # a mistake of ours, or of a study of another package
            return HTMLResponse(pages.failure(f"internal error: {type(error).__name__}: {error}"), 500)

    return answered


def _missing(_: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 404
    return HTMLResponse(pages.failure("There is no such page."), code)
