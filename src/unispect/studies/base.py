"""What a study is: one typed value, which a package exports and an entry point names.

A study's package holds that value in its `__init__.py`, and beside it

* `plan.py` (no torch): `plan(card: ModelCard, options: Options) -> Plan`;
* `run.py`: `procedures() -> Mapping[str, Procedure]`, one per kind of its units;
* `view.py` (no torch): `view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section`, pure;
  `cards` are of all models that left finished records of any study, so that names (`studies.names`) tell them apart;
* `judge.py`, where its records hold pictures or texts that somebody has to look at first.

Studies know no model by name: what they need to know about one stands on its card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError, UsageError
from unispect.core.extras import missing
from unispect.core.findings import Preset, Section
from unispect.core.outcomes import Outcome
from unispect.core.units import Entry, Grade, Plan, Record, Skip, Unit, Upstream
from unispect.data.memory import Memory
from unispect.studies.questions import Looking

if TYPE_CHECKING:
    from unispect.chat import Chat
    from unispect.models.base import UnifiedModel

__all__ = [
    "RULES",
    "ByChat",
    "Entry",
    "Judge",
    "OpenBlob",
    "Options",
    "OverStudies",
    "Procedure",
    "Study",
    "Upstream",
    "later",
]

RULES = "rules"
"""The judge that every study may have of its own: it asks nobody, so grades by it are made with the records."""


@dataclass(frozen=True)
class Options:
    """What a user can say about any study; `None` takes the study's own default.

    Attributes:
        data: where prompts come from, one source or several (see `unispect.data.prompts`).
        presets: measurement presets to run.
        limit: at most this many items (prompts or concepts) of each group the study compares.
        seeds: one full repetition of everything random per seed.
        parts: of a study that asks several kinds of questions, which ones; none for the study's own choice.
        memory: what the same command has read of the data, so that the next plan need not read it again.
    """

    data: str | tuple[str, ...] | None = None
    presets: tuple[Preset, ...] = (Preset.PAPER, Preset.CONTROLLED)
    limit: int | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    parts: tuple[str, ...] = ()
    memory: Memory = field(default_factory=Memory, compare=False, repr=False)


OpenBlob = Callable[[str], bytes]
"""SHA-256 -> bytes of a stored picture."""

Judge = Callable[[Unit, Record, OpenBlob], Grade | None]
"""Says what a record shows; None when the judge has nothing to say about units of that kind."""

Procedure = Callable[["UnifiedModel", Sequence[Unit], Upstream], Iterator[Record]]
"""Carries out a batch of units of one kind and stage with equal settings (see `Plan.alike`): one record per unit, in
their order."""

OverStudies = Callable[[Mapping[str, Sequence[Entry]], Mapping[str, ModelCard]], Section | None]
"""Finished records by study, and cards as of a view -> a section over several; None if it has nothing to say. Pure."""


class _MakesJudge(Protocol):
    def __call__(self, chat: Chat, name: str, *, temperature: float | None = 0.0, thinking: int = 0) -> Judge: ...


@dataclass(frozen=True)
class ByChat:
    """How chat models grade a study's records, one by one, where they are not asked as other graders are (`Looking`).

    Attributes:
        kinds: of its units, that they are shown.
        judging: the judge that asks a chat model, under the name that its grades carry.
    """

    kinds: tuple[str, ...]
    judging: _MakesJudge


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        name: the word on the command line, and of its entry point.
        version: raised whenever a prompt or a procedure changes.
        question: what it answers, in one sentence.
        plan: its units for a model; needs no torch. Call `planned`, which also says what of the options has no effect.
        procedures: by kind of unit; called when the first unit is carried out, since that imports torch.
        view: what its finished records show; pure, needs no torch.
        judges: by name; the one called "rules" is asked as soon as records are there.
        by_chat: how chat models grade its records, where they do.
        outcome: what one of its finished records says by itself, given what its JSON says by the names that all use;
            pure, needs no torch.
        sections: what is to be said of several studies side by side, behind all studies.
        prompts: its prompts come from `--data`.
        presets: it measures states, and `--preset` says how.
        parts: it asks several kinds of questions, among which `--parts` chooses.
        asked_to_grade: its replies are graded by a chat model that the user names (`unispect grade RUN --judge ...`).
        looking: what graders of any kind are shown and asked of its records.
    """

    name: str
    version: int
    question: str
    plan: Callable[[ModelCard, Options], Plan]
    procedures: Callable[[], Mapping[str, Procedure]]
    view: Callable[[Sequence[Entry], Mapping[str, ModelCard]], Section]
    judges: Mapping[str, Judge] = field(default_factory=dict)
    by_chat: ByChat | None = None
    outcome: Callable[[Entry, Outcome], Outcome] | None = None
    sections: tuple[OverStudies, ...] = ()
    prompts: bool = False
    presets: bool = False
    parts: bool = False
    asked_to_grade: bool = False
    looking: Looking | None = None

    @property
    def graded(self) -> bool:
        """Its records hold what its own rules look at before the view can say anything."""
        return RULES in self.judges

    @property
    def run(self) -> Procedure:
        """Carries out units of any kind; travels to other processes as the place of `procedures`."""
        return _Carried(self.name, self.procedures)

    def planned(self, card: ModelCard, options: Options) -> Plan:
        """The plan, which also names the seeds among the options that no unit of it has.

        Raises:
            UsageError: the options make no sense for this study, or there is nothing to do.
            DataError: the prompts cannot be read.
        """
        plan = self.plan(card, options)
        used = {unit.seed for unit in plan.units}
        unused = [seed for seed in dict.fromkeys(options.seeds) if seed not in used]
        if not unused:
            return plan
        named = f"{'seeds' if len(unused) > 1 else 'seed'} {', '.join(map(str, unused))}"
        reason = f"nothing that {self.name} asks of {card.id} is repeated for every seed"
        kept = [str(seed) for seed in options.seeds if seed in used]
        said = f"{reason}; it is done for seed {', '.join(kept)}" if kept else reason
        return replace(plan, skips=(*plan.skips, Skip(named, said)))


@dataclass(frozen=True)
class _Carried:
    """A study's procedures as one function of units."""

    study: str
    procedures: Callable[[], Mapping[str, Procedure]]

    def __call__(self, model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
        if units:
            kind, procedures = units[0].kind, self.procedures()
            if kind not in procedures:
                raise UsageError(f"the {self.study} study has no procedure {kind!r}")
            yield from procedures[kind](model, units, upstream)


def later(address: str) -> Any:
    """The function at `module:name`, whose module is imported when it is first called.

    So a study is known by its name before anything large is imported.
    """
    return _Later(address)


@dataclass(frozen=True)
class _Later:
    address: str

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.function(*args, **named)

    @property
    def function(self) -> Callable[..., Any]:
        """
        Raises:
            UnispectError: there is no such module or function.
        """
        module, _, name = self.address.partition(":")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise missing(error) or UnispectError(f"{self.address} cannot be imported: {error}") from error
