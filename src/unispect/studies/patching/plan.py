"""What is patched and steered: words of every lexicon, where they are told and where they are drawn.

Activation patching, or interchange intervention: a run is repeated with some of its states replaced by those of another
run, and what it then answers shows what these states carry (Vig et al. 2020, arXiv 2004.12265; Geiger et al. 2021,
arXiv 2106.02997; Meng et al. 2022, arXiv 2202.05262). Denoising puts states of a run that knows the answer into one
that does not, noising the reverse (Zhang and Nanda 2024, arXiv 2309.16042).

Steering adds the difference of means between states of one value and of the others (Turner et al. 2023, arXiv
2308.10248).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError, unknown
from unispect.core.prompts import Goal
from unispect.core.typed import to_json
from unispect.core.units import Plan, Skip, Unit
from unispect.data.concepts.language import draw_prompt, meaning_question
from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.base import Options
from unispect.studies.names import NEVER
from unispect.studies.patching import study
from unispect.studies.patching.records import (
    ACROSS,
    EVERYWHERE,
    MOVED,
    NEVER_WORD,
    PLACES,
    REAL_WORD,
    UNRELATED,
    WORD,
    Beside,
    Dose,
    DrawDose,
    DrawPatched,
    DrawSteered,
    DrawWhere,
    Source,
    TellPatched,
    TellSteered,
    Where,
)

STUDY, VERSION = study.name, study.version
KINDS = ("patch-tell", "patch-draw", "steer-tell", "steer-draw")
PARTS: Mapping[str, tuple[str, ...]] = {
    **{part: tuple(kind for kind in KINDS if kind.startswith(part)) for part in ("patch", "steer")},
    **{kind: (kind,) for kind in KINDS},
}
"""What can be asked for -> kinds of units. Drawing takes ten times as long as telling."""
MOST_LAYERS = 9
"""Layers that are patched at most, evenly spread over deep models."""
SCALES = (0.5, 1.0, 2.0, 4.0)
"""Of directions, in their own lengths; what no direction does stands beside them."""
COMBINATIONS = 28
"""That directions of drawing come from: each value stands in four of them at least."""
TEMPERATURE = 1.0


def plan(card: ModelCard, options: Options) -> Plan:
    """A unit per word, goal and part. Pictures are drawn for the first seed: words are the unit of inference.

    Raises:
        UsageError: the options make no sense for this study.
    """
    data = (options.data,) if isinstance(options.data, str) else options.data or ()
    if any(name != "world" for name in data):
        raise UsageError(f"{STUDY} knows one kind of data, 'world', not {', '.join(map(repr, data))}")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {options.limit}")
    for name in options.parts:
        if name not in PARTS:
            raise unknown(f"part of the {STUDY} study", name, PARTS)
    missing = [need for need in ("intervene", "probe", "draw") if need not in card.capabilities]
    if missing:
        return Plan((), (Skip("all words", f"{card.id} cannot {' and '.join(missing)}"),))
    taught = [name for name in (*LEXICONS, PUBLISHED) if name in card.taught]
    lexicons = [REAL, *((*taught, NEVER) if taught else ())]
    skips = [] if taught else [Skip(f"lexicons {', '.join(LEXICONS)}", f"{card.id} was taught no invented words")]
    asked = Asked(card, tuple(map(Lexicon, lexicons)), options.limit, options.seeds[0] if options.seeds else 0)
    if "score" not in card.capabilities:
        skips.append(Skip("telling", f"{card.id} cannot score"))
    units: list[Unit] = []
    wanted = {kind for part in options.parts or PARTS for kind in PARTS[part]}
    for kind in KINDS:
        if kind in wanted and ("score" in card.capabilities or not kind.endswith("tell")):
            units += _UNITS[kind](asked)
    return Plan((tuple(units),), tuple(skips))


@dataclass(frozen=True)
class Asked:
    """A model and the words it is asked about.

    Attributes:
        lexicons: the real words first; words that were never taught last.
        limit: most words of an attribute in each lexicon; None for all.
        seed: of the drawings.
    """

    card: ModelCard
    lexicons: tuple[Lexicon, ...]
    limit: int | None
    seed: int

    @property
    def corrupted(self) -> Lexicon:
        """Whose words know least: never taught, or else the real ones."""
        return self.lexicons[-1]

    def words(self, lexicons: Sequence[Lexicon]) -> Iterator[tuple[Lexicon, str, str]]:
        """Lexicon, attribute and value of every word."""
        for lexicon in lexicons:
            for attribute in ATTRIBUTES:
                for value in VALUES[attribute][: self.limit]:
                    yield lexicon, attribute, value

    def unit(self, kind: str, inputs: object, settings: object, seed: int = 0) -> Unit:
        return Unit(STUDY, VERSION, kind, self.card.reference, to_json(inputs), to_json(settings), seed)

    @property
    def guidance(self) -> float | None:
        found = self.card.defaults.get("guidance")
        return found if isinstance(found, float | int) else None


def _patched_tellings(asked: Asked) -> Iterator[Unit]:
    for lexicon, attribute, value in asked.words(asked.lexicons):
        word = lexicon.word(attribute, value)
        inputs = TellPatched(
            lexicon=lexicon.name,
            attribute=attribute,
            value=value,
            word=word,
            question=meaning_question(word),
            answers=list(VALUES[attribute]),
            sources=list(_sources(asked, Goal.TEXT, lexicon, attribute, value)),
        )
        yield asked.unit("patch-tell", inputs, Where(most_layers=MOST_LAYERS, places=list(PLACES)))


def _patched_drawings(asked: Asked) -> Iterator[Unit]:
    settings = DrawWhere(most_layers=MOST_LAYERS, places=list(PLACES), guidance=asked.guidance, temperature=TEMPERATURE)
    for lexicon, attribute, value in asked.words(asked.lexicons):
        concept = concept_with(attribute, value)
        inputs = DrawPatched(
            lexicon=lexicon.name,
            attribute=attribute,
            value=value,
            word=lexicon.word(attribute, value),
            prompt=draw_prompt(lexicon.words(concept)),
            concept=concept.values,
            sources=list(_sources(asked, Goal.IMAGE, lexicon, attribute, value)),
        )
        yield asked.unit("patch-draw", inputs, settings, asked.seed)


def _sources(asked: Asked, goal: Goal, lexicon: Lexicon, attribute: str, value: str) -> Iterator[Source]:
    """Runs whose states are put into the run about a word for a goal.

    Denoising is done to the words that know least, noising to real words: any other would say the same less clearly.
    Real words also get each other's states (interchange): both have about as many tokens.
    """
    other = Goal.IMAGE if goal is Goal.TEXT else Goal.TEXT
    concept = concept_with(attribute, value)
    yield _source(MOVED, other, lexicon, concept, attribute)
    if lexicon.name == REAL or lexicon is asked.corrupted:
        changed = Concept(**{**concept.values, attribute: another(attribute, value)})
        yield _source(REAL_WORD, goal, Lexicon(REAL), changed, attribute)
        yield _source(ACROSS, other, Lexicon(REAL), changed, attribute)
    if lexicon.name == REAL:
        yield _source(NEVER_WORD, goal, Lexicon(NEVER), concept, attribute)
    yield _source(UNRELATED, other, lexicon, apart_from(concept), next_to(attribute))


def _source(kind: str, goal: Goal, lexicon: Lexicon, concept: Concept, attribute: str) -> Source:
    value = concept.values[attribute]
    word = lexicon.word(attribute, value)
    prompt = draw_prompt(lexicon.words(concept)) if goal is Goal.IMAGE else meaning_question(word)
    return Source(kind=kind, goal=goal, prompt=prompt, word=word, value=value)


def _steered_tellings(asked: Asked) -> Iterator[Unit]:
    settings = Dose(
        most_layers=MOST_LAYERS,
        places=[WORD, EVERYWHERE],
        scales=list(SCALES),
        origins=[Goal.TEXT, Goal.IMAGE],
        combinations=COMBINATIONS,
    )
    real = Lexicon(REAL)
    for lexicon, attribute, value in asked.words(tuple(dict.fromkeys((asked.lexicons[0], asked.corrupted)))):
        word, beside = lexicon.word(attribute, value), next_to(attribute)
        kept = concept_with(attribute, value).values[beside]
        inputs = TellSteered(
            lexicon=lexicon.name,
            attribute=attribute,
            value=value,
            word=word,
            question=meaning_question(word),
            towards=another(attribute, value),
            answers=list(VALUES[attribute]),
            beside=Beside(
                attribute=beside,
                value=kept,
                word=real.word(beside, kept),
                question=meaning_question(real.word(beside, kept)),
                answers=list(VALUES[beside]),
            ),
        )
        yield asked.unit("steer-tell", inputs, settings)


def _steered_drawings(asked: Asked) -> Iterator[Unit]:
    settings = DrawDose(
        most_layers=MOST_LAYERS,
        places=[WORD, EVERYWHERE],
        scales=list(SCALES),
        origins=[Goal.IMAGE, Goal.TEXT],
        combinations=COMBINATIONS,
        guidance=asked.guidance,
        temperature=TEMPERATURE,
    )
    for lexicon, attribute, value in asked.words(asked.lexicons[:1]):
        concept = concept_with(attribute, value)
        inputs = DrawSteered(
            lexicon=lexicon.name,
            attribute=attribute,
            value=value,
            word=lexicon.word(attribute, value),
            prompt=draw_prompt(lexicon.words(concept)),
            towards=another(attribute, value),
            concept=concept.values,
        )
        yield asked.unit("steer-draw", inputs, settings, asked.seed)


_UNITS = dict(zip(KINDS, (_patched_tellings, _patched_drawings, _steered_tellings, _steered_drawings), strict=True))


def concept_with(attribute: str, value: str) -> Concept:
    """A combination that nobody learned from, with a value."""
    return next(concept for concept in load_split().held_out if concept.values[attribute] == value)


def apart_from(concept: Concept) -> Concept:
    """A combination that nobody learned from, and that shares no value with another."""
    own = concept.values
    return next(
        other for other in load_split().held_out if all(own[name] != value for name, value in other.values.items())
    )


def another(attribute: str, value: str) -> str:
    """Another value of the attribute: the one behind it."""
    values = VALUES[attribute]
    return values[(values.index(value) + 1) % len(values)]


def next_to(attribute: str) -> str:
    """Another attribute: the one behind it."""
    return ATTRIBUTES[(ATTRIBUTES.index(attribute) + 1) % len(ATTRIBUTES)]
