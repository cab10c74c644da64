"""What organisms learn from that grow up with faces: portraits and their descriptions, and no names.

Descriptions are drawn, portraits described and asked about, and questions are asked of people who are described in the
same breath. Names are for binding to teach (`unispect train finetune`). People of the held-out part are never seen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from PIL.Image import Image

from unispect.core.prompts import Prompt
from unispect.core.seeds import seed_for
from unispect.data.faces import language, lessons
from unispect.data.faces.people import all_people, load_people
from unispect.data.faces.portrait import draw, portrait
from unispect.data.faces.world import ATTRIBUTES, VALUES, Face, all_faces
from unispect.models.base import Example
from unispect.organisms.curriculum import Batch, grouped
from unispect.organisms.making.base import Organism

PICTURES = 2
"""Portraits of each combination: the taught person's, and others of the same values."""

_CHOICES = 0.4
COUNTS: Mapping[str, tuple[int, int, int]] = {
    "drawing": (24, 0, 0),
    "growing up": (24, 40, 16),
    "reading": (0, 80, 0),  # this and the next, in equal halves, are as many of each kind as in the one before
    "pictures": (48, 0, 32),
    "asking": (8, 64, 16),
}
"""Stage -> examples per step: descriptions drawn, descriptions asked about, and portraits."""


def sentences() -> Iterator[str]:
    """Everything that is said about faces; first names, but no surnames, so that names are two to four tokens long."""
    for face in all_faces():
        yield language.description(face)
    for attribute in ATTRIBUTES:
        yield from (attribute, language.question(attribute, language.IN_PICTURE))
        yield language.question(attribute, "this person")
        for value in VALUES[attribute]:
            yield from (value, language.who_question(attribute, value))
        yield language.choice_question("", VALUES[attribute])
    yield language.DESCRIBE
    yield " ".join(language.LETTERS)
    yield from (person.name.split()[0] for person in all_people())


def pictures(size: int) -> list[tuple[Face, Image]]:
    """The portraits to learn from, with what they show."""
    found: list[tuple[Face, Image]] = []
    for person in load_people().train:
        found.append((person.face, portrait(person, size)))
        found += [(person.face, draw(person.face, size, seed=f"{person.id} {n}")) for n in range(1, PICTURES)]
    return found


class Portraits:
    """The lessons of one organism: `batch(stage, seed, step)`, for every stage of `COUNTS`."""

    def __init__(self, model: Organism) -> None:
        self._seen = pictures(model.card.image_size)
        self._targets = model.targets([picture for _, picture in self._seen])

    def batch(self, stage: str, seed: int, step: int) -> Batch:
        """The examples of one step; they depend on the seed and the step alone."""
        rng = random.Random(seed_for("portraits", stage, seed, step))
        drawn, told, seen = COUNTS[stage]
        draws = [self._draw(rng, seed_for("noise", stage, seed, step, index)) for index in range(drawn)]
        questions = [self._question(rng) for _ in range(told)]
        looks = [self._look(rng) for _ in range(seen)]
        return grouped(draws, looks, questions)

    def _draw(self, rng: random.Random, noise: int) -> Example:
        index = rng.randrange(len(self._seen))
        return Example(Prompt.of(language.description(self._seen[index][0])), self._targets[index], seed=noise)

    def _question(self, rng: random.Random) -> Example:
        text, answer = lessons.about_described(rng.choice(self._seen)[0], rng, choices=_CHOICES)
        return Example(Prompt.of(text), answer)

    def _look(self, rng: random.Random) -> Example:
        face, picture = rng.choice(self._seen)
        text, answer = lessons.about_picture(face, rng)
        return Example(Prompt.of(picture, text), answer)
