"""What was asked of every prompt, and what graders answered of what came of it in each condition.

A question counts as right where the answer is the expected one and all questions that it depends on are right, too.
`unclear` is wrong, and counted apart. Rules answer questions about our own world from what they saw; whoever else
graded answered the questions themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from unispect.core.cards import ModelCard
from unispect.core.seeds import seed_for
from unispect.core.typed import read_grade, read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.checklists import ChecklistItem
from unispect.studies.answers import ScoreRows, Written
from unispect.studies.base import RULES
from unispect.studies.questions import NO, UNCLEAR, YES, Answers
from unispect.studies.reasoning.language import read_answer
from unispect.studies.reasoning.moving import Told, told_of
from unispect.studies.reasoning.records import ItemInputs, LookInputs, OfItem, Replies, Shown

TELL, DRAW, SPELLED, THINK = "tell", "draw", "spelled", "think"
CONDITIONS: Mapping[str, str] = {"tell": TELL, "draw": DRAW, "draw-spelled": SPELLED, "draw-thought": THINK}
"""Kind of unit -> condition, in the order of tables."""
CONTROLLED = ("tell", "draw")
"""Kinds of units whose texts and pictures are asked another prompt's questions, too: that is chance."""
LOOKS = ("look", "look-write")


@dataclass(frozen=True)
class Item:
    """A prompt and what is asked of what comes of it; see `records.ItemInputs`. `key` is the digest of the prompt."""

    key: str
    id: str
    group: str
    prompt: str
    checklist: Sequence[ChecklistItem]
    answer: str = ""
    spelled: str = ""

    @property
    def in_world(self) -> bool:
        """Rules can answer what is asked."""
        return any(one.attribute for one in self.checklist)

    @property
    def worked_out(self) -> bool:
        """Something is spelled out that the prompt does not say itself."""
        return self.spelled.strip() not in ("", self.prompt.strip())

    def question_id(self, question: ChecklistItem) -> str:
        """By which graders know a question: also where a unit is asked those of two prompts."""
        return f"{self.key[:8]} {question.id}"


def others(items: Sequence[Item]) -> Mapping[str, Item]:
    """Key of a prompt -> the one whose pictures and texts are its control: any before it of its kind, by chance.

    Neighbours would not do: in orders that were designed they share less than chance has them share. The next one
    where there is none before, another kind's where a prompt is alone, and none that spells out the same. More prompts
    behind them change no choice, but that of a prompt that was alone.
    """
    found: dict[str, Item] = {}
    for index, item in enumerate(items):
        before, behind = ([one for one in part if _apart(item, one)] for part in (items[:index], items[index + 1 :]))
        kinds = ([one for one in part if one.group == item.group] for part in (before, behind))
        for near, choice in zip((*kinds, before, behind), (True, False, False, False), strict=True):
            if near:
                found[item.key] = near[seed_for("other", item.key) % len(near) if choice else 0]
                break
    return found


def _apart(item: Item, other: Item) -> bool:
    return item.key != other.key and not (item.spelled and item.spelled == other.spelled)


Picture = tuple[str, str, str, int]
"""Whose questions were asked, of which prompt's, in which condition, and for which seed."""


@dataclass(frozen=True)
class Left:
    """What came of a condition: how many units were done, refused (or skipped), ended early, and were graded."""

    done: int
    refused: int
    unfinished: int


@dataclass(frozen=True)
class Seen:
    """What one judge (with rules, where they answer) says of one model.

    Attributes:
        name: of the model.
        reference: of the model.
        judge: whose answers these are, in words.
        items: in order, by key.
        answers: of every text and picture, by id of the question in its checklist.
        eyes: what the model answered itself of pictures: likewise, in the condition `DRAW`.
        left: condition -> what came of it.
        pictures: condition, prompt and seed -> the entry.
        thoughts: prompt -> what was written before drawing.
        taken_twice: prompts that stand in the folder with two lists of questions; the first one counts.
        moved: prompt -> what is told of it with other states of its words.
    """

    name: str
    reference: str
    judge: str
    items: Mapping[str, Item]
    answers: Mapping[Picture, Mapping[str, str]]
    eyes: Mapping[Picture, Mapping[str, str]]
    left: Mapping[str, Left]
    pictures: Mapping[tuple[str, str, int], Entry] = field(repr=False)
    thoughts: Mapping[str, str] = field(default_factory=dict, repr=False)
    taken_twice: int = 0
    moved: Mapping[str, Told] = field(default_factory=dict, repr=False)

    @cached_property
    def right(self) -> Mapping[Picture, Mapping[str, bool]]:
        """The answers that are right."""
        return {where: rights(self.items[where[0]], found) for where, found in self.answers.items()}

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for _, _, condition, seed in self.answers if condition != TELL} or {0}))

    def unclear(self, condition: str) -> int:
        """Answers of a condition that are unclear."""
        return sum(
            answer == UNCLEAR
            for (asked, of, where, _), found in self.answers.items()
            if where == condition and asked == of
            for answer in found.values()
        )

    def has(self, condition: str, *, other: bool = False) -> bool:
        return any(where == condition and (asked != of) is other for asked, of, where, _ in self.answers)

    def by_item(self, condition: str, *, other: bool = False) -> Mapping[str, Mapping[int, Mapping[str, bool]]]:
        """Prompt -> seed -> question -> right; of the other prompts' pictures or texts, if asked for."""
        found: dict[str, dict[int, Mapping[str, bool]]] = defaultdict(dict)
        for (asked, of, where, seed), rights_of in self.right.items():
            if where == condition and (asked != of) is other and rights_of:
                found[asked][seed] = rights_of
        return found


def rights(item: Item, answers: Mapping[str, str]) -> dict[str, bool]:
    """Question -> it is right; a question that was not answered, or depends on one that was not, is missing."""
    asked = {one.id: one for one in item.checklist}
    found: dict[str, bool | None] = {}

    def right(id: str) -> bool | None:
        if id not in found:
            found[id] = None  # a circle of dependencies holds nothing
            one = asked.get(id)
            if one is not None and id in answers:
                before = [right(other) for other in one.after]
                own = answers[id] == one.expected
                found[id] = None if None in before else own and all(before)
        return found[id]

    return {id: said for id in asked if (said := right(id)) is not None}


def observed(entries: Sequence[Entry], cards: Mapping[str, ModelCard], names: Mapping[str, str]) -> list[Seen]:
    """Of every model and judge, in the order of the entries."""
    found: list[Seen] = []
    for reference in dict.fromkeys(entry.unit.model for entry in entries):
        own = [entry for entry in entries if entry.unit.model == reference]
        found.extend(_of_model(reference, names[reference], own))
    return found


def items_of(entries: Sequence[Entry]) -> tuple[dict[str, Item], int]:
    """The prompts of one model's entries by their keys, and how many stand there twice."""
    found: dict[str, Item] = {}
    twice = 0
    for entry in entries:
        if entry.unit.kind == "item":
            one = read_inputs(ItemInputs, entry.unit)
            twice += one.item in found
            item = Item(one.item, one.id, one.group, one.prompt, one.checklist, one.answer, one.spelled)
            found.setdefault(one.item, item)
    return found, twice


def _of_model(reference: str, name: str, entries: Sequence[Entry]) -> Iterator[Seen]:
    items, twice = items_of(entries)
    partners = others(list(items.values()))
    pictures: dict[tuple[str, str, int], Entry] = {}
    thoughts: dict[str, str] = {}
    for entry in entries:
        unit = entry.unit
        if entry.record.status == "done" and unit.kind in CONDITIONS:
            pictures[CONDITIONS[unit.kind], read_inputs(OfItem, unit).item, unit.seed] = entry
        elif entry.record.status == "done" and unit.kind == "think":
            thoughts[read_inputs(OfItem, unit).item] = read_payload(Written, entry.record).text
    by_rules = dict(_by_rules(pictures, items, partners))
    judges = dict.fromkeys(judge for entry in pictures.values() for judge in entry.grades if judge != RULES)
    eyes = _eyes(entries, items)
    left = _left(entries)
    moved = told_of(entries)
    sets: dict[str, Mapping[Picture, Mapping[str, str]]] = {}
    for judge in judges:
        theirs = dict(_by_judge(judge, pictures, items))
        if any(set(said) - set(by_rules.get(where, ())) for where, said in theirs.items()):
            both = {where: {**theirs.get(where, {}), **by_rules.get(where, {})} for where in {**theirs, **by_rules}}
            sets[f"{judge}, and rules" if by_rules else judge] = both
    if not sets:
        sets = {RULES: by_rules}
    for judge, answers in sets.items():
        yield Seen(name, reference, judge, items, answers, eyes, left, pictures, thoughts, twice, moved)


def _by_rules(
    pictures: Mapping[tuple[str, str, int], Entry], items: Mapping[str, Item], partners: Mapping[str, Item]
) -> Iterator[tuple[Picture, dict[str, str]]]:
    controlled = {CONDITIONS[kind] for kind in CONTROLLED}
    for (condition, key, seed), entry in pictures.items():
        if RULES in entry.grades and key in items and items[key].in_world:
            shown = read_grade(Shown, entry.grades[RULES]).values
            yield (key, key, condition, seed), answers_of(items[key], shown)
    for asked, other in partners.items():
        for (condition, key, seed), entry in pictures.items() if items[asked].in_world else ():
            if key == other.key and condition in controlled and RULES in entry.grades:
                shown = read_grade(Shown, entry.grades[RULES]).values
                yield (asked, key, condition, seed), answers_of(items[asked], shown)


def answers_of(item: Item, shown: Mapping[str, str | None]) -> dict[str, str]:
    """What is seen of the world's attributes as answers to a checklist's questions about them."""
    return {one.id: _answer(one, shown.get(one.attribute)) for one in item.checklist if one.attribute}


def _answer(question: ChecklistItem, value: str | None) -> str:
    if value is None:
        return UNCLEAR
    return YES if value in question.values else NO


def _by_judge(
    judge: str, pictures: Mapping[tuple[str, str, int], Entry], items: Mapping[str, Item]
) -> Iterator[tuple[Picture, dict[str, str]]]:
    named = {item.question_id(one): (item.key, one.id) for item in items.values() for one in item.checklist}
    for (condition, key, seed), entry in pictures.items():
        if judge not in entry.grades:
            continue
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for id, answer in read_grade(Answers, entry.grades[judge]).answers.items():
            if id in named:
                asked, question = named[id]
                found[asked][question] = answer
        for asked, answers in found.items():
            yield (asked, key, condition, seed), answers


def _eyes(entries: Sequence[Entry], items: Mapping[str, Item]) -> dict[Picture, dict[str, str]]:
    found: dict[Picture, dict[str, str]] = {}
    for entry in entries:
        if entry.unit.kind not in LOOKS or entry.record.status != "done":
            continue
        one = read_inputs(LookInputs, entry.unit)
        if one.item in items:
            said = _likelier(entry) if entry.unit.kind == "look" else _written(entry)
            found[one.item, one.drawn, DRAW, entry.unit.seed] = dict(zip(one.asked, said, strict=False))
    return found


def _likelier(entry: Entry) -> Iterator[str]:
    """The likelier of yes and no, by likelihoods averaged over both orders of the answers."""
    rows = read_payload(ScoreRows, entry.record).scores
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        yes, no = first[0] + second[0], first[1] + second[1]
        yield UNCLEAR if yes == no else YES if yes > no else NO


def _written(entry: Entry) -> Iterator[str]:
    for reply in read_payload(Replies, entry.record).replies:
        yield read_answer(reply) or UNCLEAR


def _left(entries: Sequence[Entry]) -> dict[str, Left]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.unit.kind not in CONDITIONS:
            continue
        counts = found[CONDITIONS[entry.unit.kind]]
        if entry.record.status != "done":
            counts["refused"] += 1
        elif entry.unit.kind == "tell":
            said = read_payload(Written, entry.record)
            counts["refused" if said.refused else "done"] += 1
            counts["unfinished"] += not (said.finished or said.refused)
        else:
            counts["done"] += 1
    return {one: Left(own["done"], own["refused"], own["unfinished"]) for one, own in found.items()}


Keep = Callable[[Item, ChecklistItem], bool]
"""Which questions count."""


def every(item: Item, question: ChecklistItem) -> bool:
    """All of them."""
    return True


def expects_yes(item: Item, question: ChecklistItem) -> bool:
    """Those whose right answer is yes: what is not there is right of anything, known or not."""
    return question.expected == YES


def takes_steps(item: Item, question: ChecklistItem) -> bool:
    """Those that take a step of reasoning, or of which the source does not say."""
    return question.hop != "0-hop"


def reasoned(item: Item, question: ChecklistItem) -> bool:
    """Both: what claims are about."""
    return expects_yes(item, question) and takes_steps(item, question)
