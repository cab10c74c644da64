"""What was drawn: counts, and the first pictures. What they show is for an outside judge to say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, GalleryItem, Section, Table
from unispect.core.typed import read_inputs
from unispect.core.units import Entry
from unispect.studies.drawing import study
from unispect.studies.names import names_of
from unispect.studies.states.records import Asked

OF_EACH = 3


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    drawn, names = [entry for entry in entries if entry.record.status == "done"], names_of(entries, cards)
    return Section(
        id=study.name,
        title="What does it draw?",
        lead="Prompts are drawn once per seed; nothing here judges the pictures.",
        tables=(
            Table(
                "drawn", "Pictures", ("model", "kind", "prompts", "pictures", "refused", "seeds"), _rows(entries, names)
            ),
        ),
        gallery=tuple(_gallery(drawn, names)),
        methods=(
            "Pictures are sampled as the model's authors do, each from a generator of its own; behind an API, as the "
            "provider does. Refused are prompts for which no picture came.",
        ),
        caveats=(
            "No score: GenEval's official scorer needs a detector that this package does not bring. "
            "unispect export RUN --format geneval writes the folder that it reads.",
        ),
    )


def _rows(entries: Sequence[Entry], names: Mapping[str, str]) -> tuple[tuple[Cell, ...], ...]:
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record.status in ("done", "skipped"):
            groups[entry.unit.model, read_inputs(Asked, entry.unit).group].append(entry)
    return tuple(
        (
            names[model],
            kind,
            len({read_inputs(Asked, entry.unit).id for entry in own}),
            sum(entry.record.status == "done" for entry in own),
            sum(entry.record.status == "skipped" for entry in own),
            len({entry.unit.seed for entry in own}),
        )
        for (model, kind), own in groups.items()
    )


def _gallery(drawn: Sequence[Entry], names: Mapping[str, str]) -> list[GalleryItem]:
    """The first pictures of every kind, of the first seed that drew them."""
    shown: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, str]] = set()
    items = []
    for entry in drawn:
        model, asked = entry.unit.model, read_inputs(Asked, entry.unit)
        key, prompt = (model, asked.group), (model, asked.id)
        if shown[key] < OF_EACH and prompt not in seen and entry.record.blobs:
            shown[key] += 1
            seen.add(prompt)
            items.append(_item(entry, names[model]))
    return items


def _item(entry: Entry, model: str) -> GalleryItem:
    asked = read_inputs(Asked, entry.unit)
    text, group = str(asked.prompt["text"]), f"{model}: {asked.group}"
    return GalleryItem(entry.record.blobs["picture"], text, {}, {}, {}, model, group)
