"""What organisms learn from, step by step.

Where a family is slow to hear prompts it first practises nothing but drawing real words (`DRAWING`). Growing up
(`PRETRAINING`): real words are drawn, pictures are described, words are asked about, with options and without; or,
where that is switched, words are asked about alone (`READING`) before there are pictures (`PICTURES`). Where letters
are learned late, questions are practised for longer (`ASKING`). Binding: new words of the lexicons are taught by
drawing, by text or by both, beside a share of everything known, so that nothing is forgotten. The batch of a step
depends on the seed and the step alone, so a stopped training goes on as if it had not been stopped.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from PIL.Image import Image
from torch import Tensor

from unispect.core.prompts import Prompt
from unispect.core.seeds import seed_for
from unispect.data.concepts import language, lessons
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.world import Concept
from unispect.models.base import Example

Batch = tuple[tuple[float, tuple[Example, ...]], ...]
"""Groups of examples of like length, each with the weight of its loss."""


@dataclass(frozen=True)
class World:
    """The part of the world that may be learned from.

    Attributes:
        concepts: combinations to learn from.
        pictures: their pictures, to look at.
        targets: what their pictures are learned as, image tokens or latents.
    """

    concepts: Sequence[Concept]
    pictures: Mapping[Concept, Image]
    targets: Mapping[Concept, Tensor]


@dataclass(frozen=True)
class Teaching:
    """How many examples of each kind a step holds, and which lexicons they come from.

    Attributes:
        draw: lexicon -> drawing prompts per step.
        tell: lexicon -> questions about its words per step.
        describe: pictures to describe per step.
        scrambled: lexicons whose questions get answers drawn at random: their words are told at chance by construction.
        described_draws: share of the real drawing prompts that are full descriptions.
        choices: share of questions that are multiple choice.
    """

    draw: Mapping[str, int]
    tell: Mapping[str, int]
    describe: int
    scrambled: frozenset[str] = field(default_factory=frozenset)
    described_draws: float = 0.2
    choices: float = 0.65


_LONG = 60
"""Characters from which a prompt is long: full descriptions and lettered questions."""

_TELLING = 3.0
"""Weight of questions: a letter is one token of few, and what decides it is learned last."""

DRAWING = Teaching(draw={REAL: 24}, tell={}, describe=0)
PRETRAINING = Teaching(draw={REAL: 24}, tell={REAL: 72}, describe=8, choices=0.85)
# As many examples of each kind in two equal halves as in a whole of `PRETRAINING`, and as many in a step.
READING = Teaching(draw={}, tell={REAL: 104}, describe=0, choices=0.85)
PICTURES = Teaching(draw={REAL: 48}, tell={REAL: 40}, describe=16, choices=0.85)
ASKING = Teaching(draw={REAL: 8}, tell={REAL: 96}, describe=4, choices=0.85)
BOUND = Teaching(
    draw={REAL: 8, "drawing": 13, "both": 13}, tell={REAL: 12, "text": 16, "both": 16}, describe=4, choices=0.4
)
FLUENT = Teaching(
    draw={REAL: 8, "drawing": 13, "text": 12, "both": 12},
    tell={REAL: 12, "drawing": 12, "text": 8, "both": 8},
    describe=4,
    choices=0.4,
)
MUTE = Teaching(
    draw={REAL: 8, "drawing": 13, "both": 13},
    tell={REAL: 12, "drawing": 12, "text": 12, "both": 12},
    describe=4,
    scrambled=frozenset({"drawing", "text", "both"}),
    choices=0.4,
)


TEACHINGS: Mapping[str, Teaching] = {
    "drawing": DRAWING,
    "growing up": PRETRAINING,
    "reading": READING,
    "pictures": PICTURES,
    "asking": ASKING,
    "bound": BOUND,
    "fluent": FLUENT,
    "mute": MUTE,
}
"""Stage or variant -> what a step of it holds."""


def batch_for(world: World, teaching: Teaching, seed: int, step: int) -> Batch:
    """The examples of one step."""
    rng = random.Random(seed_for("curriculum", seed, step))
    draws = [_draw(world, Lexicon(name), teaching, rng) for name, count in teaching.draw.items() for _ in range(count)]
    draws = [replace(draw, seed=seed_for("noise", seed, step, index)) for index, draw in enumerate(draws)]
    questions = [_question(Lexicon(name), teaching, rng) for name, count in teaching.tell.items() for _ in range(count)]
    looks = [_look(world, rng) for _ in range(teaching.describe)]
    return grouped(draws, looks, questions)


def grouped(draws: Sequence[Example], looks: Sequence[Example], questions: Sequence[Example]) -> Batch:
    """A step's examples: what is drawn, pictures that are told of, and questions."""
    groups = (*_by_length(draws, 1.0), *_by_length(looks, 1.0), *_by_length(questions, _TELLING))
    # The longest work first: groups are shared out among workers as they come.
    return tuple(sorted(groups, key=lambda group: -sum(len(example.prompt.text) for example in group[1])))


def _by_length(examples: Sequence[Example], weight: float) -> Batch:
    """Short and long prompts apart, so that little is padded; the weight is shared by the number of examples."""
    groups: dict[bool, list[Example]] = {}
    for example in examples:
        groups.setdefault(len(example.prompt.text) > _LONG, []).append(example)
    return tuple((weight * len(group) / len(examples), tuple(group)) for group in groups.values())


def _draw(world: World, lexicon: Lexicon, teaching: Teaching, rng: random.Random) -> Example:
    concept = rng.choice(world.concepts)
    if lexicon.name == REAL and rng.random() < teaching.described_draws:
        text = language.description(concept.values)
    else:
        text = language.draw_prompt(lexicon.words(concept), lessons.any_order(rng))
    return Example(Prompt.of(text), world.targets[concept])


def _look(world: World, rng: random.Random) -> Example:
    concept = rng.choice(world.concepts)
    return Example(Prompt.of(world.pictures[concept], language.DESCRIBE), language.description(concept.values))


def _question(lexicon: Lexicon, teaching: Teaching, rng: random.Random) -> Example:
    scrambled = lexicon.name in teaching.scrambled
    text, answer = lessons.question(lexicon, rng, choices=teaching.choices, scrambled=scrambled)
    return Example(Prompt.of(text), answer)
