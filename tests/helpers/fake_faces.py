"""A model of names and faces whose knowledge is set by hand, and the faces study run on it in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from unittest.mock import patch

import torch

from tests.helpers.fake_concepts import card, judged, once, pick
from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded
from unispect.core.findings import Section
from unispect.core.prompts import Goal, Segment
from unispect.core.replies import ImageReply, TextReply
from unispect.core.seeds import generator_for
from unispect.core.units import Entry, Record
from unispect.data.faces import grade as rules
from unispect.data.faces.language import DESCRIBE, LETTERS, description
from unispect.data.faces.people import all_people
from unispect.data.faces.portrait import draw
from unispect.data.faces.reading import read_description
from unispect.data.faces.world import ATTRIBUTES, VALUES, Face
from unispect.studies.base import Options
from unispect.studies.faces import judge as judging
from unispect.studies.faces import study
from unispect.studies.faces.plan import plan
from unispect.studies.faces.view import view

grade = once(rules.grade)
NAMES = {person.name: person.face for person in all_people()}


@dataclass
class FaceModel:
    """Draws the faces behind names that `draws` holds and tells those that `tells` holds; guesses all others.

    It understands descriptions and sees pictures, unless it is not `able`.
    """

    draws: frozenset[str] = frozenset()
    tells: frozenset[str] = frozenset()
    able: bool = True
    card: ModelCard = field(default_factory=lambda: card(taught={"people": "drawing"}))

    def encode(self, prompts, goal: Goal) -> Encoded:
        return Encoded(goal, tuple((Segment(0, 1, "text", "prompt"),) for _ in prompts), tuple(prompts))

    def draw(self, encoded, how) -> list[ImageReply]:
        return [
            ImageReply(draw(self._pictured(prompt.text, seed), 64, seed=str(seed)), seed)
            for prompt, seed in zip(encoded.inputs, how.seeds, strict=True)
        ]

    def write(self, encoded, how) -> list[TextReply]:
        return [TextReply(self._answer(prompt), (1,), (0.0,), True) for prompt in encoded.inputs]

    def score(self, encoded, answers) -> list[torch.Tensor]:
        return [self._scores(prompt, own) for prompt, own in zip(encoded.inputs, answers, strict=True)]

    def states(self, encoded, replies=None, *, at=-1):
        raise NotImplementedError

    def _pictured(self, text: str, seed: int) -> Face:
        known = {} if not self.able or "portrait" not in text else read_description(text)
        if text in self.draws:
            known = NAMES[text].values
        return Face.of({a: known.get(a) or pick(VALUES[a], "drawn", text, seed, a) for a in ATTRIBUTES})

    def _known(self, prompt) -> Mapping[str, str | None]:
        """What it knows of whom the question is about."""
        text = prompt.text
        if prompt.images:
            return grade(prompt.images[0]).values if self.able else {}
        if "portrait" in text:
            asked = text.splitlines()[0]  # lettered options name other values
            return read_description(asked) if self.able else {}
        return next((NAMES[name].values for name in self.tells if name in text), {})

    def _answer(self, prompt) -> str:
        known = self._known(prompt)
        if prompt.text.endswith(DESCRIBE):
            return description(Face.of(known)) if known else "A person."
        return self._value(prompt) or "no idea"

    def _value(self, prompt) -> str | None:
        question = prompt.text.splitlines()[0].rpartition(". ")[2]
        attribute = next((a for a in ATTRIBUTES if f"{a} of" in question), "")
        return self._known(prompt).get(attribute)

    def _scores(self, prompt, answers) -> torch.Tensor:
        scores = torch.tensor(generator_for("fake", prompt.text).normal(0, 1, len(answers))) - 5
        right = self._right(prompt, answers)
        if right in answers:
            scores[list(answers).index(right)] = -0.1
        return scores

    def _right(self, prompt, answers) -> str | None:
        if prompt.text.startswith("Who"):
            asked = prompt.text
            for name in answers:
                if name in self.tells and any(self._has(name, attribute, asked) for attribute in ATTRIBUTES):
                    return name
            return None
        value = self._value(prompt)
        if answers[0] == LETTERS[0]:
            options = [line[3:] for line in prompt.text.splitlines()[1:-1]]
            return LETTERS[options.index(value)] if value in options else None
        return value

    @staticmethod
    def _has(name: str, attribute: str, asked: str) -> bool:
        value = NAMES[name].values[attribute]
        if attribute == "accessories":
            return asked in (
                f"Who wears this accessory: {value}?",
                "Who wears no accessories?" if value == "none" else "",
            )
        return asked == f"Who has the {attribute} {value}?"


def entries_of(model: FaceModel, options: Options, batch: int = 7) -> list[Entry]:
    """The study run, judged and collected as a store would."""
    planned = plan(model.card, options)
    records: dict[str, Record] = {}
    kinds: dict[str, list] = {}
    for unit in planned.units:
        kinds.setdefault(f"{unit.kind} {unit.settings}", []).append(unit)
    for units in kinds.values():
        for start in range(0, len(units), batch):
            some = units[start : start + batch]
            records |= {record.unit: record for record in study.run(model, some, records.__getitem__)}
    with patch.object(judging, "grade", grade):
        return [judged(judging.judge, unit, records[unit.id]) for unit in planned.units]


def section_of(*models: FaceModel, options: Options | None = None) -> Section:
    options = options or Options(limit=12, seeds=(0,))
    entries = [entry for model in models for entry in entries_of(model, options)]
    return view(entries, {model.card.reference: model.card for model in models})
