"""Which positions of a prompt a probe may look at."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.core.encoded import Encoded
from unispect.core.prompts import last_of_prompt, start_of_reply
from unispect.studies.probing_attributes.records import LAST, START, TEMPLATE, WORD


def positions_at(encoded: Encoded, sample: int, span: range) -> Mapping[str, list[int]]:
    """Place -> its positions in one prompt, over which states are averaged; places that the prompt has not are absent.

    Args:
        encoded: the batch.
        sample: the prompt.
        span: of the word.
    """
    segments = encoded.segments[sample]
    last = last_of_prompt(segments)
    behind = [at for own in segments if own.role == "template" for at in range(own.start, own.stop) if at > last]
    found = {WORD: [span.stop - 1], LAST: [last], TEMPLATE: behind, START: [start_of_reply(segments)]}
    return {place: where for place, where in found.items() if where}
