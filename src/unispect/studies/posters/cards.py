"""Poster cards: a model's drawing and descriptions of one poster side by side, item by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Card, CardItem, Mark, Side
from unispect.studies.posters.evidence import WAYS, Evidence, Reply
from unispect.studies.posters.judging.reading import Graded, Judged
from unispect.studies.posters.scoring import Category, category

UNGRADED = Mark("not graded", None)


def cards(models: Sequence[Evidence]) -> Iterator[Card]:
    """One per model, poster and sample, in the order of asking; of several gradings of a reply the first is shown."""
    for model in models:
        names = {reply.poster: reply.name for reply in model.replies}
        for poster, name in names.items():
            for sample in model.seeds:
                own = [reply for reply in model.replies if (reply.poster, reply.sample) == (poster, sample)]
                replies = [reply for kind in WAYS for reply in own if reply.kind == kind]
                if replies:
                    detail = f"sample {sample}" if len(model.seeds) > 1 else ""
                    yield Card(name, model.name, detail, tuple(map(_side, replies)), tuple(_items(replies)))


def _side(reply: Reply) -> Side:
    record = reply.entry.record
    notes = [
        f"Refused: {reply.refused}" if reply.refused else "",
        "Cut off at the limit." if reply.unfinished else "",
        f"Nothing to grade: {reply.none}." if reply.none else "",
    ]
    return Side(
        WAYS[reply.kind],
        record.blobs.get("picture", ""),
        reply.left.text,
        " ".join(note for note in notes if note),
    )


def _items(replies: Sequence[Reply]) -> Iterator[CardItem]:
    gradings = [reply.gradings[0] if reply.gradings else None for reply in replies]
    longest: Sequence[Judged] = max((grading.items for grading in gradings if grading), key=len, default=())
    for index, item in enumerate(longest):
        yield CardItem(item.statement, item.wanted, tuple(_mark(grading, index) for grading in gradings))


def _mark(grading: Graded | None, index: int) -> Mark:
    if grading is None:
        return UNGRADED
    judged = grading.items[index]
    if (item := judged.item) is None:
        return Mark("unparsed", None)
    found = category(item)
    word = found.value
    if found is Category.CORRECT and not item.wanted:
        word = "correctly absent"
    note = judged.edits[-1].reason or judged.explanation if judged.edits else judged.explanation
    return Mark(word, found is Category.CORRECT, note, judged.edited)
