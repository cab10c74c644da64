"""What every part of the concepts study is planned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unispect.core.cards import Capability, ModelCard
from unispect.core.typed import to_json
from unispect.core.units import JSON, Unit
from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, REAL, Lexicon
from unispect.data.concepts.render import MIN_SIZE
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.concepts import study

STUDY, VERSION = study.name, study.version


@dataclass(frozen=True)
class Asked:
    """A model and what it is asked about.

    Attributes:
        lexicons: the real words first.
        concepts: combinations to draw, to show and to describe; none was learned from.
        limit: most concepts of a group; None for all.
    """

    card: ModelCard
    lexicons: tuple[Lexicon, ...]
    concepts: tuple[Concept, ...]
    seeds: tuple[int, ...]
    limit: int | None = None

    @property
    def invented(self) -> tuple[Lexicon, ...]:
        return tuple(lexicon for lexicon in self.lexicons if lexicon.name != REAL)

    @property
    def drawn(self) -> tuple[Lexicon, ...]:
        """Invented words that were taught by drawing, or by drawing and by text."""
        return tuple(one for one in self.invented if self.card.taught.get(one.name) in ("drawing", "both"))

    @property
    def size(self) -> int:
        """Side of shown pictures in pixels: the model's own."""
        return max(self.card.image_size, MIN_SIZE)

    def unit(self, kind: str, inputs: object, settings: dict[str, JSON], seed: int = 0) -> Unit:
        return Unit(STUDY, VERSION, kind, self.card.reference, to_json(inputs), settings, seed)

    def words(self) -> Iterator[tuple[Lexicon, str, str, str]]:
        """Every word asked about: lexicon, attribute, value, word."""
        for lexicon in self.lexicons:
            for attribute in ATTRIBUTES:
                for value in VALUES[attribute]:
                    yield lexicon, attribute, value, lexicon.word(attribute, value)


Units = Callable[[Asked], Iterator[Unit]]


@dataclass(frozen=True)
class Part:
    """One kind of question: what it needs of a model, and how its units are made.

    Attributes:
        name: the word on the command line; several parts may share it.
        what: in words, for skips.
        needs: capabilities of the model.
        units: what it asks.
        beside: units of other parts that its answers are compared with or made from.
        later: its units need the records of those beside them.
        lacks: why a model cannot be asked this, beside its capabilities; empty if it can.
    """

    name: str
    what: str
    needs: tuple[Capability, ...]
    units: Units
    beside: tuple[Units, ...] = ()
    later: bool = False
    lacks: Callable[[Asked], str] = lambda asked: ""


def about(lexicon: Lexicon, attribute: str, value: str, word: str, question: str) -> dict[str, str]:
    """The fields of a question about one word (`aphasia.records.WordInputs`)."""
    return {"lexicon": lexicon.name, "attribute": attribute, "value": value, "word": word, "question": question}


def lexicons_of(card: ModelCard) -> tuple[str, ...]:
    """The lexicons a model is asked about: untaught ones serve as a control of those that were taught."""
    taught = [name for name in (*LEXICONS, PUBLISHED) if name in card.taught]
    if not taught:
        return (REAL,)
    return (REAL, "never", PUBLISHED) if taught == [PUBLISHED] else (REAL, *dict.fromkeys((*LEXICONS, *taught)))


def no_invented(asked: Asked) -> str:
    """Why nothing can be asked that is about invented words."""
    return "" if asked.invented else f"{asked.card.id} was taught no invented words"
