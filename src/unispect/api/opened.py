"""A run as a program or a notebook holds it: its records as a frame, what they say, its charts and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import chain
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from unispect.api import claims
from unispect.api.frames import finding_row, frame, frame_of, table_rows
from unispect.api.pictures import Pictures, pictures_of
from unispect.core import shown
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError, unknown
from unispect.core.findings import Finding, Section
from unispect.runner.reporting import Reported, sections, write_report
from unispect.runner.running import Outcome
from unispect.runs.creation import found_runs
from unispect.runs.export import arrow_table, rows_of
from unispect.runs.store import RunStore

if TYPE_CHECKING:
    import altair


class Findings(Sequence[Finding]):
    """Findings in the order of a report."""

    def __init__(self, found: Sequence[tuple[str, Finding]]) -> None:
        self._found = tuple(found)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Findings: ...
    def __getitem__(self, index: int | slice) -> Finding | Findings:
        return Findings(self._found[index]) if isinstance(index, slice) else self._found[index][1]

    def __len__(self) -> int:
        return len(self._found)

    @property
    def headlines(self) -> Findings:
        """Those that a report puts first."""
        return Findings([one for one in self._found if one[1].headline])

    def frame(self) -> Any:
        """A row for each, with the section that it is of; numbers are those of its interval."""
        rows = [finding_row(section, one) for section, one in self._found]
        return frame_of(rows, rows[0] if rows else ("section", "id", "model", "claim", "verdict"))

    def __repr__(self) -> str:
        return "\n".join(f"{one.verdict}: {f'[{one.subject}] ' if one.subject else ''}{one.claim}" for one in self)

    def _repr_html_(self) -> str:
        return shown.box(claims.findings(self))


class Run:
    """One run folder, or several that are looked at together. Nothing is kept open; a folder may still be written.

    Args:
        folders: of the runs.
        outcomes: of what was carried out just now, where it was.

    Attributes:
        folders: of the runs.
        outcomes: what became of every study on every model, if `unispect.run` gave this; empty of what was opened.
    """

    def __init__(self, folders: Sequence[Path], outcomes: Sequence[Outcome] = ()) -> None:
        self.folders, self.outcomes = tuple(folders), tuple(outcomes)

    @property
    def folder(self) -> Path:
        """The first of `folders`."""
        return self.folders[0]

    def raise_failures(self) -> None:
        """Returns if no unit and no grade failed in what was carried out just now.

        Raises:
            UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
        """
        for outcome in self.outcomes:
            outcome.raise_failures()

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What the records say: one section per study, then those over several. Made once; open the run again for more.

        Raises:
            UsageError: there is no finished record.
            StoreError: a run is damaged, or a record is not what its study writes.
        """
        return sections(self.folders)

    @property
    def findings(self) -> Findings:
        """Every claim with its verdict, as a report has them."""
        return Findings([(section.id, one) for section in self.sections for one in section.findings])

    @property
    def studies(self) -> tuple[str, ...]:
        """Names of the studies that left records."""
        with self.opened() as stores:
            counts = [count for store in stores for count in store.counts()]
        return tuple(dict.fromkeys(count.study for count in counts if count.planned > count.pending))

    @property
    def cards(self) -> Mapping[str, ModelCard]:
        """`id@revision` -> the card of every model that was run."""
        with self.opened() as stores:
            return {name: card for store in stores for name, card in store.cards().items()}

    def frame(self, study: str = "") -> Any:
        """The records of one study, a row each: finished, failed and skipped ones, in the order of planning.

        Of a unit that several folders hold, the first one's record is taken.

        Columns are those of `unispect export` (`inputs.prompt`, `payload.text`, `grades.rules.values`), lists as lists;
        a data frame of pandas where that is installed, else a table of pyarrow.

        Args:
            study: whose; needed where there are several, for their columns differ.

        Raises:
            UsageError: there are records of several studies and none is named, or none of the study.
            StoreError: a run is damaged.
        """
        held = self.studies
        if not study and len(held) > 1:
            raise UsageError(f"there are records of {', '.join(held)}; name one, as in frame({held[0]!r})")
        if study and study not in held:
            raise unknown("study with records here", study, held)
        with self.opened() as stores:

            def rows(*, check: bool) -> Iterator[dict[str, object]]:
                every = chain.from_iterable(rows_of(store, study or None)(check=check) for store in stores)
                seen: set[object] = set()
                return (row for row in every if row["unit"] not in seen and not seen.add(row["unit"]))

            return frame(arrow_table(rows, check=True))

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of all charts, `study/figure`."""
        return tuple(f"{section.id}/{one.id}" for section in self.sections for one in section.figures)

    def figure(self, name: str) -> altair.Chart:
        """A chart, with values for a pointer and a legend that chooses lines; `save` writes SVG, PDF and PNG.

        Args:
            name: of `figures`; the part behind the stroke is enough where it is the only one so called.

        Raises:
            UsageError: there is no such chart.
            MissingExtra: Altair is not installed.
        """
        from unispect.api.charts import chart

        return chart(_named("chart", name, self._of(lambda section: section.figures)))

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of all tables, `study/table`."""
        return tuple(f"{section.id}/{one.id}" for section in self.sections for one in section.tables)

    def table(self, name: str) -> Any:
        """A table of the report as a frame; intervals are four columns.

        Raises:
            UsageError: there is no such table.
        """
        columns, rows = table_rows(_named("table", name, self._of(lambda section: section.tables)))
        return frame_of(rows, columns)

    def pictures(self, study: str = "", *, model: str = "", limit: int = 24) -> Pictures:
        """Drawn pictures beside what was asked for and what a judge saw, wrong ones first.

        Args:
            study: only its pictures.
            model: only this one's, `id` or `id@revision`.
            limit: how many.
        """
        with self.opened() as stores:
            return pictures_of(stores, study, model, limit)

    def report(self, path: str | Path = "report.html", *, title: str = "") -> Reported:
        """Writes the report, one HTML file.

        Raises:
            UsageError: there is nothing to report, or the path is a folder.
            StoreError: a run is damaged, or the page cannot be written.
        """
        return write_report(self.folders, path, title=title)

    def _of(self, part: Any) -> dict[str, Any]:
        return {f"{section.id}/{one.id}": one for section in self.sections for one in part(section)}

    @contextmanager
    def opened(self) -> Iterator[list[RunStore]]:
        """The run folders, each open for reading at one moment, until the `with` statement ends."""
        with ExitStack() as opened:
            stores = [opened.enter_context(RunStore.open(folder)) for folder in self.folders]
            for store in stores:
                opened.enter_context(store.snapshot())
            yield stores

    def __repr__(self) -> str:
        return f"<Run of {', '.join(self.studies) or 'nothing yet'} in {self._where}>"

    @property
    def _where(self) -> str:
        more = len(self.folders) - 1
        return str(self.folder) + (f" and {more} more folder{'s' * (more > 1)}" if more else "")

    def _repr_html_(self) -> str:
        with self.opened() as stores:
            counts = [count for store in stores for count in store.counts()]
        sums: dict[tuple[str, str], list[int]] = {}
        for one in counts:
            own = sums.setdefault((one.study, one.model.partition("@")[0]), [0, 0, 0, 0])
            own[:] = map(add, own, (one.planned, one.done, one.failed, one.pending))
        rows = [
            (shown.text(study), shown.text(model), *(f'<span class="num">{number:,}</span>' for number in numbers))
            for (study, model), numbers in sums.items()
        ]
        head = f"<p><b>Run</b> in {shown.text(self._where)}</p>"
        return shown.box(head, shown.table(("study", "model", "units", "done", "failed", "to do"), rows))


def _named(what: str, name: str, among: Mapping[str, Any]) -> Any:
    """The one of that name, or of the only name that ends so.

    Raises:
        UsageError: there is none, or several.
    """
    if name in among:
        return among[name]
    ending = [whole for whole in among if whole.partition("/")[2] == name]
    if len(ending) > 1:
        raise UsageError(f"several are called {name}: {', '.join(ending)}")
    if not ending:
        raise unknown(what, name, among)
    return among[ending[0]]


def open(*folders: str | Path) -> Run:
    """Run folders that `unispect run` or `unispect.run` wrote; one below which run folders lie stands for these.

    Raises:
        UsageError: a folder is no run and holds none, or none is named.
        StoreError: a run is damaged.
    """
    if not folders:
        raise UsageError("name a run folder")
    run = Run(found_runs(folders))
    run.studies  # noqa: B018 - opens every folder once, so that a damaged one is said here
    return run
