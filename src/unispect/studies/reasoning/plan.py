"""What is asked in the reasoning study: every prompt that has a checklist, in up to five conditions.

Told, drawn, drawn once it is spelled out, drawn after writing, and looked at; and told with the states that drawing
has of its words. What is asked of a prompt stands in a unit of its own (`item`), which no model is shown: it changes
nothing of what is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.cards import Capability, ModelCard
from unispect.core.errors import UsageError, unknown
from unispect.core.prompts import Goal
from unispect.core.typed import to_json
from unispect.core.units import JSON, Plan, Skip, Unit, digest
from unispect.data.checklists import ChecklistItem
from unispect.data.items import PromptItem
from unispect.data.prompts import load_prompts
from unispect.studies.answers import WriteSettings
from unispect.studies.base import Options
from unispect.studies.questions import NO
from unispect.studies.reasoning import study
from unispect.studies.reasoning.language import ORDERS, looking, telling, thinking, told_words
from unispect.studies.reasoning.observed import Item, others, reasoned
from unispect.studies.reasoning.records import (
    MOVED,
    OTHER,
    OTHER_MOVED,
    AskedInputs,
    ItemInputs,
    LookInputs,
    MovedInputs,
    MovedSettings,
    ThoughtInputs,
    WordsOf,
)

STUDY, VERSION = study.name, study.version

RIDDLES = "world-riddles"
"""The prompts where none are named: in-world ones, which rules grade."""

PARTS = ("tell", "draw", "spelled", "think", "look", "move")
MOST_LAYERS = 9
"""At which states are put, at most, evenly spread over deep models."""
TELL_TOKENS, THINK_TOKENS, LOOK_TOKENS = 512, 256, 256
_NEEDS: Mapping[str, tuple[Capability, ...]] = {
    "tell": ("write",),
    "draw": ("draw",),
    "spelled": ("draw",),
    "think": ("write", "draw"),
    "look": ("see", "draw"),
    "move": ("intervene", "probe", "score", "draw"),
}


def plan(card: ModelCard, options: Options) -> Plan:
    """Units in three stages: what is asked, written and drawn; what is drawn after writing; what is looked at.

    Raises:
        UsageError: the options make no sense for this study, or no prompt has anything to be asked.
        DataError: the prompts cannot be read.
    """
    for name in options.parts:
        if name not in PARTS:
            raise unknown(f"part of the {STUDY} study", name, PARTS)
    loaded = load_prompts(
        options.data or RIDDLES, limit=options.limit, image_size=card.image_size, memory=options.memory
    )
    items, skips = _asked_of(loaded.items)
    if not items:
        raise UsageError(
            f"{loaded.name} holds no text with a checklist or an answer; give --data t2i-corebench:FOLDER, "
            "geneval:FILE, dpg-bench:FOLDER, wise:FOLDER or world-riddles"
        )
    parts = []
    for part in PARTS:
        if options.parts and part not in options.parts:
            continue
        if reason := _lacks(card, part):
            skips.append(Skip(part, reason))
        else:
            parts.append(part)
    unspelled = sum(not item.spelled for item in items)
    if "spelled" in parts and unspelled:
        reason = "the source does not spell their answers out, so failures of transfer and of rendering look alike"
        skips.append(Skip(f"spelled, of {unspelled} of {len(items)} prompts", reason))
    plain = sum(not item.worked_out for item in items)
    if "move" in parts and plain:
        reason = "nothing is spelled out of them that they do not say themselves, so nothing is to be worked out"
        skips.append(Skip(f"move, of {plain} of {len(items)} prompts", reason))
    asked = Asked(card, tuple(items), tuple(dict.fromkeys(options.seeds)), frozenset(parts))
    stages = (tuple(_first(asked)), tuple(_thought_out(asked)), tuple(_looks(asked)))
    if not any(unit.kind != "item" for stage in stages for unit in stage):
        return Plan((), (*skips, *loaded.skips))
    return Plan(tuple(stage for stage in stages if stage), (*skips, *loaded.skips))


@dataclass(frozen=True)
class Asked:
    """A model, what it is asked, and how often."""

    card: ModelCard
    items: tuple[Item, ...]
    seeds: tuple[int, ...]
    parts: frozenset[str]

    def unit(self, kind: str, inputs: object, settings: Mapping[str, JSON], seed: int = 0) -> Unit:
        return Unit(STUDY, VERSION, kind, self.card.reference, to_json(inputs), settings, seed)

    @property
    def sampling(self) -> dict[str, JSON]:
        """Of pictures: as the model's authors sample."""
        return {"guidance": None, "temperature": None, "defaults": dict(self.card.defaults)}

    def drawn(self, item: Item, seed: int) -> Unit:
        return self.unit("draw", AskedInputs(item=item.key, prompt=item.prompt), self.sampling, seed)

    def thought(self, item: Item) -> Unit:
        inputs = AskedInputs(item=item.key, prompt=thinking(item.prompt))
        return self.unit("think", inputs, to_json(WriteSettings(max_new_tokens=THINK_TOKENS)))


def _asked_of(items: Iterable[PromptItem]) -> tuple[list[Item], list[Skip]]:
    """Prompts with what is asked of them; and how many are left out, and why."""
    found: list[Item] = []
    pictures = without = 0
    for one in items:
        checklist = checklist_of(one)
        if one.modality != "text":
            pictures += 1
        elif not checklist:
            without += 1
        else:
            key = digest(one.inputs)
            found.append(Item(key, one.id, one.kind, str(one.inputs["text"]), checklist, one.answer, one.spelled))
    skips = [Skip(f"{pictures} pictures", "prompts of this study are texts")] if pictures else []
    if without:
        skips.append(Skip(f"{without} prompts", "their source has neither a checklist nor an answer"))
    return found, skips


def checklist_of(item: PromptItem) -> tuple[ChecklistItem, ...]:
    """What is asked of a prompt; one question about its answer where its source explains it and asks nothing."""
    if item.checklist or not item.answer:
        return item.checklist
    question = f"Does the picture show what this explains? {item.answer}"
    return (ChecklistItem(id=f"{item.id} answer", dimension=item.kind, question=question),)


def _lacks(card: ModelCard, part: str) -> str:
    """Why a model cannot be asked for a part; empty if it can."""
    missing = [need for need in _NEEDS[part] if need not in card.capabilities]
    if not missing and part == "look" and not card.capabilities & {"score", "write"}:
        missing = ["score", "write"]
    return f"{card.id} cannot {' and '.join(missing)}" if missing else ""


def _first(asked: Asked) -> Iterator[Unit]:
    for item in asked.items:
        inputs = ItemInputs(
            item=item.key,
            id=item.id,
            group=item.group,
            prompt=item.prompt,
            checklist=item.checklist,
            answer=item.answer,
            spelled=item.spelled,
        )
        yield asked.unit("item", inputs, {})
    for item in asked.items if "tell" in asked.parts else ():
        inputs = AskedInputs(item=item.key, prompt=telling(item.prompt, in_world=item.in_world))
        yield asked.unit("tell", inputs, to_json(WriteSettings(max_new_tokens=TELL_TOKENS)))
    if asked.parts & {"draw", "look"}:
        for seed in asked.seeds if "draw" in asked.parts else asked.seeds[:1]:
            yield from (asked.drawn(item, seed) for item in asked.items)
    for seed in asked.seeds if "spelled" in asked.parts else ():
        for item in asked.items:
            if item.spelled:
                inputs = AskedInputs(item=item.key, prompt=item.spelled)
                yield asked.unit("draw-spelled", inputs, asked.sampling, seed)
    yield from (asked.thought(item) for item in asked.items if "think" in asked.parts)
    if "move" in asked.parts:
        yield from _moves(asked)


def _moves(asked: Asked) -> Iterator[Unit]:
    """Told with states put at a prompt's words; of prompts to be worked out, and another one of these beside it."""
    spelled = [item for item in asked.items if item.worked_out]
    partners = others(spelled)
    settings = to_json(MovedSettings(most_layers=MOST_LAYERS))
    for item in spelled:
        if (other := partners.get(item.key)) is None:
            continue
        inputs = MovedInputs(
            item=item.key,
            prompt=telling(item.prompt, in_world=item.in_world),
            words=told_words(item.prompt),
            answers=list(dict.fromkeys((item.spelled, *_wrong(item), other.spelled))),
            sources=[
                _words_of(MOVED, Goal.IMAGE, item),
                _words_of(OTHER, Goal.TEXT, other),
                _words_of(OTHER_MOVED, Goal.IMAGE, other),
            ],
        )
        yield asked.unit("tell-moved", inputs, settings)


def _words_of(kind: str, goal: Goal, item: Item) -> WordsOf:
    prompt = item.prompt if goal is Goal.IMAGE else telling(item.prompt, in_world=item.in_world)
    return WordsOf(kind=kind, goal=goal, prompt=prompt, words=told_words(item.prompt))


def _wrong(item: Item) -> Iterator[str]:
    """The spelled prompt with a wrong value where it is said in a roundabout way: one that the checklist asks about."""
    for one in item.checklist:
        if not (one.attribute and reasoned(item, one)):
            continue
        for other in item.checklist:
            if other.attribute == one.attribute and other.expected == NO:
                for value in one.values:
                    pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
                    yield re.sub(pattern, other.values[0], item.spelled, count=1)


def _thought_out(asked: Asked) -> Iterator[Unit]:
    for seed in asked.seeds if "think" in asked.parts else ():
        for item in asked.items:
            inputs = ThoughtInputs(item=item.key, prompt=item.prompt, thought=asked.thought(item).id)
            yield asked.unit("draw-thought", inputs, asked.sampling, seed)


def _looks(asked: Asked) -> Iterator[Unit]:
    """Its own pictures of the first seed, and as a control those of other prompts, with the same questions."""
    if "look" not in asked.parts:
        return
    seed, other = asked.seeds[0], others(asked.items)
    scored = "score" in asked.card.capabilities
    kind = "look" if scored else "look-write"
    settings = {} if scored else to_json(WriteSettings(max_new_tokens=LOOK_TOKENS))
    for item in asked.items:
        for drawn in filter(None, (item, other.get(item.key))):
            inputs = LookInputs(
                item=item.key,
                drawn=drawn.key,
                drawing=asked.drawn(drawn, seed).id,
                asked=[one.id for one in item.checklist],
                questions=list(_questions(item.checklist, scored)),
            )
            yield asked.unit(kind, inputs, settings, seed)


def _questions(checklist: Sequence[ChecklistItem], scored: bool) -> Iterator[str]:
    """Each in both orders of its answers where likelihoods are averaged; in turns where a reply is written."""
    for index, one in enumerate(checklist):
        for order in ORDERS if scored else (ORDERS[index % 2],):
            yield looking(one.question, order)
