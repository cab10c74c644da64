"""What a run folder promises when nothing breaks: order, once only, resumable, readable while written."""

import io
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.samples import png, record, unit
from unispect.core.cards import ModelCard, Verification
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Grade, Record, Skip
from unispect.runs import Invocation, RunStore, blob_path, rows
from unispect.runs.check import check

UNITS = [unit(number, kind) for kind in ("draw", "tell") for number in range(4)]


def test_the_sample_picture_is_one():
    assert Image.open(io.BytesIO(png(0x010203))).convert("RGB").getpixel((0, 0)) == (1, 2, 3)


def test_entries_come_back_as_they_went_in_and_in_the_order_of_planning(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        assert store.plan(UNITS) == len(UNITS)
        for one in reversed(UNITS):
            assert store.record([record(one, picture=one.seed, seconds=0.25)]) == 1
        store.grade([Grade(UNITS[1].id, "rules@1", {"right": True}), Grade(UNITS[1].id, "eye@1", {"right": False})])
    with RunStore.open(tmp_path / "run") as store:
        entries = list(store.entries())
        assert [entry.unit for entry in entries] == UNITS
        assert [entry.unit.id for entry in entries] == [one.id for one in UNITS]
        first = entries[0].record
        assert first.pictures["drawn"] == png(0)
        assert first == replace(record(UNITS[0], picture=0, seconds=0.25), blobs=first.blobs)
        assert store.open_blob(first.blobs["drawn"]) == png(0)
        assert (store.folder / blob_path(first.blobs["drawn"])).read_bytes() == png(0)
        assert entries[1].grades == {
            "rules@1": Grade(UNITS[1].id, "rules@1", {"right": True}),
            "eye@1": Grade(UNITS[1].id, "eye@1", {"right": False}),
        }
        assert entries[2].grades == {}


def test_planning_again_adds_only_what_is_new_and_keeps_the_order(tmp_path):
    with RunStore.create(tmp_path) as store:
        assert store.plan(UNITS[2:4]) == 2
        assert store.plan(UNITS) == len(UNITS) - 2
        assert store.plan([*UNITS, *UNITS]) == 0
        assert store.pending() == [*UNITS[2:4], *UNITS[:2], *UNITS[4:]]


def test_pending_keeps_the_callers_order_and_includes_failures(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0]), record(UNITS[1], status="failed", error="ValueError: no")])
        store.record([record(UNITS[2], status="skipped", error="needs another")])
        assert store.pending(reversed(UNITS[:4])) == [UNITS[3], UNITS[2], UNITS[1]]
        assert store.pending() == UNITS[1:]


def test_a_finished_record_is_final(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        assert store.record([record(UNITS[0], picture=1)]) == 1
        assert store.record([record(UNITS[0], payload={"text": "another"}), record(UNITS[1])]) == 1
        assert store.record([record(UNITS[0], status="failed", error="late")]) == 0
        entry = store.get(UNITS[0].id)
        assert entry is not None
        assert entry.record.payload == {"text": "reply 0"}
        assert entry.record.pictures["drawn"] == png(1)
        assert store.history(UNITS[0].id) == ()


def test_two_records_of_one_unit_in_one_batch_do_not_mix(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        assert store.record([record(UNITS[0], picture=1), record(UNITS[0], picture=2)]) == 1
        entry = store.get(UNITS[0].id)
        assert entry is not None
        assert entry.record.pictures["drawn"] == png(1)


def test_a_failure_gives_way_to_the_next_try_and_is_remembered(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0], status="failed", error="ValueError: first", payload={}, seconds=1.0)])
        store.record([record(UNITS[0], status="skipped", error="second", payload={})])
        store.record([record(UNITS[0], picture=3)])
        assert [(old.status, old.error, old.seconds) for old in store.history(UNITS[0].id)] == [
            ("failed", "ValueError: first", 1.0),
            ("skipped", "second", 0.0),
        ]
        (count, *_) = store.counts()
        assert (count.planned, count.done, count.failed, count.skipped, count.pending) == (4, 1, 0, 0, 3)


def test_several_studies_models_and_kinds_share_a_folder(tmp_path):
    others = [unit(0, study="other"), unit(0, model="tiny@2"), unit(0, version=2)]
    with RunStore.create(tmp_path) as store:
        store.plan([*UNITS, *others])
        store.record([record(one) for one in [*UNITS, *others]])
        assert [entry.unit for entry in store.entries(study="other")] == others[:1]
        assert [entry.unit for entry in store.entries(model="tiny@2")] == others[1:2]
        assert [entry.unit for entry in store.entries(study="sample", model="tiny@1", kind="tell")] == UNITS[4:]
        assert [(count.study, count.version, count.model, count.kind, count.done) for count in store.counts()] == [
            ("sample", 1, "tiny@1", "draw", 4),
            ("sample", 1, "tiny@1", "tell", 4),
            ("other", 1, "tiny@1", "draw", 1),
            ("sample", 1, "tiny@2", "draw", 1),
            ("sample", 2, "tiny@1", "draw", 1),
        ]


def test_entries_page_through_long_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("unispect.runs.reading.PAGE", 3)
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(one, picture=one.seed) for one in UNITS])
        assert [entry.unit for entry in store.entries()] == UNITS
        assert [entry.unit for entry in store.entries(kind="tell")] == UNITS[4:]
        assert [entry.record.pictures["drawn"] for entry in store.entries(kind="draw")] == [png(n) for n in range(4)]


def test_ungraded_entries_are_finished_and_lack_that_judge(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0]), record(UNITS[1]), record(UNITS[2], status="failed", error="x")])
        assert store.grade([Grade(UNITS[0].id, "a", {"v": 1})]) == 1
        assert store.grade([Grade(UNITS[0].id, "a", {"v": 2})]) == 0
        assert [entry.unit for entry in store.entries(ungraded_by="a")] == UNITS[1:2]
        assert [entry.unit for entry in store.entries(ungraded_by="b")] == UNITS[:2]
        (first, *_) = store.entries()
        assert first.grades["a"].payload == {"v": 1}


@pytest.mark.parametrize("number", [2, 3])
def test_only_finished_records_can_be_graded_and_a_refused_batch_leaves_nothing(tmp_path, number):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0]), record(UNITS[2], status="failed", error="x")])
        with pytest.raises(StoreError, match=UNITS[number].id):
            store.grade([Grade(UNITS[0].id, "a", {}), Grade(UNITS[number].id, "a", {})])
        assert [entry.grades for entry in store.entries()] == [{}, {}]


def test_a_record_nobody_planned_is_refused_with_its_batch(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS[:1])
        with pytest.raises(StoreError, match=UNITS[1].id):
            store.record([record(UNITS[0]), record(UNITS[1])])
        assert list(store.entries()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"payload": {"x": float("nan")}}, "JSON"),
        ({"payload": {"x": {1, 2}}}, "JSON"),
        ({"pictures": {"drawn": b"GIF89a"}}, "'drawn' is not PNG"),
        ({"blobs": {"drawn": "0" * 64}}, "'drawn' comes without its picture"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_batch(tmp_path, wrong, message):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        with pytest.raises(ValueError, match=message):
            store.record([record(UNITS[0], picture=0), record(UNITS[1], **wrong)])
        assert list(store.entries()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": {9: "a", 10: "b"}},
        {"inputs": {"t": "\ud83d\ude00"}},
        {"seed": 2**63},
        {"model": "a\0b"},
        {"kind": ""},
        {"study": "\ud800"},
    ],
)
def test_a_unit_that_would_come_back_changed_is_refused(tmp_path, changes):
    with RunStore.create(tmp_path) as store:
        with pytest.raises(UsageError):
            store.plan([UNITS[0], unit(1, **changes)])
        assert store.pending() == []


HOSTILE = [
    "",
    "\0",
    "a\0b",
    "\ud800 alone",
    "low \udc00 first",
    "😀 日本語 é",
    "'; DROP TABLE records; --",
    '"><img onerror=alert(1)>',
    "</script>\u2028\u2029\ufeff",
    "\x1b[31m\r\n\t\\",
]


def test_hostile_text_comes_back_as_it_was(tmp_path):
    units = [unit(number, inputs={"text": text, text: number}) for number, text in enumerate(HOSTILE)]
    with RunStore.create(tmp_path) as store:
        store.plan(units)
        store.record(
            [record(one, payload={"text": text, text: [text]}) for one, text in zip(units, HOSTILE, strict=True)]
        )
        store.grade([Grade(one.id, "j", {text: text}) for one, text in zip(units, HOSTILE, strict=True)])
    with RunStore.open(tmp_path) as store:
        for one, text, entry in zip(units, HOSTILE, store.entries(), strict=True):
            assert entry.unit == one
            assert entry.record.payload == {"text": text, text: [text]}
            assert entry.grades["j"].payload == {text: text}


def test_an_error_text_keeps_what_can_be_printed(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0], status="failed", error="bad \ud800 and \0 and é")])
        entry = store.get(UNITS[0].id)
        assert entry is not None
        assert entry.record.error == "bad \\ud800 and \0 and é"


def characters(draw: st.DrawFn) -> str:
    text = draw(st.text(st.characters(codec=None, exclude_categories=())))
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # joins surrogate pairs


TEXT = st.composite(characters)()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_every_json_value_survives_a_row(payload):
    one = unit(inputs=payload, settings=payload)
    kept = rows.unit_row(one)
    assert all(not isinstance(cell, str) or cell.isascii() for cell in kept)
    assert rows.unit_from(kept) == one
    row = rows.record_row(Record(one.id, payload))
    assert rows.record_from(row, {}, {}).payload == payload


def test_the_database_can_be_read_without_us(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0])])
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    assert connection.execute("SELECT json_extract(payload, '$.text') FROM records").fetchall() == [("reply 0",)]
    connection.close()


def test_fresh_refuses_old_records_and_only_those(tmp_path):
    with RunStore.create(tmp_path, fresh=True) as store:
        store.plan(UNITS)
    with RunStore.create(tmp_path, fresh=True) as store:
        store.record([record(UNITS[0])])
    with pytest.raises(UsageError, match="already holds 1 record"):
        RunStore.create(tmp_path, fresh=True)
    with RunStore.create(tmp_path) as store:
        assert len(store.pending()) == len(UNITS) - 1


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        RunStore.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match="file is in its place"):
        RunStore.create(tmp_path / "thesis.tex")
    with pytest.raises(UsageError, match="not a run folder"):
        RunStore.open(tmp_path)


def test_a_second_writer_is_told_who_is_writing(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        with pytest.raises(StoreError, match=f"written by process {os.getpid()}"):
            RunStore.create(tmp_path)
        with pytest.raises(StoreError, match=f"written by process {os.getpid()}"):
            RunStore.open(tmp_path, "w")
        with RunStore.open(tmp_path) as reader:
            assert reader.pending() == UNITS
    with RunStore.open(tmp_path, "w") as store:
        store.record([record(UNITS[0])])


def test_a_writer_in_another_process_is_named_and_its_lock_dies_with_it(tmp_path):
    code = (
        "import sys; from unispect.runs import RunStore; store = RunStore.create(sys.argv[1]);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(StoreError, match=f"written by process {child.pid} on "):
            RunStore.create(tmp_path)
        child.kill()
        child.wait()
        RunStore.create(tmp_path).close()


@pytest.mark.slow
def test_a_reader_sees_whole_batches_while_another_process_writes(tmp_path):
    code = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.helpers.samples import record, unit
from unispect.runs import RunStore
units = [unit(number) for number in range(400)]
with RunStore.create(sys.argv[1]) as store:
    store.plan(units)
    print("planned", flush=True)
    for start in range(0, 400, 10):
        store.record([record(one, picture=one.seed) for one in units[start:start + 10]])
"""
    tests = os.path.dirname(sys.modules["tests"].__path__[0])
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), tests], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "planned\n"
        seen = [0]
        with RunStore.open(tmp_path) as reader:
            while seen[-1] < 400:
                with reader.snapshot():
                    entries = list(reader.entries())
                    (count,) = reader.counts()
                assert len(entries) == count.done
                assert len(entries) % 10 == 0
                assert all(entry.record.pictures["drawn"] == png(entry.unit.seed) for entry in entries)
                assert len(entries) >= seen[-1]
                seen.append(len(entries))
                assert child.poll() in (None, 0)
        assert child.wait() == 0


def test_a_reader_cannot_write(tmp_path):
    RunStore.create(tmp_path).close()
    with RunStore.open(tmp_path) as store:
        for write in (
            lambda: store.plan(UNITS),
            lambda: store.record([record(UNITS[0], picture=0)]),
            lambda: store.grade([]),
            lambda: store.discard([], ""),
            lambda: store.add_invocation(Invocation(("unispect",))),
        ):
            with pytest.raises(StoreError, match="opened for reading"):
                write()
    assert list((tmp_path / "blobs").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="needs root, to become somebody else")
def test_a_run_that_is_not_ours_to_write_can_be_read(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0], picture=0)])
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    code = (
        "import os, sys; from unispect.runs import RunStore; RunStore.open(sys.argv[1]).close();"  # imports, as root
        "os.setuid(65534); print(len(list(RunStore.open(sys.argv[1]).entries())))"
    )
    reply = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert reply.stdout == "1\n"


CARD = ModelCard(
    id="tiny",
    family="janus-pro",
    paradigm="discrete",
    parameters=1.5,
    image_size=64,
    image_tokens=64,
    revision="1",
    capabilities=frozenset({"write", "draw", "see"}),
    verification=Verification(keys="tests/parity"),
    notes=("one", "two"),
    defaults={"guidance": 5.0},
    taught={"A": "drawing"},
    planted="fluent",
)


def test_the_manifest_keeps_cards_commands_and_versions(tmp_path):
    with RunStore.create(tmp_path) as store:
        assert store.cards() == {}
        asked = Invocation(
            ("unispect", "run", "bad\udcff"), "sample", ("tiny@1",), (0, 1), {"dtype": "float32"}, (Skip("a", "b"),)
        )
        store.add_invocation(asked, [CARD])
    with RunStore.open(tmp_path) as store:
        assert store.cards() == {"tiny@1": CARD}
        (noted,) = store.manifest().invocations
    assert noted.command == ("unispect", "run", "bad\\udcff")
    assert (noted.study, noted.models, noted.seeds, noted.settings) == ("sample", ("tiny@1",), (0, 1), asked.settings)
    assert noted.skips == (Skip("a", "b"),)
    assert noted.versions["python"] == sys.version.split()[0]
    assert {"unispect", "torch", "numpy"} <= set(noted.versions)
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["format"] == 2
    assert content["cards"]["tiny@1"]["capabilities"] == ["draw", "see", "write"]


def test_records_know_the_invocation_that_made_them(tmp_path):
    with RunStore.create(tmp_path) as store:
        store.plan(UNITS)
        store.record([record(UNITS[0])])
        store.add_invocation(Invocation(("one",)))
        store.record([record(UNITS[1])])
    with RunStore.create(tmp_path) as store:
        store.add_invocation(Invocation(("two",)))
        store.record([record(UNITS[2])])
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    found = dict(connection.execute("SELECT unit, invocation FROM records"))
    connection.close()
    assert found == {UNITS[0].id: 0, UNITS[1].id: 1, UNITS[2].id: 2}


def test_the_run_folder_never_imports_torch():
    code = "import sys; import unispect.runs; assert not {'torch', 'pyarrow', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_left_no_record_is_withdrawn_and_nothing_else(tmp_path):
    other = replace(UNITS[3], model="other@1")
    with RunStore.create(tmp_path / "run") as store:
        store.plan([*UNITS[:3], other])
        store.record([record(UNITS[0]), Record(UNITS[1].id, {}, status="failed", error="no")])
        assert store.withdraw(UNITS[0].study, UNITS[0].version, UNITS[0].model) == 1
        assert store.withdraw(UNITS[0].study, UNITS[0].version, UNITS[0].model) == 0
        store.plan([UNITS[4]])
        store.record([record(UNITS[4])])
    with RunStore.open(tmp_path / "run") as store:  # whole: neither short of units nor of records
        assert {count.planned for count in store.counts() if count.model == other.model} == {1}
        assert sum(count.planned for count in store.counts()) == 4
        assert [entry.unit for entry in store.entries()] == [UNITS[0], UNITS[1], UNITS[4]]
    assert not check(tmp_path / "run")


def test_units_of_a_plan_that_was_cut_up_are_not_withdrawn(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS[:2], among=UNITS)
        assert store.withdraw(UNITS[0].study, UNITS[0].version, UNITS[0].model) == 0
