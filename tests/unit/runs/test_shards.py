"""Parts of a plan: nothing lost, each whole in itself, and merged they are the run that was never cut up."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import fake_study
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError, UsageError
from unispect.core.shards import SHARED, parse_shard, shard
from unispect.core.units import Plan, Unit
from unispect.engine import execute
from unispect.runs import RunStore
from unispect.runs.export import export
from unispect.runs.merge import merge
from unispect.runs.status import status


def needs(plan: Plan) -> dict[str, set[str]]:
    """Unit -> those it names, read off the samples' inputs."""
    return {one.id: set(map(str, one.inputs.get("of", ()))) for one in plan.units}  # pyright: ignore


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    first = [unit(number) for number in range(draw(st.integers(1, 30)))]
    stages: list[list[Unit]] = [first]
    for kind in ("tell", "look"):
        known = [one.id for stage in stages for one in stage]
        named = draw(st.lists(st.lists(st.sampled_from(known), max_size=25, unique=True), max_size=20))
        stages.append([unit(number, kind, inputs={"of": own}) for number, own in enumerate(named)])
    return Plan(tuple(map(tuple, stages)))


@pytest.mark.slow
@given(plans(), st.integers(1, 6))
def test_parts_lose_nothing_and_hold_what_they_name(plan: Plan, count: int) -> None:
    parts = [part for number in range(1, count + 1) if (part := shard(plan, number, count))]
    assert {one.id for part in parts for one in part.units} == {one.id for one in plan.units}
    for part in parts:
        mine, named = {one.id for one in part.units}, needs(part)
        assert all(named[one] <= mine for one in mine)
        for stage, whole in zip(part.stages, plan.stages, strict=True):
            assert list(stage) == [one for one in whole if one.id in mine]
        assert part.alike == plan.alike
    if count == 1:
        assert parts == [plan]


def test_units_that_name_one_another_are_in_one_part_only() -> None:
    parts = [shard(fake_study.PLAN, number, 4) for number in range(1, 5)]
    held = [one.id for part in parts if part for one in part.units]
    assert len(held) == len(set(held)) == len(fake_study.PLAN.units)
    assert all(part for part in parts)


def test_what_very_many_name_is_in_every_part_that_needs_it() -> None:
    calibration = unit(0, "calibrate")
    probes = [unit(number, "probe", settings={"calibration": calibration.id}) for number in range(SHARED + 1)]
    parts = [shard(Plan(((calibration,), tuple(probes))), number, 3) for number in range(1, 4)]
    assert all(part and part.stages[0] == (calibration,) for part in parts)
    assert sum(len(part.stages[1]) for part in parts if part) == len(probes)


def test_a_part_to_which_nothing_falls_is_none() -> None:
    plan = Plan(((unit(0),),))
    assert sorted((shard(plan, number, 5) is None) for number in range(1, 6)) == [False, *[True] * 4]


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="written I/N"):
        parse_shard(text)
    assert parse_shard("2/8") == (2, 8)


@pytest.mark.slow
def test_merged_parts_are_the_run_that_was_never_cut_up(tmp_path: Path) -> None:
    """To the byte, though each part was carried out by itself, one of them in two goes."""
    for number in (1, 2, 3):
        part = shard(fake_study.PLAN, number, 3)
        assert part
        for _ in range(number):
            with RunStore.create(tmp_path / str(number)) as store:
                store.plan(part.units, among=fake_study.PLAN.units)
                assert execute(part, fake_study.run, store, fake_study.FakeModel()).failed == 0
    with RunStore.create(tmp_path / "whole") as store:
        execute(fake_study.PLAN, fake_study.run, store, fake_study.FakeModel())
    merge([tmp_path / number for number in "312"], tmp_path / "merged")
    lines = []
    for name in ("whole", "merged"):
        with RunStore.open(tmp_path / name) as store:
            lines.append(export(store, tmp_path / f"{name}.jsonl", timings=False).path.read_bytes())
    assert lines[0] == lines[1]


def part_in(folder: Path, plan: Plan, number: int) -> Path:
    """A run folder with half of a plan, carried out."""
    part = shard(plan, number, 2)
    assert part
    with RunStore.create(folder) as store:
        store.plan(part.units, among=plan.units)
        store.record([record(one) for one in store.pending(part.units)])
    return folder


def plan_of(*numbers: int) -> Plan:
    return Plan((tuple(unit(number) for number in numbers),))


def held(run: Path) -> list[tuple[int, int]]:
    return [(plan.here, plan.units) for plan in status(run).plans]


def test_parts_and_what_they_were_merged_to_say_how_much_of_the_plan_is_here(tmp_path: Path) -> None:
    one, other = (part_in(tmp_path / str(number), plan_of(*range(20)), number) for number in (1, 2))
    (own,) = status(one).plans
    assert (own.study, own.units, own.here + own.missing) == ("sample", 20, 20)
    assert 0 < own.here < 20
    assert status(one).is_part
    half = merge([one], tmp_path / "merged")
    assert [plan.here for plan in half.plans] == [own.here]
    whole = merge([other], tmp_path / "merged")
    assert [(plan.here, plan.units) for plan in whole.plans] == held(tmp_path / "merged") == [(20, 20)]
    assert not status(tmp_path / "merged").is_part
    assert not merge([one, other], tmp_path / "merged").changed


def test_parts_of_plans_that_overlap_and_differ_are_refused(tmp_path: Path) -> None:
    one = part_in(tmp_path / "one", plan_of(*range(20)), 1)
    other = part_in(tmp_path / "other", plan_of(*range(1, 21)), 2)
    for sources in ([one, other], [other, one]):
        with pytest.raises(StoreError, match=r"two plans of sample on .* of 20 and 20 units they share 19"):
            merge(sources, tmp_path / "merged")
    with RunStore.open(tmp_path / "merged") as store:
        assert store.counts() == ()


def test_two_campaigns_in_the_same_folders_are_merged_as_far_as_they_are(tmp_path: Path) -> None:
    """First ten units, then all twenty: what is not there yet keeps nothing from being merged."""
    folders = [tmp_path / str(number) for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        part_in(folder, plan_of(*range(10)), number)
        if number == 1:
            part_in(folder, plan_of(*range(20)), number)
    merge(folders, tmp_path / "merged")
    (first, second) = held(tmp_path / "merged")
    assert first == (10, 10)
    assert second[0] < second[1] == 20
    part_in(folders[1], plan_of(*range(20)), 2)
    merge(folders, tmp_path / "merged")
    assert held(tmp_path / "merged") == [(10, 10), (20, 20)]


def test_plans_that_share_nothing_lie_side_by_side(tmp_path: Path) -> None:
    one = part_in(tmp_path / "one", plan_of(*range(10)), 1)
    other = part_in(tmp_path / "other", plan_of(*range(10, 20)), 1)
    assert len(merge([one, other], tmp_path / "merged").plans) == 2
