"""Places filled in order of confidence: how many, which, from which draws, and whatever the company."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from unispect.core.replies import ImageReply
from unispect.models.decode.confident import OPEN, Uncovered, canvas_at, open_share, seeded_draws, uncover

CODES = 7


def blank(samples: int, places: int) -> Tensor:
    return torch.full((samples, places), OPEN)


def fixed(samples: int, places: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(samples, places, CODES, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("schedule", ["cosine", "linear", "sigmoid", "pow2", "pow0.5"])
def test_every_schedule_falls_from_all_to_none(schedule: str):
    shares = open_share(schedule, torch.linspace(0, 1, 50))
    assert shares[0] == pytest.approx(1, abs=1e-6)
    assert shares[-1] == pytest.approx(0, abs=2e-6)
    assert (shares.diff() < 0).all()


def test_shares_in_closed_form():
    third = torch.tensor(1 / 3)
    assert open_share("cosine", third).item() == pytest.approx(math.cos(math.pi / 6), abs=1e-6)
    assert open_share("linear", third).item() == pytest.approx(2 / 3, abs=1e-6)
    assert open_share("pow3", third).item() == pytest.approx(1 - 1 / 27, abs=1e-6)
    assert open_share("sigmoid", torch.tensor(0.5)).item() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("schedule", ["cos", "pow", "powx", "pow-1", "2.5", "pownan"])
def test_an_unknown_schedule_is_refused(schedule: str):
    with pytest.raises(ValueError, match="unknown schedule"):
        open_share(schedule, torch.tensor(0.5))


def test_counts_are_floors_of_float32():
    """At 2/3 the cosine is a half but for rounding: the authors' floor falls on the lower side."""
    steps, places = 3, 16
    drawn = uncover(
        blank(1, places), lambda _: fixed(1, places), steps=steps, draws=seeded_draws([1], steps, places, CODES)
    )
    counts = [int((drawn.steps == step).sum()) for step in range(steps)]
    assert counts == [places - 13, 13 - 7, 7] if float(open_share("cosine", torch.tensor(2 / 3))) < 0.5 else [3, 5, 8]


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(1, 40), st.integers(0, 10**6), st.sampled_from(["cosine", "linear", "pow2"]))
def test_every_place_is_filled_once_and_some_at_the_end(places: int, steps: int, seed: int, schedule: str):
    drawn = uncover(
        blank(2, places),
        lambda _: fixed(2, places, seed),
        steps=steps,
        draws=seeded_draws([seed, seed + 1], steps, places, CODES),
        schedule=schedule,
    )
    assert ((drawn.tokens >= 0) & (drawn.tokens < CODES)).all()
    assert ((drawn.steps >= 0) & (drawn.steps < steps)).all()
    assert (drawn.steps == steps - 1).any(1).all()


def test_given_tokens_stay_and_are_seen_at_every_step():
    known = torch.tensor([[3, OPEN, OPEN, 5, OPEN, OPEN], [OPEN] * 6])
    seen = []

    def logits(tokens: Tensor) -> Tensor:
        seen.append(tokens.clone())
        return fixed(2, 6)

    drawn = uncover(known, logits, steps=4, draws=seeded_draws([1, 2], 4, 6, CODES))
    assert torch.equal(seen[0], known)
    assert all(torch.equal(tokens[0, [0, 3]], known[0, [0, 3]]) for tokens in seen)
    assert drawn.steps[0, [0, 3]].tolist() == [-1, -1]
    assert (drawn.steps[0, [1, 2, 4, 5]] >= 0).all()
    for step, tokens in enumerate(seen):
        assert torch.equal(tokens, torch.where(drawn.steps < step, drawn.tokens, OPEN))


def test_greedy_the_likeliest_come_first_and_are_chosen():
    scores = torch.zeros(1, 6, CODES)
    best = torch.tensor([4, 1, 0, 6, 2, 3])
    strength = torch.tensor([3.0, 1.0, 6.0, 2.0, 5.0, 4.0])
    scores[0, torch.arange(6), best] = strength
    drawn = uncover(
        blank(1, 6),
        lambda _: scores,
        steps=6,
        draws=seeded_draws([1], 6, 6, CODES),
        schedule="linear",
        temperature=0.0,
        greedy=True,
    )
    assert drawn.tokens[0].tolist() == best.tolist()
    assert drawn.steps[0][strength.argsort(descending=True)].tolist() == sorted(drawn.steps[0].tolist())


def test_the_temperature_of_the_order_is_multiplied_up():
    """Equal probabilities, so the noise alone decides; at the last ordered steps it weighs little but still decides."""
    steps, places = 4, 8
    noise = torch.arange(places).float()[None]
    race = torch.ones(1, places, CODES)
    sure = torch.zeros(1, places, CODES)
    sure[..., 0] = 1.0
    sure[:, 0, 0] += 0.9  # a little surer: wins once the noise is worth less than the difference
    draws = [(race, -noise * 0.1 if step == 2 else noise * 10) for step in range(steps)]
    drawn = uncover(blank(1, places), lambda _: sure, steps=steps, draws=draws, schedule="linear")
    # Steps 0 and 1: order by noise, the last places first. Step 2: heat 3/4 * 2/4 * 1/4 makes 0.1 of noise 0.009.
    assert drawn.steps[0].tolist()[0] == 2
    assert drawn.steps[0].tolist()[-4:] == [1, 1, 0, 0]


def test_draws_are_a_samples_own():
    together = list(seeded_draws([5, 6], 3, 4, CODES))
    alone = list(seeded_draws([6], 3, 4, CODES))
    for (race, ranks), (own_race, own_ranks) in zip(together, alone, strict=True):
        assert torch.equal(race[1], own_race[0])
        assert torch.equal(ranks[1], own_ranks[0])


def test_draws_have_their_distributions():
    race, _ = next(iter(seeded_draws([1], 1, 200, 1000)))
    assert race.min() > 0
    assert race.mean().item() == pytest.approx(1, abs=0.02)
    assert (race > 1).float().mean().item() == pytest.approx(math.exp(-1), abs=0.01)
    many = torch.cat([ranks for _, ranks in seeded_draws([1], 200, 200, 1)], 1)
    assert many.mean().item() == pytest.approx(0.5772, abs=0.03)
    assert many.var().item() == pytest.approx(math.pi**2 / 6, abs=0.1)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 4.0])
def test_tokens_are_drawn_from_their_probabilities_at_any_temperature(temperature: float):
    """The temperature is the order's alone, at 0 too."""
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 0.0])
    places = 20000
    drawn = uncover(
        blank(1, places),
        lambda _: logits.expand(1, places, -1),
        steps=1,
        draws=seeded_draws([3], 1, places, CODES),
        temperature=temperature,
    )
    shares = torch.bincount(drawn.tokens[0], minlength=CODES) / places
    torch.testing.assert_close(shares, logits.softmax(-1), atol=0.012, rtol=0)


def by_the_formula(
    known: Tensor, scores: Tensor, race: Tensor, ranks: Tensor, shares: list[float], temperature: float
) -> tuple[Tensor, list[Tensor]]:
    """One picture, place by place in float64: the tokens, and what every step began with.

    Args:
        known: [places].
        scores: logits [steps, places, choices].
        race: E ~ Exp(1), of that shape.
        ranks: Gumbel noise [steps, places].
        shares: of open places, after every step.
        temperature: at the start.
    """
    steps, places = ranks.shape
    tokens, begun = known.clone(), []
    for step in range(steps):
        begun.append(tokens.clone())
        temperature *= 1 - (step + 1) / steps
        chances = scores[step].double().softmax(-1)
        guess = (chances / race[step].double()).argmax(-1)
        sure = torch.empty(places, dtype=torch.float64)
        for index in range(places):
            there = tokens[index] != OPEN
            guess[index] = tokens[index] if there else guess[index]
            own = (
                math.log(torch.finfo(torch.float32).max)
                if there
                else math.log(max(chances[index, guess[index]], 1e-20))
            )
            sure[index] = own + temperature * float(ranks[step, index])
        again = max(1, min(int((tokens == OPEN).sum()) - 1, math.floor(places * shares[step])))
        border = sure.sort().values[again]
        tokens = torch.where(sure < border, OPEN, guess)
    return guess, begun


@pytest.mark.parametrize("temperature", [0.0, 0.2, 0.7, 1.0, 1.6, 3.0, 9.0, 40.0])
@pytest.mark.parametrize(("schedule", "steps"), [("cosine", 2), ("linear", 5), ("pow2", 8), ("sigmoid", 6)])
def test_every_step_is_the_formula_s(schedule: str, steps: int, temperature: float):
    places, draw = 13, torch.Generator().manual_seed(round(10 * temperature) + steps)
    scores = 3 * torch.randn(steps, 2, places, CODES, generator=draw)
    race = torch.empty(steps, 2, places, CODES).exponential_(generator=draw)
    ranks = -torch.empty(steps, 2, places).exponential_(generator=draw).log()
    known = blank(2, places)
    known[1, ::3] = 2
    told = iter(scores)
    found = uncover(
        known,
        lambda _: next(told),
        steps=steps,
        draws=list(zip(race, ranks, strict=True)),
        schedule=schedule,
        temperature=temperature,
    )
    shares = [float(open_share(schedule, torch.tensor((step + 1) / steps))) for step in range(steps)]
    for i in range(2):
        tokens, begun = by_the_formula(known[i], scores[:, i], race[:, i], ranks[:, i], shares, temperature)
        assert found.tokens[i].tolist() == tokens.tolist()
        assert found.canvases[:, i].tolist() == torch.stack(begun).tolist()


def test_much_noise_takes_tokens_away_again():
    """A token that is there weighs 88.7 nats: noise of more takes it away, less never does."""
    places, steps = 6, 4
    race, zero = torch.ones(1, places, CODES), torch.zeros(1, places)
    gone = zero.clone()
    gone[0, 0] = -100.0
    scores, known = fixed(1, places), blank(1, places)
    known[0, 0] = 6
    draws = [(race, gone if step == 0 else zero) for step in range(steps)]

    def drawn(temperature: float) -> Uncovered:
        return uncover(known, lambda _: scores, steps=steps, draws=draws, schedule="linear", temperature=temperature)

    best = int(scores[0, 0].argmax())
    assert best != 6
    kept, lost = drawn(1.0), drawn(2.0)  # times 3/4 after the first step
    assert (kept.tokens[0, 0], kept.steps[0, 0], kept.emptied.tolist()) == (6, -1, [False])
    assert (lost.tokens[0, 0], lost.emptied.tolist()) == (best, [True])
    assert [int(canvas[0, 0]) for canvas in lost.canvases[:2]] == [6, OPEN]
    blank_image = Image.new("RGB", (1, 1))
    for one in (kept, lost):
        reply = ImageReply(blank_image, 0, tokens=one.tokens[0].numpy(), replay={"steps": steps, **one.told(0)})
        for step in range(steps):
            assert canvas_at(reply, step).tolist() == one.canvases[step, 0].tolist()


def test_rounding_never_decides():
    """Logits that differ by rounding between calls: what is close is decided by the pass in a batch of one."""
    places, steps = 40, 6
    true = fixed(3, places).round()  # many ties
    noise = torch.Generator().manual_seed(9)
    asked: list[int] = []

    def shaken(_: Tensor) -> Tensor:
        return true + 2e-5 * (torch.rand(true.shape, generator=noise) - 0.5)

    def alone(sample: int, _: Tensor) -> Tensor:
        asked.append(sample)
        return true[sample]

    def draw(logits, tie: float | None):
        flat = [(torch.ones(3, places, CODES), torch.zeros(3, places))] * steps
        return uncover(blank(3, places), logits, steps=steps, draws=flat, tie=tie, alone=alone)

    right = draw(lambda _: true, 1e-4)
    found = [draw(shaken, 1e-4) for _ in range(3)]
    assert asked
    assert all(torch.equal(one.tokens, right.tokens) and torch.equal(one.steps, right.steps) for one in found)
    assert any(not torch.equal(draw(shaken, None).steps, right.steps) for _ in range(3))
