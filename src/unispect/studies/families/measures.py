"""The measures by which families are compared, and how each is read from the records of its study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TypeVar

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset
from unispect.core.units import Entry
from unispect.runs.records import models_of
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison, Subject
from unispect.studies.aphasia.groups import doubts
from unispect.studies.concepts.comparison import WORLD, comparisons
from unispect.studies.concepts.left import left_of_each
from unispect.studies.encoding.findings import curves_of as levels_of
from unispect.studies.encoding.traces import Trace as Level
from unispect.studies.encoding.traces import traces_of as levels
from unispect.studies.families.readings import Reading, Values
from unispect.studies.names import named
from unispect.studies.reasoning.observed import DRAW, SPELLED, observed, reasoned
from unispect.studies.reasoning.scores import rates, shared
from unispect.studies.response.findings import curves_of, text_task
from unispect.studies.response.traces import Trace as Reply
from unispect.studies.response.traces import traces_of as replies
from unispect.studies.states.curves import Curves

T = TypeVar("T", Level, Reply)
STUDIES = ("concepts", "encoding", "response", "reasoning")
"""Whose records are read."""


@dataclass(frozen=True)
class Left:
    """What one model left in all studies, as values.

    Attributes:
        card: the model's.
        name: to show.
        taught: words by how they were taught.
        levels: of the encoding study.
        replies: of the response study.
        transfer: of the reasoning study, by prompt: right once spelled out less right from the prompt.
    """

    card: ModelCard
    name: str
    taught: Mapping[str, Comparison]
    levels: Sequence[Level]
    replies: Sequence[Reply]
    transfer: Values = ()

    def reading(self, first: Values, second: Values = ()) -> Reading | None:
        """None where there are no numbers."""
        return Reading(self.name, self.card, first, second) if first else None

    def told_apart(self) -> Reading | None:
        """Drawn minus told, by word, for words taught by drawing; None where either cannot be read."""
        one = self.taught.get("drawing")
        if one is None or doubts(one):
            return None
        gaps = scores.gaps(one.drawn, one.told())
        reading = self.reading([(f"{w.lexicon} {w.attribute} {w.value}", gap) for w, gap in gaps.items()])
        return replace(reading, measured=one.gap()) if reading else None

    def encoded(self, preset: Preset) -> Reading | None:
        """Entropy of text minus that of pictures, mean over layers."""
        own = [trace for trace in self.levels if trace.preset is preset]
        return self._difference(levels_of(own, "text"), levels_of(own, "image"))

    def replied(self, preset: Preset, measure: str) -> Reading | None:
        """A measure of text replies minus that of picture replies, mean over layers."""
        return self._difference(*(self.dependence(preset, measure, drawn=drawn) for drawn in (False, True)))

    def dependence(self, preset: Preset, measure: str, *, drawn: bool) -> Curves:
        """Curves of one measure of picture replies, or of the text replies that are set against them."""
        own = [trace for trace in self.replies if trace.preset is preset]
        presets = [one for one in Preset if any(trace.preset is one for trace in self.replies)]
        return curves_of(own, "draw" if drawn else text_task(self.replies, presets), measure)

    def _difference(self, text: Curves, pictures: Curves) -> Reading | None:
        if not (len(text) and len(pictures)):
            return None
        return self.reading(_by_prompt(text), _by_prompt(pictures))


@dataclass(frozen=True)
class Measure:
    """Something in which a model that is one model should show a number near 0.

    Attributes:
        id: short name.
        claim: that contextual models come nearer, as a sentence.
        what: the number, in words.
        preset: how states were measured, if any were.
        read: the reading of a model; None where the model has none.
    """

    id: str
    claim: str
    what: str
    preset: Preset | None
    read: Callable[[Left], Reading | None]


_WHO = "Models that draw by predicting open places"

MEASURES: tuple[Measure, ...] = (
    Measure(
        "gap",
        f"{_WHO} have the smaller aphasia gap.",
        "drawn minus told, words taught by drawing",
        None,
        lambda left: left.told_apart(),
    ),
    Measure(
        "transfer",
        f"{_WHO} lose less between what is spelled out and what has to be worked out.",
        "right once spelled out less right from the prompt, of questions that take a step of reasoning",
        None,
        lambda left: left.reading(left.transfer),
    ),
    *(
        Measure(
            f"levels-{preset}",
            f"{_WHO} keep text and pictures closer in entropy.",
            "entropy of text minus pictures, bits, mean over layers",
            preset,
            lambda left, preset=preset: left.encoded(preset),
        )
        for preset in Preset
    ),
    *(
        Measure(
            f"replies-{name}",
            f"{_WHO} have text and picture replies that are closer in {name}.",
            f"{name} of text minus picture replies, bits, mean over layers",
            preset,
            lambda left, preset=preset, name=name: left.replied(preset, name),
        )
        for preset, name in ((Preset.PAPER, "P"), (Preset.CONTROLLED, "P_k"), (Preset.CONTROLLED, "G"))
    ),
)


def everything_left(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> list[Left]:
    """What every model left in the studies that are compared, in the order of their first records.

    Args:
        entries: of finished units, by study.
        cards: by the models' references.
    """
    models = [model for study in STUDIES for model in models_of(entries.get(study, ()))]
    names = named(list(dict.fromkeys(models)), cards)
    said = left_of_each(entries.get("concepts", ()))
    subjects = {
        name: Subject(cards[name], said[name].battery, WORLD, shown) for name, shown in names.items() if name in said
    }
    compared = comparisons(subjects.values())
    read = _by_model(levels(entries.get("encoding", ()), names))
    replied = _by_model(replies(entries.get("response", ()), names))
    transfer = _transfer(entries.get("reasoning", ()), cards, names)
    return [
        Left(
            cards[reference],
            name,
            {one.taught: one for one in compared if one.subject is subjects.get(reference)},
            read[name],
            replied[name],
            transfer.get(reference, ()),
        )
        for reference, name in names.items()
    ]


def _transfer(entries: Sequence[Entry], cards: Mapping[str, ModelCard], names: Mapping[str, str]) -> dict[str, Values]:
    """By the first judge of each model: what fails from a prompt and not once it is spelled out, prompt by prompt."""
    found: dict[str, Values] = {}
    for seen in observed(entries, cards, names):
        both = shared(rates(seen, SPELLED, reasoned), rates(seen, DRAW, reasoned))
        values = [(key, fmean(spelled.values()) - fmean(drawn.values())) for key, (spelled, drawn) in both.items()]
        found.setdefault(seen.reference, values)
    return found


def _by_model(traces: Sequence[T]) -> Mapping[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for trace in traces:
        found[trace.model].append(trace)
    return found


def _by_prompt(curves: Curves) -> Values:
    return list(zip(curves.prompts, curves.values.mean(axis=1).tolist(), strict=True))
