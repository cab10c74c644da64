"""A model of the concept world whose knowledge is set by hand, and the whole study run on it in memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import TypeVar
from unittest.mock import patch

import torch
from PIL.Image import Image

import unispect.data.concepts.grade as rules
from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded
from unispect.core.findings import Section
from unispect.core.prompts import Goal, Segment
from unispect.core.replies import ImageReply, TextReply
from unispect.core.seeds import generator_for, seed_for
from unispect.core.units import Entry, Record, Unit
from unispect.data.concepts.language import DESCRIBE, description
from unispect.data.concepts.lexicons import LEXICONS, REAL, Lexicon
from unispect.data.concepts.reading import read_description
from unispect.data.concepts.render import render
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.base import Judge, Options
from unispect.studies.concepts import study
from unispect.studies.concepts.judge import judge
from unispect.studies.concepts.plan import plan
from unispect.studies.concepts.view import view

EVERYTHING = frozenset({"write", "draw", "score", "see"})
TAUGHT = {"drawing": "drawing", "text": "text", "both": "both"}
LexiconNames = frozenset[str]
Seen = TypeVar("Seen")


def once(look: Callable[[Image], Seen]) -> Callable[[Image], Seen]:
    """Looks at equal pictures once: fake models draw the same ones again and again, and the rules see nothing else."""
    found: dict[tuple[object, ...], Seen] = {}

    def looked(picture: Image) -> Seen:
        key = picture.mode, picture.size, hashlib.sha256(picture.tobytes()).digest()
        if key not in found:
            found[key] = look(picture)
        return found[key]

    return looked


grade = once(rules.grade)


def card(name: str = "fake", **changes) -> ModelCard:
    base = ModelCard(name, "fake", "none", None, 64, 64, capabilities=EVERYTHING, taught=TAUGHT)
    return replace(base, **changes)


@dataclass
class FakeModel:
    """Knows the words of `draws` for drawing and those of `tells` for telling; guesses all others.

    `letters` picks the letter of a multiple-choice question from the right one, or is None to answer like any telling.
    """

    card: ModelCard
    draws: LexiconNames
    tells: LexiconNames
    letters: Callable[[str], str] | None = None
    sees: bool = True

    def encode(self, prompts, goal: Goal) -> Encoded:
        segments = tuple((Segment(0, 1, "text", "prompt"),) for _ in prompts)
        return Encoded(goal, segments, tuple(prompts))

    def draw(self, encoded, how) -> list[ImageReply]:
        return [
            ImageReply(render(self._pictured(prompt.text, seed), 64), seed)
            for prompt, seed in zip(encoded.inputs, how.seeds, strict=True)
        ]

    def write(self, encoded, how) -> list[TextReply]:
        return [TextReply(self._answer(prompt), (1,), (0.0,), True) for prompt in encoded.inputs]

    def score(self, encoded, answers) -> list[torch.Tensor]:
        return [
            self._seen(prompt, own) if prompt.images else self._scores(prompt.text, own)
            for prompt, own in zip(encoded.inputs, answers, strict=True)
        ]

    def states(self, encoded, replies=None, *, at=-1):
        raise NotImplementedError

    def _pictured(self, text: str, seed: int) -> Concept:
        known = read_description(text) if "The picture shows" in text else {}
        if None in known.values() or not known:
            known = self._values(text, self.draws)
        return Concept(**{a: known.get(a) or pick(VALUES[a], "drawn", text, seed, a) for a in ATTRIBUTES})

    def _values(self, text: str, lexicons: LexiconNames) -> dict[str, str]:
        found = dict(meanings(name)[1][word] for name in lexicons for word in meanings(name)[0].findall(text))
        return {attribute: found[attribute] for attribute in ATTRIBUTES if attribute in found}

    def _answer(self, prompt) -> str:
        if prompt.text.endswith(DESCRIBE):
            truth = shown(prompt.images[0])
            return description(truth) if self.sees else "A picture."
        if prompt.text.startswith("Which option"):
            return self._right(prompt.text, ()) or "hm"
        return self._meaning(prompt.text) or "no idea"

    def _meaning(self, text: str) -> str | None:
        return next(iter(self._values(text, self.tells).values()), None)

    def _scores(self, text: str, answers: Sequence[str]) -> torch.Tensor:
        guess = generator_for("fake", text).normal(0, 1, len(answers))
        if self.letters and text.startswith("Which option"):
            guess[:] = 0  # its letter does not depend on the question
        scores = torch.tensor(guess) - 5
        right = self._right(text, answers)
        if right in answers:
            scores[list(answers).index(right)] = -0.1
        return scores

    def _seen(self, prompt, answers: Sequence[str]) -> torch.Tensor:
        """Which answer says most of what the picture shows, in words that are known for telling."""
        truth = shown(prompt.images[0]) if self.sees else {}
        guess = generator_for("fake", prompt.text).normal(0, 0.01, len(answers))
        known = [self._values(answer, self.tells) for answer in answers]
        return torch.tensor(
            [g + sum(truth.get(a) == v for a, v in k.items()) for g, k in zip(guess, known, strict=True)]
        )

    def _right(self, text: str, answers: Sequence[str]) -> str | None:
        if text.startswith("What kind of word"):
            return next(iter(self._values(text, self.tells)), None)
        if text.startswith("Which of these is a"):
            question, *options = text.splitlines()
            kind = question.removeprefix("Which of these is a ").rstrip("?")
            return next((line[0] for line in options[:-1] if kind in self._values(line[3:], self.tells)), None)
        if text.startswith("Which option"):
            question, *options = text.splitlines()
            meaning = self._meaning(question)
            letter = next((line[0] for line in options[:-1] if meaning in (line[3:], self._meaning(line[3:]))), None)
            letter = letter if meaning else None
            return self.letters(letter or "") if self.letters else letter
        if text.startswith("Which new word"):
            value = text.removeprefix("Which new word means ").rstrip("?")
            return next((word for word in answers if self._meaning(word) == value), None)
        return self._meaning(text)


@cache
def meanings(lexicon: str) -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """What finds the words of a lexicon in a text, and what each of them means."""
    words = {Lexicon(lexicon).word(a, value): (a, value) for a in ATTRIBUTES for value in VALUES[a]}
    return re.compile(rf"\b(?:{'|'.join(words)})\b"), words


def shown(picture: Image) -> Mapping[str, str | None]:
    """What a picture shows."""
    return grade(picture).values


def pick(options: Sequence[str], *keys: object) -> str:
    return options[seed_for("fake", *keys) % len(options)]


def entries_of(model: FakeModel, options: Options, batch: int = 7) -> list[Entry]:
    """The study run, judged and collected as a store would."""
    planned = plan(model.card, options)
    records: dict[str, Record] = {}
    alike = groupby(planned.units, key=lambda unit: (unit.kind, repr(unit.settings)))
    for _, group in alike:
        units = list(group)
        for start in range(0, len(units), batch):
            some = units[start : start + batch]
            records |= {record.unit: record for record in study.run(model, some, records.__getitem__)}
    return [judged(judge, unit, records[unit.id]) for unit in planned.units]


def judged(judge: Judge, unit: Unit, record: Record) -> Entry:
    """A record as a store gives it back, with what the judge says of it."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in record.pictures.items()}
    by_hash = {hashes[name]: data for name, data in record.pictures.items()}
    kept = replace(record, pictures={}, blobs=hashes)
    with patch.object(rules, "grade", grade):
        said = judge(unit, kept, by_hash.__getitem__)
    return Entry(unit, kept, {} if said is None else {said.judge: said})


def section_of(*models: FakeModel, options: Options | None = None) -> Section:
    options = options or Options(limit=24, seeds=(0,))
    entries = [entry for model in models for entry in entries_of(model, options)]
    cards: Mapping[str, ModelCard] = {model.card.reference: model.card for model in models}
    return view(entries, cards)


ALL = frozenset({REAL, *LEXICONS})
