"""Merging runs: any split comes back whole in any order, what disagrees is refused, a kill leaves nothing half."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import merger_to_kill
from tests.helpers.samples import png, record, unit
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Grade, Made, Unit
from unispect.runs import Invocation, RunStore, blob_path
from unispect.runs.check import check
from unispect.runs.export import export
from unispect.runs.merge import merge

UNITS = [
    unit(number, kind, model=model) for model in ("b@1", "a@1") for kind in ("draw", "tell") for number in range(3)
]
FATES = ("done", "failed", "skipped", "none")


def write(folder: Path, units: Sequence[Unit], fates: Sequence[str], graded: Sequence[str] = ()) -> Path:
    """A run that holds what each unit's fate says, of which the picture and seconds follow from the unit."""
    with RunStore.create(folder) as store:
        store.plan(units, among=UNITS)
        ended = [(one, fate) for one, fate in zip(units, fates, strict=True) if fate != "none"]
        store.record(
            [
                record(one, picture=one.seed // 2 if fate == "done" else None, seconds=one.seed + 0.5)
                if fate == "done"
                else record(one, status=fate, error=f"{fate} {one.seed}", payload={})
                for one, fate in ended
            ]
        )
        for judge in graded:
            store.grade([Grade(one.id, judge, {"seed": one.seed}) for one, fate in ended if fate == "done"])
    return folder


def content(run: Path) -> list[object]:
    """Everything that a run holds, but the file that says when it was made."""
    assert check(run) == ()
    with RunStore.open(run) as store:
        lines = export(store, run.with_suffix(".jsonl")).path.read_bytes()
        planned = [(one.id, [(old.status, old.error) for old in store.history(one.id)]) for one in UNITS]
        return [lines, planned, store.pending(), [count.planned for count in store.counts()]]


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_split_of_a_run_merges_to_the_whole_in_any_order(data: st.DataObject) -> None:
    fates = data.draw(st.lists(st.sampled_from(FATES), min_size=len(UNITS), max_size=len(UNITS)))
    held = st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)
    parts = [data.draw(held) for _ in UNITS]
    order = data.draw(st.permutations(range(3)))
    copies: list[Path] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        whole = write(folder / "whole", UNITS, fates, ("eye@1", "rules@1"))
        for part in range(3):
            chosen = [(one, fate) for one, fate, own in zip(UNITS, fates, parts, strict=True) if part in own]
            units, own_fates = [one for one, _ in chosen], [fate for _, fate in chosen]
            judges = (("rules@1",), ("eye@1", "rules@1"), ("eye@1",))[part]
            write(folder / str(part), units, own_fates, judges)
            if judges != ("eye@1", "rules@1"):  # the other judge graded a copy
                copies.append(write(folder / f"{part} graded", units, own_fates, ("eye@1", "rules@1")))
        merged = merge([*copies, *(folder / str(part) for part in order)], folder / "merged").path
        assert content(merged) == content(whole)
        before = (merged / "run.sqlite").read_bytes(), (merged / "run.json").read_bytes()
        assert not merge([folder / str(part) for part in reversed(order)], merged).changed
        assert ((merged / "run.sqlite").read_bytes(), (merged / "run.json").read_bytes()) == before
        pair = merge([folder / str(order[0]), folder / str(order[1])], folder / "pair").path
        assert content(merge([folder / str(order[2]), pair, *copies], folder / "again").path) == content(whole)


def test_a_finished_record_stands_before_failures_which_are_remembered(tmp_path: Path) -> None:
    one = UNITS[:1]
    failed, skipped = (write(tmp_path / fate, one, [fate]) for fate in ("failed", "skipped"))
    done = write(tmp_path / "done", one, ["done"], ("rules@1",))
    merged = merge([failed, done, skipped], tmp_path / "merged").path
    with RunStore.open(merged) as store:
        entry = store.get(UNITS[0].id)
        assert entry is not None
        assert (entry.record.status, entry.record.pictures["drawn"]) == ("done", png(0))
        assert set(entry.grades) == {"rules@1"}
        assert {old.status for old in store.history(UNITS[0].id)} == {"failed", "skipped"}


def test_of_failures_the_latest_command_s_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, day in (("late", 2), ("early", 1)):
        monkeypatch.setattr("unispect.runs.manifest._now", lambda day=day: f"2026-01-0{day}T00:00:00+00:00")
        with RunStore.create(tmp_path / name) as store:
            store.add_invocation(Invocation((name,)))
            store.plan(UNITS[:1])
            store.record([record(UNITS[0], status="failed", error=name, payload={})])
    for order in (("late", "early"), ("early", "late")):
        merged = merge([tmp_path / name for name in order], tmp_path / "-".join(order)).path
        with RunStore.open(merged) as store:
            entry = store.get(UNITS[0].id)
            assert entry is not None
            assert entry.record.error == "late"
            assert [old.error for old in store.history(UNITS[0].id)] == ["early"]
            manifest = store.manifest()
        assert [one.command for one in manifest.invocations] == [("early",), ("late",)]
        assert manifest.created.startswith("2026-01-01")


def test_records_keep_the_command_that_made_them(tmp_path: Path) -> None:
    for name, own in (("one", UNITS[:1]), ("two", UNITS[1:2])):
        with RunStore.create(tmp_path / name) as store:
            store.add_invocation(Invocation(("unispect", name)))
            store.plan(own)
            store.record([record(own[0])])
    merged = merge([tmp_path / "two", tmp_path / "one"], tmp_path / "merged").path
    with RunStore.open(merged) as store:
        commands = [one.command[1] for one in store.manifest().invocations]
    connection = sqlite3.connect(merged / "run.sqlite")
    found = dict(connection.execute("SELECT unit, invocation FROM records"))
    connection.close()
    assert {unit: commands[number - 1] for unit, number in found.items()} == {UNITS[0].id: "one", UNITS[1].id: "two"}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("records", lambda one: record(one, payload={"text": "another"}, picture=0)),
        ("pictures", lambda one: record(one, picture=9)),
        ("pictures", lambda one: record(one)),
    ],
)
def test_records_that_differ_are_refused_by_unit_and_folders(tmp_path: Path, what: str, change) -> None:
    write(tmp_path / "one", UNITS[:2], ["done", "done"])
    with RunStore.create(tmp_path / "two") as store:
        store.plan(UNITS[:1])
        store.record([change(UNITS[0])])
    with pytest.raises(StoreError, match=rf"{what} of sample draw unit {UNITS[0].id} differ between .*one and .*two"):
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "merged")
    with RunStore.open(tmp_path / "merged") as store:
        assert store.counts() == ()
    merge([tmp_path / "one"], tmp_path / "merged")
    before = content(tmp_path / "merged")
    with pytest.raises(StoreError, match=r"differ between .*merged and .*two"):
        merge([tmp_path / "two"], tmp_path / "merged")
    assert content(tmp_path / "merged") == before


def test_grades_by_one_judge_that_differ_are_refused(tmp_path: Path) -> None:
    for name, mark in (("one", 1), ("two", 2)):
        write(tmp_path / name, UNITS[:1], ["done"])
        with RunStore.open(tmp_path / name, "w") as store:
            store.grade([Grade(UNITS[0].id, "eye@1", {"mark": mark})])
    with pytest.raises(StoreError, match=rf"grades by eye@1 of sample draw unit {UNITS[0].id} differ between .*one"):
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "merged")


def test_a_damaged_picture_comes_from_where_it_is_whole_or_is_named(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, UNITS[:1], ["done"]) for name in ("one", "two"))
    with RunStore.open(one) as store:
        entry = store.get(UNITS[0].id)
        assert entry is not None
        path = blob_path(entry.record.blobs["drawn"])
    (one / path).write_bytes(bytes(len(png(0))))
    with pytest.raises(StoreError, match=rf"one: {path} was altered"):
        merge([one], tmp_path / "bad")
    merged = merge([one, two], tmp_path / "good").path
    assert check(merged) == ()
    assert os.path.samefile(merged / path, two / path)


def test_pictures_are_copied_where_links_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write(tmp_path / "one", UNITS, ["done"] * len(UNITS))
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError(18, "Invalid cross-device link")))
    merged = merge([one], tmp_path / "merged").path
    assert check(merged) == ()
    assert all(path.stat().st_nlink == 1 for path in (merged / "blobs").iterdir())


def test_studies_and_models_of_several_runs_stand_one_after_the_other(tmp_path: Path) -> None:
    names = [("x", "b@1"), ("y", "a@1")]
    for study, model in names:
        with RunStore.create(tmp_path / study) as store:
            store.plan([unit(number, study=study, model=model) for number in range(3)])
    merged = merge([tmp_path / "y", tmp_path / "x"], tmp_path / "merged").path
    with RunStore.open(merged) as store:
        assert [(one.study, one.seed) for one in store.pending()] == [(s, n) for s in "xy" for n in range(3)]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one", UNITS[:1], ["done"])
    with pytest.raises(UsageError, match="is not a run folder"):
        merge([one, tmp_path / "none"], tmp_path / "merged")
    with pytest.raises(UsageError, match="name the runs to merge"):
        merge([one], tmp_path / "." / "one")
    assert not (tmp_path / "merged").exists()


def test_a_folder_of_an_older_release_is_merged(tmp_path: Path) -> None:
    old = write(tmp_path / "old", UNITS, ["done"] * len(UNITS))
    connection = sqlite3.connect(old / "run.sqlite", isolation_level=None)
    connection.executescript("DROP TABLE batches; DROP TABLE places; DROP TABLE plans;")
    connection.close()
    assert content(merge([old], tmp_path / "merged").path) == content(old)
    with RunStore.open(old, "w") as store:
        assert store.plan(UNITS[:1]) == 0


@pytest.mark.slow
def test_a_kill_anywhere_leaves_a_whole_run_and_the_same_call_finishes_it(tmp_path: Path) -> None:
    """Killed at calls into C spread over all that a merge makes, then repeated."""
    write(tmp_path / "one", UNITS[:8], ["done"] * 8, ("eye@1",))
    write(tmp_path / "two", UNITS[6:], ["done"] * 6)
    whole = content(merge([tmp_path / "one", tmp_path / "two"], tmp_path / "whole").path)
    draw, out, killed = random.Random(0), tmp_path / "merged", 0
    for _ in range(6):
        calls = draw.randint(1, merger_to_kill.CALLS)
        command = [sys.executable, merger_to_kill.__file__, str(calls), tmp_path / "one", tmp_path / "two", out]
        killed += subprocess.run(command, check=False).returncode == -signal.SIGKILL
        if (out / "run.json").exists():
            assert check(out) == ()
            with RunStore.open(out) as store:
                assert len(list(store.entries())) in (0, len(UNITS))
    assert killed >= 3
    assert content(merge([tmp_path / "one", tmp_path / "two"], out).path) == whole


def test_a_folder_that_is_still_being_written_gives_what_it_holds_and_the_rest_later(tmp_path: Path) -> None:
    whole = content(write(tmp_path / "whole", UNITS, ["done"] * len(UNITS)))
    records = [record(one, picture=one.seed // 2, seconds=one.seed + 0.5) for one in UNITS]
    merged = tmp_path / "merged"
    with RunStore.create(tmp_path / "growing") as store:
        store.plan(UNITS)
        store.record(records[:5])
        merge([tmp_path / "growing"], merged)
        with RunStore.open(merged) as held:
            assert [entry.unit for entry in held.entries()] == UNITS[:5]
        store.record(records[5:])
    assert merge([tmp_path / "growing"], merged).changed
    assert content(merged) == whole


def test_merging_changes_no_byte_of_what_is_merged(tmp_path: Path) -> None:
    sources = [
        write(tmp_path / "one", UNITS[:8], ["done"] * 8, ("eye@1",)),
        write(tmp_path / "two", UNITS[6:], ["failed", "skipped", *["done"] * 4]),
    ]

    def held() -> dict[Path, bytes]:
        return {file: file.read_bytes() for source in sources for file in source.rglob("*") if file.is_file()}

    before = held()
    merge(sources, tmp_path / "merged")
    after = held()
    assert {file: after[file] for file in before} == before
    assert {file.name: after[file] for file in after if file not in before and file.suffix != ".sqlite-shm"} == {
        "run.sqlite-wal": b""
    }


def test_how_differing_records_were_made_is_named(tmp_path: Path) -> None:
    one = UNITS[0]
    for name, made in (("single", Made("a", 1, "cuda", "bfloat16")), ("many", Made("b", 16, "cuda", "bfloat16"))):
        with RunStore.create(tmp_path / name) as store:
            store.plan([one])
            store.record([replace(record(one, payload={"text": name}), made=made)])
    with pytest.raises(StoreError, match=r"single \(in bfloat16 on cuda in a batch of 1\) and .*many \(in bfloat16"):
        merge([tmp_path / "single", tmp_path / "many"], tmp_path / "both")


def test_how_records_were_made_is_kept_and_makes_no_difference(tmp_path: Path) -> None:
    one = UNITS[0]
    for name, made in (("single", Made("a", 1, "cpu", "float32")), ("many", Made("b", 16, "cpu", "float32"))):
        with RunStore.create(tmp_path / name) as store:
            store.plan([one])
            store.record([replace(record(one, seconds=made.size), made=made)])
    merged = merge([tmp_path / "many", tmp_path / "single"], tmp_path / "both")
    assert merged.changed
    with RunStore.open(merged.path) as store:
        entry = store.get(one.id)
        assert entry is not None
        assert entry.record.made == Made("a", 1, "cpu", "float32")
        assert store.made_in(one.study, one.model) == {("float32", "cpu"): 1}
    assert not merge([tmp_path / "single", tmp_path / "many"], tmp_path / "both").changed
