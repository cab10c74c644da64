"""All runs and models at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError
from unispect.runs import lock
from unispect.runs.status import BUSY, Status, status
from unispect.studies.names import named
from unispect.viewer.filters import Filter
from unispect.viewer.folders import Run
from unispect.viewer.index import Index
from unispect.viewer.queries import NOTHING, Tally, by_model


@dataclass(frozen=True)
class Glance:
    """A run, seen from outside.

    Attributes:
        error: why it cannot be read; everything else is empty then.
        cards: `id@revision` -> card of every model that was run.
        tally: of its records.
    """

    run: Run
    status: Status | None = None
    cards: Mapping[str, ModelCard] = field(default_factory=dict)
    error: str = ""
    tally: Tally = NOTHING

    @property
    def studies(self) -> list[str]:
        return list(dict.fromkeys(one.study for one in self.status.counts)) if self.status else []

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(one.model for one in self.status.counts)) if self.status else []

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.error or not self.status:
            return "cannot be read"
        if self.status.writer in BUSY:
            return "being written"
        if self.status.writer == "stopped":
            return "its writer is suspended"
        return "incomplete" if self.status.lacking else "finished"


@dataclass(frozen=True)
class Asked:
    """A model with what it was asked: study -> counts over all runs."""

    model: str
    card: ModelCard | None
    runs: Sequence[str]
    studies: Mapping[str, Tally]

    @property
    def name(self) -> str:
        return self.model.partition("@")[0]

    @property
    def tally(self) -> Tally:
        return _sum(self.studies.values())


class Overview:
    """Looks at runs; what was seen is kept until a run is written to, or its writer ends."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[str, str], Glance]] = {}

    def glances(self, runs: Sequence[Run], index: Index) -> list[Glance]:
        """Of every run, with counts as far as the index has them."""
        tallies: dict[str, list[Tally]] = {}
        for _, run, _, tally in by_model(index, Filter()):
            tallies.setdefault(run, []).append(tally)
        found = []
        for run in runs:
            one = self._glance(run)
            error = one.error or index.error(run)
            found.append(Glance(run, one.status, one.cards, error, _sum(tallies.get(run.key, []))))
        return found

    def _glance(self, run: Run) -> Glance:
        state = run.revision(), lock.writer_of(run.folder)[0]
        if run.key in self._seen and self._seen[run.key][0] == state:
            return self._seen[run.key][1]
        try:
            seen = status(run.folder, verify=False)
            with run.opened() as reader:
                glance = Glance(run, seen, reader.cards())
        except UnispectError as error:
            glance = Glance(run, error=str(error) if state[0] else f"{run.folder} is gone: it was moved or deleted")
        self._seen[run.key] = state, glance
        return glance


def models_of(glances: Sequence[Glance], index: Index) -> list[Asked]:
    """Every model over all runs, in the order of the runs."""
    cards: dict[str, ModelCard] = {}
    runs: dict[str, dict[str, None]] = {}
    for glance in glances:
        for model in glance.models:
            runs.setdefault(model, {})[glance.run.key] = None
        cards |= glance.cards
    studies: dict[str, dict[str, list[Tally]]] = {}
    for model, _, study, tally in by_model(index, Filter()):
        studies.setdefault(model, {}).setdefault(study, []).append(tally)
    return [
        Asked(
            model,
            cards.get(model),
            tuple(own),
            {study: _sum(several) for study, several in studies.get(model, {}).items()},
        )
        for model, own in runs.items()
    ]


def names_of(glances: Sequence[Glance], index: Index) -> Mapping[str, str]:
    """`id@revision` of every model with finished records -> what a report of these runs calls it."""
    cards = {model: card for glance in glances for model, card in glance.cards.items()}
    finished = [model for (model,) in index.read("SELECT DISTINCT model FROM records WHERE status = 'done'")]
    return named(finished, {model: cards[model] for model in finished if model in cards})


def _sum(tallies: Iterable[Tally]) -> Tally:
    several = list(tallies)
    return Tally(*(sum(getattr(one, field_.name) for one in several) for field_ in fields(Tally)))
