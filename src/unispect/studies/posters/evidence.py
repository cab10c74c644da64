"""What the records of one model say: its replies, those that were graded, and what was left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.posters.items import Modality
from unispect.studies.posters.judging.plan import modality_of
from unispect.studies.posters.judging.reading import Graded, graded, primary
from unispect.studies.posters.plan import DESCRIBE, DRAW, REPLIES, VISUALISE
from unispect.studies.posters.records import Asked, OfPoster, Replied, Source
from unispect.studies.posters.scoring import GradedReply, Scores, score

WAYS: Mapping[str, str] = {DRAW: "drawn", DESCRIBE: "told", VISUALISE: "told, pictured first"}
"""Kinds of replies, in the words of tables."""


@dataclass(frozen=True)
class Reply:
    """One reply.

    Attributes:
        name: title and year of the poster.
        gradings: by the primary judge, on the primary rubric.
    """

    entry: Entry
    name: str
    gradings: tuple[Graded, ...]

    @property
    def kind(self) -> str:
        return self.entry.unit.kind

    @property
    def poster(self) -> str:
        return read_inputs(OfPoster, self.entry.unit).poster

    @cached_property
    def left(self) -> Replied:
        """What its record holds."""
        return read_payload(Replied, self.entry.record)

    @property
    def sample(self) -> int:
        return self.entry.unit.seed

    @property
    def refused(self) -> str:
        """In the provider's words; empty if it was not."""
        return self.left.refused

    @property
    def none(self) -> str:
        """Why there is nothing to grade although nobody refused; empty if there is."""
        if self.refused or self.entry.record.blobs or self.left.text.strip():
            return ""
        return self.left.unusable or "an empty reply"

    @property
    def unfinished(self) -> bool:
        """Its text was cut off at the limit."""
        return self.left.finished is False

    @property
    def left_out(self) -> float:
        """Share of its items that say nothing: all of them for a refused or ungraded reply."""
        items = sum(len(grading.items) for grading in self.gradings)
        return sum(grading.unparsed for grading in self.gradings) / items if items else 1.0


@dataclass(frozen=True)
class Evidence:
    """Replies of one model."""

    name: str
    replies: tuple[Reply, ...]

    def of(self, kind: str) -> tuple[Reply, ...]:
        return tuple(reply for reply in self.replies if reply.kind == kind)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({reply.sample for reply in self.replies}))

    def left_out(self, kind: str) -> float:
        """Mean share of items of such replies that say nothing."""
        own = self.of(kind)
        return sum(reply.left_out for reply in own) / len(own) if own else 0.0

    @cached_property
    def plain(self) -> Scores:
        """Drawn against told."""
        return score([*self.graded(DRAW, "image"), *self.graded(DESCRIBE, "text")])

    @cached_property
    def pictured(self) -> Scores:
        """Drawn against told with the poster pictured first."""
        return score([*self.graded(DRAW, "image"), *self.graded(VISUALISE, "text")])

    @cached_property
    def cure(self) -> Scores:
        """Its gaps: telling with the poster pictured first (as "text") minus telling plainly (as "image")."""
        return score([*self.graded(DESCRIBE, "image"), *self.graded(VISUALISE, "text")])

    def graded(self, kind: str, slot: Modality | None = None) -> list[GradedReply]:
        """Gradings of such replies as scores take them; wholly unparsed ones have no score."""
        return [
            GradedReply(reply.poster, slot or modality_of(kind), grading.readable, reply.sample)
            for reply in self.of(kind)
            for grading in reply.gradings
            if grading.readable
        ]


@dataclass(frozen=True)
class Everything:
    """All that a view shows.

    Attributes:
        models: with replies, in their order.
        gradings: by all judges, controls among them.
        judge: whose word scores rest on, empty if nobody graded.
        source: of the rubrics that scores rest on.
    """

    models: tuple[Evidence, ...]
    gradings: tuple[Graded, ...]
    judge: str = ""
    source: Source = "reference"

    def controls(self, about: str) -> list[Graded]:
        """Of the primary judge on the primary rubrics."""
        return [one for one in self.main if one.about == about]

    @property
    def main(self) -> list[Graded]:
        return [one for one in self.gradings if (one.judge, one.source) == (self.judge, self.source)]


def everything(entries: Sequence[Entry], names: Mapping[str, str]) -> Everything:
    """The evidence in a run's records.

    Args:
        entries: finished ones of this study.
        names: of models, by the reference that units carry.
    """
    gradings = tuple(graded(entries))
    judge, source = primary(gradings) or ("", "reference")
    by_reply: dict[str, list[Graded]] = defaultdict(list)
    for one in gradings:
        if one.about == "reply" and (one.judge, one.source) == (judge, source):
            by_reply[one.reply].append(one)
    by_model: dict[str, list[Reply]] = defaultdict(list)
    for entry in entries:
        if entry.unit.kind in REPLIES:
            asked = read_inputs(Asked, entry.unit)
            name = f"{asked.title} ({asked.year})"
            by_model[entry.unit.model].append(Reply(entry, name, tuple(by_reply[entry.unit.id])))
    models = tuple(Evidence(names[model], tuple(own)) for model, own in by_model.items())
    return Everything(models, gradings, judge, source)
