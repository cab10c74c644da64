"""Which measurements of a run may stand together, and which of several such sets is shown.

A run folder can be continued with other data, another precision or more prompts, which calibrates anew. Numbers that
were measured in different ways are different quantities: they are never averaged. One set of each model is shown, the
most complete one, and the page says what was left aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from unispect.core.findings import Preset
from unispect.core.typed import read_payload, read_settings
from unispect.core.units import JSON, Entry, canonical_json, digest
from unispect.studies.states.offsets import Apart, apart_of
from unispect.studies.states.records import Drawn, Measuring


@dataclass(frozen=True, slots=True)
class Way:
    """How a measurement was made, as far as others must have been made alike to stand beside it.

    Attributes:
        source: of the prompts.
        precision: that the model ran in; empty where nobody noted it.
        limits: of replies, as JSON; empty where there are none.
        calibration: what decided bandwidths, whatever the seed; empty under the paper preset.
        k: rows drawn from every sequence.
        rest: digest of everything else in the settings of the measure.
    """

    source: str = ""
    precision: str = ""
    limits: str = ""
    calibration: str = ""
    k: int = 0
    rest: str = ""


UNSAID = Way()


class Measured(Protocol):
    """What is chosen among."""

    @property
    def model(self) -> str: ...
    @property
    def preset(self) -> Preset: ...
    @property
    def prompt(self) -> str: ...
    @property
    def way(self) -> Way: ...


T = TypeVar("T", bound=Measured)
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Chosen(Generic[T]):
    """Measurements that may stand together.

    Attributes:
        traces: of one set for every model, in their order.
        aside: what was left aside and why, as sentences.
        apart: by model, how far apart modalities lie where the traces were calibrated.
    """

    traces: list[T]
    aside: tuple[str, ...]
    apart: Mapping[str, Apart] = field(default_factory=dict)


IN_COMMON = ("source", "precision", "limits")
"""What has to be alike over presets too: they are compared."""
PER_PRESET = ("k", "calibration", "rest")


class Calibrations:
    """The calibrations among a study's records, noted on the way through them."""

    def __init__(self) -> None:
        self._alike: dict[str, str] = {}
        self._apart: dict[tuple[str, str], Apart] = {}

    def note(self, entry: Entry, model: str) -> None:
        """Remembers a record that is one, of the model of that name."""
        if entry.unit.kind == "calibrate" and entry.record.status == "done":
            name = digest([entry.unit.inputs, entry.unit.settings])
            self._alike[entry.unit.id] = name
            self._apart[model, name] = apart_of(entry.record)

    def named(self, way: Way) -> Way:
        """The way with its calibration called by what it is whatever its seed: repetitions of one stand together.

        A calibration that is not among the records stands for itself.
        """
        return replace(way, calibration=self._alike.get(way.calibration, way.calibration))

    def apart(self, traces: Iterable[Measured]) -> dict[str, Apart]:
        """By model, how far apart modalities lie where these traces were calibrated."""
        used = dict.fromkeys((trace.model, trace.way.calibration) for trace in traces)
        return {model: self._apart[model, name] for model, name in used if (model, name) in self._apart}


APART = frozenset({"source", "limits", "calibration", "preset", "goal", "task", "at"})
"""Settings that say what was measured, or that a `Way` names by themselves."""


def way_of(entry: Entry, k: int) -> Way:
    """How a record with `k` rows drawn was made; its calibration is the unit's id."""
    settings = read_settings(Measuring, entry.unit)
    rest: dict[str, JSON] = {name: value for name, value in entry.unit.settings.items() if name not in APART}
    return Way(
        source=settings.source,
        precision=entry.record.made.dtype if entry.record.made else "",
        limits=canonical_json(settings.limits) if settings.limits else "",
        calibration=settings.calibration,
        k=k,
        rest=digest(rest),
    )


def chosen(traces: Sequence[T], part: Callable[[T], Hashable] = lambda trace: "") -> Chosen[T]:
    """One set of every model, the most complete.

    Of the sources, precisions and limits that several sets may have, those with the most prompts over all presets; then
    under each preset the calibration and row count with the most prompts. Ties go to the larger number of measurements,
    then to more rows, then to the set that was measured first.

    Args:
        traces: of any models and presets.
        part: measurements that are never compared with others choose for themselves.
    """
    kept: set[int] = set()
    aside: list[str] = []
    for (model, _), own in _by(traces, lambda trace: (trace.model, part(trace))).items():
        alike = _shown(_by(own, lambda trace: _named(trace, IN_COMMON)), IN_COMMON, model, aside)
        for preset, under in _by(alike, lambda trace: trace.preset).items():
            best = _shown(
                _by(under, lambda trace: _named(trace, PER_PRESET)), PER_PRESET, f"{model} under {preset}", aside
            )
            kept.update(map(id, best))
    return Chosen([trace for trace in traces if id(trace) in kept], tuple(aside))


def _shown(sets: Mapping[tuple[JSON, ...], list[T]], names: Sequence[str], where: str, aside: list[str]) -> list[T]:
    """The most complete of the sets; a sentence about each of the others goes to `aside`."""
    best = max(sets, key=lambda one: _size(sets[one]))
    for other, traces in sets.items():
        if other == best:
            continue
        differences = [
            _difference(name, theirs, own)
            for name, theirs, own in zip(names, other, best, strict=True)
            if theirs != own
        ]
        aside.append(
            f"{where}: {_counted(traces)} left aside ({', '.join(differences)}). What was measured in different "
            f"ways is not pooled; the set with the most prompts is shown ({_counted(sets[best])})."
        )
    return sets[best]


def _size(traces: Sequence[Measured]) -> tuple[int, int, int]:
    prompts = {(trace.preset, trace.prompt) for trace in traces}
    return len(prompts), len(traces), max(trace.way.k for trace in traces)


def _counted(traces: Sequence[Measured]) -> str:
    prompts = len({trace.prompt for trace in traces})
    return f"{len(traces):,} measurement{'s' * (len(traces) != 1)} of {prompts:,} prompt{'s' * (prompts != 1)}"


def _difference(name: str, theirs: JSON, own: JSON) -> str:
    if name in ("calibration", "rest"):
        return {"calibration": "bandwidths from other prompts", "rest": "other settings of the measure"}[name]
    what = {"source": "prompts from {}", "precision": "in {}", "limits": "replies within {}", "k": "{} rows from each"}
    return f"{what[name].format(theirs or 'not noted')} instead of {own or 'not noted'}"


def _named(trace: Measured, names: Sequence[str]) -> tuple[JSON, ...]:
    return tuple(getattr(trace.way, name) for name in names)


def gathered(
    entries: Iterable[Entry],
    names: Mapping[str, str],
    kind: str,
    read: Callable[[Entry, str, Way], Iterable[tuple[K, T]]],
    part: Callable[[T], Hashable] = lambda trace: "",
) -> tuple[list[tuple[K, T]], tuple[str, ...], Calibrations]:
    """What finished units of a kind left, as far as it may stand together, from one walk over the records.

    Args:
        entries: of any kinds and models.
        names: of the models, by their references.
        kind: of units that hold measurements.
        read: those of one record, each with what tells it from others.
        part: see `chosen`.

    Returns:
        The measurements in order, what was left aside and why, and the calibrations among the records.
    """
    calibrations = Calibrations()
    ways: dict[Way, Way] = {}
    everything: list[tuple[K, T]] = []
    for entry in entries:
        model = names[entry.unit.model]
        calibrations.note(entry, model)
        if entry.unit.kind == kind and entry.record.status == "done":
            way = way_of(entry, read_payload(Drawn, entry.record).k)
            everything += read(entry, model, ways.setdefault(way, way))
    better = {way: calibrations.named(way) for way in ways}
    traces = [(key, replace(trace, way=better[trace.way])) for key, trace in everything]  # type: ignore[type-var]
    kept = chosen([trace for _, trace in traces], part)
    shown = {id(trace) for trace in kept.traces}
    return [(key, trace) for key, trace in traces if id(trace) in shown], kept.aside, calibrations


def _by(traces: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = defaultdict(list)
    for trace in traces:
        found[key(trace)].append(trace)
    return found
