"""What one model left under one preset, ready for the statements; and how else its states can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset
from unispect.core.units import Entry
from unispect.runs.records import models_of
from unispect.studies.encoding.lengths import THIRDS, Terciles
from unispect.studies.encoding.traces import Trace as Level
from unispect.studies.encoding.traces import traces_of as levels_of
from unispect.studies.headline.view import Pairing, pairings_of
from unispect.studies.names import named
from unispect.studies.response.findings import MEASURE, text_task
from unispect.studies.response.traces import Trace as Reply
from unispect.studies.response.traces import traces_of as replies_of
from unispect.studies.statements.cells import Cells, Floats, Row


class Missing(Exception):
    """The data hold nothing a statement could be judged by; says what is missing."""


class Reading(StrEnum):
    """What is read as the entropy of a prompt, or as the dependence of a reply."""

    CONTENT = "content"
    """As the preset measures it."""
    FULL = "whole input"
    """With template and filler (paper preset)."""
    HALF = "half sigma"
    DOUBLE = "twice sigma"
    LENGTH = "row counts alone"
    """The largest value that so many rows can have, whatever they hold."""


Transform = Callable[[Level, Sequence[float]], Sequence[float]]


@dataclass(frozen=True)
class Evidence:
    """One model under one preset.

    Attributes:
        card: the model's.
        name: to show.
        preset: how states were measured.
        levels: prompts in the template of a text reply that were measured.
        replies: of the response study.
        task: kind of text reply to set against pictures; empty if there is none.
        reading: what to read.
        pairings: divergence inside against what fails to be drawn, prompt by prompt; empty where nobody asked.
    """

    card: ModelCard
    name: str
    preset: Preset
    levels: Sequence[Level]
    replies: Sequence[Reply]
    task: str
    reading: Reading = Reading.CONTENT
    pairings: Sequence[Pairing] = ()

    def read(self, reading: Reading) -> Evidence:
        """The same, read otherwise."""
        return replace(self, reading=reading)

    def kinds(self, modality: str) -> list[str]:
        """Kinds of prompt of a modality, in order."""
        return list(dict.fromkeys(trace.kind for trace in self.levels if trace.modality == modality))

    def by_kind(self, *modalities: str, transform: Transform = lambda _, curve: curve) -> Cells:
        """Curves by (modality, kind).

        Raises:
            Missing: a modality has none.
        """
        rows: list[Row] = []
        for modality in modalities:
            own = [
                ((modality, trace.kind), trace.prompt, transform(trace, curve))
                for trace in self.levels
                if trace.modality == modality and (curve := self._curve(trace))
            ]
            if not own:
                raise Missing(f"no {WORDS[modality]} {'were measured so' if self.levels else 'were measured'}")
            rows += own
        return Cells.of(rows)

    def by_length(self, transform: Transform = lambda _, curve: curve) -> Cells:
        """Curves of text prompts, the groups being `THIRDS` in order.

        Raises:
            Missing: there are not three different lengths.
        """
        texts = [trace for trace in self.levels if trace.modality == "text" and self._curve(trace)]
        thirds = Terciles(texts) if texts else None
        rows: list[Row] = (
            [(thirds.third(trace), trace.prompt, transform(trace, self._curve(trace))) for trace in texts]
            if thirds
            else []
        )
        if {group for group, _, _ in rows} != set(THIRDS):
            raise Missing("the text prompts do not come in three lengths")
        return Cells.of(sorted(rows, key=lambda row: THIRDS.index(str(row[0]))))

    def dependence(self) -> Cells:
        """Curves of text replies and of picture replies, the groups being "text" and "image".

        Raises:
            Missing: there are none.
        """
        rows: list[Row] = []
        for group, task, what in (("text", self.task, "text replies"), ("image", "draw", "picture replies")):
            own = [t for t in self.replies if t.task == task and MEASURE[self.preset] in t.curves]
            if not own:
                raise Missing(f"no {what} were measured under every preset")
            rows += [(group, trace.prompt, self._dependence(trace)) for trace in own]
        return Cells.of(rows)

    def filled(self) -> bool:
        """Whether most of what the template adds to text are repeats of one row: places without content."""
        added, repeated = 0.0, 0.0
        for trace in self.levels:
            if trace.modality == "text" and "full_distinct" in trace.more:
                added += trace.full_rows - trace.rows
                full, content = trace.more["full_distinct"][0], trace.more["content_distinct"][0]
                repeated += (trace.full_rows - full) - (trace.rows - content)
        return repeated > added / 2

    def _curve(self, trace: Level) -> Sequence[float]:
        if self.reading is Reading.CONTENT:
            return trace.curve
        if self.reading is Reading.LENGTH:
            return [trace.ceiling] * len(trace.curve)
        return trace.more.get(KEYS[self.reading], ())

    def _dependence(self, trace: Reply) -> Sequence[float]:
        curve = trace.curves[MEASURE[self.preset]]
        return [trace.length_term] * len(curve) if self.reading is Reading.LENGTH else curve


KEYS: Mapping[Reading, str] = {Reading.FULL: "full", Reading.HALF: "half", Reading.DOUBLE: "double"}
WORDS = {"text": "text prompts", "image": "pictures"}


def all_evidence(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> list[list[Evidence]]:
    """For every model, in the order of first records, what it left under each preset that was run.

    Models with planted behaviour stay out: they say something about the instrument.

    Args:
        entries: of finished units, by study.
        cards: by the models' references.
    """
    models = [model for study in ("encoding", "response") for model in models_of(entries.get(study, ()))]
    names = named(list(dict.fromkeys(models)), cards)
    levels = levels_of(entries.get("encoding", ()), names)
    replies = replies_of(entries.get("response", ()), names)
    paired = pairings_of(entries, cards)
    found = []
    for reference, name in names.items():
        if reference not in cards or cards[reference].planted:
            continue
        read = [t for t in levels if t.model == name and t.goal == "text" and t.curve]
        said = [t for t in replies if t.model == name]
        presets = [p for p in Preset if any(trace.preset is p for trace in (*read, *said))]
        task = text_task(said, [p for p in presets if any(trace.preset is p for trace in said)])
        found.append(
            [
                Evidence(
                    cards[reference],
                    name,
                    preset,
                    [trace for trace in read if trace.preset is preset],
                    [trace for trace in said if trace.preset is preset],
                    task,
                    pairings=[
                        one for one in paired if one.seen.reference == reference and one.divergence.preset is preset
                    ],
                )
                for preset in presets
            ]
        )
    return [own for own in found if own]


def of_modality(cells: Cells, modality: str) -> Floats:
    """The mean curve over the kinds of one modality, as functions of cells by kind; see `Cells.curve`."""
    return cells.curve(lambda group: isinstance(group, tuple) and group[0] == modality)
