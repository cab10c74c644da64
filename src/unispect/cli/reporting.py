"""From run folders to a report: records to sections through each study's view, and where they come from."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError, UsageError
from unispect.core.findings import Section
from unispect.core.units import Entry, Skip, seeds_of
from unispect.report.page import render
from unispect.report.provenance import Failure, ModelFacts, Provenance, RunFacts
from unispect.report.write import write_page
from unispect.runs.export import export
from unispect.runs.manifest import Invocation
from unispect.runs.store import RunStore
from unispect.studies.cautions import cautions
from unispect.studies.families import view as families
from unispect.studies.mechanism import view as mechanism
from unispect.studies.registry import Study, all_studies, find_study
from unispect.studies.statements import view as statements

COMMANDS = 5
"""Commands of one run that a report shows."""


@dataclass(frozen=True)
class Reported:
    """What a report was made of and where it lies."""

    path: Path
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Source:
    """One open run with everything that left a record in it."""

    store: RunStore
    entries: tuple[Entry, ...]


def write_report(
    folders: Sequence[Path],
    out: Path,
    *,
    title: str,
    command: Sequence[str],
    progress: Callable[[str], None] = lambda _: None,
) -> Reported:
    """Writes the report of all runs in `folders` to `out`.

    Records of the same study in several runs are looked at together.

    Args:
        folders: of the runs.
        out: the HTML file.
        title: of the page; the names of the models if empty.
        command: that asked for it, for the page's own record.
        progress: told what is being done.

    Raises:
        UsageError: a folder is no run, or the runs hold nothing that can be shown.
        StoreError: a run is damaged, or the page cannot be written.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("a run is named twice")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the file to write, for instance {out / 'report.html'}")
    stores = [RunStore.open(folder) for folder in folders]
    try:
        sources = [Source(store, tuple(store.entries())) for store in stores]
        sections = sections_of(sources, progress)
        progress(f"writing {out}")
        page = render(
            sections,
            title=title or _title(sources),
            provenance=Provenance(
                _models(sources),
                tuple(_facts(source) for source in sources),
                version("unispect"),
                shlex.join(command),
            ),
            open_picture=_opener(sources),
            data={f"{source.store.folder.resolve().name}.jsonl": _lines(source.store) for source in sources},
        )
    finally:
        for store in stores:
            store.close()
    return Reported(write_page(page, out), tuple(sections))


class _Cards(dict[str, ModelCard]):
    """Model cards by `id@revision`; one that is missing is explained."""

    def __missing__(self, model: str) -> ModelCard:
        raise StoreError(
            f"there are records of {model}, but no run.json holds its card: restore run.json from a copy; or, if a "
            "program of yours wrote the run, let unispect.engine.execute carry the plan out, which notes the card"
        )


def sections_of(sources: Sequence[Source], progress: Callable[[str], None]) -> list[Section]:
    """One section per study that left finished records, in the registry's order, then those over several of them."""
    cards = _Cards()
    for source in sources:
        cards |= source.store.cards()
    sections = []
    finished = {name: entries for name, study in all_studies().items() if (entries := _finished(study, sources))}
    for name, entries in finished.items():
        progress(f"summarising {name}: {len(entries)} records")
        present = {entry.unit.model for entry in entries}
        section = find_study(name).view(entries, _Cards((name, cards[name]) for name in cards if name in present))
        sections.append(replace(section, caveats=(*section.caveats, *cautions(entries))))
    for over_all in (families.view, mechanism.view, statements.view):
        if together := over_all(finished, cards):
            sections.append(together)
    if not sections:
        names = ", ".join(str(source.store.folder) for source in sources)
        raise UsageError(f"nothing to report: {names} holds no finished record of a study known here")
    return sections


def _finished(study: Study, sources: Sequence[Source]) -> list[Entry]:
    """Done records of the study's present version, each unit once."""
    ours = [entry for source in sources for entry in source.entries if entry.unit.study == study.name]
    if not ours:
        return []
    found = {
        entry.unit.id: entry
        for entry in reversed(ours)
        if entry.record.status == "done" and entry.unit.version == study.version
    }
    return list(reversed(found.values()))


def _title(sources: Sequence[Source]) -> str:
    return ", ".join(dict.fromkeys(name for source in sources for name in _names(source)))


def _judging(invocations: Sequence[Invocation]) -> dict[str, str]:
    """What asking chat models for grades came to, by judge; the last command of each says it."""
    said = [one.settings for one in invocations if "judge" in one.settings and "answers" in one.settings]
    return {f"graded by {settings['judge']}": settings["answers"] for settings in said}


def _names(source: Source) -> tuple[str, ...]:
    """Of the models that were run; chat models that graded have no card and are named by their study."""
    cards = source.store.cards()
    models = dict.fromkeys(entry.unit.model for entry in source.entries)
    return tuple(dict.fromkeys(model.partition("@")[0] for model in models if model in cards or not cards))


def _outdated(source: Source) -> list[Skip]:
    studies = all_studies()
    old = {
        (entry.unit.study, entry.unit.version)
        for entry in source.entries
        if entry.unit.study in studies and entry.unit.version != studies[entry.unit.study].version
    }
    return [
        Skip(f"records of {name} version {number}", f"this release reads version {studies[name].version}")
        for name, number in sorted(old)
    ]


def _opener(sources: Sequence[Source]) -> Callable[[str], bytes]:
    stores = {
        sha256: source.store for source in sources for entry in source.entries for sha256 in entry.record.blobs.values()
    }

    def open_picture(sha256: str) -> bytes:
        if sha256 not in stores:
            raise StoreError(f"no run holds picture {sha256}")
        return stores[sha256].open_blob(sha256)

    return open_picture


def _models(sources: Sequence[Source]) -> tuple[ModelFacts, ...]:
    cards = {name: card for source in sources for name, card in source.store.cards().items()}
    weights = {
        model: invocation.settings.get("weights", "")
        for source in sources
        for invocation in source.store.manifest().invocations
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
    if card.weight_files:
        yield "read: " + ", ".join(f"{name} (SHA-256 {digest[:16]})" for name, digest in card.weight_files)


def _facts(source: Source) -> RunFacts:
    manifest = source.store.manifest()
    studies = dict.fromkeys(f"{entry.unit.study} {entry.unit.version}" for entry in source.entries)
    runs = [invocation for invocation in manifest.invocations if invocation.study]
    commands = tuple(dict.fromkeys(shlex.join(invocation.command) for invocation in runs))
    more = f"\nand {len(commands) - COMMANDS} more" if len(commands) > COMMANDS else ""
    bad = [entry for entry in source.entries if entry.record.status == "failed"]
    return RunFacts(
        name=source.store.folder.resolve().name,
        study=", ".join(studies),
        command="\n".join(commands[-COMMANDS:]) + more,
        models=_names(source),
        seeds=seeds_of(
            entry.unit for entry in source.entries if entry.unit.model in manifest.cards or not manifest.cards
        ),
        settings={**_all_values(invocation.settings for invocation in runs), **_judging(manifest.invocations)},
        versions=_all_values(invocation.versions for invocation in runs),
        done=sum(entry.record.status == "done" for entry in source.entries),
        failed=len(bad),
        skipped=sum(entry.record.status == "skipped" for entry in source.entries),
        failures=tuple(Failure(e.unit.id, f"{e.unit.study} {e.unit.kind}", e.record.error) for e in bad),
        skips=(*dict.fromkeys(skip for invocation in runs for skip in invocation.skips), *_outdated(source)),
        created=manifest.created,
    )


def _all_values(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Name -> every value it had, the latest last: a run may be continued, or merged, with others."""
    found: dict[str, dict[str, None]] = {}
    for one in several:
        for name, value in one.items():
            found.setdefault(name, {}).pop(value, None)
            found[name][value] = None
    return {name: "; ".join(values) for name, values in found.items()}


def _lines(store: RunStore) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return export(store, Path(folder) / "records.jsonl", timings=False).path.read_bytes()
