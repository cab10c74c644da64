"""Finished records of one study, in one run or several, read from disk whenever they are walked over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar, overload

from unispect.core.units import Entry
from unispect.runs.reading import RunReader, Ways

T = TypeVar("T")


class Records(Sequence[Entry]):
    """The finished records of one version of a study, each unit once; none of them is kept in memory.

    A unit that several runs hold comes where the last of them has it, as the first of them holds it. Runs must not
    change meanwhile: see `RunReader.snapshot`.

    Args:
        runs: to read from.
        study: whose records.
        version: of the study.
        checked: what the runs hold is known to be what was written (`check.require_kept`); otherwise the first walk
            looks.
    """

    def __init__(self, runs: Sequence[RunReader], study: str, version: int, *, checked: bool = False) -> None:
        self._runs = runs
        self._about = {"study": study, "version": version, "status": "done"}
        self._held = [run.held(**self._about) for run in runs]
        self._twice = self._found_twice() if len(runs) > 1 else {}
        self._checked = checked
        self._reduced: dict[tuple[Hashable, ...], Any] = {}

    @property
    def models(self) -> list[str]:
        """`id@revision` of those that left any, in the order of their first records."""
        if self._twice:
            return self.reduced(_models)
        return list(dict.fromkeys(model for held in self._held for model in held))

    @cached_property
    def ways(self) -> Ways:
        """How they were made and who graded them."""
        if self._twice:
            return _ways(self)
        every = [run.ways(**self._about) for run in self._runs]
        return Ways(
            *(sum(counts, Counter()) for counts in zip(*((own.made, own.graded) for own in every), strict=True))
        )

    def holding(self, name: str) -> Iterator[Entry]:
        """Those whose payload may hold a mapping under a name."""
        if self._twice:
            return iter(self)
        return (entry for run in self._runs for entry in run.entries(**self._about, holding=name))

    def reduced(self, reduce: Callable[..., T], *more: Hashable) -> T:
        """`reduce(self, *more)`, made once, however many ask for it."""
        if (reduce, *more) not in self._reduced:
            self._reduced[reduce, *more] = reduce(self, *more)
        return self._reduced[reduce, *more]

    def __len__(self) -> int:
        return sum(held.total() for held in self._held) - sum(times - 1 for _, _, times in self._twice.values())

    def __iter__(self) -> Iterator[Entry]:
        for index, run in enumerate(self._runs):
            for entry in run.entries(**self._about, check=not self._checked):
                first, last, _ = self._twice.get(entry.unit.id, (index, index, 1))
                if index < last:
                    continue
                held = self._runs[first].get(entry.unit.id) if first < index else entry
                if held:
                    yield held
        self._checked = True

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        """One record, or some, by walking to them."""
        wanted = range(len(self))[index]
        if isinstance(wanted, int):
            return next(islice(self, wanted, None))
        found = dict(zip(sorted(wanted), _at(self, sorted(wanted)), strict=True))
        return [found[index] for index in wanted]

    def _found_twice(self) -> dict[str, tuple[int, int, int]]:
        """Unit that several runs hold -> the first of them, the last, and how many they are."""
        places: dict[str, tuple[int, int, int]] = {}
        for index, run in enumerate(self._runs):
            for unit in run.units(**self._about):
                first, _, times = places.get(unit, (index, index, 0))
                places[unit] = first, index, times + 1
        return {unit: found for unit, found in places.items() if found[2] > 1}


class _Filtered(Records):
    """Records of which some are left out, or given other grades."""

    def __init__(self, records: Records, keep: Callable[..., Entry | None], *more: Hashable) -> None:
        self._records, self._keep, self._more = records, keep, more
        self._reduced = {}

    @property
    def models(self) -> list[str]:
        return self.reduced(_models)

    @cached_property
    def ways(self) -> Ways:
        return _ways(self)

    def holding(self, name: str) -> Iterator[Entry]:
        return iter(self)

    def __len__(self) -> int:
        return self.reduced(_count)

    def __iter__(self) -> Iterator[Entry]:
        return (kept for entry in self._records if (kept := self._keep(entry, *self._more)))


def filtered(entries: Sequence[Entry], keep: Callable[..., Entry | None], *more: Hashable) -> Sequence[Entry]:
    """The entries that `keep(entry, *more)` gives back; of `Records` read from disk like them."""
    if isinstance(entries, Records):
        return _Filtered(entries, keep, *more)
    return [kept for entry in entries if (kept := keep(entry, *more))]


def models_of(entries: Iterable[Entry]) -> list[str]:
    """`id@revision` of all models, in the order of their first entries."""
    return entries.models if isinstance(entries, Records) else _models(entries)


def ways_of(entries: Iterable[Entry]) -> Ways:
    """How entries were made and who graded them; of `Records` without reading them."""
    return entries.ways if isinstance(entries, Records) else _ways(entries)


def holding(entries: Iterable[Entry], name: str) -> Iterator[Entry]:
    """All entries whose payload holds a mapping under a name, and perhaps others; of `Records` no more are read."""
    return entries.holding(name) if isinstance(entries, Records) else iter(entries)


def reduced(entries: Iterable[Entry], reduce: Callable[..., T], *more: Hashable) -> T:
    """`reduce(entries, *more)`; of `Records` made once, however many ask for it."""
    return entries.reduced(reduce, *more) if isinstance(entries, Records) else reduce(entries, *more)


def unfinished(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Those that failed or were skipped."""
    if not isinstance(entries, Records):
        yield from (entry for entry in entries if entry.record.status != "done")


def _count(entries: Iterable[Entry]) -> int:
    return sum(1 for _ in entries)


def _ways(entries: Iterable[Entry]) -> Ways:
    found = Ways(Counter(), Counter())
    for entry in entries:
        model, made = entry.unit.model, entry.record.made
        dtype = made.dtype if made else ""
        found.made[model, dtype, made.device if made else ""] += 1
        found.graded.update((model, dtype, judge) for judge in entry.grades)
    return found


def _models(entries: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.unit.model for entry in entries))


def _at(entries: Iterable[Entry], places: Sequence[int]) -> Iterator[Entry]:
    """Those at ascending places."""
    left = iter(entries)
    passed = 0
    for index in places:
        yield next(islice(left, index - passed, None))
        passed = index + 1
