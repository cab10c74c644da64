"""A table of graded items out, people's edits back in: nothing overwritten, nothing silently changed."""

import csv
import io
import json

import pytest

from tests.helpers.commands import here
from tests.helpers.poster_run import CARD, NAME, grade, judging, replies, section
from tests.helpers.poster_world import judge, kind_of
from unispect.core.errors import DataError, UsageError
from unispect.runs import RunStore
from unispect.studies.posters.judging.review import COLUMNS, review, table

WHEN = "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def graded_run(tmp_path_factory):
    run = replies(tmp_path_factory.mktemp("review"), titles=("Amber", "Basalt"), seeds=(0,))
    with judging() as server:
        grade(run, server.url)
    return run


@pytest.fixture
def run(graded_run, tmp_path):
    """A graded run of its own."""
    with RunStore.open(graded_run) as source, RunStore.create(tmp_path / "run") as copy:
        entries = list(source.entries("posters"))
        copy.plan(entry.unit for entry in entries)
        copy.record([_whole(entry) for entry in entries])
    return tmp_path / "run"


def _whole(entry):
    from dataclasses import replace

    return replace(entry.record, pictures=dict(entry.record.pictures), blobs={})


def entries(run):
    with RunStore.open(run) as store:
        return list(store.entries("posters"))


def lines(run):
    return list(csv.DictReader(io.StringIO(table(entries(run)))))


def text(rows, delimiter=",", columns=COLUMNS):
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def read(run, content, by="Ada", when=WHEN):
    found = review(entries(run), content, by=by, when=when, name="review.csv")
    with RunStore.open(run, "w") as store:
        store.grade(found.grades)
    return found


def first(rows, **wanted):
    return next(row for row in rows if all(row[name] == value for name, value in wanted.items()))


def categories(run):
    found = next(one for one in section(run).tables if one.id == "posters-categories")
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_a_row_for_every_item_of_every_reply_and_none_for_controls(run):
    rows = lines(run)
    assert len(rows) == 2 * 3 * 12
    assert tuple(rows[0]) == COLUMNS
    assert {row["modality"] for row in rows} == {"draw", "describe", "visualise"}
    assert {row["status"] + row["reason"] for row in rows} == {""}
    assert {row["model"] for row in rows} == {CARD.reference}


def test_edits_are_kept_with_their_reason_and_scores_use_them(run):
    rows = lines(run)
    row = first(rows, modality="describe", judged="not shown", wanted="yes")
    row |= {"status": "as stated", "reason": "it says so in other words"}
    confirmed = first(rows, modality="draw")
    confirmed |= {"status": confirmed["judged"]}
    before = categories(run)
    found = read(run, text(rows))
    assert (found.changed, found.confirmed, found.repeated, found.absent) == (1, 1, 0, 0)
    after = categories(run)
    assert after[1]["omission"] == before[1]["omission"] - 1
    assert after[0] == before[0]
    stored = [grade for entry in entries(run) for grade in entry.grades.values()]
    assert {grade.judge for grade in stored} == {"person:Ada"}
    (edit,) = [edit for grade in stored for edit in grade.payload["edits"] if edit["reason"]]
    assert edit == {"item": edit["item"], "before": "not shown", "after": "as stated", "reason": row["reason"]}
    assert {grade.payload["when"] for grade in stored} == {WHEN}
    shown = section(run)
    assert any("looked at 2 graded items and changed 1" in caveat for caveat in shown.caveats)
    assert sum(mark.edited for card in shown.cards for item in card.items for mark in item.marks) == 1
    between = next(one for one in shown.tables if one.id == "posters-agreement")
    assert {row[0] for row in between.rows} == {f"{NAME} and people"}
    unit = next(entry for entry in entries(run) if entry.grades)
    assert {one["status"] for one in unit.record.payload["items"]} <= {"as stated", "otherwise", "not shown"}


def test_the_same_file_twice_changes_nothing(run):
    rows = lines(run)
    rows[3] |= {"status": "otherwise", "reason": "no"}
    read(run, text(rows))
    before = [entry.grades for entry in entries(run)]
    again = read(run, text(rows), when="2027-01-01T00:00:00+00:00")
    assert (again.changed, again.repeated, again.grades) == (0, 1, ())
    assert [entry.grades for entry in entries(run)] == before


def test_a_second_person_has_the_last_word_and_the_first_stays_on_record(run):
    rows = lines(run)
    row = first(rows, modality="describe", judged="not shown", wanted="yes")
    read(run, text([row | {"status": "otherwise", "reason": "a"}]))
    later = first(lines(run), row=row["row"])
    assert later["judged"] == "otherwise"
    found = read(run, text([later | {"status": "as stated", "reason": "b"}]), by="Bo")
    assert (found.changed, found.absent) == (1, 71)
    third = first(lines(run), row=row["row"])
    read(run, text([third | {"status": "not shown", "reason": "c"}]), by="Ada")
    grades = next(entry.grades for entry in entries(run) if entry.grades)
    assert sorted(grades) == ["person:Ada", "person:Ada (3)", "person:Bo (2)"]
    assert first(lines(run), row=row["row"])["judged"] == "not shown"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_may_have_another_order_and_be_missing_whatever_the_spreadsheet_wrote(run, delimiter):
    rows = lines(run)[::-1][:40]
    rows[5] |= {"status": "Otherwise ", "reason": "two\nlines; and, marks"}
    found = read(run, "\ufeff" + text(rows, delimiter, COLUMNS[::-1]))
    assert (found.changed, found.absent) == (1, 32)


def spoiled(change):
    def spoil(rows):
        change(rows)
        return text(rows)

    return spoil


BAD = {
    "unknown status": (spoiled(lambda rows: rows[2].update(status="correct")), "line 4: unknown status 'correct'"),
    "row of another run": (
        spoiled(lambda rows: rows[1].update(row="r0-1")),
        "line 3: row 'r0-1' is none of this run's",
    ),
    "row twice": (spoiled(lambda rows: rows.append(dict(rows[0]))), "stands in line 2 already"),
    "statement changed": (spoiled(lambda rows: rows[4].update(statement="else")), "line 6: the statement of row"),
    "wanted changed": (spoiled(lambda rows: rows[0].update(wanted="no")), "line 2: 'wanted' of row"),
    "judged changed": (
        spoiled(lambda rows: rows[0].update(judged="not shown", status="otherwise")),
        "line 2: the status of this item was 'not shown' when the table was written and is 'as stated' now",
    ),
    "reason alone": (spoiled(lambda rows: rows[0].update(reason="hm")), "line 2: a reason without a status"),
    "endless reason": (spoiled(lambda rows: rows[0].update(status="otherwise", reason="x" * 3000)), "3,000 characters"),
    "no such column": (lambda rows: text(rows, columns=COLUMNS[:-1]), "line 1: the column 'reason'"),
    "ragged": (lambda rows: text(rows) + "a,b\r\n", "2 cells where 13 belong"),
    "empty": (lambda rows: "", "line 1: the column 'row'"),
    "open quote": (lambda rows: text(rows[:1]) + '"' + "x" * 50, "line 3"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_cannot_be_used_is_refused_with_its_line_and_nothing_is_stored(run, what):
    spoil, said = BAD[what]
    rows = lines(run)
    rows[20] |= {"status": "otherwise"}
    with pytest.raises(DataError) as caught:
        read(run, spoil(rows))
    assert said in str(caught.value)
    assert not any(entry.grades for entry in entries(run))


def test_cells_cannot_become_formulas_and_come_back_as_they_were(tmp_path):
    hostile = ["=HYPERLINK(1)", "+1 to the left", "-2 and more", "@SUM(A1:A9)", "'quoted' all over", 'a, "b" and c']

    def respond(body):
        if kind_of(body) == "rubric":
            return json.dumps({"present": hostile, "absent": []})
        if kind_of(body) == "items":
            said = [{"number": n, "explanation": "=1+1", "status": "as stated"} for n in range(1, 7)]
            return json.dumps({"answers": said})
        return judge(body)

    run = replies(tmp_path, titles=("Amber",), seeds=(0,), parts=("drawing",))
    with judging(respond) as server:
        grade(run, server.url)
    rows = lines(run)
    assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@\t\r")]
    assert {row["explanation"] for row in rows} == {"'=1+1"}
    found = read(run, text([row | {"status": "otherwise", "reason": "=x"} for row in rows]))
    assert found.changed == 6


def test_who_edited_must_be_named(run):
    with pytest.raises(UsageError, match="--by"):
        read(run, text(lines(run)), by="  ")


def test_the_command_writes_a_table_and_reads_it_back(run, tmp_path, capsys):
    path = tmp_path / "review.csv"
    written = here(capsys, "review", run, "--out", path)
    assert written.code == 0
    assert "unispect review" in written.out
    assert here(capsys, "review", run, "--out", path).error.endswith("choose another name")
    content = path.read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    rows[0] |= {"status": "not shown", "reason": "I see nothing"}
    path.write_text(text(rows), "utf-8")
    back = here(capsys, "review", run, "--edited", path, "--by", "Ada")
    assert (back.code, "items changed: 1," in back.out) == (0, True)
    assert (
        "items changed: 0, confirmed: 0, edits stored before: 1,"
        in here(capsys, "review", run, "--edited", path, "--by", "Ada").out
    )
    path.write_bytes(b"\xff\xfe")
    for arguments, said in (
        ((), "write a table"),
        (("--edited", path), "--by must name"),
        (("--edited", path, "--by", "Ada"), "is not UTF-8"),
        (("--edited", tmp_path / "none.csv", "--by", "Ada"), "cannot read"),
        (("--edited", path, "--out", path), "write a table"),
    ):
        refused = here(capsys, "review", run, *arguments)
        assert refused.code in (1, 2)
        assert said in refused.error
