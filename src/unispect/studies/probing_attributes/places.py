"""Which positions of a prompt a probe may look at."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.core.encoded import Encoded
from unispect.core.prompts import Segment
from unispect.studies.probing_attributes.records import LAST, START, TEMPLATE, WORD


def positions_at(encoded: Encoded, sample: int, span: range) -> Mapping[str, list[int]]:
    """Place -> its positions in one prompt, over which states are averaged; places that the prompt has not are absent.

    Args:
        encoded: the batch.
        sample: the prompt.
        span: of the word.
    """
    segments = encoded.segments[sample]
    last = max(own.stop for own in segments if (own.modality, own.role) == ("text", "prompt")) - 1
    behind = [at for own in segments if own.role == "template" for at in range(own.start, own.stop) if at > last]
    found = {WORD: [span.stop - 1], LAST: [last], TEMPLATE: behind, START: [_start(segments, last)]}
    return {place: where for place, where in found.items() if where}


def _start(segments: tuple[Segment, ...], last: int) -> int:
    """The last position before the reply: where its first token is decided, or before the slots of a picture begin."""
    canvas = next((own.start for own in segments if own.role == "filler" and own.start > last), segments[-1].stop)
    return canvas - 1
