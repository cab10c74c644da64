"""A report is of one moment: pages, sections, the archive and run.json, whatever a command writes meanwhile."""

import base64
import io
import json
import re
import zipfile
from dataclasses import replace

import pytest

from tests.planted_truth.concepts import KINDS, Mind, card, entries, evenly
from unispect.runner.reporting import write_report
from unispect.runs import Invocation, RunStore, manifest

MODEL = card("early", revision="1")
LATE = card("late", revision="1")


def planted(model):
    known = {kind: evenly(0.3) for kind in KINDS}
    return entries(Mind(evenly(0.9), known), 0, limit=2, seeds=(0,), of=model)


def keep(store, some):
    store.record([replace(entry.record, blobs={}) for entry in some])
    store.grade([grade for entry in some for grade in entry.grades.values()])


def command(store, model):
    one = Invocation(("unispect", "run", model.id), study="concepts", models=(model.reference,))
    store.add_invocation(one, [model])


def archived(page):
    """What the page's archive says of findings and of the one run."""
    (body,) = re.findall(r'data:application/zip;base64,([^"]+)"', page)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(body))) as archive:
        held = json.loads(archive.read("findings.json"))
    (run,) = held["provenance"]["runs"]
    return {one["model"] for one in held["sections"][0]["findings"]}, run


@pytest.mark.slow
def test_what_is_written_while_a_report_is_made_stands_nowhere_in_it(tmp_path):
    first, later = planted(MODEL), planted(LATE)
    half = len(first) // 2
    with RunStore.create(tmp_path / "run") as store:
        command(store, MODEL)
        store.plan([entry.unit for entry in first])
        keep(store, first[:half])
        left = iter([first[half:-9], first[-9:-5], first[-5:], later])
        said = []

        def written(line):
            """Between any two readings: more records, and at last another model by another command."""
            said.append(line)
            if some := next(left, []):
                if some is later:
                    command(store, LATE)
                    store.plan([entry.unit for entry in later])
                keep(store, some)

        made = write_report([tmp_path / "run"], tmp_path / "one.html", title="", command=("x",), progress=written)
        page = made.path.read_text()
        assert len(said) == 2
        assert f"{said[0].split()[-2]}" == str(half)
        models, run = archived(page)
        assert models == {"early"}
        assert (run["done"], run["models"]) == (half, ["early"])
        assert "unispect run late" not in page
        written("")
        written("")
        after = write_report([tmp_path / "run"], tmp_path / "two.html", title="", command=("x",)).path.read_text()
        models, run = archived(after)
        assert models == {"early", "late"}
        assert (run["done"], run["models"]) == (len(first) + len(later), ["early", "late"])
        assert "unispect run late" in after


def test_run_json_is_of_the_moment_of_the_records(tmp_path, monkeypatch):
    """A command that begins between the two readings: its models would otherwise be there without a card."""
    first, later = planted(MODEL), planted(LATE)
    with RunStore.create(tmp_path / "run") as store, RunStore.open(tmp_path / "run") as reader:
        command(store, MODEL)
        store.plan([entry.unit for entry in first])
        keep(store, first)
        real, begun = manifest.read, []

        def read(folder):
            found = real(folder)
            if not begun:
                begun.append(True)
                command(store, LATE)
                store.plan([entry.unit for entry in later])
                keep(store, later)
            return found

        monkeypatch.setattr(manifest, "read", read)
        with reader.snapshot():
            monkeypatch.undo()
            models = {left.model for left in reader.left()}
            assert models == set(reader.cards()) == {MODEL.reference, LATE.reference}
            command(store, card("last", revision="1"))
            assert len(reader.cards()) == 2
        assert len(reader.cards()) == 3
