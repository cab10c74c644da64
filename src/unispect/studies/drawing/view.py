"""What was drawn: counts, the first pictures, and what a scorer outside says of them once it was read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, GalleryItem, Section, Table
from unispect.core.typed import read_grade, read_inputs
from unispect.core.units import Entry
from unispect.metrics.means import Means
from unispect.studies.drawing import study
from unispect.studies.drawing.records import GENEVAL, Scored
from unispect.studies.names import names_of
from unispect.studies.states.records import Asked

OF_EACH = 3


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    entries, names = [entry for entry in entries if entry.unit.kind == "draw"], names_of(entries, cards)
    drawn = [entry for entry in entries if entry.record.status == "done"]
    scores = tuple(_scores([entry for entry in drawn if GENEVAL in entry.grades], names))
    return Section(
        id=study.name,
        title="What does it draw?",
        lead="Prompts are drawn once per seed; "
        + ("GenEval's official scorer judged the pictures." if scores else "nothing here judges the pictures."),
        tables=(
            Table(
                "drawn", "Pictures", ("model", "kind", "prompts", "pictures", "refused", "seeds"), _rows(entries, names)
            ),
            *scores,
        ),
        gallery=tuple(_gallery(drawn, names)),
        methods=(
            "Pictures are sampled as the model's authors do, each from a generator of its own; behind an API, as the "
            "provider does. Refused are prompts for which no picture came.",
        ),
        caveats=(
            "Scores are those of GenEval's detector: its own errors are in no interval, and no chance level is known. "
            "Intervals are over prompts, whose pictures of several seeds stand together."
            if scores
            else "No score by rules: graders who look answer what a benchmark asks about its pictures (unispect grade "
            "RUN --judge ...), and GenEval's official scorer needs a detector that this package does not bring. "
            "unispect export RUN --format geneval writes the folder that it reads, and unispect grade RUN --judge "
            "geneval --results FILE reads what it says.",
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


def _scores(graded: Sequence[Entry], names: Mapping[str, str]) -> Iterator[Table]:
    """The share of correct pictures by task, and the mean over tasks, which is GenEval's overall score."""
    rows: list[tuple[Cell, ...]] = []
    for model in dict.fromkeys(entry.unit.model for entry in graded):
        own = [entry for entry in graded if entry.unit.model == model]
        asked = [read_inputs(Asked, entry.unit) for entry in own]
        right = [float(read_grade(Scored, entry.grades[GENEVAL]).correct) for entry in own]
        means = Means.of([(one.group, one.id, [said]) for one, said in zip(asked, right, strict=True)], unit="prompts")
        for group in means.groups:
            weights = [[float(one == group)] for one in means.groups]
            rows.append((*_counted(names[model], str(group), asked), means.linear(weights, support=(0, 1))))
        weights = [[1 / len(means.groups)]] * len(means.groups)
        rows.append((*_counted(names[model], "", asked), means.linear(weights, support=(0, 1))))
    if rows:
        yield Table(
            "geneval", "Judged by GenEval's scorer", ("model", "task", "prompts", "pictures", "correct"), tuple(rows)
        )


def _counted(model: str, group: str, asked: Sequence[Asked]) -> tuple[Cell, ...]:
    """Prompts and pictures of a task; of all, where none is named."""
    own = [one.id for one in asked if group in ("", one.group)]
    return model, group or "mean of tasks", len(set(own)), len(own)


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
