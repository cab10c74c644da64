"""Models that share an id are told apart by training seed, by steps, by both, or by their revision."""

from unispect.core.cards import ModelCard
from unispect.studies.names import named


def cards(*made):
    found = [
        ModelCard("m", "f", "p", 1.0, 8, 8, revision=str(n), bound_steps=steps, training_seed=seed)
        for n, (steps, seed) in enumerate(made)
    ]
    return {card.reference: card for card in found}


def names(*made):
    own = cards(*made)
    return list(named(list(own), own).values())


def test_one_revision_is_its_id():
    assert names((10, 0)) == ["m"]


def test_trainings_by_their_seed_and_checkpoints_by_their_steps():
    assert names((10, 0), (10, 1)) == ["m, training seed 0", "m, training seed 1"]
    assert names((10, 0), (20, 0)) == ["m, 10 steps", "m, 20 steps"]
    assert names((10, 0), (20, 0), (10, 1), (20, 1)) == [
        f"m, {steps} steps, training seed {seed}" for seed in (0, 1) for steps in (10, 20)
    ]


def test_what_nothing_tells_apart_is_its_reference():
    assert names((0, None), (0, None)) == ["m@0", "m@1"]
    assert named(["x@1", "x@2"], {}) == {"x@1": "x@1", "x@2": "x@2"}


def test_models_that_left_nothing_here_are_told_apart_too():
    own = cards((10, 0), (10, 1))
    assert named(["m@0"], own) == {"m@0": "m, training seed 0"}
