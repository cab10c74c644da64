"""Planted truth of the study `alignment`: shared structure is named where it is, and nothing where there is none."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from unispect.core.cards import ModelCard
from unispect.core.findings import Finding, Interval, Section, Verdict
from unispect.core.prompts import Goal, Segment
from unispect.core.typed import to_json
from unispect.core.units import Entry, Record, Unit
from unispect.models.attention import LayerAttention, Looks
from unispect.studies.alignment.comparing import likenesses
from unispect.studies.alignment.plan import NEIGHBOURS, STUDY, VERSION
from unispect.studies.alignment.prompts import items_of
from unispect.studies.alignment.records import (
    PICTURE_AT_PROMPT,
    PLACES,
    START,
    Attended,
    Attending,
    Compared,
    Comparison,
    How,
)
from unispect.studies.alignment.run import LOOKS, attended
from unispect.studies.alignment.view import view
from unispect.studies.states.records import Asked

Floats = NDArray[np.float64]
CARD = ModelCard("planted", "fake", "none", None, 64, 16, revision="1", taught={"drawing": "drawing"})
LAYERS = 4
WIDTH = 16
PERMUTATIONS = 399


def states(
    rng: np.random.Generator,
    *,
    shared: Sequence[float] = (0.0,) * LAYERS,
    own: Sequence[float] = (0.9,) * LAYERS,
    apart: float = 3.0,
) -> Mapping[tuple[str, Goal, int], list[Floats]]:
    """States of 22 words in both goals and two wordings.

    Args:
        rng: of everything.
        shared: by layer, the share of a goal's own variance that it has from what both goals have.
        own: by layer, the share of variance that a goal's wordings have in common.
        apart: how far attributes lie from each other, in both goals alike.
    """
    groups = items_of(Compared(lexicon="drawing")).groups
    kinds = np.array([list(dict.fromkeys(groups)).index(group) for group in groups])
    found: dict[tuple[str, Goal, int], list[Floats]] = {}
    for place in PLACES:
        for layer in range(LAYERS):
            common, offsets = rng.normal(size=(len(kinds), WIDTH)), apart * rng.normal(size=(4, WIDTH))
            for goal in Goal:
                alone = np.sqrt(shared[layer]) * common + np.sqrt(1 - shared[layer]) * rng.normal(size=common.shape)
                for wording in (0, 1):
                    noise = rng.normal(size=common.shape)
                    rows = np.sqrt(own[layer]) * alone + np.sqrt(1 - own[layer]) * noise + offsets[kinds]
                    found.setdefault((place, goal, wording), []).append(rows if layer else np.ones_like(rows))
    return found


def entry(lexicon: str, made: Mapping[tuple[str, Goal, int], list[Floats]], seed: int = 0) -> Entry:
    asked, how = Compared(lexicon=lexicon, contexts=8), How(k=NEIGHBOURS, permutations=PERMUTATIONS)
    items = items_of(asked)
    unit = Unit(STUDY, VERSION, "compare", CARD.reference, to_json(asked), to_json(how), seed)
    left = likenesses(made, items.groups, how, np.random.default_rng(seed))
    return Entry(unit, Record(unit.id, to_json(Comparison(items=items.names, likenesses=left))))


def seen(**lexicons: Entry) -> Section:
    return view([*lexicons.values()], {CARD.reference: CARD})


def finding(section: Section, id: str) -> Finding:
    return next(one for one in section.findings if one.id == id)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_layer_with_shared_structure_is_named(layer: int):
    shared = [0.95 if own == layer else 0.0 for own in range(LAYERS)]
    section = seen(one=entry("drawing", states(np.random.default_rng(layer), shared=shared)))
    found = finding(section, "near-drawing-planted")
    assert found.verdict is Verdict.SUPPORTED
    assert f"beyond chance at layers: {layer}. " in found.detail
    row = next(row for row in section.tables[0].rows if row[2] == "reply starts")
    assert row[5] == layer


def test_goals_that_lie_alike_everywhere_are_not_apart_and_goals_that_share_nothing_are():
    for shared, verdict in ((1.0, Verdict.NOT_SUPPORTED), (0.0, Verdict.SUPPORTED)):
        made = states(np.random.default_rng(1), shared=(shared,) * LAYERS)
        found = finding(seen(one=entry("drawing", made)), "apart-drawing-planted")
        assert found.verdict is verdict
        assert found.headline


def test_nobody_is_apart_where_wordings_of_one_goal_share_nothing():
    section = seen(one=entry("drawing", states(np.random.default_rng(1), own=(0.0,) * LAYERS)))
    assert finding(section, "apart-drawing-planted").verdict is Verdict.CANNOT_TELL


def test_what_spelling_does_is_nothing_beyond_it():
    """Words never taught lie alike as well as those that were taught, or they do not."""
    for never, verdict in ((0.9, Verdict.NOT_SUPPORTED), (0.0, Verdict.SUPPORTED)):
        taught = entry("drawing", states(np.random.default_rng(1), shared=(0.9,) * LAYERS))
        other = entry("never", states(np.random.default_rng(2), shared=(never,) * LAYERS))
        section = seen(taught=taught, never=other)
        assert finding(section, "beyond-drawing-planted").verdict is verdict


@cache
def nothing(seed: int) -> tuple[Finding, ...]:
    rng = np.random.default_rng([3, seed])

    def independent() -> Mapping[tuple[str, Goal, int], list[Floats]]:
        return {key: own for key, own in states(rng).items() if key[0] == START}

    return seen(one=entry("drawing", independent(), seed), never=entry("never", independent(), seed)).findings


def false_findings(seeds: int) -> int:
    """How many models of which nothing is true get a finding that says that goals lie alike: two lexicons each."""
    return sum(
        any(one.verdict is Verdict.SUPPORTED for one in nothing(seed) if one.id.startswith(("near", "beyond")))
        for seed in range(seeds)
    )


def test_independent_states_are_seldom_found_alike():
    assert false_findings(30) <= binom.ppf(0.99, 30, 0.05)


@pytest.mark.nightly("tests/planted/test_planted_alignment.py::test_independent_states_are_seldom_found_alike")
def test_independent_states_are_found_alike_in_5_percent_at_most():
    """Of 200, and what chance adds."""
    assert false_findings(200) <= binom.ppf(0.99, 200, 0.05)


def looking(seen_row: int) -> LayerAttention:
    """Six rows of a prompt (0 to 2) and a picture (3 to 5), of which every row looks at one."""
    queries = torch.zeros(2, 6, 6)
    queries[..., seen_row] = 50.0
    looks = Looks(queries, torch.eye(6).expand(2, -1, -1), 1.0, torch.ones(6, 6, dtype=torch.bool))
    return LayerAttention(1, (looks,), ((Segment(0, 3, "text", "prompt"), Segment(3, 6, "image", "response")),))


def test_a_model_that_looks_at_a_known_place_is_seen_to():
    """In the first block pictures look at the prompt, in the second at themselves."""
    entries = []
    for number in range(8):
        asked = Asked(id=str(number), group="drawing", prompt={"text": f"text {number}"})
        unit = Unit(STUDY, VERSION, "attend", CARD.reference, to_json(asked), to_json(Attending(goal=Goal.IMAGE)))
        ((found,),) = attended([looking(number % 3), looking(3 + number % 3)], LOOKS[Goal.IMAGE], 1)
        assert found.what == PICTURE_AT_PROMPT
        entries.append(Entry(unit, Record(unit.id, to_json(Attended(between=[found])))))
    section = view(entries, {CARD.reference: CARD})
    ((_, _, prompts, even, first, last, most, block, more, _),) = section.tables[0].rows
    assert (prompts, even, block) == (8, 0.5, 1)
    values = [one.estimate for one in (first, most, last, more) if isinstance(one, Interval)]
    assert values == pytest.approx([1.0, 1.0, 0.0, 0.5], abs=1e-4)


def test_states_that_do_not_vary_have_no_layer():
    made = {key: [np.ones((22, WIDTH))] * LAYERS for key in states(np.random.default_rng(0))}
    section = seen(one=entry("drawing", made))
    assert section.findings == ()
    assert {row[4] for row in section.tables[0].rows} == {None}
