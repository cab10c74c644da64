"""Knowledge planted in a fake model comes back out of the concepts study: gaps, verdicts, letter preference."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from tests.helpers.fake_concepts import ALL, FakeModel, card, entries_of, section_of
from unispect.core.findings import Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.studies.base import Options
from unispect.studies.concepts.view import view

KNOWN = frozenset({REAL, "drawing", "text", "both"})
APHASIC = FakeModel(card(), draws=frozenset({REAL, "drawing", "both"}), tells=frozenset({REAL, "text", "both"}))


@cache
def aphasic():
    return section_of(APHASIC, options=Options(limit=24))


def finding(section, end):
    found = [f for f in section.findings if f.id.endswith(end)]
    assert len(found) == 1, [f.id for f in section.findings]
    return found[0]


def rows(section, table, **where):
    (wanted,) = [t for t in section.tables if t.id == table]
    named = [dict(zip(wanted.columns, row, strict=True)) for row in wanted.rows]
    return [row for row in named if all(row[key] == value for key, value in where.items())]


def row(section, table, **where):
    (only,) = rows(section, table, **where)
    return only


@pytest.mark.slow
def test_words_drawn_but_not_told_are_aphasia():
    found = finding(aphasic(), "taught-drawing")
    assert found.verdict is Verdict.SUPPORTED
    assert found.headline
    assert found.interval.low > 0.5
    assert found.interval.estimate == pytest.approx(1, abs=0.35)
    assert found.seeds == (0, 1, 2)


def test_words_told_but_not_drawn_are_its_mirror_image():
    found = finding(aphasic(), "taught-text")
    assert found.verdict is Verdict.SUPPORTED
    assert found.interval.high < -0.5


def alone(found):
    """The verdict of a finding by itself: 22 words are too few for absence after a correction over many claims."""
    return found.decision.verdict(found.decision.p)


def test_words_known_both_ways_show_no_gap():
    found = finding(aphasic(), "taught-both")
    assert alone(found) is Verdict.SUPPORTED
    assert found.interval.estimate == 0


def test_untaught_words_are_at_chance():
    found = finding(aphasic(), "taught-never")
    assert found.verdict is not Verdict.NOT_SUPPORTED
    assert 0 < found.power < 0.8
    told = row(aphasic(), "ways", words="words never taught", way="likelihood")
    assert not told["chance-corrected"].excludes(0)


def test_pairs_are_the_discordant_words():
    whole = row(aphasic(), "aphasia", words="words taught by drawing", attribute="all")
    told = row(aphasic(), "ways", words="words taught by drawing", way="likelihood")
    assert whole["drawn, not told"] == 22 - round(22 * told["right"].estimate)
    assert whole["told, not drawn"] == 0
    assert whole["p"] < 0.01
    assert (whole["n words"], whole["n judged"]) == (22, 24 * 3 * 4)


@pytest.mark.slow
def test_a_model_that_can_do_both_is_never_called_aphasic():
    section = section_of(FakeModel(card(), draws=ALL, tells=ALL))
    assert alone(finding(section, "taught-drawing")) is Verdict.NOT_SUPPORTED
    assert alone(finding(section, "taught-text")) is Verdict.NOT_SUPPORTED
    assert alone(finding(section, "taught-both")) is Verdict.SUPPORTED
    assert finding(section, "taught-never").verdict is Verdict.NOT_SUPPORTED
    assert finding(section, "real-words").verdict is Verdict.SUPPORTED


@pytest.mark.slow
def test_a_preference_for_a_letter_is_worth_nothing():
    section = section_of(FakeModel(card(), draws=ALL, tells=ALL, letters=lambda right: "A"))
    for words in ("real words", "words taught by drawing"):
        told = row(section, "ways", words=words, way="multiple choice")
        raw = row(section, "ways", words=words, way="multiple choice, raw")
        assert raw["right"].estimate == pytest.approx(4 / 22)
        assert told["chance-corrected"].estimate == pytest.approx(0)
        assert told["may be read"] == "no"
    found = finding(section, "taught-drawing")
    assert alone(found) is Verdict.NOT_SUPPORTED
    assert "multiple choice 18 % (fails with 18 % of real words)" in found.detail
    assert "by multiple choice" not in found.detail.partition("Drawn right")[0]


@pytest.mark.slow
def test_a_preference_for_a_letter_is_no_telling():
    """Who likes a letter tells nothing by options in all orders, so words that are drawn stay untold."""

    class Liking(FakeModel):
        def _scores(self, text, answers):
            scores = super()._scores(text, answers)
            if text.startswith("Which option"):
                scores[0] += 20
            return scores

    section = section_of(Liking(card(), draws=KNOWN, tells=frozenset({REAL, "text", "both"})))
    assert finding(section, "taught-drawing").verdict is Verdict.SUPPORTED


@pytest.mark.slow
def test_a_preference_for_a_letter_does_not_hide_knowledge():
    """The letter A gains 20 nats, far more than knowing the answer is worth."""

    class Biased(FakeModel):
        def _scores(self, text, answers):
            scores = super()._scores(text, answers)
            if answers[0] == "A":
                scores[0] += 20
            return scores

    section = section_of(Biased(card(), draws=ALL, tells=ALL))
    told = row(section, "ways", words="real words", way="multiple choice")
    raw = row(section, "ways", words="real words", way="multiple choice, raw")
    assert told["right"].estimate == 1
    assert raw["right"].estimate == pytest.approx(4 / 22)


@pytest.mark.slow
def test_a_model_that_cannot_talk_is_not_called_aphasic():
    section = section_of(FakeModel(card(), draws=ALL, tells=frozenset()))
    found = finding(section, "taught-drawing")
    assert found.verdict is Verdict.CANNOT_TELL
    assert "real words" in found.detail
    assert finding(section, "real-words").verdict is Verdict.NOT_SUPPORTED


@pytest.mark.slow
def test_a_model_that_cannot_draw_is_not_called_aphasic():
    section = section_of(FakeModel(card(), draws=frozenset(), tells=ALL))
    assert finding(section, "taught-drawing").verdict is Verdict.CANNOT_TELL
    assert finding(section, "taught-text").verdict is Verdict.SUPPORTED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planted", "tells", "verdict"),
    [
        ("fluent", KNOWN, Verdict.SUPPORTED),
        ("fluent", frozenset({REAL}), Verdict.NOT_SUPPORTED),
        ("mute", frozenset({REAL}), Verdict.SUPPORTED),
        ("mute", KNOWN, Verdict.NOT_SUPPORTED),
    ],
)
def test_controls_come_out_as_planted_or_are_called_failed(planted, tells, verdict):
    section = section_of(FakeModel(card(planted, planted=planted), draws=KNOWN, tells=tells))
    found = finding(section, "planted")
    assert found.control
    assert found.verdict is verdict
    assert not [f for f in section.findings if "taught" in f.id]


@pytest.mark.slow
def test_an_unmoved_prior_does_not_hide_knowledge_from_the_calibrated_likelihood():
    """Always likeliest is the first value; the right one gains a little, which only the comparison of words shows."""

    class Stubborn(FakeModel):
        def _scores(self, text, answers):
            scores = torch.full((len(answers),), -5.0)
            right = self._right(text, answers)
            if right in answers:
                scores[list(answers).index(right)] += 1
            if len(answers[0]) > 1:
                scores[0] += 3
            return scores

    section = section_of(Stubborn(card(), draws=ALL, tells=ALL))
    plain = row(section, "ways", words="words taught by drawing", way="likelihood")
    calibrated = row(section, "ways", words="words taught by drawing", way="likelihood, prior removed")
    assert plain["right"].estimate == pytest.approx(4 / 22)
    assert calibrated["right"].estimate == 1


@pytest.mark.slow
def test_seeing_and_drawing_from_descriptions_are_in_the_battery():
    seen = row(aphasic(), "battery", **{"from": "picture"})
    drawn = row(aphasic(), "battery", **{"from": "description"})
    assert seen["mean"].estimate == drawn["mean"].estimate == seen["all four"].estimate == 1
    blind = section_of(FakeModel(card(), draws=ALL, tells=ALL, sees=False))
    unread = row(blind, "battery", **{"from": "picture"})
    assert (unread["mean"].estimate, unread["unclear"]) == (0, 1)


def test_gallery_shows_right_and_wrong_pictures_with_what_was_told():
    items = [item for item in aphasic().gallery if "by text" in item.group]
    assert items
    assert all(item.truth != item.drawn for item in items)
    assert all(item.truth == item.told for item in items)
    drawn = [item for item in aphasic().gallery if "by drawing" in item.group]
    assert all(item.truth == item.drawn for item in drawn)
    assert all(item.picture and item.prompt and "no idea" in item.reply for item in drawn)


@pytest.mark.slow
def test_several_models_keep_their_own_findings():
    section = section_of(APHASIC, FakeModel(card("fluent", planted="fluent"), draws=KNOWN, tells=KNOWN))
    assert len({f.id for f in section.findings}) == len(section.findings)
    assert {f.model for f in section.findings} == {"fake", "fluent"}
    assert section.findings[0].control


def test_records_that_no_judge_has_seen_prove_nothing():
    model = FakeModel(card(), draws=ALL, tells=ALL)
    unjudged = [replace(entry, grades={}) for entry in entries_of(model, Options(limit=2, seeds=(0,)))]
    section = view(unjudged, {model.card.reference: model.card})
    found = finding(section, "taught-drawing")
    assert (found.verdict, found.interval) == (Verdict.CANNOT_TELL, None)
    assert any("not been judged" in caveat for caveat in section.caveats)


def test_a_control_without_records_to_judge_has_no_verdict_by_accident():
    planted = FakeModel(card("mute", planted="mute", capabilities=frozenset({"score"})), draws=ALL, tells=ALL)
    assert finding(section_of(planted), "planted").verdict is Verdict.CANNOT_TELL
