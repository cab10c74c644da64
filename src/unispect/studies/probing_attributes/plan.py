"""What probes learn from and read: real words teach, words of every lexicon are read.

A probe of an attribute learns from states of real words alone. For drawing these are prompts of four real words, of
combinations that may be learned from; for telling, every question that holds one real word. It reads, at the same layer
and position, prompts of combinations that nobody learned from in the words of each lexicon, and the question what a
word means; in states of the other goal too. One unit per goal and attribute, from whose inputs the attribute is absent:
units of equal inputs are carried out together, so that a model runs every prompt once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice

from unispect.core.cards import Capability, ModelCard
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal
from unispect.core.typed import to_json
from unispect.core.units import Plan, Skip, Unit
from unispect.data.concepts.language import kind_question, meaning_question, riddle_question, visualise_question
from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, REAL
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.data.holding_out import evenly
from unispect.studies.base import Options
from unispect.studies.probing_attributes import study
from unispect.studies.probing_attributes.records import Asked, How

STUDY, VERSION = study.name, study.version

LEARNED = 112
"""Combinations that a probe of drawing learns from: each value stands in 16 of them at least."""
TESTED = 48
"""Combinations that it reads, unless fewer are asked for."""
CONTROLS = 3
"""Control tasks of every probe."""

QUESTIONS: Mapping[str, Callable[[str], str]] = {
    "meaning": meaning_question,
    "kind": kind_question,
    "riddle": riddle_question,
    "visualise": visualise_question,
}
"""What a probe of telling learns from, for every real word; it reads words in the first."""

_NEEDS: Mapping[Goal, Capability] = {Goal.IMAGE: "draw", Goal.TEXT: "write"}


def plan(card: ModelCard, options: Options) -> Plan:
    """A unit per goal and attribute.

    Raises:
        UsageError: the options make no sense for this study.
    """
    data = (options.data,) if isinstance(options.data, str) else options.data or ()
    if any(name != "world" for name in data):
        raise UsageError(f"{STUDY} knows one kind of data, 'world', not {', '.join(map(repr, data))}")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {options.limit}")
    if "probe" not in card.capabilities:
        return Plan((), (Skip("all words", f"{card.id} does not show its states"),))
    goals = [goal for goal in (Goal.IMAGE, Goal.TEXT) if _NEEDS[goal] in card.capabilities]
    skips = [Skip(f"prompts for {goal}", f"{card.id} cannot {_NEEDS[goal]}") for goal in Goal if goal not in goals]
    lexicons = [REAL, *(name for name in (*LEXICONS, PUBLISHED) if name in LEXICONS[-1:] or name in card.taught)]
    if len(lexicons) == 2:
        skips.append(Skip(f"lexicons {', '.join(LEXICONS[:-1])}", f"{card.id} was taught no invented words"))
    tested = min(TESTED if options.limit is None else options.limit, len(load_split().held_out))
    return Plan(
        (
            tuple(
                Unit(
                    STUDY,
                    VERSION,
                    "probe",
                    card.reference,
                    to_json(Asked(goal=goal, read=goals, lexicons=lexicons, learned=LEARNED, tested=tested)),
                    to_json(How(attribute=attribute, controls=CONTROLS)),
                    options.seeds[0] if options.seeds else 0,
                )
                for goal in goals
                for attribute in ATTRIBUTES
            ),
        ),
        tuple(skips),
        alike=("controls",),
    )


@cache
def combinations_learned(count: int) -> tuple[Concept, ...]:
    """Combinations that may be learned from, which hold every value as evenly as possible."""
    train = [concept.values for concept in load_split().train]
    return tuple(Concept(**values) for values in islice(evenly(train, VALUES, "probes learn from"), count))


def combinations_tested(count: int) -> tuple[Concept, ...]:
    """Combinations that nobody learned from."""
    return load_split().held_out[:count]
