"""Run folders that were continued in another way: what was measured differently is never pooled."""

from dataclasses import replace

import pytest

from tests.helpers.planted_states import Planted
from unispect.core.findings import Preset, Verdict
from unispect.core.prompts import Goal
from unispect.engine.local import execute
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.encoding import plan as encoding
from unispect.studies.encoding import study as encoding_study
from unispect.studies.encoding.traces import compatible as levels
from unispect.studies.encoding.view import view as view_encoding
from unispect.studies.response import plan as response
from unispect.studies.response import study as response_study
from unispect.studies.response.traces import compatible as replies
from unispect.studies.response.view import view as view_response

NAMES = {"planted": "planted"}


def counted(text):
    """Names are shorter than everything else, so more of them lower the number of rows drawn."""
    return 16 if len(text) < 40 else 40


LEVELS = Planted(rows={"text": 40, "image": 40}, distinct={"text": (8, 8), "image": (20, 20)}, row_count=counted)


def run_into(folder, model, study, run, *options):
    with RunStore.create(folder) as store:
        for dtype, one in options:
            model.dtype = dtype
            execute(study.plan(model.card, Options(**one)), run, store, model)
        return list(store.entries())


def sets(traces):
    return {(one.preset, one.way.source, one.way.precision, one.k) for one in traces}


def same_entries(entries, others):
    """The verdicts and numbers of two runs."""
    first, second = (
        {one.id: (one.verdict, one.interval and one.interval.estimate) for one in view_encoding(own, {}).findings}
        for own in (entries, others)
    )
    return first == second


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The larger of the sets, measured by itself."""
    return run_into(
        tmp_path_factory.mktemp("whole") / "r", replace(LEVELS), encoding, encoding_study.run, ("float32", {"limit": 4})
    )


@pytest.mark.slow
def test_more_prompts_calibrate_anew_and_replace_what_was_there(whole, tmp_path):
    entries = run_into(
        tmp_path / "r",
        replace(LEVELS),
        encoding,
        encoding_study.run,
        ("float32", {"limit": 1}),
        ("float32", {"limit": 4}),
    )
    kept = levels(entries, NAMES)
    assert {one.k for one in kept.traces if one.preset is Preset.CONTROLLED} == {16}
    counts = [(one.preset, one.goal, one.prompt) for one in kept.traces]
    assert len(counts) == len(set(counts)) == len(levels(whole, NAMES).traces)  # each prompt once
    assert same_entries(entries, whole)
    (said,) = kept.aside
    assert "planted under controlled: 15 measurements of 10 prompts left aside" in said
    assert "bandwidths from other prompts" in said
    assert said in view_encoding(entries, {}).aside


@pytest.mark.slow
def test_another_data_set_is_another_set(whole, tmp_path):
    entries = run_into(
        tmp_path / "r",
        replace(LEVELS),
        encoding,
        encoding_study.run,
        ("float32", {"data": "world-words", "limit": 2}),
        ("float32", {"limit": 4}),
    )
    kept = levels(entries, NAMES)
    assert len({source for _, source, _, _ in sets(kept.traces)}) == 1
    assert all(one.way.source.startswith("world (") for one in kept.traces)
    assert same_entries(entries, whole)
    (said,) = kept.aside
    assert "prompts from world-words (" in said
    assert "instead of world (" in said


@pytest.mark.slow
def test_another_precision_is_another_set(tmp_path):
    entries = run_into(
        tmp_path / "r",
        replace(LEVELS),
        encoding,
        encoding_study.run,
        ("float32", {"limit": 1}),
        ("bfloat16", {"limit": 4}),
    )
    kept = levels(entries, NAMES)
    assert {one.way.precision for one in kept.traces} == {"bfloat16"}
    counts = [(one.preset, one.goal, one.prompt) for one in kept.traces]
    assert len(counts) == len(set(counts))
    assert any("in float32 instead of bfloat16" in said for said in kept.aside)


@pytest.mark.slow
def test_a_smaller_set_that_comes_later_is_left_aside(whole, tmp_path):
    entries = run_into(
        tmp_path / "r",
        replace(LEVELS),
        encoding,
        encoding_study.run,
        ("float32", {"limit": 4}),
        ("float32", {"limit": 1}),
    )
    assert same_entries(entries, whole)


@pytest.mark.slow
def test_another_seed_repeats_the_same_calibration(tmp_path):
    entries = run_into(
        tmp_path / "r",
        replace(LEVELS),
        encoding,
        encoding_study.run,
        ("float32", {"limit": 2, "seeds": (0,)}),
        ("float32", {"limit": 2, "seeds": (1,)}),
    )
    kept = levels(entries, NAMES)
    assert not kept.aside
    assert {one.seeds for one in kept.traces} == {(0, 1)}


REPLIES = Planted(
    rows={"text": 16, "image": 16},
    distinct={"text": (16, 16), "image": (16, 16)},
    echo={Goal.TEXT: (0.5, 0.5), Goal.IMAGE: (0.5, 0.5)},
    reply_rows={Goal.TEXT: 16, Goal.IMAGE: 32},
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "said"),
    [
        (("float32", {"limit": 2}), "bandwidths from other prompts"),
        (("float32", {"data": "world-words", "limit": 1}), "prompts from world-words ("),
        (("bfloat16", {"limit": 2}), "in bfloat16 instead of float32"),
    ],
    ids=["more", "data", "precision"],
)
def test_replies_are_kept_apart_likewise(first, said, tmp_path):
    entries = run_into(
        tmp_path / "r", replace(REPLIES), response, response_study.run, first, ("float32", {"limit": 6, "seeds": (0,)})
    )
    kept = replies(entries, NAMES)
    for preset in Preset:
        own = [one for one in kept.traces if one.preset is preset]
        assert len({one.way for one in own}) == 1
        counts = [(one.task, one.seed, one.prompt) for one in own]
        assert len(counts) == len(set(counts))
    assert any(said in line for line in kept.aside)
    found = [one for one in view_response(entries, {}).findings if one.verdict is not Verdict.NOT_APPLICABLE]
    assert found
    assert view_response(entries, {}).aside == kept.aside


@pytest.mark.slow
def test_replies_within_other_limits_are_kept_apart(monkeypatch, tmp_path):
    model = replace(REPLIES)
    with RunStore.create(tmp_path / "r") as store:
        for limit, prompts in ((64, 2), (256, 5)):
            monkeypatch.setattr(response, "MAX_NEW_TOKENS", limit)
            execute(response.plan(model.card, Options(limit=prompts, seeds=(0,))), response_study.run, store, model)
        entries = list(store.entries())
    kept = replies(entries, NAMES)
    assert {'"max_new_tokens":256' in one.way.limits for one in kept.traces} == {True}
    assert any("replies within" in said for said in kept.aside)
