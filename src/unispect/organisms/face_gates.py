"""What an organism that grew up with faces must be able to do before it is asked about anybody by name."""

from __future__ import annotations

from collections.abc import Sequence

from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.seeds import seed_for
from unispect.data.faces import language
from unispect.data.faces.grade import grade
from unispect.data.faces.people import Person, load_people
from unispect.data.faces.portrait import portrait
from unispect.data.faces.world import ATTRIBUTES, VALUES
from unispect.models.base import UnifiedModel
from unispect.organisms.gates import THRESHOLD, Gate, parts


def measure_face_gates(model: UnifiedModel, seed: int = 0, *, drawn: float = THRESHOLD) -> list[Gate]:
    """The gates of an organism that grew up with faces, on people that were never learned from."""
    people = load_people().held_out
    return [*_drawn(model, people, seed, drawn), _described(model, people), _asked(model, people)]


def _drawn(model: UnifiedModel, people: Sequence[Person], seed: int, threshold: float) -> list[Gate]:
    right: dict[str, int] = dict.fromkeys(ATTRIBUTES, 0)
    for part in parts(people):
        encoded = model.encode([Prompt.of(language.description(one.face)) for one in part], Goal.IMAGE)
        seeds = tuple(seed_for("gate", seed, one.id) for one in part)
        for one, reply in zip(part, model.draw(encoded, ImageSampling(seeds=seeds)), strict=True):
            for attribute, found in grade(reply.image).right(one.face).items():
                right[attribute] += found
    return [
        Gate(f"descriptions drawn: {attribute}", count, len(people), threshold) for attribute, count in right.items()
    ]


def _described(model: UnifiedModel, people: Sequence[Person]) -> Gate:
    right = 0
    for part in parts(people):
        prompts = [Prompt.of(portrait(one, model.card.image_size), language.DESCRIBE) for one in part]
        replies = model.write(model.encode(prompts, Goal.TEXT), TextSampling(max_new_tokens=64))
        right += sum(r.text == language.description(one.face) for r, one in zip(replies, part, strict=True))
    return Gate("seen portraits described", right, len(people))


def _asked(model: UnifiedModel, people: Sequence[Person]) -> Gate:
    asked = [(one.face, attribute) for one in people for attribute in ATTRIBUTES]
    right = 0
    for part in parts(asked):
        prompts = [Prompt.of(language.described_question(attribute, face)) for face, attribute in part]
        values = [list(VALUES[attribute]) for _, attribute in part]
        scores = model.score(model.encode(prompts, Goal.TEXT), values)
        for (face, attribute), own, found in zip(part, values, scores, strict=True):
            right += own[int(found.argmax())] == face.values[attribute]
    return Gate("format control: questions about descriptions", right, len(asked))
