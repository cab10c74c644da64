"""Divergence is set against failures within kinds and given lengths: found where planted, and nowhere else."""

import numpy as np
import pytest

from unispect.core.findings import Preset, Verdict
from unispect.data.checklists import ChecklistItem
from unispect.models.registry import card_of
from unispect.studies.headline.joined import Divergence, failing
from unispect.studies.headline.view import pair, section, view
from unispect.studies.reasoning.observed import DRAW, SPELLED, Item, Seen
from unispect.studies.statements.evidence import Evidence, Reading
from unispect.studies.statements.headline import STATEMENTS

N = 120


def seen(failures) -> Seen:
    """Prompts with a question each; wrong from the prompt as often as said, right once it is spelled out."""
    asked = (ChecklistItem(id="q", dimension="d", question="?"),)
    items = {str(n): Item(str(n), str(n), f"kind {n % 2}", str(n), asked) for n in range(len(failures))}
    answers = {}
    for key, failure in zip(items, failures, strict=True):
        for seed in range(4):
            answers[key, key, DRAW, seed] = {"q": "no" if seed < round(4 * failure) else "yes"}
            answers[key, key, SPELLED, seed] = {"q": "yes"}
    return Seen("m", "m", "rules", items, answers, {}, {}, {})


def judged(failures, divergences, lengths) -> Verdict:
    model = seen(failures)
    keys = list(model.items)
    one = Divergence(
        "encoding",
        "entropy",
        Preset.PAPER,
        dict(zip(keys, map(float, divergences), strict=True)),
        dict(zip(keys, map(float, lengths), strict=True)),
    )
    return section([pair(model, failing(model), one)]).findings[0].verdict


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_prompts_that_diverge_more_and_fail_more(rng):
    hard = rng.uniform(size=N)
    assert judged(hard, hard + rng.normal(0, 0.3, N), rng.uniform(size=N)) is Verdict.SUPPORTED


def test_the_contrary_refutes(rng):
    hard = rng.uniform(size=N)
    assert judged(hard, -hard + rng.normal(0, 0.3, N), rng.uniform(size=N)) is Verdict.NOT_SUPPORTED


def test_length_and_kind_alone_are_no_ground(rng):
    length = rng.uniform(size=N)
    hard = np.clip(length + rng.normal(0, 0.1, N), 0, 1)
    assert judged(hard, length + rng.normal(0, 0.1, N), length) is not Verdict.SUPPORTED
    kind = np.arange(N) % 2
    hard = np.clip(0.8 * kind + rng.uniform(0, 0.2, N), 0, 1)
    assert judged(hard, kind + rng.normal(0, 0.1, N), rng.uniform(size=N)) is not Verdict.SUPPORTED


def test_luck_finds_little():
    """At most one in twenty, and so few of 100 seeds that more would be no luck."""
    found = 0
    for seed in range(100):
        rng = np.random.default_rng([1, seed])
        failures = rng.integers(0, 5, 40) / 4
        found += judged(failures, rng.normal(size=40), rng.uniform(size=40)) is Verdict.SUPPORTED
    assert found <= 5


def test_only_what_is_drawn_once_spelled_out_counts():
    model = seen([1.0, 0.5, 0.0])
    for seed in range(4):
        model.answers["0", "0", SPELLED, seed]["q"] = "no"
    assert failing(model) == {"1": 0.5, "2": 0.0}


def test_without_both_sides_there_is_no_section():
    assert view({}, {}) is None
    assert view({"reasoning": []}, {}) is None
    model = seen([0.0] * 4)
    few = pair(model, failing(model), Divergence("e", "entropy", Preset.PAPER, {"0": 1.0}, {"0": 1.0}))
    (found,) = section([few]).findings
    assert found.verdict is Verdict.CANNOT_TELL
    assert "only 1 prompts have both" in found.detail


@pytest.mark.parametrize(("side", "verdict"), [(1, Verdict.SUPPORTED), (-1, Verdict.NOT_SUPPORTED)])
def test_the_statement_is_judged_by_replies_where_they_were_measured(rng, side: int, verdict: Verdict):
    hard = rng.uniform(size=N)
    model, lengths = seen(hard), {str(n): float(n) for n in range(N)}
    pairings = []
    for id, numbers in (("encoding", -side * hard), ("response", side * hard + rng.normal(0, 0.2, N))):
        values = {str(n): float(number) for n, number in enumerate(numbers)}
        pairings.append(pair(model, failing(model), Divergence(id, id, Preset.PAPER, values, lengths)))
    (statement,) = STATEMENTS
    evidence = Evidence(card_of("tiny-janus-pro"), "m", Preset.PAPER, (), (), "", pairings=pairings)
    found = statement.outcome(evidence)
    assert found.verdict is verdict
    assert found.interval is not None
    assert found.interval.estimate * side > 0
    assert statement.outcome(evidence.read(Reading.LENGTH)).verdict is Verdict.NOT_APPLICABLE


def test_the_statement_says_what_is_missing():
    (statement,) = STATEMENTS
    nobody = statement.outcome(Evidence(card_of("tiny-janus-pro"), "m", Preset.PAPER, (), (), ""))
    assert nobody.verdict is Verdict.NOT_APPLICABLE
    assert "study reasoning" in nobody.note
    model = seen([0.5] * 4)
    few = Divergence(
        "response", "replies", Preset.PAPER, {str(n): 1.0 for n in range(4)}, {str(n): 1.0 for n in range(4)}
    )
    evidence = Evidence(
        card_of("tiny-janus-pro"), "m", Preset.PAPER, (), (), "", pairings=[pair(model, failing(model), few)]
    )
    assert "too few" in statement.outcome(evidence).note
