"""Where a text stands among the rows of a prompt's states, and which layers of a deep model are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unispect.core.prompts import Segment
from unispect.models.spans import spans

if TYPE_CHECKING:
    from unispect.core.encoded import Encoded
    from unispect.models.base import UnifiedModel


def words_at(model: UnifiedModel, encoded: Encoded, words: Sequence[str]) -> list[range]:
    """Where every prompt's word, or other text, stands: of several places the last one.

    Raises:
        DataError: a word is not among what the model reads of its prompt.
    """
    return [places[-1] for places in spans(model, encoded, words)]


def users(segments: Sequence[Segment]) -> range:
    """From the first to the last position of the user's text."""
    own = [segment for segment in segments if (segment.modality, segment.role) == ("text", "prompt")]
    return range(own[0].start, own[-1].stop)


def as_probed(word: range, encoded: Sequence[Segment], probed: Sequence[Segment]) -> range:
    """Where a word stands in a prompt as it is probed, which may lack what surrounds it."""
    shift = users(probed).start - users(encoded).start
    return range(word.start + shift, word.stop + shift)


def spread_layers(blocks: int, most: int) -> list[int]:
    """Layers 0 (the input of the first block) to `blocks`: all of them, or `most` that are evenly spread."""
    if blocks < most:
        return list(range(blocks + 1))
    if most < 2:
        return [blocks]
    return [round(number * blocks / (most - 1)) for number in range(most)]
