"""Groups of positions of a prompt, and which of two runs' rows go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.prompts import Segment
from unispect.studies.patching.records import LAST, TEMPLATE, WORD


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


def users(segments: Sequence[Segment]) -> range:
    """From the first to the last position of the user's text."""
    own = [segment for segment in segments if (segment.modality, segment.role) == ("text", "prompt")]
    return range(own[0].start, own[-1].stop)


def spread_layers(blocks: int, most: int) -> list[int]:
    """Layers 0 (the input of the first block) to `blocks`: all of them, or `most` that are evenly spread."""
    if blocks < most:
        return list(range(blocks + 1))
    if most < 2:
        return [blocks]
    return [round(number * blocks / (most - 1)) for number in range(most)]
