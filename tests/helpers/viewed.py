"""Small runs to look at, and the viewer as a browser meets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from starlette.testclient import TestClient

from tests.planted_truth import concepts as planted
from unispect.core.cards import ModelCard
from unispect.core.units import Entry, Grade, Record, Unit
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.runs import Invocation, RunStore
from unispect.viewer.app import Viewer, application

TOKEN = "a-token"
HOST = "127.0.0.1:8000"
LAYERS = 6


def words_run(folder: Path, *names: str, rate: float = 0.6, limit: int = 1, seed: int = 0) -> Path:
    """A finished run of the concepts study on models that draw a part of their words and tell fewer."""
    for name in names:
        card = planted.card(name, revision="1")
        mind = planted.Mind(planted.evenly(rate), {kind: planted.evenly(rate / 2) for kind in planted.KINDS}, sees=0.9)
        entries = planted.entries(mind, seed, limit=limit, seeds=(0, 1), of=card)
        keep(folder, card, entries, "concepts")
    return folder


def layers_run(folder: Path, name: str, *, higher: float = 0.0, prompts: int = 8, layers: int = LAYERS) -> Path:
    """A finished run of trajectories of text prompts, which rise by the layer."""
    card = planted.card(name, revision="1")
    entries = []
    for number in range(prompts):
        unit = Unit(
            *("encoding", 3, "trajectory", card.reference),
            {"id": f"prompt {number}", "group": "name", "modality": "text", "prompt": {"text": f"word {number}"}},
            {"alpha": 1.01, "base": 2.0, "goal": "text", "preset": "paper", "sigma": 1.0, "source": "mine"},
        )
        curve = [round(1 + 0.1 * layer + 0.01 * number + higher, 6) for layer in range(layers)]
        payload = {"content": curve, "double": curve, "half": curve, "full": curve, "k": 1, "rows": 5, "full_rows": 9}
        entries.append(Entry(unit, Record(unit.id, payload)))
    keep(folder, card, entries, "encoding")
    return folder


def keep(folder: Path, card: ModelCard, entries: list[Entry], study: str) -> None:
    """Puts entries into a run, with a picture of what was seen where something was drawn."""
    with RunStore.create(folder) as store:
        store.add_invocation(Invocation(("tests",), study=study, models=(card.reference,)), [card])
        store.plan([entry.unit for entry in entries])
        store.record([_drawn(entry) for entry in entries])
        store.grade([grade for entry in entries for grade in entry.grades.values()])


def _drawn(entry: Entry) -> Record:
    record = replace(entry.record, seconds=0.25)
    if entry.unit.kind != "draw":
        return replace(record, blobs={})
    values: Mapping[str, str] = entry.grades["rules"].payload["values"]  # type: ignore[assignment]
    out = BytesIO()
    render(Concept(*values.values()), 64).save(out, "PNG")
    return replace(record, blobs={}, pictures={"picture": out.getvalue()})


def strange(unit: str, text: str) -> tuple[Unit, Record, Grade]:
    """A record of no study that is known here, every word of which is `text`."""
    asked = Unit("strange", 1, "say", "model@1", {"prompt": text, "question": text, "id": unit, "group": text})
    left = Record(asked.id, {"text": text, "more": {text: [text]}, "curve": [1.0, 2.0, 3.0]})
    return asked, left, Grade(asked.id, "judge", {"said": text, "values": {text: text}})


def strange_run(folder: Path, *texts: str) -> Path:
    """A run of such records."""
    said = [strange(str(number), text) for number, text in enumerate(texts)]
    with RunStore.create(folder) as store:
        store.add_invocation(Invocation(("tests",), study="strange"), [])
        store.plan([unit for unit, _, _ in said])
        store.record([record for _, record, _ in said])
        store.grade([grade for _, _, grade in said])
    return folder


@contextmanager
def viewed(*folders: Path, looked: bool = True) -> Iterator[tuple[TestClient, Viewer]]:
    """The viewer of some folders, with somebody who was let in.

    Args:
        folders: that are viewed.
        looked: everything was looked through already.
    """
    viewer = Viewer(folders)
    app = application(viewer, token=TOKEN, hosts=(HOST,))
    client = TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)  # without its background: `look` is all
    try:
        assert client.get(f"/?token={TOKEN}").status_code == 303
        if looked:
            viewer.index.complete(viewer.runs())
        yield client, viewer
    finally:
        viewer.verdicts.wait()
        viewer.close()
