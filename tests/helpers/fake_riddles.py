"""Riddles of the concept world with checklists, and models whose knowing, drawing and seeing of them is set by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

import torch

from tests.helpers.fake_concepts import card, judged, pick, shown
from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded
from unispect.core.findings import Section
from unispect.core.prompts import Goal, Segment
from unispect.core.replies import ImageReply, TextReply
from unispect.core.seeds import generator_for
from unispect.core.units import Entry, Record
from unispect.data.checklists import ChecklistItem
from unispect.data.concepts.language import draw_prompt
from unispect.data.concepts.reading import read_description
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.data.items import PromptItem
from unispect.studies.base import Options
from unispect.studies.reasoning import study
from unispect.studies.reasoning.judge import judge
from unispect.studies.reasoning.plan import plan
from unispect.studies.reasoning.view import view

DATA = "stand-in-riddles"


@dataclass(frozen=True)
class Riddle:
    """What a prompt means, and the attribute that it says in a roundabout way; empty where it says all plainly."""

    text: str
    concept: Concept
    attribute: str


@cache
def riddles(count: int = 48) -> tuple[Riddle, ...]:
    """Every prompt says one value by what it is not."""
    found = []
    for number, concept in enumerate(load_split().held_out[:count]):
        attribute = ATTRIBUTES[number % len(ATTRIBUTES)]
        others = [value for value in VALUES[attribute] if value != concept.values[attribute]]
        words = {**concept.values, attribute: f"{attribute} that is not {' nor '.join(others)}"}
        found.append(Riddle(", ".join(words[one] for one in ATTRIBUTES), concept, attribute))
    return tuple(found)


def items(image_size: int = 64, *, spelled: bool = True) -> Iterator[PromptItem]:
    """As a source of prompts gives them."""
    for number, one in enumerate(riddles()):
        id = f"negation {number}"
        plain = draw_prompt(one.concept.values)
        yield PromptItem(
            id,
            "text",
            "negation" if number % 2 else "more negation",
            {"text": one.text},
            checklist=tuple(checklist(id, one)),
            answer=plain,
            spelled=plain if spelled else "",
        )


def checklist(id: str, one: Riddle) -> Iterator[ChecklistItem]:
    """Of every attribute the right value and a wrong one."""
    for attribute in ATTRIBUTES:
        value = one.concept.values[attribute]
        wrong = pick([other for other in VALUES[attribute] if other != value], id, attribute)
        for expected, asked in (("yes", value), ("no", wrong)):
            yield ChecklistItem(
                id=f"{id} {attribute} {expected}",
                dimension="negation",
                question=f"Is the {attribute} {asked}?",
                expected=expected,
                hop="1-hop" if attribute == one.attribute else "0-hop",
                attribute=attribute,
                values=(asked,),
            )


@dataclass
class FakeReasoner:
    """Knows, renders and sees as it is told to; what it does not know it guesses, for every seed anew.

    Attributes:
        knows: share of riddles that it can tell.
        transfers: share of those that it also draws.
        renders: share of pictures that show what it means them to; others show something else.
        thinks: it writes what it knows before it draws.
        sees: share of its answers about pictures that are what they show; the others are yes.
        random: it draws and tells at random whatever it is asked.
    """

    card: ModelCard
    knows: float = 1.0
    transfers: float = 1.0
    renders: float = 1.0
    thinks: bool = True
    sees: float = 1.0
    random: bool = False

    def encode(self, prompts, goal: Goal) -> Encoded:
        segments = tuple((Segment(0, 1, "text", "prompt"),) for _ in prompts)
        return Encoded(goal, segments, tuple(prompts))

    def draw(self, encoded, how) -> list[ImageReply]:
        return [
            ImageReply(render(self._pictured(prompt.text, seed), 64), seed)
            for prompt, seed in zip(encoded.inputs, how.seeds, strict=True)
        ]

    def write(self, encoded, how) -> list[TextReply]:
        return [TextReply(self._said(prompt), (1,), (0.0,), True) for prompt in encoded.inputs]

    def score(self, encoded, answers) -> list[torch.Tensor]:
        return [torch.tensor([-1.0, -2.0] if self._yes(prompt) else [-2.0, -1.0]) for prompt in encoded.inputs]

    def states(self, encoded, replies=None, *, at=-1):
        raise NotImplementedError

    def _chance(self, *keys: object) -> float:
        return float(generator_for(self.card.id, *keys).uniform())

    def _said(self, prompt) -> str:
        if prompt.images:
            return "Yes." if self._yes(prompt) else "no, it is not"
        if prompt.text.startswith("You will draw") and not self.thinks:
            return "hm"
        found = _in(prompt.text)
        return draw_prompt(self._meant(found, "told")) if found else "hm"

    def _meant(self, found: Riddle, way: str, *keys: object) -> dict[str, str]:
        if self.random:
            return {one: pick(VALUES[one], self.card.id, way, found.text, one, *keys) for one in ATTRIBUTES}
        known = self._chance("knows", found.text) < self.knows
        if way == "drawn":
            known = known and self._chance("transfers", found.text) < self.transfers
        if known:
            return dict(found.concept.values)
        guess = pick(VALUES[found.attribute], self.card.id, way, found.text, *keys)
        return {**found.concept.values, found.attribute: guess}

    def _pictured(self, text: str, seed: int) -> Concept:
        first, _, thought = text.partition("\n")
        plain = {a: value for a, value in read_description(thought or first).items() if value}
        found = _in(first)
        if len(plain) == len(ATTRIBUTES) and not self.random:
            meant = plain
        else:
            meant = self._meant(found or riddles()[0], "drawn", seed)
        if self._chance("renders", text, seed) >= self.renders:
            meant = {one: pick(VALUES[one], self.card.id, text, seed, one) for one in ATTRIBUTES}
        return Concept(**meant)

    def _yes(self, prompt) -> bool:
        asked = re.match(r"Is the (\w+) ([\w ]+)\?", prompt.text)
        assert asked
        if self._chance("sees", prompt.text, pixels(prompt.images[0])) >= self.sees:
            return True
        return shown(prompt.images[0])[asked[1]] == asked[2]


def pixels(image) -> int:
    return hash(image.tobytes()) % 2**31


@cache
def _in(text: str) -> Riddle | None:
    return next((one for one in riddles() if one.text in text), None)


def entries_of(model: FakeReasoner, options: Options, batch: int = 7) -> list[Entry]:
    """The study run, judged and collected as a store would; the stand-in must be known as data."""
    planned = plan(model.card, options)
    records: dict[str, Record] = {}
    for _, group in groupby(planned.units, key=lambda unit: (unit.kind, repr(unit.settings))):
        units = list(group)
        for start in range(0, len(units), batch):
            some = units[start : start + batch]
            records |= {record.unit: record for record in study.run(model, some, records.__getitem__)}
    return [judged(judge, unit, records[unit.id]) for unit in planned.units]


def section_of(*models: FakeReasoner, options: Options) -> Section:
    entries = [entry for model in models for entry in entries_of(model, options)]
    return view(entries, {model.card.reference: model.card for model in models})


def reasoner(name: str, without: Sequence[str] = (), **truth) -> FakeReasoner:
    own = card(name, taught={})
    return FakeReasoner(replace(own, capabilities=own.capabilities - set(without)), **truth)
