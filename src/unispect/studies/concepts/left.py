"""Everything that each model left in the concepts study, from one walk over the records; none of them is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.units import Entry
from unispect.runs.records import reduced
from unispect.studies.aphasia.evidence import Battery, Evidence
from unispect.studies.concepts.paper import Paper
from unispect.studies.concepts.retained import Text, text_of
from unispect.studies.concepts.tellings import Further


@dataclass(frozen=True)
class Left:
    """What one model left.

    Attributes:
        battery: the evidence that every model is asked for.
        evidence: with what was asked beyond it.
        kept: texts that it scored.
        paper: the published protocol.
    """

    battery: Evidence
    evidence: Evidence
    kept: Sequence[Text]
    paper: Paper


def left_of_each(entries: Iterable[Entry]) -> Mapping[str, Left]:
    """Model reference -> what it left, in the order of first records; of records on the disk read once."""
    return reduced(entries, _read)


def _read(entries: Iterable[Entry]) -> Mapping[str, Left]:
    reading: dict[str, _Reading] = {}
    for entry in entries:
        model = entry.unit.model
        if model not in reading:
            reading[model] = _Reading()
        reading[model].add(entry)
    return {model: one.left for model, one in reading.items()}


class _Reading:
    """The records of one model, one after the other."""

    def __init__(self) -> None:
        self._battery, self._further, self._paper = Battery(), Further(), Paper()
        self._kept: list[Text] = []

    def add(self, entry: Entry) -> None:
        for part in (self._battery, self._further, self._paper):
            part.add(entry)
        if text := text_of(entry):
            self._kept.append(text)

    @property
    def left(self) -> Left:
        evidence = self._battery.evidence
        return Left(evidence, self._further.beside(evidence), self._kept, self._paper)
