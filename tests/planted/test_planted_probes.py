"""Probes name the layer and the place where a meaning was written, and none where none was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.helpers.planted_meanings import CARD, LAYERS, Meanings
from tests.planted_truth import probes
from tests.planted_truth.case import counted
from unispect.core.findings import Section, Verdict
from unispect.core.prompts import Goal
from unispect.core.units import Entry
from unispect.studies.base import Options
from unispect.studies.probing_attributes.plan import plan
from unispect.studies.probing_attributes.reads import Reads, reads
from unispect.studies.probing_attributes.records import LAST, PLACES, START, TEMPLATE, WORD
from unispect.studies.probing_attributes.run import procedures
from unispect.studies.probing_attributes.view import view

WRITTEN = {
    (Goal.IMAGE, "drawing"): [(LAST, 1)],
    (Goal.TEXT, "text"): [(START, 2)],
    (Goal.IMAGE, "both"): [(WORD, 2)],
    (Goal.TEXT, "both"): [(WORD, 2)],
}
"""Drawing and text stand in one route each, both in both."""
EVERYWHERE = [(place, layer) for place in (WORD, LAST, START) for layer in range(LAYERS)]


def entries(model: Meanings, limit: int | None = None) -> list[Entry]:
    planned = plan(model.card, Options(limit=limit))

    def nothing(unit: str):
        raise AssertionError("probes build on no record")

    records = procedures()["probe"](model, planned.units, nothing)  # type: ignore[arg-type]
    return [Entry(unit, record) for unit, record in zip(planned.units, records, strict=True)]


def looked(model: Meanings) -> tuple[Mapping[tuple[Goal, Goal, str], Reads], Section]:
    left = entries(model)
    cards = {model.card.reference: model.card}
    found = reads(left, cards, {model.card.reference: "planted"})
    return {(one.learned, one.goal, one.taught): one for one in found}, view(left, cards)


@pytest.fixture(scope="module")
def planted() -> tuple[Mapping[tuple[Goal, Goal, str], Reads], Section]:
    return looked(Meanings(WRITTEN))


@pytest.fixture(scope="module")
def memories() -> tuple[Mapping[tuple[Goal, Goal, str], Reads], Section]:
    """Two memories, one for drawing and one for telling, both of which know all words that were taught both ways."""
    return looked(Meanings({(goal, "both"): EVERYWHERE for goal in Goal}, apart=True))


def verdicts(section: Section) -> dict[str, Verdict]:
    return {one.id: one.verdict for one in section.findings}


@pytest.mark.slow
def test_the_layer_and_the_place_of_every_meaning_are_named_and_no_other(planted):
    found, _ = planted
    for goal in Goal:
        for lexicon in ("drawing", "text", "both", "never"):
            cells = set(WRITTEN.get((goal, lexicon), ()))
            # the mean over the template holds the row from which the reply starts
            cells |= {(TEMPLATE, layer) for place, layer in cells if place == START}
            assert set(found[goal, goal, lexicon].readable) == cells, (goal, lexicon)


@pytest.mark.slow
def test_what_is_written_alike_is_read_from_the_other_route(planted):
    found, section = planted
    assert found[Goal.IMAGE, Goal.TEXT, "both"].readable == [(WORD, 2)]
    assert found[Goal.TEXT, Goal.IMAGE, "both"].readable == [(WORD, 2)]
    assert set(found[Goal.IMAGE, Goal.TEXT, "text"].readable) == {(START, 2), (TEMPLATE, 2)}
    assert verdicts(section)["any-image-text-drawing"] is Verdict.CANNOT_TELL


@pytest.mark.slow
def test_claims_say_what_was_planted(planted):
    said = verdicts(planted[1])
    assert said["any-image-image-drawing"] is Verdict.SUPPORTED
    assert said["any-text-text-text"] is Verdict.SUPPORTED
    assert said["most-text-text-text"] is Verdict.SUPPORTED
    assert said["most-image-image-drawing"] is Verdict.NOT_SUPPORTED  # it stands elsewhere
    assert said["most-text-text-drawing"] is Verdict.CANNOT_TELL
    for route in ("image-image", "text-text", "image-text"):
        assert said[f"any-{route}-never"] is Verdict.CANNOT_TELL
    assert said["most-image-image-real"] is said["most-text-text-real"] is Verdict.SUPPORTED
    headlines = [one.id for one in planted[1].findings if one.headline]
    assert headlines == ["less-text"]
    assert said["less-image"] is said["less-text"] is Verdict.CANNOT_TELL  # nothing of either starts a reply


@pytest.mark.slow
def test_every_figure_and_every_row_says_chance_interval_and_number(planted):
    section = planted[1]
    for figure in section.figures:
        assert figure.scale is not None
        assert figure.scale[0] == pytest.approx(4 / 22, abs=1e-3)
        assert [series.label for series in figure.panels["planted"]] == list(PLACES)
    (table,) = section.tables
    place = table.columns.index("reply starts, last layer")
    for row in table.rows:
        share = row[place]
        assert (share.clusters, row[4]) == (22, 22)  # type: ignore[union-attr]
        assert "words" in share.unit  # type: ignore[union-attr]
    bases = {one.basis.figure for one in section.findings if one.basis.figure}
    assert bases <= {figure.id for figure in section.figures}
    rows = [row[:4] for row in table.rows]
    assert all(one.basis.row in rows for one in section.findings)


@pytest.mark.slow
def test_control_tasks_are_at_chance_for_other_words_and_learned_for_real_ones(planted):
    found, _ = planted
    control = found[Goal.TEXT, Goal.TEXT, "text"].control((START, 2))
    assert 0.0 <= control < 0.5
    assert found[Goal.IMAGE, Goal.IMAGE, "real"].control((WORD, 1)) > 0.9


@pytest.mark.slow
def test_two_memories_are_read_by_their_own_probes_alone(memories):
    found, section = memories
    own = found[Goal.IMAGE, Goal.IMAGE, "both"], found[Goal.TEXT, Goal.TEXT, "both"]
    assert all(set(EVERYWHERE) <= set(one.readable) for one in own)
    assert not found[Goal.IMAGE, Goal.TEXT, "both"].readable
    assert not found[Goal.TEXT, Goal.IMAGE, "both"].readable
    said = verdicts(section)
    assert said["any-image-text-both"] is said["most-image-text-both"] is Verdict.CANNOT_TELL
    assert said["most-text-text-both"] is Verdict.SUPPORTED
    assert said["less-text"] is said["less-image"] is Verdict.SUPPORTED


@pytest.mark.slow
def test_a_model_that_knows_nothing_gives_no_finding_in_200_seeds():
    (world,) = (one for one in probes.worlds() if one.truth == "states that say nothing of what words mean")
    together = counted(world, range(200))[-1]
    assert together.wrong <= 10


def test_what_is_there_is_found_in_every_seed():
    (world,) = (one for one in probes.worlds() if one.truth.endswith("where the reply starts, at one layer"))
    for count in counted(world, range(5))[:-1]:
        assert (count.supported, count.wrong) == (5, 0)


def test_states_that_are_not_finite_fail_by_layer_and_place():
    left = entries(Meanings(spoilt=1), limit=2)
    assert {one.record.status for one in left} == {"failed"}
    assert left[0].record.error.startswith("planted, layer 1, word: states that are not finite")


def test_a_model_of_one_route_is_probed_there_and_the_other_is_said():
    card = replace(CARD, capabilities=frozenset({"write", "probe"}))
    planned = plan(card, Options())
    assert {unit.inputs["goal"] for unit in planned.units} == {"text"}
    assert [skip.what for skip in planned.skips] == ["prompts for image"]
