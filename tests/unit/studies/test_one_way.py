"""Records of one model in two precisions, or graded by two judges, are never pooled, and what is shown is said."""

import pytest

from unispect.core.units import Entry, Grade, Made, Record, Unit
from unispect.runs import RunStore
from unispect.runs.records import Records, models_of, reduced
from unispect.studies.one_way import one_way


def unit(number, model="tiny@1"):
    return Unit("drawing", 1, "draw", model, {"id": str(number)}, {}, number)


def entry(number, dtype="float32", judges=("rules",), model="tiny@1"):
    one = unit(number, model)
    made = Made("b", 1, "cpu", dtype) if dtype is not None else None
    grades = {judge: Grade(one.id, judge, {"values": {}}) for judge in judges}
    return Entry(one, Record(one.id, {}, made=made), grades)


def test_what_was_made_and_graded_in_one_way_is_left_as_it_is():
    entries = [entry(0), entry(1, judges=("rules", "chat:a", "person:Ada")), entry(2, "bfloat16", model="other@2")]
    assert one_way(entries) == (entries, ())


@pytest.mark.parametrize("other", ["bfloat16", None])
def test_the_precision_of_most_records_is_shown(other):
    entries = [entry(0, other), entry(1), entry(2), entry(3, "bfloat16", model="other@2")]
    kept, (aside,) = one_way(entries)
    assert list(kept) == entries[1:]
    assert "not pooled with those made in float32 (2)" in aside
    assert f"1 made in {other or 'a way not noted'}" in aside


def test_one_chat_judge_speaks_for_a_model_beside_rules_and_people():
    entries = [
        entry(0, judges=("rules", "chat:b")),
        entry(1, judges=("chat:a", "person:Ada")),
        entry(2, judges=("chat:b",)),
    ]
    kept, (aside,) = one_way(entries)
    assert [sorted(one.grades) for one in kept] == [["chat:b", "rules"], ["person:Ada"], ["chat:b"]]
    assert "1 by chat:a" in aside
    assert "by chat:b (2)" in aside


def test_judges_of_records_that_are_left_aside_do_not_count():
    entries = [
        entry(0, "bfloat16", ("chat:b",)),
        *(entry(n, "float32", ("chat:a",)) for n in (1, 2)),
        entry(3, "bfloat16", ("chat:b",)),
        entry(4),
    ]
    kept, aside = one_way(entries)
    assert [set(one.grades) for one in kept] == [{"chat:a"}, {"chat:a"}, {"rules"}]
    assert len(aside) == 1


def test_records_on_the_disk_are_filtered_as_they_are_read(tmp_path):
    with RunStore.create(tmp_path / "r") as store:
        own = [entry(0), entry(1, "bfloat16"), entry(2), entry(3, "bfloat16", model="other@2")]
        store.plan([one.unit for one in own])
        store.record([one.record for one in own])
        records = Records([store], "drawing", 1)
        kept, aside = one_way(records)
        assert len(aside) == 1
        assert [one.unit.seed for one in kept] == [0, 2, 3]
        assert len(kept) == 3
        assert models_of(kept) == ["tiny@1", "other@2"]
        assert reduced(kept, lambda entries: [one.unit.seed for one in entries]) == [0, 2, 3]
        assert len(records) == 4
