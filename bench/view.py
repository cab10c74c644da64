"""What the viewer takes on a large run: processor seconds of its pages, and against writing the report.

    python bench/view.py [--records 50000] [--models 12] [--run FOLDER] [--repeats 5]

A run of the concepts study is planted as bench/report.py does (or one is named), and the pages are asked for in this
process, with no browser and no network. The first page is asked for as soon as the viewer knows its folder; the records
are then looked through, which the viewer does beside its pages, and filters are asked for. Seconds are the processor's,
those of filters the median of `--repeats`. The report is written by a process of its own.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from report import HERE, plant
from report import report as written
from starlette.testclient import TestClient

from unispect.viewer import queries
from unispect.viewer.app import Viewer, application
from unispect.viewer.comparing import sides_of

FIRST, FILTER = 1.0, 0.3
"""Processor seconds that are aimed at."""
HOST = "127.0.0.1:8000"
FILTERS = {
    "wrong ones": "result=wrong",
    "one model": "model={model}",
    "drawings, wrong": "kind=draw&result=wrong",
    "text that is common": "q=yellow",
    "text that is rare": "q=no+such+words",
    "all at once": "model={model}&kind=draw&result=wrong&q=striped",
    "page 500": "page=500",
    "slowest first": "order=slow",
}


def seconds(client: TestClient, address: str) -> float:
    """Of one page."""
    begun = time.process_time()
    answer = client.get(address)
    used = time.process_time() - begun
    assert answer.status_code == 200, f"{address}: {answer.text[:500]}"
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--run", type=Path, default=None, help="a run that is there already")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = options.run or Path(name) / "planted"
        if options.run is None:
            plant(options.models, options.records, run)
        measured(run, options.repeats, Path(name))


def measured(run: Path, repeats: int, folder: Path) -> None:
    """Prints what pages take."""
    begun = time.process_time()
    viewer = Viewer([run])
    client = TestClient(application(viewer, token="t", hosts=(HOST,)), base_url=f"http://{HOST}")
    client.get("/static/none/none", params={"token": "t"})  # lets this client in, and looks at no run
    said("beginning", time.process_time() - begun)
    first = seconds(client, "/")
    said("first page", first, FIRST)
    said("first page of records", seconds(client, "/records"), FIRST)
    begun = time.process_time()
    viewer.index.complete(viewer.runs())
    total = viewer.index.progress(viewer.runs()).total
    said(f"looking through {total:,} records", time.process_time() - begun)
    model, other = (str(side) for side, _ in sides_of(viewer.index)[:2])
    slowest = 0.0
    for what, query in FILTERS.items():
        address = "/records?" + query.format(model=model.replace("@", "%40"))
        took = statistics.median(seconds(client, address) for _ in range(repeats))
        slowest = max(slowest, took)
        said(f"filter: {what}", took, FILTER)
    hit = queries.hits(viewer.index, queries.Filter())[0]
    for what, address in (
        ("runs, again", "/"),
        ("a record", f"/record/{hit.run}/{hit.unit}"),
        ("the gallery", "/gallery"),
        ("a comparison", f"/compare?a={model.replace('@', '%40')}&b={other.replace('@', '%40')}"),
    ):
        said(what, statistics.median(seconds(client, address) for _ in range(repeats)))
    viewer.verdicts.wait()
    viewer.close()
    cost = written(_beside(run, folder), HERE)
    said("writing the report", cost.seconds)
    print(f"first page / report {first / cost.seconds:.3f}, slowest filter / report {slowest / cost.seconds:.3f}")


def _beside(run: Path, folder: Path) -> Path:
    """The run under a name in a folder that may be written to, since the page lies beside it."""
    link = folder / "run"
    if run.parent == folder:
        return run
    link.symlink_to(run.resolve())
    return link


def said(what: str, took: float, aim: float | None = None) -> None:
    aimed = "" if aim is None else f"   aim {aim:.1f} s: {'met' if took <= aim else 'MISSED'}"
    print(f"{what:<36} {took:>7.3f} s{aimed}", flush=True)


if __name__ == "__main__":
    main()
