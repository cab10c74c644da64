"""From run folders to a report: records to sections through each study's view, and where they come from."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError, UsageError
from unispect.core.findings import Section
from unispect.core.units import Entry, Skip, seeds_of
from unispect.models.registry import completed
from unispect.report.downloads import CARRIED, archive, offered
from unispect.report.model_card import model_card
from unispect.report.page import render
from unispect.report.provenance import Failure, ModelFacts, Provenance, RunFacts
from unispect.report.write import write_bytes, write_page
from unispect.runner.completeness import marked, ungraded
from unispect.runner.running import JUDGE
from unispect.runs.check import require_kept
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.creation import found_runs
from unispect.runs.digests import Sealed
from unispect.runs.manifest import Invocation, running
from unispect.runs.reading import Left
from unispect.runs.records import Records, filtered, models_of
from unispect.runs.store import RunStore
from unispect.studies.base import Study
from unispect.studies.cautions import cautions
from unispect.studies.graders.calibration import without_known
from unispect.studies.graders.tables import with_graders
from unispect.studies.judges import find_judge
from unispect.studies.names import names_of
from unispect.studies.one_way import one_way
from unispect.studies.registry import all_sections, all_studies
from unispect.studies.unreadable import named
from unispect.sweep.records import SWEEP
from unispect.sweep.records import VERSION as SWEEP_VERSION

COMMANDS = 5
"""Commands of one run that a report shows."""


@dataclass(frozen=True)
class Reported:
    """What a report was made of and where it lies; what of the plans left no record, and how verdicts say it."""

    path: Path
    sections: tuple[Section, ...]
    lacking: tuple[Lacking, ...] = ()
    gaps: tuple[str, ...] = ()


Folders = str | Path | Sequence[str | Path]
"""One run folder, or several; a folder that is none stands for the runs below it."""


def write_report(
    folders: Folders,
    out: str | Path,
    *,
    title: str = "",
    command: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Reported:
    """Writes the report of all runs in `folders` to `out`.

    Records of the same study in several runs are looked at together. The page carries an archive with all its numbers;
    one that is too large for it (`downloads.CARRIED`) is written beside it, as `<name of the page>-data.zip`.

    Args:
        folders: of the runs.
        out: the HTML file.
        title: of the page; the names of the models if empty.
        command: that asked for it, for the page's own record; default: the program that is running.
        progress: told what is being done.

    Raises:
        UsageError: a folder is no run, or the runs hold nothing that can be shown.
        StoreError: a run is damaged, a record is not what its study writes, or the page cannot be written.
    """
    path = Path(out)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the file to write, for instance {path / 'report.html'}")
    with _read(folders, progress) as read:
        progress(f"writing {path}")
        studies = all_studies()
        runs = tuple(_facts(store, read.roots[store.folder], studies) for store in read.stores)
        provenance = Provenance(
            _models(read.stores), runs, version("unispect"), shlex.join(command or running()), read.gaps
        )
        data = archive(read.sections, provenance)
        beside = path.with_name(f"{path.stem}-data.zip") if len(data) > CARRIED else None
        page = render(
            read.sections,
            title=title or ", ".join(dict.fromkeys(name for run in runs for name in run.models)),
            provenance=provenance,
            open_picture=_opener(read.stores),
            data=offered(data, beside.name if beside else ""),
        )
    if beside:
        write_bytes(data, beside)
    return Reported(write_page(page, path), read.sections, read.lacking, read.gaps)


def write_model_card(folders: Folders, out: str | Path) -> Reported:
    """Writes what the runs in `folders` say about their models as a section in Markdown, for a hub.

    Raises:
        UsageError: a folder is no run, or the runs hold nothing that can be shown.
        StoreError: a run is damaged, a record is not what its study writes, or the file cannot be written.
    """
    with _read(folders, lambda _: None) as read:
        studies = all_studies()
        runs = tuple(_facts(store, read.roots[store.folder], studies) for store in read.stores)
        origin = Provenance(_models(read.stores), runs, version("unispect"), gaps=read.gaps)
        return Reported(
            write_page(model_card(read.sections, origin), Path(out)), read.sections, read.lacking, read.gaps
        )


def sections(folders: Folders) -> tuple[Section, ...]:
    """What the runs in `folders` have to say: one section per study, then those over several studies or models.

    The findings, tables and figures of a report as values; where a part of what was planned is missing, every verdict
    says so in its `detail`.

    Raises:
        UsageError: a folder is no run, or the runs hold nothing that can be shown.
        StoreError: a run is damaged, or a record is not what its study writes.
    """
    with _read(folders, lambda _: None) as read:
        return read.sections


@dataclass(frozen=True)
class _Read:
    """Runs at one moment, with what they say; open as long as their pictures are needed."""

    stores: Sequence[RunStore]
    roots: Mapping[Path, Sealed]
    sections: tuple[Section, ...]
    lacking: tuple[Lacking, ...]
    gaps: tuple[str, ...]


@contextmanager
def _read(folders: Folders, progress: Callable[[str], None]) -> Iterator[_Read]:
    several = found_runs([folders] if isinstance(folders, str | Path) else folders)
    with ExitStack() as open_runs:
        stores = [open_runs.enter_context(RunStore.open(folder)) for folder in several]
        for store in stores:
            open_runs.enter_context(store.snapshot())
        roots = {store.folder: require_kept(store) for store in stores}
        absent = lacking(stores)
        gaps = (*map(str, absent), *_ungraded(stores))
        yield _Read(stores, roots, tuple(marked(sections_of(stores, progress), gaps)), absent, gaps)


def _ungraded(stores: Sequence[RunStore]) -> Iterator[str]:
    """Which studies have records that rules have not graded yet."""
    judge = find_judge(JUDGE)
    for study in all_studies().values():
        if study.graded and (said := ungraded(stores, study, JUDGE, judge)):
            yield said


class _Cards(dict[str, ModelCard]):
    """Model cards by `id@revision`; one that is missing is explained."""

    def __missing__(self, model: str) -> ModelCard:
        raise StoreError(
            f"there are records of {model}, but no run.json holds its card: restore run.json from a copy; or, if a "
            "program of yours wrote the run, let unispect.engine.execute carry the plan out, which notes the card"
        )


def shown_cards(
    stores: Sequence[RunStore], finished: Iterable[Sequence[Entry]] | None = None
) -> Mapping[str, ModelCard]:
    """Cards of all models that left finished records of any study: those that the names on one page tell apart.

    Args:
        stores: of the runs.
        finished: their finished records, by study, where somebody has them; else they are looked up.
    """
    several = _finished(stores).values() if finished is None else finished
    present = {model for records in several for model in models_of(records)}
    cards = {model: card for store in stores for model, card in store.cards().items() if model in present}
    return _Cards((model, completed(card)) for model, card in cards.items())


def _finished(stores: Sequence[RunStore]) -> Mapping[str, Records]:
    """By study, in the registry's order, of those that left any; they are known to be what was written."""
    everything = {one.name: Records(stores, one.name, one.version, checked=True) for one in all_studies().values()}
    return {name: records for name, records in everything.items() if len(records)}


def _beside(stores: Sequence[RunStore]) -> Mapping[str, Records]:
    """Finished records that no study has a section of its own for: what became of the trainings of a sweep."""
    trainings = Records(stores, SWEEP, SWEEP_VERSION, checked=True)
    return {SWEEP: trainings} if len(trainings) else {}


def sections_of(stores: Sequence[RunStore], progress: Callable[[str], None]) -> list[Section]:
    """One section per study that left finished records, in the registry's order, then those over several of them.

    The runs are walked over several times, since what they hold need not fit into memory; so they must not change, and
    what they hold must have been found to be what was written (`check.require_kept`): it is not looked at again.
    """
    sections, studies = [], all_studies()
    finished: dict[str, Sequence[Entry]] = dict(_finished(stores))
    cards = shown_cards(stores, finished.values())
    for name, everyone in list(finished.items()):
        progress(f"summarising {name}: {len(everyone)} records")
        with named(name, partial(_run_of, stores)):
            own = everyone if cards.keys() >= set(models_of(everyone)) else filtered(everyone, without_known)
            records, aside = (own, ()) if studies[name].presets else one_way(own)
            finished[name] = records
            section = studies[name].view(records, cards)
            if looking := studies[name].looking:
                section = with_graders(section, everyone, looking, names_of(records, cards))
            caveats = *section.caveats, *cautions(records)
            sections.append(replace(section, caveats=caveats, aside=(*section.aside, *aside)))
    for over_all in all_sections():
        with named(", ".join(finished), partial(_run_of, stores)):
            if together := over_all({**finished, **_beside(stores)}, cards):
                sections.append(together)
    if not sections:
        names = ", ".join(str(store.folder) for store in stores)
        raise UsageError(f"nothing to report: {names} holds no finished record of a study known here")
    return sections


def _run_of(stores: Sequence[RunStore], unit: str) -> str:
    """The folders that hold a unit."""
    return ", ".join(str(store.folder) for store in stores if store.holds(unit))


def _judging(invocations: Sequence[Invocation]) -> dict[str, str]:
    """What asking chat models for grades came to, by judge; the last command of each says it."""
    said = [one.settings for one in invocations if "judge" in one.settings and "answers" in one.settings]
    return {f"graded by {settings['judge']}": settings["answers"] for settings in said}


def _names(cards: Mapping[str, ModelCard], left: Iterable[Left]) -> tuple[str, ...]:
    """Of the models that were run; chat models that graded have no card and are named by their study."""
    models = dict.fromkeys(one.model for one in left)
    return tuple(dict.fromkeys(model.partition("@")[0] for model in models if model in cards or not cards))


def _outdated(left: Iterable[Left], studies: Mapping[str, Study]) -> list[Skip]:
    old = {
        (one.study, one.version) for one in left if one.study in studies and one.version != studies[one.study].version
    }
    return [
        Skip(f"records of {name} version {number}", f"this release reads version {studies[name].version}")
        for name, number in sorted(old)
    ]


def _opener(stores: Sequence[RunStore]) -> Callable[[str], bytes]:
    def open_picture(sha256: str) -> bytes:
        holder = next((store for store in reversed(stores) if store.names(sha256)), None)
        if holder is None:
            raise StoreError(f"no run holds picture {sha256}")
        return holder.open_blob(sha256)

    return open_picture


def _models(stores: Sequence[RunStore]) -> tuple[ModelFacts, ...]:
    cards = {name: card for store in stores for name, card in store.cards().items()}
    weights = {
        model: invocation.settings.get("weights", "")
        for store in stores
        for invocation in store.manifest().invocations
        for model in invocation.models
    }
    return tuple(
        ModelFacts(
            card.id,
            card.revision,
            weights.get(name) or card.hub or "shipped with unispect",
            "; ".join(_notes(card)),
        )
        for name, card in cards.items()
    )


def _notes(card: ModelCard) -> Iterator[str]:
    if card.planted:
        yield f"planted control: {card.planted}"
    if card.differences:
        yield f"not as published: {', '.join(card.differences)}"
    if card.adapters:
        yield f"adapters: {', '.join(card.adapters)}"
    if card.weight_files:
        yield "read: " + ", ".join(f"{name} (SHA-256 {digest[:16]})" for name, digest in card.weight_files)


def _facts(store: RunStore, sealed: Sealed, studies: Mapping[str, Study]) -> RunFacts:
    manifest, left = store.manifest(), store.left()
    asked = dict.fromkeys(f"{one.study} {one.version}" for one in left)
    runs = [invocation for invocation in manifest.invocations if invocation.study]
    commands = tuple(dict.fromkeys(shlex.join(invocation.command) for invocation in runs))
    more = f"\nand {len(commands) - COMMANDS} more" if len(commands) > COMMANDS else ""
    ended = Counter[str]()
    for one in left:
        ended[one.status] += one.units
    return RunFacts(
        name=store.folder.resolve().name,
        study=", ".join(asked),
        command="\n".join(commands[-COMMANDS:]) + more,
        models=_names(manifest.cards, left),
        seeds=seeds_of(one for one in store.repeated() if one.model in manifest.cards or not manifest.cards),
        settings={**_all_values(invocation.settings for invocation in runs), **_judging(manifest.invocations)},
        versions=_all_values(invocation.versions for invocation in runs),
        done=ended["done"],
        failed=ended["failed"],
        skipped=ended["skipped"],
        failures=tuple(Failure(bad.unit, f"{bad.study} {bad.kind}", bad.error) for bad in store.failed()),
        skips=(*dict.fromkeys(skip for invocation in runs for skip in invocation.skips), *_outdated(left, studies)),
        created=manifest.created,
        root=sealed.root,
        undigested=sealed.before,
    )


def _all_values(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Name -> every value it had, the latest last: a run may be continued, or merged, with others."""
    found: dict[str, dict[str, None]] = {}
    for one in several:
        for name, value in one.items():
            found.setdefault(name, {}).pop(value, None)
            found[name][value] = None
    return {name: "; ".join(values) for name, values in found.items()}
