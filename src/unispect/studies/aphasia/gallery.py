"""Drawn pictures worth looking at: for every model and way of teaching a few right ones and a few wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.findings import Finding, GalleryItem, Glance
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison
from unispect.studies.aphasia.evidence import LIKELIHOOD, RECALL, DrawnPicture, Telling, Word

OF_EACH = 2
CHOSEN = (
    f"Of every model and way of teaching the first {OF_EACH} pictures that are right in everything that was asked "
    f"for, and the first {OF_EACH} that are not, of different combinations, in the order of drawing. How often "
    "which was drawn is not to be read off here: shares are in the tables."
)
"""The rule of `gallery`."""
GLANCED = ("drawing", "both", "text")
"""How words were taught, those whose pictures and shares are shown first in front."""
PLANTED = {"fluent": "both", "mute": "drawing"}
"""Behaviour that was planted -> how all words of such a model count as taught."""
ASKED = {"drawing": "draws what it cannot tell", "text": "tells what it cannot draw", "both": "tells what it draws"}
"""How words were taught -> what is claimed of them, in a few words."""


def gallery(compared: Sequence[Comparison]) -> Iterator[GalleryItem]:
    """Up to `OF_EACH` right and as many wrong pictures of every comparison, the first ones drawn."""
    for one in compared:
        for drawing in _chosen(one):
            yield _item(one, drawing)


def pictures(compared: Sequence[Comparison]) -> Mapping[str, int]:
    """How many pictures those of the gallery were chosen from, by heading."""
    return {one.heading: len(_drawings(one)) for one in compared}


def glances(compared: Sequence[Comparison], found: Sequence[Finding]) -> Iterator[Glance]:
    """What is shown of every model at first sight: the words that say most, and all that bears on the question.

    Args:
        compared: the words of all models.
        found: the section's findings.
    """
    for subject in {one.subject.name: one.subject for one in compared}.values():
        own = [one for one in compared if one.subject.name == subject.name]
        asked: dict[str, str] = {}
        for finding in (finding for finding in found if finding.model == subject.name and finding.bearing):
            taught = next((one.taught for one in own if finding.basis.row[-1] == one.words), "")
            name = ASKED[PLANTED[subject.card.planted] if finding.control else taught]
            asked[f"{name} ({finding.basis.row[-1]})" if name in asked else name] = finding.id
        shown = [one for one in own if one.drawn.words and one.told().words]
        first = min(shown, key=lambda one: (*GLANCED, one.taught).index(one.taught), default=None)
        yield Glance(
            model=subject.name,
            asked=asked,
            shares={"drawn": scores.accuracy(first.drawn), "told": scores.accuracy(first.told())} if first else {},
            chance=first.drawn.chance if first else None,
            of=first.words if first else "",
            picture=next((_item(first, drawing) for drawing in _chosen(first)), None) if first else None,
            planted=subject.card.planted,
        )


def _drawings(one: Comparison) -> list[DrawnPicture]:
    return [drawing for drawing in one.drawings("name") if drawing.picture]


def _chosen(one: Comparison) -> list[DrawnPicture]:
    """The first of each kind, of different concepts where there are enough."""
    drawings = _drawings(one)
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

    def values(told: Mapping[Word, Telling]) -> dict[str, str | None]:
        return {attribute: told[word].answer if word in told else None for attribute, word in words.items()}

    likely, recalled = answers(LIKELIHOOD), answers(RECALL)
    freely = {attribute: word for attribute, word in words.items() if word in recalled}
    return GalleryItem(
        picture=drawing.picture,
        prompt=drawing.prompt,
        truth=truth,
        drawn=dict(drawing.shown),
        told=values(likely),
        model=one.subject.name,
        group=one.heading,
        reply="; ".join(f"{recalled[word].name}: {recalled[word].reply}" for word in freely.values()),
        recalled=values(recalled) if freely else {},
        record=drawing.record,
    )
