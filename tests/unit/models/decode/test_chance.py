import pytest
import torch
from scipy import stats

from unispect.models.decode import chance
from unispect.models.decode.chance import choose, exponential_draws


def drawn(seeds: list[int], steps: int, choices: int) -> torch.Tensor:
    return torch.stack(list(exponential_draws(seeds, steps, choices)), 1)


def test_draws_belong_to_the_seed_alone(monkeypatch: pytest.MonkeyPatch):
    together = drawn([3, 4, 5], 7, 11)
    assert torch.equal(together[1], drawn([4], 7, 11)[0])
    monkeypatch.setattr(chance, "_BLOCK", 40)
    assert torch.equal(together, drawn([3, 4, 5], 7, 11))
    assert not torch.equal(together[0], together[2])


def test_draws_are_exponential():
    sample = drawn([0], 50, 400).flatten().double()
    assert sample.min() > 0
    assert stats.kstest(sample.numpy(), "expon").pvalue > 0.01


def test_a_zero_never_wins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.zeros(*shape, dtype=torch.float64))
    assert torch.isfinite(drawn([0], 1, 5).log()).all()


def test_choices_follow_the_probabilities():
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    draws = drawn(list(range(4000)), 1, 4)[:, 0]
    chosen = choose(probabilities.log() - draws.log(), None, lambda _: pytest.fail("asked for a tie"))
    # The same as the published way of sampling, argmax(p / E).
    assert torch.equal(chosen, (probabilities / draws).argmax(-1))
    counts = chosen.bincount(minlength=4)
    assert stats.chisquare(counts.numpy(), (probabilities * 4000).numpy()).pvalue > 0.01


def test_ties_are_decided_alone_and_nothing_else_is():
    scores = torch.tensor([[1.0, 1.00005, 0.0], [3.0, 1.0, 2.9], [0.0, 5.0, 5.0]])
    asked = []

    def alone(rows: list[int]) -> torch.Tensor:
        asked.append(rows)
        return torch.tensor([[9.0, 0.0, 0.0]] * len(rows))

    assert choose(scores, 1e-4, alone).tolist() == [0, 0, 0]
    assert asked == [[0, 2]]
    assert choose(scores, None, alone).tolist()[:2] == [1, 0]
    assert choose(scores, 1e-4, alone, asked=torch.tensor([True, True, False])).tolist()[:2] == [0, 0]
    assert asked[1:] == [[0]]
