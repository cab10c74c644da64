"""The posters study's tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from unispect.core.findings import Cell, Interval, Table
from unispect.data.posters.items import MODALITIES
from unispect.metrics.raters import agreement
from unispect.studies.posters.evidence import WAYS, Everything, Evidence
from unispect.studies.posters.judging.reading import Graded
from unispect.studies.posters.plan import DESCRIBE, DRAW, VISUALISE
from unispect.studies.posters.scoring import Category, GradedReply, Scores, category, score, tally

Row = tuple[Cell, ...]
_RATES = ("hallucination", "omission", "minor rate", "severe rate")


def tables(found: Everything) -> tuple[Table, ...]:
    """Scores, posters, categories, what was counted, controls, agreement, other gradings."""
    made = (
        Table(
            "posters-scores",
            "Scores",
            ("model", "posters were", "error", "error over samples", *_RATES, "posters", "replies"),
            tuple(row for model in found.models for row in _scores(model)),
            "Shares with 95 % intervals over posters with all their samples. Error, hallucination and "
            "omission are of all items; the minor rate is of what is on the poster, the severe rate of what is not. "
            "Error over samples: the interval if these very posters were asked for again. Gradings of one reply are "
            "averaged first.",
        ),
        Table(
            "posters-each",
            "Poster by poster",
            ("model", "poster", *(f"{way}: error" for way in WAYS.values())),
            tuple(row for model in found.models for row in _each(model)),
            "Error of each poster, with the interval over its samples where there are two or more.",
        ),
        Table(
            "posters-categories",
            "Items by category",
            ("model", "posters were", "items", *(one.value for one in Category), "unparsed"),
            tuple(row for model in found.models for row in _categories(model)),
            "Items of all gradings together. Unparsed: the judge's answer to the item could not be read; it has no "
            "score.",
        ),
        Table(
            "posters-counts",
            "What became of the replies",
            (
                "model",
                "posters were",
                "replies",
                "refused",
                "no reply",
                "cut off",
                "graded",
                "gradings",
                "unread",
                "edited items",
            ),
            tuple(row for model in found.models for row in _counts(model)),
            "No reply: empty, or no picture. Cut off: at the limit of length; graded as it is. Unread: gradings whose "
            "whole answer could not be read. Edited items: those whose status a person changed.",
        ),
        Table(
            "posters-controls",
            "Controls",
            ("rendition", "judge", "rubrics", "modality", "error", "wanted items found", "items", "unparsed"),
            tuple(_controls(found)),
            "The reference picture on its own rubric, and the next poster's replies on it. What the latter get right "
            "of unwanted items they get right by not showing them.",
        ),
        Table(
            "posters-agreement",
            "Agreement on single items",
            ("between", "modality", "alpha", "items of both", "items of one only"),
            tuple(_agreements(found)),
            "Krippendorff's alpha of the three answers (as stated, otherwise, not shown), interval over items.",
        ),
        Table(
            "posters-gradings",
            "By judge and rubric",
            ("model", "judge", "rubrics from", "drawn: error", "told: error", "told − drawn"),
            tuple(_others(found)),
            "Each judge and kind of rubric by itself; findings rest on the first.",
        ),
    )
    return tuple(table for table in made if table.rows)


def _ways(model: Evidence) -> Iterator[tuple[str, str, Scores]]:
    """Word, modality and scores of every kind of reply that was graded."""
    for kind, word in WAYS.items():
        modality = "image" if kind == DRAW else "text"
        scores = model.pictured if kind == VISUALISE else model.plain
        if modality in scores.totals:
            yield word, modality, scores


def _scores(model: Evidence) -> Iterator[Row]:
    kinds = {word: kind for kind, word in WAYS.items()}
    for word, modality, scores in _ways(model):
        own = scores.totals[modality]
        graded = [reply for reply in model.of(kinds[word]) if reply.gradings]
        error = own["error"]
        rates = (own[name].over_posters for name in _RATES)
        posters = len({reply.poster for reply in graded})
        yield (model.name, word, error.over_posters, error.over_samples, *rates, posters, len(graded))


def _each(model: Evidence) -> Iterator[Row]:
    names = {reply.poster: reply.name for reply in model.replies}
    ways = {word: (modality, scores) for word, modality, scores in _ways(model)}
    for poster, name in names.items():
        cells = [_single(ways[word][1], poster, ways[word][0]) if word in ways else None for word in WAYS.values()]
        if any(cell is not None for cell in cells):
            yield (model.name, name, *cells)


def _single(scores: Scores, poster: str, modality: str) -> Interval | None:
    own = scores.posters.get(poster, {}).get(modality, {}).get("error")
    return own if own and own.n else None


def _categories(model: Evidence) -> Iterator[Row]:
    for kind, word in WAYS.items():
        gradings = [grading for reply in model.of(kind) for grading in reply.gradings]
        counts = Counter(category(item) for grading in gradings for item in grading.readable)
        items = sum(len(grading.items) for grading in gradings)
        if items:
            unparsed = sum(grading.unparsed for grading in gradings)
            yield (model.name, word, items, *(counts[one] for one in Category), unparsed)


def _counts(model: Evidence) -> Iterator[Row]:
    for kind, word in WAYS.items():
        replies = model.of(kind)
        gradings = [grading for reply in replies for grading in reply.gradings]
        if replies:
            yield (
                model.name,
                word,
                len(replies),
                sum(bool(reply.refused) for reply in replies),
                sum(bool(reply.none) for reply in replies),
                sum(reply.unfinished for reply in replies),
                sum(bool(reply.gradings) for reply in replies),
                len(gradings),
                sum(grading.outcome != "parsed" for grading in gradings),
                sum(item.edited for grading in gradings for item in grading.items),
            )


def _controls(found: Everything) -> Iterator[Row]:
    groups: dict[tuple[str, ...], list[Graded]] = defaultdict(list)
    for one in found.gradings:
        if one.about != "reply":
            groups[one.about, one.judge, one.source, one.modality].append(one)
    words = {"reference": "the reference picture", "stranger": "another poster's reply"}
    for (about, judge, source, modality), own in groups.items():
        counted = tally(item for one in own for item in one.readable)
        if counted.items:
            found_items = counted.wanted_correct / counted.wanted if counted.wanted else None
            error = counted.errors / counted.items
            unparsed = sum(one.unparsed for one in own)
            yield (words[about], judge, source, modality, error, found_items, counted.items, unparsed)


def _agreements(found: Everything) -> Iterator[Row]:
    """Between the primary judge and every other one on the same rubrics, its own re-gradings, and people."""
    replies = [one for one in found.gradings if one.about == "reply"]
    for modality in ("image", "text"):
        own = [one for one in replies if one.modality == modality]
        main = [one for one in own if (one.judge, one.source) == (found.judge, found.source)]
        first = _ratings([one for one in main if one.grading == 0])
        others = dict.fromkeys(one.judge for one in own if one.judge != found.judge)
        for judge in others:
            theirs = _ratings(
                [one for one in own if one.judge == judge and one.source == found.source and not one.grading]
            )
            if first.keys() & theirs.keys():
                yield _agreement(f"{found.judge} and {judge}", modality, {found.judge: first, judge: theirs})
        numbers = sorted({one.grading for one in main})
        if len(numbers) > 1:
            again = {str(number): _ratings([one for one in main if one.grading == number]) for number in numbers}
            yield _agreement(f"{len(numbers)} gradings by {found.judge}", modality, again)
        seen = {
            (one.unit, index): (item.judged, item.edits[-1].after)
            for one in main
            for index, item in enumerate(one.items)
            if item.edits
        }
        if seen:
            sides = [{str(key): pair[side] for key, pair in seen.items()} for side in (0, 1)]
            yield _agreement(f"{found.judge} and people", modality, {found.judge: sides[0], "people": sides[1]})


def _ratings(gradings: Sequence[Graded]) -> dict[str, str | None]:
    """What the judge said of every item, by reply, rubric and place on it."""
    return {
        f"{one.reply} {one.rubric} {index}": item.judged for one in gradings for index, item in enumerate(one.items)
    }


def _agreement(between: str, modality: str, ratings: dict[str, dict[str, str | None]]) -> Row:
    found = agreement(ratings)
    return (between, modality, found.alpha, found.shared, found.items - found.shared)


def _others(found: Everything) -> Iterator[Row]:
    """Scores by every judge and kind of rubric, if there are several."""
    ways = dict.fromkeys((one.judge, one.source) for one in found.gradings if one.about == "reply")
    if len(ways) < 2:
        return
    for model in found.models:
        by_reply = {reply.entry.unit.id: reply for reply in (*model.of(DRAW), *model.of(DESCRIBE))}
        for judge, source in ways:
            own = [
                (by_reply[one.reply], one)
                for one in found.gradings
                if (one.about, one.judge, one.source) == ("reply", judge, source) and one.reply in by_reply
            ]
            scores = score(
                [
                    GradedReply(reply.poster, one.modality, one.readable, reply.sample)
                    for reply, one in own
                    if one.readable
                ]
            )
            sides = [
                scores.totals[side]["error"].over_posters if side in scores.totals else None for side in MODALITIES
            ]
            gap = scores.gaps["error"].over_posters if scores.gaps else None
            yield (model.name, judge, source, *sides, gap)
