"""Which places are filled when."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.models.decode.masked import filled, iterations, left_open, random_orders


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 200), st.data())
def test_every_iteration_fills_something_and_all_is_filled(places: int, data: st.DataObject):
    steps = data.draw(st.integers(1, places))
    orders = random_orders([torch.Generator().manual_seed(seed) for seed in (1, 2)], places)
    seen = torch.zeros(2, places, dtype=torch.int)
    left = left_open(places, steps)
    for iteration in iterations(orders, left):
        for row in range(2):
            assert seen[row].nonzero().flatten().tolist() == iteration.known[row].tolist()
            assert iteration.chosen.shape[1] >= 1
            seen[row, iteration.chosen[row]] += 1
    assert (seen == 1).all()


def test_the_schedule_is_a_cosine():
    assert left_open(1024, 64)[:9] == (1023, 1022, 1021, 1019, 1016, 1012, 1008, 1004, 999)
    assert left_open(1, 1) == (1,)
    assert left_open(4, 4) == (3, 2, 1, 1)


@pytest.mark.parametrize("steps", [0, 17, -1])
def test_there_are_no_more_iterations_than_places(steps: int):
    with pytest.raises(ValueError, match="1 to 16 iterations"):
        left_open(16, steps)


def test_values_go_to_their_places_and_stay_there():
    """Each place is given ten times itself plus the iteration; known values are those given before."""
    orders = random_orders([torch.Generator().manual_seed(seed) for seed in range(3)], 12)
    given_at = torch.full((3, 12), -1)

    def fill(iteration, known):
        before = given_at.gather(1, iteration.known)
        assert torch.equal(known[..., 0], (10 * iteration.known + before).float())
        given_at.scatter_(1, iteration.chosen, iteration.index)
        return (10 * iteration.chosen + iteration.index)[..., None].expand(-1, -1, 2).double()

    values = filled(orders, left_open(12, 5), fill, channels=2, dtype=torch.float32)
    assert values.dtype == torch.float32
    assert torch.equal(values[..., 0], (10 * torch.arange(12) + given_at).float())
    assert torch.equal(values[..., 0], values[..., 1])


def test_an_order_depends_on_its_generator_alone():
    alone = random_orders([torch.Generator().manual_seed(7)], 30)[0]
    together = random_orders([torch.Generator().manual_seed(seed) for seed in (1, 7)], 30)[1]
    assert torch.equal(alone, together)
    assert sorted(alone.tolist()) == list(range(30))
