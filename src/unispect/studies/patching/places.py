"""Groups of positions of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.prompts import Segment
from unispect.studies.patching.records import LAST, TEMPLATE, WORD
from unispect.studies.states.placed import users


def positions_at(segments: Sequence[Segment], word: range) -> Mapping[str, list[int]]:
    """Place -> its positions in one prompt; places that a prompt has not are absent.

    Args:
        segments: of the prompt.
        word: the positions of the word.
    """
    last = users(segments).stop - 1
    canvas = next((own.start for own in segments if own.role == "filler" and own.start > last), segments[-1].stop)
    behind = [at for own in segments if own.role == "template" for at in range(own.start, own.stop)]
    found = {
        WORD: list(word),
        TEMPLATE: [at for at in behind if last < at < canvas - 1],
        LAST: [canvas - 1],
    }
    return {place: where for place, where in found.items() if where}
