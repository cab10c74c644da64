"""Ids of units are those that earlier releases gave: run folders of theirs go on, and merge with new ones.

`plan_ids.json` holds, for every study and kind of unit, how many there are, the first id, and the digest of all, as
they were before inputs and settings became typed values.
"""

import json
from pathlib import Path

import pytest

from unispect.core.units import digest
from unispect.models.registry import card_of
from unispect.studies.base import Options
from unispect.studies.registry import find_study

RECORDED = json.loads(Path(__file__).with_name("plan_ids.json").read_text("ascii"))


@pytest.mark.parametrize("which", RECORDED)
def test_a_plan_has_the_ids_of_before(which: str):
    study, model = which.split(" on ")
    options = Options(limit=1, seeds=(0, 1), parts=("all",) if study == "concepts" else ())
    kinds: dict[str, list[str]] = {}
    for unit in find_study(study).plan(card_of(model), options).units:
        kinds.setdefault(unit.kind, []).append(unit.id)
    assert {kind: [len(ids), ids[0], digest(ids)] for kind, ids in kinds.items()} == RECORDED[which]
