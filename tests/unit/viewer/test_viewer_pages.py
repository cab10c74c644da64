"""What pages show of runs."""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from starlette.testclient import TestClient

from tests.helpers.htmltree import Element, parse, skeleton
from tests.helpers.report_sample import HOSTILE
from tests.helpers.viewed import keep, layers_run, strange_run, viewed, words_run
from tests.planted_truth import concepts as planted
from unispect.core.errors import UsageError
from unispect.metrics.crossed import crossed_difference
from unispect.metrics.paired import holm
from unispect.report.numbers import estimate, limits, number
from unispect.report.text import visible
from unispect.runner.reporting import sections
from unispect.runs import RunStore
from unispect.runs.schema import FORMAT
from unispect.studies.states.curves import Curves, Gaps
from unispect.viewer import comparing, pictures
from unispect.viewer.app import Viewer
from unispect.viewer.comparing import Side, compared
from unispect.viewer.filters import Filter
from unispect.viewer.folders import found
from unispect.viewer.queries import SIZE, hits, place, tally

Known = tuple[TestClient, Viewer]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs")
    words_run(made / "first" / "words", "one", "two", limit=4)
    words_run(made / "second words", "one", rate=0.9, limit=4, seed=1)
    layers_run(made / "layers", "one")
    layers_run(made / "layers higher", "two", higher=0.5)
    return made


@pytest.fixture(scope="module")
def known(folder: Path) -> Iterator[Known]:
    with viewed(folder) as both:
        both[1].verdicts.of(both[1].runs())
        both[1].verdicts.wait()
        yield both


def page(known: Known, address: str) -> Element:
    answer = known[0].get(address)
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


def rows(tree: Element) -> list[Element]:
    return tree.all("li", "row")


def go(row: Element) -> str:
    return str(row.one("a", "go").attributes["href"])


def test_runs_are_found_below_the_folder(known: Known) -> None:
    tree = page(known, "/")
    assert tree.one("h1").words == "4 runs, 2 models"
    names = [one.words for one in tree.one("table", "overview").all("a", "go")]
    assert names == ["first/words", "layers", "layers higher", "second words"]
    assert [one.one("h3").words for one in tree.all("li", "subject")] == ["one", "two"]


def test_links_pictures_and_hidden_folders_are_not_searched(tmp_path: Path) -> None:
    words_run(tmp_path / "elsewhere" / "run", "one")
    inside = tmp_path / "inside"
    (inside / "run" / "blobs").mkdir(parents=True)
    (inside / "link").symlink_to(tmp_path / "elsewhere")
    for hidden in (inside / ".hidden", inside / "run" / "blobs" / "run", inside / "a" / "b" / "c" / "d" / "e"):
        shutil.copytree(tmp_path / "elsewhere" / "run", hidden)
    with pytest.raises(UsageError, match="is not a run folder, and there is none in it"):
        found([inside])
    shutil.copytree(tmp_path / "elsewhere" / "run", inside / "a" / "b" / "c" / "run")
    assert [run.name for run in found([inside]).values()] == ["a/b/c/run"]
    assert [run.name for run in found([inside, tmp_path / "elsewhere" / "run"]).values()] == ["a/b/c/run", "run"]


def test_a_run_has_the_same_key_whenever_it_is_viewed(folder: Path, known: Known) -> None:
    assert [run.key for run in found([folder / "layers"]).values()] == [
        run.key for run in known[1].runs() if run.name == "layers"
    ]


def test_counts_are_those_of_the_records(folder: Path, known: Known) -> None:
    with RunStore.open(folder / "first" / "words") as store:
        entries = [entry for entry in store.entries() if entry.unit.kind == "draw"]
    values = [(entry.unit.inputs["concept"], entry.grades["rules"].payload["values"]) for entry in entries]
    key = next(run.key for run in known[1].runs() if run.name == "first/words")
    counts = tally(known[1].index, Filter(run=key, kind="draw"))
    assert counts.total == len(entries)
    assert counts.right == sum(truth == seen for truth, seen in values)
    assert 0 < counts.right < counts.total == counts.right + counts.wrong


def test_wrong_ones_come_first_and_the_worst_of_them(known: Known) -> None:
    credits = [hit.credit for hit in hits(known[1].index, Filter())]
    assert credits == sorted(credits, key=lambda one: 2.0 if one is None else one)
    assert credits[0] == 0
    assert [row.one("span", "mark").words for row in rows(page(known, "/records"))] == ["✕ wrong"] * SIZE
    best = [hit.credit for hit in hits(known[1].index, Filter(order="right"))]
    assert best[0] == 1
    open_ones = page(known, "/records?study=encoding")
    assert len(rows(open_ones)) == 16
    assert {row.one("span", "mark").words for row in rows(open_ones)} == {"– not graded"}


@pytest.mark.parametrize(
    "narrow",
    [
        {"study": "concepts"},
        {"model": "two@1"},
        {"kind": "draw"},
        {"group": "text"},
        {"result": "wrong"},
        {"result": "right", "kind": "recall"},
        {"q": "TuRQuoise"},
        {"q": "word 3"},
        {"study": "concepts", "model": "one@1", "kind": "draw", "result": "wrong", "q": "striped"},
    ],
)
def test_filters_leave_what_they_say(known: Known, narrow: dict[str, str]) -> None:
    shown = Filter.of(narrow)
    count = tally(known[1].index, shown).total
    everything = tally(known[1].index, Filter()).total
    assert 0 < count < everything
    found_ = [hit for at in range(1, -(-count // SIZE) + 1) for hit in hits(known[1].index, shown.but(page=at))]
    assert len({(hit.run, hit.unit) for hit in found_}) == len(found_) == count
    for hit in found_:
        assert all(getattr(hit, name) == value for name, value in narrow.items() if name not in ("result", "q"))
        if narrow.get("result") == "wrong":
            assert hit.credit is not None
            assert hit.credit < 1
    tree = page(known, f"/records?{shown.query}")
    assert tree.one("h1").words == " ".join(number(count).split()) + " record" + "s" * (count != 1)
    if "q" in narrow:
        texts = [known[0].get(go(row)).text.casefold() for row in rows(tree)[:2]]
        assert all(narrow["q"].casefold() in text for text in texts)


def test_nothing_found_is_said(known: Known) -> None:
    tree = page(known, "/records?q=no+such+words+anywhere")
    assert tree.one("p", "empty").words == "No record is like that."


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-3",
        "page=999999999",
        "page=x",
        "page=٣",
        "order=no",
        "result=no",
        "q=%00",
        "q=%F0%9F",
        "q=%25_'\"",
    ],
)
def test_odd_addresses_show_a_page(known: Known, query: str) -> None:
    assert known[0].get(f"/records?{query}").status_code == 200
    assert known[0].get(f"/gallery?{query}").status_code == 200
    assert known[0].get(f"/compare?a=one%401&b=two%401&cell=both&{query}").status_code == 200


def test_pages_follow_one_another(known: Known) -> None:
    first = page(known, "/records?kind=draw")
    link = next(one for one in first.all("a") if one.attributes.get("rel") == "next").attributes["href"]
    second = page(known, str(link))
    assert {go(row) for row in rows(first)}.isdisjoint({go(row) for row in rows(second)})
    assert [one.words for one in second.all("a") if one.attributes.get("rel") == "prev"] == ["← previous"]


def test_a_record_knows_its_neighbours_in_the_list(known: Known) -> None:
    shown = Filter(kind="draw", result="wrong", model="one@1")
    listed = hits(known[1].index, shown)
    own = place(known[1].index, shown, listed[1].run, listed[1].unit)
    assert own is not None
    assert (own.number, own.before, own.after) == (2, listed[0][:2], listed[2][:2])
    assert place(known[1].index, Filter(kind="recall"), listed[1].run, listed[1].unit) is None
    first, second = rows(page(known, f"/records?{shown.query}"))[:2]
    links = {one.attributes.get("rel"): one.attributes["href"] for one in page(known, go(second)).all("a")}
    assert links["prev"] == go(first)
    assert page(known, str(links["prev"])).one("nav", "trail").words.startswith("↑ records 1 of")


def test_a_run_in_the_filter_stays_in_it(known: Known) -> None:
    key = next(run.key for run in known[1].runs() if run.name == "second words")
    row = rows(page(known, f"/records?run={key}&result=wrong"))[0]
    up = page(known, go(row)).one("nav", "trail").all("a")[0].attributes["href"]
    assert up == f"/records?run={key}&result=wrong"


def test_a_record_shows_all_that_is_there(folder: Path, known: Known) -> None:
    row = rows(page(known, "/records?kind=draw&result=wrong"))[0]
    tree, unit = page(known, go(row)), go(row).partition("?")[0].rpartition("/")[2]
    run = known[1].run(go(row).split("/")[2])
    with RunStore.open(run.folder) as store:
        entry = store.get(unit)
    assert entry is not None
    words = tree.words
    assert str(entry.unit.inputs["prompt"]) in words
    truth, seen = entry.unit.inputs["concept"], entry.grades["rules"].payload["values"]
    cells = [[cell.words for cell in one.all("td")] for one in tree.one("div", "beside").one("tbody").all("tr")]
    marks = {True: "✓ {} (right)", False: "✕ {} (wrong)"}
    assert cells == [[truth[name], marks[truth[name] == seen[name]].format(seen[name])] for name in truth]
    picture = known[0].get(str(tree.one("figure", "large").one("img").attributes["src"]))
    assert picture.headers["content-type"] == "image/png"
    raw = known[0].get(f"/raw/{run.key}/{unit}.json").json()
    assert raw["unit"]["inputs"] == json.loads(json.dumps(entry.unit.inputs))
    assert raw["grades"] == {"rules": json.loads(json.dumps(entry.grades["rules"].payload))}
    assert tree.one("details", "raw").one("summary").words == "Raw JSON"
    assert "open" not in tree.one("details", "raw").attributes


def test_a_trajectory_is_drawn_and_told_in_numbers(known: Known) -> None:
    tree = page(known, go(rows(page(known, "/records?study=encoding"))[0]))
    chart = json.loads(str(tree.one("div", "chart").attributes["data-chart"]))
    values = [row["y"] for row in chart["data"]["values"] if row["series"] == "content"]
    assert values == [round(1 + 0.1 * layer, 6) for layer in range(6)]
    assert tree.one("div", "chart").one("svg").all("path")
    assert len(tree.one("details", "numbers").one("tbody").all("tr")) == 6


def test_the_gallery_sets_models_and_seeds_side_by_side(known: Known) -> None:
    keys = {run.name: run.key for run in known[1].runs()}
    questions = page(known, "/gallery?group=drawing&order=plan").all("section", "question")
    assert questions
    for one in questions:
        who = [each.one("p", "where").words for each in one.all("li")]
        assert who == [
            f"{model}, seed {seed}, in {run}"
            for model, runs in (("one", ("first/words", "second words")), ("two", ("first/words",)))
            for seed in (0, 1)
            for run in sorted(runs, key=keys.__getitem__)
        ]
        assert len(one.all("img")) == 6
    assert not page(known, "/gallery?group=drawing").all("div", "questions")
    worst = page(known, "/gallery?result=wrong").all("section", "question")
    assert all(mark.words == "✕ wrong" for one in worst for mark in one.all("span", "mark"))


def test_questions_of_one_picture_each_stand_in_a_grid(tmp_path: Path) -> None:
    card = planted.card("one", revision="1")
    mind = planted.Mind(planted.evenly(0.5), {kind: planted.evenly(0.3) for kind in planted.KINDS})
    keep(tmp_path / "run", card, planted.entries(mind, 0, limit=1, seeds=(0,), of=card), "concepts")
    with viewed(tmp_path) as (client, _):
        (grid,) = parse(client.get("/gallery").text).all("div", "questions")
    assert len(grid.all("section", "question")) == len(grid.all("img")) > 1
    assert {where.words for where in grid.all("p", "where") if "seed" in where.words} == {"one, seed 0"}, "one run only"


@pytest.mark.slow
def test_verdicts_are_those_of_a_report(folder: Path, known: Known) -> None:
    said = sections([run.folder for run in known[1].runs()])
    tree = page(known, "/verdicts")
    claims = [one.claim for section in said for one in section.findings if one.headline or one.control]
    shown = [one.words for one in tree.one("table", "matrix").all("p", "claim")]
    assert len(shown) == len(claims) > 0
    assert all(any(claim[:100] in words for words in shown) for claim in claims)
    for section in said:
        own = page(known, f"/verdicts/{section.id}")
        assert len(own.one("ul", "entries").all("li")) == len(section.findings) if section.findings else True
        assert [one.words for one in own.all("span", "badge")][-len(section.findings) :]
    assert "model" not in {section.id for section in said}


def test_verdicts_that_are_being_worked_out_say_so(folder: Path) -> None:
    with viewed(folder / "layers") as (client, viewer):
        waits = client.get("/verdicts")
        viewer.verdicts.wait()
        done = client.get("/verdicts")
        assert client.get("/verdicts/nothing").status_code == 404
    assert waits.headers["refresh"] == "2"
    assert "being worked out" in waits.text
    assert "refresh" not in done.headers
    assert "How prompts are encoded" in done.text


def test_credits_are_compared_by_the_estimators_of_the_studies(known: Known) -> None:
    first, second = Side("one@1"), Side("two@1")
    found_ = {(one.kind, one.group): one for one in compared(known[1].index, first, second) if one.cells}
    row = found_["draw", "drawing"]
    ours, theirs, about = [], [], []
    held: dict[str, dict[tuple, float]] = {"one@1": {}, "two@1": {}}
    for run in sorted(known[1].runs(), key=lambda run: run.key):
        with RunStore.open(run.folder) as store:
            for entry in store.entries("concepts", kind="draw"):
                if entry.unit.inputs["lexicon"] != "drawing" or entry.unit.inputs["task"] != "name":
                    continue
                truth, seen = entry.unit.inputs["concept"], entry.grades["rules"].payload["values"]
                key = tuple(truth.values()), entry.unit.seed
                held[entry.unit.model].setdefault(key, float(np.mean([truth[a] == seen[a] for a in truth])))
    for key in held["one@1"]:
        ours.append(held["one@1"][key])
        theirs.append(held["two@1"][key])
        about.append(" ".join(key[0]))
    expected = crossed_difference(ours, {"combinations": about}, theirs, {"combinations": about})
    assert row.pairs == len(ours)
    assert row.difference is not None
    assert (row.difference.low, row.difference.high) == pytest.approx((expected.low, expected.high))
    assert row.cells["first"] == sum(one == 1 > other for one, other in zip(ours, theirs, strict=True))
    assert sum(row.cells.values()) == row.pairs
    higher: dict[str, float] = {}
    for one, mine, other in zip(about, ours, theirs, strict=True):
        higher[one] = higher.get(one, 0) + mine - other
    assert len(higher) < len(ours)  # several pictures of a combination are one thing
    assert row.ahead == (sum(by > 1e-9 for by in higher.values()), sum(by < -1e-9 for by in higher.values()))
    tree = page(known, "/compare?a=one%401&b=two%401")
    cells = [[cell.words for cell in one.all("td")] for one in tree.one("table", "comparison").one("tbody").all("tr")]
    assert any(estimate(expected) in said[3] and limits(expected) in said[3] for said in cells)


def test_p_values_are_adjusted_for_all_rows(known: Known) -> None:
    rows_ = [one for one in compared(known[1].index, Side("one@1"), Side("two@1")) if one.cells]
    alone = [binomtest(one.ahead[0], sum(one.ahead)).pvalue if sum(one.ahead) else 1.0 for one in rows_]
    assert len(rows_) > 2
    assert [one.p for one in rows_] == pytest.approx(holm(alone))
    assert min(one.p for one in rows_) > min(alone)


def test_a_failed_record_does_not_stand_for_one_that_another_run_finished(tmp_path: Path) -> None:
    words_run(tmp_path / "a", "one", "two")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = min(found([tmp_path]).values(), key=lambda run: run.key)
    with RunStore.open(first.folder, "w") as store:
        units = [entry.unit for entry in store.entries("concepts", kind="draw") if entry.unit.model == "one@1"]
    with viewed(tmp_path) as (_, viewer):
        whole = sum(one.pairs for one in compared(viewer.index, Side("one@1"), Side("two@1")))
    with sqlite3.connect(first.folder / "run.sqlite") as database:
        database.executemany("UPDATE records SET status = 'failed' WHERE unit = ?", [(unit.id,) for unit in units])
    with viewed(tmp_path) as (_, viewer):
        assert viewer.index.read("SELECT count(*) FROM records WHERE status = 'failed'") == [(len(units),)]
        assert sum(one.pairs for one in compared(viewer.index, Side("one@1"), Side("two@1"))) == whole


def test_revisions_of_a_model_are_called_as_in_a_report(tmp_path: Path) -> None:
    for revision, steps in (("1", 10), ("2", 20)):
        card = planted.card("one", revision=revision, bound_steps=steps, planted="fluent" if steps == 20 else "")
        mind = planted.Mind(planted.evenly(0.8), {kind: planted.evenly(0.3) for kind in planted.KINDS})
        keep(tmp_path / revision, card, planted.entries(mind, 0, limit=1, seeds=(0,), of=card), "concepts")
    with viewed(tmp_path) as (client, viewer):
        viewer.verdicts.of(viewer.runs())
        viewer.verdicts.wait()
        claims = parse(client.get("/compare?a=one%401&b=one%402").text).one("table", "claims")
        models = parse(client.get("/verdicts").text).one("table", "matrix").all("th")
    assert any(len(row.all("span", "badge")) == 2 for row in claims.one("tbody").all("tr"))
    assert {"one, 10 steps", "one, 20 steps planted: fluent"} <= {one.words for one in models}


def test_curves_are_compared_by_prompt(known: Known) -> None:
    (row,) = [one for one in compared(known[1].index, Side("one@1"), Side("two@1")) if one.figure]
    curves = [[round(1 + 0.1 * layer + 0.01 * n, 6) for layer in range(6)] for n in range(8)]
    names = [f"text prompt {n}" for n in range(8)]
    ours = Curves.of(list(zip(names, curves, strict=True)))
    theirs = Curves.of([(name, [value + 0.5 for value in curve]) for name, curve in zip(names, curves, strict=True)])
    expected = Gaps.between(ours, theirs).linear([1 / 6] * 6)
    assert row.difference is not None
    assert row.difference.estimate == pytest.approx(expected.estimate) == pytest.approx(-0.5)
    assert (row.pairs, row.difference.n) == (8, 16)


def test_models_with_other_numbers_of_layers_are_not_subtracted(tmp_path: Path) -> None:
    layers_run(tmp_path / "six", "one")
    layers_run(tmp_path / "four", "two", layers=4)
    with viewed(tmp_path) as (client, viewer):
        (row,) = compared(viewer.index, Side("one@1"), Side("two@1"))
        said = client.get("/compare?a=one%401&b=two%401").text
    assert row.difference is None
    assert "no difference: they differ in the number of layers" in said


def test_two_runs_of_one_model_are_compared(known: Known) -> None:
    runs = {run.name: run.key for run in known[1].runs()}
    sides = [str(side) for side, _ in comparing.sides_of(known[1].index)]
    first, second = (f"one@1 in {runs[name]}" for name in ("first/words", "second words"))
    assert {"one@1", "two@1", first, second} <= set(sides)
    rows_ = compared(known[1].index, Side.of(first), Side.of(second))
    assert {one.kind for one in rows_} >= {"draw", "likelihood", "choice", "recall", "describe", "reverse"}
    assert compared(known[1].index, Side.of(first), Side("nobody")) == []


def test_pairs_that_differ_are_shown(known: Known) -> None:
    tree = page(known, "/compare?a=one%401&b=two%401")
    link = next(one for one in tree.one("table", "comparison").all("a") if "cell=first" in str(one.attributes["href"]))
    pairs = page(known, str(link.attributes["href"])).one("ol", "pairs")
    assert len(pairs.all("li")) == int(link.words) > 0
    for pair in pairs.all("li"):
        assert [mark.words for mark in pair.all("span", "mark")] == ["✓ right", "✕ wrong"]


def test_hostile_texts_are_text(tmp_path: Path) -> None:
    tame = strange_run(tmp_path / "tame", *(f"tame {number}" for number in range(len(HOSTILE))))
    hostile = strange_run(tmp_path / "hostile", *HOSTILE)
    shapes = []
    for run in (tame, hostile):
        with viewed(run) as (client, _):
            lists = [client.get(f"/records?order=plan{more}") for more in ("", "&q=%3Cscript%3E", "&kind=say")]
            links = [go(row) for row in rows(parse(lists[0].text))]
            singles = [client.get(link) for link in links]
            assert {answer.status_code for answer in (*lists, *singles)} == {200}
            assert all(answer.encoding == "utf-8" and "\x1b" not in answer.text for answer in (*lists, *singles))
            assert not any(
                character in answer.text for character in "\u202e\u200b\x00\x07" for answer in (*lists, *singles)
            )
            shapes.append([skeleton(lists[0].text), *(skeleton(one.text) for one in singles)])
            if run is hostile:
                assert visible(HOSTILE[0]) in parse(singles[0].text).all("blockquote")[0].text
                assert "⟨U+202E⟩txet desrever" in parse(singles[3].text).words
                assert "⟨U+001B⟩[31m" in parse(singles[3].text).words
                assert tally_of(client, "%3Cscript%3E") == 1
                raw = client.get(links[3].partition("?")[0].replace("/record/", "/raw/") + ".json")
                assert raw.json()["unit"]["inputs"]["prompt"] == HOSTILE[3]
    calm = [[one for one in shape if one[0] != "option"] for shape in shapes[0]]
    wild = [[one for one in shape if one[0] != "option"] for shape in shapes[1]]
    assert calm == wild


def tally_of(client: TestClient, q: str) -> int:
    return int(parse(client.get(f"/records?q={q}").text).one("h1").words.split()[0])


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return words_run(tmp_path / "good", "one"), words_run(tmp_path / "bad", "two")


def is_viewable(client: TestClient, name: str) -> None:
    """A run is there and can be read, whatever is wrong with another."""
    tree = parse(client.get("/").text)
    link = next(one for one in tree.one("table", "overview").all("a", "go") if one.words == name)
    row = rows(parse(client.get(str(link.attributes["href"])).text))[0]
    assert client.get(go(row)).status_code == 200


def test_a_newer_run_is_said_and_others_are_shown(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with sqlite3.connect(pair[1] / "run.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with viewed(tmp_path) as (client, viewer):
        assert f"has format {FORMAT + 1}, this release reads up to {FORMAT}" in parse(client.get("/").text).words
        is_viewable(client, "good")
        viewer.verdicts.of(viewer.runs())
        viewer.verdicts.wait()
        said = parse(client.get("/verdicts").text)
    assert "bad:" in said.one("div", "gaps").words
    assert said.one("table", "matrix").all("p", "claim")


@pytest.mark.parametrize("content", [b"", b"no database at all", b"\x00" * 4096])
def test_a_damaged_database_is_said_and_others_are_shown(
    pair: tuple[Path, Path], tmp_path: Path, content: bytes
) -> None:
    (pair[1] / "run.sqlite").write_bytes(content)
    with viewed(tmp_path) as (client, _):
        assert parse(client.get("/").text).one("span", "trouble").words
        is_viewable(client, "good")


def test_a_run_that_vanishes_is_said_and_others_are_shown(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with viewed(tmp_path) as (client, viewer):
        address = go(rows(parse(client.get("/records?model=two%401").text))[0])
        shutil.rmtree(pair[1])
        gone = client.get(address)
        assert gone.status_code == 404
        assert "is gone: it was moved or deleted" in parse(client.get("/").text).one("span", "trouble").words
        assert tally(viewer.index, Filter(model="two@1")).total == 0
        is_viewable(client, "good")


def test_damaged_pictures_are_said_where_they_stand(pair: tuple[Path, Path]) -> None:
    run = pair[0]
    for at, blob in enumerate(sorted((run / "blobs").iterdir())):
        damage = (lambda path: path.unlink(), lambda path: path.write_bytes(b"<svg onload=alert(1)>"))[at % 2]
        damage(blob)
    with viewed(run) as (client, _):
        tree = parse(client.get("/records?kind=draw").text)
        said = {one.words for row in rows(tree) for one in row.all("span", "missing")}
        single = parse(client.get(go(rows(tree)[0])).text)
        pictures = parse(client.get("/gallery").text)
        sha256 = blob.stem
        answer = client.get(f"/picture/{go(rows(tree)[0]).split('/')[2]}/{sha256}.png")
    assert any("is missing" in one for one in said)
    assert any("was altered: its content has another hash" in one for one in said)
    assert not [row for row in rows(tree) if row.all("img")]
    assert single.one("figure", "large").all("span", "missing")
    assert pictures.all("span", "missing")
    assert not pictures.all("img")
    assert answer.status_code == 404
    assert "onload" not in answer.text


def test_an_altered_record_is_said_and_others_are_shown(pair: tuple[Path, Path]) -> None:
    with sqlite3.connect(pair[0] / "run.sqlite") as connection:
        ((unit,),) = connection.execute(
            "SELECT unit FROM records JOIN units ON id = unit WHERE kind = 'recall' LIMIT 1"
        )
        connection.execute('UPDATE records SET payload = \'{"text": "altered"}\' WHERE unit = ?', (unit,))
        ((other,),) = connection.execute(
            "SELECT unit FROM records JOIN units ON id = unit WHERE kind = 'choice' LIMIT 1"
        )
        connection.execute("UPDATE records SET payload = '{\"scores\": [[' WHERE unit = ?", (other,))
    with viewed(pair[0]) as (client, viewer):
        key = viewer.runs()[0].key
        for one in (unit, other):
            answer = client.get(f"/record/{key}/{one}")
            assert answer.status_code == 200
            assert "This record cannot be shown." in parse(answer.text).words
            assert "is not what its digest was taken of" in parse(answer.text).one("p", "gaps").words
        assert "is not what its digest was taken of" in client.get(f"/records?q={unit}").text
        is_viewable(client, "good")


def test_looking_changes_nothing_and_shuts_nobody_out(tmp_path: Path) -> None:
    run = words_run(tmp_path / "run", "one")

    def state() -> dict[str, tuple[int, bytes]]:
        own = [path for path in sorted(run.rglob("*")) if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in own}

    before = state()
    with viewed(run) as (client, viewer):
        for address in ("/", "/records", "/gallery", "/verdicts", "/compare?a=one%401&b=one%401", "/live"):
            assert client.get(address).status_code == 200
        viewer.verdicts.wait()
        assert state() == before
        with viewer.runs()[0].opened():  # in the middle of looking
            words_run(run, "two")
    assert state() != before


def test_a_run_is_shown_while_it_is_written(tmp_path: Path) -> None:
    run = words_run(tmp_path / "run", "one")
    with viewed(run) as (client, viewer):
        first = client.get("/live").json()
        again = client.get("/live").json()
        count = tally(viewer.index, Filter()).total
        with RunStore.open(run, "w") as store:
            writing = parse(client.get("/").text).one("td", "state").words
            card = store.cards()["one@1"]
            assert card.id == "one"
        words_run(run, "two")
        viewer.index.complete(viewer.runs())
        later = client.get("/live").json()
        both = tally(viewer.index, Filter()).total
        body = re.search('data-revision="([0-9a-f]+)"', client.get("/").text)
    assert first == again
    assert writing == "being written"
    assert later["revision"] != first["revision"]
    assert body is not None
    assert body[1] == later["revision"]
    assert both == 2 * count


def test_a_run_that_begins_later_is_found(tmp_path: Path) -> None:
    words_run(tmp_path / "one", "one")
    with viewed(tmp_path) as (client, _):
        words_run(tmp_path / "two", "two")
        assert parse(client.get("/").text).one("h1").words == "2 runs, 2 models"


def test_a_large_run_is_looked_through_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = words_run(tmp_path / "run", "one")
    monkeypatch.setattr(Viewer.look, "__defaults__", (100,))
    with viewed(run, looked=False) as (client, viewer):
        seen = [client.get("/records") for _ in range(8)]
        progress = viewer.index.progress(viewer.runs())
    assert "records looked through" in seen[0].text
    assert int(parse(seen[0].text).one("h1").words.split()[0]) == 100
    assert progress.done
    assert "records looked through" not in seen[-1].text


def test_a_picture_of_more_pixels_than_are_stored_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words_run(tmp_path / "run", "one")
    with viewed(tmp_path) as (client, _):
        address = next(image.attributes["src"] for image in parse(client.get("/gallery").text).all("img"))
        assert client.get(str(address)).status_code == 200
        monkeypatch.setattr(pictures, "MOST_STORED", 64 * 64 - 1)
        answer = client.get(str(address))
    assert answer.status_code == 404
    assert "claims more pixels" in answer.text
