"""A model that draws everything and tells half, graded by a judge who reads without error: exact scores."""

import pytest

from tests.helpers.poster_run import TITLES, grade, judging, replies, section
from tests.helpers.poster_world import ABSENT, CELLS
from unispect.core.findings import Verdict
from unispect.studies.posters.judging.plan import How

ITEMS = CELLS + ABSENT


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    run = replies(tmp_path_factory.mktemp("posters"))
    with judging() as server:
        summary = grade(run, server.url)
        asked = len(server.paid)
    return section(run), summary, asked


def table(section, name):
    (found,) = [one for one in section.tables if one.id == name]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_every_unit_is_graded_once(shown):
    _, summary, asked = shown
    replies_ = len(TITLES) * 3 * 2
    controls = len(TITLES) * 3
    assert summary.done == asked == len(TITLES) + replies_ + controls
    assert (summary.failed, summary.skipped) == (0, 0)


def test_categories_are_those_that_were_planted(shown):
    drawn, told, pictured = table(shown[0], "posters-categories")
    gradings = len(TITLES) * 2
    assert drawn["correct"] == gradings * ITEMS
    planted = {"correct": 6, "omission": 1, "minor hallucination": 3, "severe hallucination": 2}
    assert {name: told[name] for name in planted} == {name: gradings * count for name, count in planted.items()}
    assert (pictured["correct"], pictured["omission"]) == (gradings * (ITEMS - 1), gradings)
    assert drawn["unparsed"] == told["unparsed"] == pictured["unparsed"] == 0


def test_scores_are_exact(shown):
    drawn, told, pictured = table(shown[0], "posters-scores")
    assert drawn["error"].estimate == 0
    assert told["error"].estimate == pytest.approx(6 / 12)
    assert told["omission"].estimate == pytest.approx(1 / 12)
    assert told["minor rate"].estimate == pytest.approx(3 / 8)
    assert told["severe rate"].estimate == pytest.approx(2 / 4)
    assert pictured["error"].estimate == pytest.approx(1 / 12)
    assert told["posters"] == 3
    assert told["replies"] == 6


def test_findings_and_controls(shown):
    found = {one.id: one for one in shown[0].findings}
    gap = found["planted-gap"]
    assert gap.headline
    assert gap.interval.estimate == pytest.approx(0.5)
    assert gap.interval.clusters == len(TITLES)
    assert found["planted-pictured-first"].interval.estimate == pytest.approx(1 / 12 - 1 / 2)
    for name, needed in (("control-reference", 17), ("control-stranger", 6)):
        control = found[name]
        assert control.control
        assert (control.interval.unit, control.interval.clusters) == ("posters", len(TITLES))
        assert control.verdict is Verdict.NOT_APPLICABLE  # three posters show nothing, even without an error
        assert f"{needed} are needed" in control.detail
    assert found["control-reference"].interval.estimate == 0


@pytest.mark.slow
def test_with_posters_enough_gap_and_controls_are_supported(tmp_path):
    run = replies(tmp_path, titles=[f"Poster{n}" for n in range(17)], seeds=(0,), parts=("drawing", "telling"))
    with judging() as server:
        grade(run, server.url)
    found = section(run).findings
    assert {one.id: one.verdict for one in found if one.headline or one.control} == {
        "planted-gap": Verdict.SUPPORTED,
        "control-reference": Verdict.SUPPORTED,
        "control-stranger": Verdict.SUPPORTED,
    }


def test_cards_set_the_renditions_side_by_side(shown):
    cards = shown[0].cards
    assert len(cards) == len(TITLES) * 2
    card = cards[0]
    assert [side.name for side in card.sides] == ["drawn", "told", "told, pictured first"]
    assert card.sides[0].picture
    assert "Cell 5" in card.sides[1].text
    words = [[item.marks[side].word for item in card.items] for side in (0, 1)]
    assert words[0] == ["correct"] * CELLS + ["correctly absent"] * ABSENT
    assert sorted(set(words[1])) == [
        "correct",
        "correctly absent",
        "minor hallucination",
        "omission",
        "severe hallucination",
    ]


@pytest.mark.slow
def test_rubrics_from_replies_hold_what_the_replies_got_wrong(tmp_path):
    run = replies(tmp_path, parts=("drawing", "telling"))
    with judging() as server:
        summary = grade(run, server.url, How("openai:loop@127.0.0.1", "replies"), tmp_path / "tape")
        asked = len(server.paid)
    looks, items = 3 * 2 * 2, 3 * 2 * 2 + 3 * 3
    assert summary.done == looks + 3 + items
    assert asked == 2 * 3 + 3 + items  # equal replies are looked at once: this model says the same each time
    shown = section(run)
    drawn, told = table(shown, "posters-categories")
    assert told["severe hallucination"] == 3 * 6  # all three errors of each text, by construction
    assert drawn["correct"] == 6 * (CELLS + 3)
    assert any("from the replies" in caveat for caveat in shown.caveats)


@pytest.mark.slow
def test_gradings_of_one_reply_are_no_new_observations(tmp_path):
    run = replies(tmp_path, parts=("drawing", "telling"))
    with judging() as server:
        grade(run, server.url, How("openai:loop@127.0.0.1", gradings=3))
    found = section(run)
    (gap,) = [one for one in found.findings if one.headline]
    assert (gap.interval.n, gap.interval.clusters) == (12, 3)
    rows = table(found, "posters-agreement")
    assert {row["between"] for row in rows} == {"3 gradings by openai:loop@127.0.0.1"}
    text = next(row for row in rows if row["modality"] == "text")
    assert text["alpha"].estimate == 1
    assert text["items of both"] == 6 * ITEMS
