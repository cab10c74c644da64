"""Drawn pictures worth looking at: for every model and way of teaching a few right ones and a few wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import GalleryItem
from unispect.studies.aphasia.comparison import Comparison
from unispect.studies.aphasia.evidence import LIKELIHOOD, RECALL, DrawnPicture, Telling, Word

OF_EACH = 2


def gallery(compared: Sequence[Comparison]) -> Iterator[GalleryItem]:
    """Up to `OF_EACH` right and as many wrong pictures of every comparison, the first ones drawn."""
    for one in compared:
        for drawing in _chosen(one):
            yield _item(one, drawing)


def _chosen(one: Comparison) -> list[DrawnPicture]:
    """The first of each kind, of different concepts where there are enough."""
    evidence = one.subject.evidence
    drawings = [drawing for name in one.lexicons for drawing in evidence.drawn(name) if drawing.picture]
    right = [drawing for drawing in drawings if _all_right(drawing)]
    wrong = [drawing for drawing in drawings if not _all_right(drawing)]
    return [*_different(right), *_different(wrong)]


def _different(drawings: Sequence[DrawnPicture]) -> list[DrawnPicture]:
    first = {tuple(drawing.truth.values()): drawing for drawing in reversed(drawings)}
    order = [drawing for drawing in drawings if first[tuple(drawing.truth.values())] is drawing]
    return order[:OF_EACH]


def _all_right(drawing: DrawnPicture) -> bool:
    return all(map(drawing.right, drawing.truth))


def _item(one: Comparison, drawing: DrawnPicture) -> GalleryItem:
    evidence, truth = one.subject.evidence, dict(drawing.truth)
    words = {attribute: drawing.word(attribute) for attribute in truth}

    def answers(way: str) -> dict[Word, Telling]:
        return {telling.word: telling for telling in evidence.told(drawing.lexicon, way)}

    likely, recalled = answers(LIKELIHOOD), answers(RECALL)
    replies = [f"{recalled[w].name}: {recalled[w].reply}" for w in words.values() if w in recalled]
    return GalleryItem(
        picture=drawing.picture,
        prompt=drawing.prompt,
        truth=truth,
        drawn=dict(drawing.shown),
        told={attribute: likely[word].answer if word in likely else None for attribute, word in words.items()},
        model=one.subject.name,
        group=f"{one.subject.name}: {one.words}",
        reply="; ".join(replies),
    )
