"""Families side by side: numbers in closed form, planted orders found, no order found where there is none."""

import numpy as np
import pytest

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset, Verdict
from unispect.studies.encoding.traces import Trace
from unispect.studies.families.claims import findings
from unispect.studies.families.measures import Left
from unispect.studies.families.readings import Reading, together
from unispect.studies.families.view import view

PROMPTS = 30


def card(name, *, family="", contextual=False):
    return ModelCard(name, family or name, "p", 1.0, 64, 64, contextual=contextual)


def left(name, difference, *, contextual=False, noise=0.1, seed=0, preset=Preset.PAPER):
    """A model whose text lies `difference` bits above its pictures, at both layers, give or take noise."""
    rng = np.random.default_rng([seed, *name.encode()])
    traces = [
        Trace(
            model=name,
            preset=preset,
            modality=modality,
            goal="text",
            kind="k",
            prompt=f"{modality} {number}",
            rows=8,
            full_rows=8,
            k=1,
            curve=tuple(3 + lift + noise * rng.standard_normal() + wave for wave in (-1, 1)),
            left_out="",
            more={},
        )
        for modality, lift in (("text", difference), ("image", 0.0))
        for number in range(PROMPTS)
    ]
    return Left(card(name, contextual=contextual), name, {}, traces, [])


def verdicts(*models):
    return {finding.id: finding.verdict for finding in findings(models)}


def test_a_reading_is_the_mean_of_one_side_minus_that_of_the_other():
    reading = Reading("m", False, [("a", 1.0), ("a", 2.0), ("b", 3.0)], [("a", 1.0)])
    assert reading.interval.estimate == 1.0
    assert (reading.interval.n, reading.interval.clusters) == (4, 2)
    assert Reading("m", False, [("a", 1.0), ("b", -2.0)]).interval.estimate == -0.5


def test_models_that_share_prompts_stay_paired():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal(PROMPTS)
    one = Reading("one", True, [(str(i), 5 + value) for i, value in enumerate(shared)])
    other = Reading("other", False, [(str(i), 4 + value) for i, value in enumerate(shared)])
    found = together([one, other], lambda numbers: numbers[..., 0] - numbers[..., 1])
    assert found.estimate == pytest.approx(1)
    assert found.high - found.low < 1e-9 < one.interval.high - one.interval.low


@pytest.mark.parametrize(
    ("contextual", "others", "verdict"),
    [
        (0.2, (1.0, 1.0), Verdict.SUPPORTED),
        (-0.2, (1.0, -1.0), Verdict.SUPPORTED),  # sizes count, not signs
        (1.0, (0.2, 2.0), Verdict.NOT_SUPPORTED),  # one is surely nearer
        (-1.0, (-0.2, -0.2), Verdict.NOT_SUPPORTED),
        (1.0, (1.0, 2.0), Verdict.CANNOT_TELL),
    ],
)
def test_planted_orders_are_found(contextual, others, verdict):
    models = [left("c", contextual, contextual=True), *(left(f"o{n}", value) for n, value in enumerate(others))]
    assert verdicts(*models) == {"contextual-levels-paper": verdict}


def test_every_pair_must_go_the_claimed_way():
    near, far = left("near", 0.1, contextual=True), left("far", 3.0, contextual=True)
    (found,) = findings([near, far, left("o", 1.0)])
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert "1 surely go the claimed way and 1 surely the other" in found.detail
    assert found.interval is not None
    assert found.interval.estimate == pytest.approx((0.1 + 3.0) / 2 - 1.0, abs=0.1)


def test_without_one_of_the_two_kinds_nothing_is_claimed():
    (found,) = findings([left("a", 1.0), left("b", 0.0)])
    assert found.verdict is Verdict.NOT_APPLICABLE
    assert not found.headline
    assert "predicts open places" in found.detail


def test_where_there_is_no_order_none_is_found():
    claimed = [
        verdicts(left("c", 0.5, contextual=True, noise=1.0, seed=seed), left("o", 0.5, noise=1.0, seed=seed))
        for seed in range(200)
    ]
    settled = [found for found in claimed if found["contextual-levels-paper"] is not Verdict.CANNOT_TELL]
    assert len(settled) <= 0.05 * len(claimed) + 2 * np.sqrt(0.05 * 0.95 * len(claimed))


def test_presets_are_read_apart():
    both = Left(
        card("c", contextual=True),
        "c",
        {},
        [*left("c", 0.1).levels, *left("c", 2.0, preset=Preset.CONTROLLED).levels],
        [],
    )
    other = Left(card("o"), "o", {}, [*left("o", 1.0).levels, *left("o", 1.0, preset=Preset.CONTROLLED).levels], [])
    assert verdicts(both, other) == {
        "contextual-levels-paper": Verdict.SUPPORTED,
        "contextual-levels-controlled": Verdict.NOT_SUPPORTED,
    }


def test_one_family_is_not_compared():
    assert view({}, {}) is None
