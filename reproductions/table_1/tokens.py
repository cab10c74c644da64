"""What the ids of a prompt alone say of its embedding entropy, without any model.

Equal ids have equal embeddings. If different ones are all far apart, the entropy is that of the histogram of ids; if
they are all equally near, with a kernel value c between them, it is that of the histogram with c beside the diagonal.
Method and numbers to compare: docs/sources/entropy.md#table-1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reproductions.table_1.printed import TEXT, Printed
from unispect.core.errors import CheckpointError, DataError

ALPHA = 1.01
SHOW_O_SLOTS, SHOW_O_MASKS = 129, 1024
"""Places for text and for the picture in the input from which Show-o draws 512 pixels."""
COUPLINGS = np.linspace(0, 0.99, 34)

Split = Callable[[str], Sequence[Hashable]]
"""From a prompt to its ids."""


@dataclass(frozen=True)
class Statistics:
    """What the prompts of one kind are like.

    Attributes:
        kind: of text.
        prompts: how many.
        characters: of every prompt.
        tokens: of every prompt.
        entropy: of the id histogram, mean over prompts, bits.
        with_specials: the same with two ids more that occur once.
        show_o: the same of the whole input from which Show-o draws.
        coupled: mean entropy at every coupling of `COUPLINGS`, falling.
    """

    kind: str
    prompts: int
    characters: tuple[int, ...]
    tokens: tuple[int, ...]
    entropy: float
    with_specials: float
    show_o: float
    coupled: tuple[float, ...]

    def coupling(self, bits: float) -> float | None:
        """The kernel value between different ids that makes the entropy `bits`; None if none does."""
        falling = np.array(self.coupled)
        if not falling[-1] <= bits <= falling[0]:
            return None
        return float(np.interp(bits, falling[::-1], COUPLINGS[::-1]))


def words(text: str) -> list[str]:
    """Words, numbers and marks: a stand-in for a tokenizer where there is none."""
    return re.findall(r"\w+|[^\w\s]", text)


def tokenizer(file: Path) -> Split:
    """Splits by a `tokenizer.json`, without special tokens.

    Raises:
        DataError: the file is missing or no tokenizer.
    """
    from unispect.models.processing.tokenizer_file import read_tokenizer

    if not file.is_file():
        raise DataError(f"no such tokenizer: {file}")
    try:
        loaded = read_tokenizer(file)
    except CheckpointError as error:
        raise DataError(f"{file} is no tokenizer.json: {error}") from error
    return lambda text: loaded.encode(text, add_special_tokens=False).ids


def statistics(texts: Mapping[str, Sequence[str]], split: Split) -> tuple[Statistics, ...]:
    """Statistics by kind."""
    found = []
    for kind, prompts in texts.items():
        ids = [split(text) for text in prompts]
        counts = [list(Counter(own).values()) for own in ids]
        found.append(
            Statistics(
                kind,
                len(prompts),
                tuple(map(len, prompts)),
                tuple(map(len, ids)),
                _mean([histogram_entropy(own) for own in counts]),
                _mean([histogram_entropy([*own, 1, 1]) for own in counts]),
                _mean([histogram_entropy(show_o_counts(own)) for own in ids]),
                tuple(_mean([histogram_entropy(own, c) for own in counts]) for c in COUPLINGS.tolist()),
            )
        )
    return tuple(found)


def histogram_entropy(counts: Sequence[int], coupling: float = 0.0, alpha: float = ALPHA) -> float:
    """Bits of rows with these multiplicities, the kernel being `coupling` between different rows.

    Rows of equal multiplicity share their eigenvalue (1 - c) p but for one combination each, so the problem shrinks to
    the number of different multiplicities.
    """
    total = sum(counts)
    sizes = Counter(counts)
    p = np.array([size / total for size in sizes])
    times = np.array(list(sizes.values()), dtype=np.float64)
    own = (1 - coupling) * p
    root = np.sqrt(times * p)
    values = np.linalg.eigvalsh(np.diag(own) + coupling * np.outer(root, root))
    power = float(((times - 1) * own**alpha).sum() + (values[values > 0] ** alpha).sum())
    return float(np.log2(power) / (1 - alpha))


def show_o_counts(ids: Sequence[Hashable]) -> list[int]:
    """Multiplicities in the input from which Show-o draws: task, begin, text, end, unused places, a canvas of masks.

    Text that does not fit is cut before the end token; two more ids frame the canvas.
    """
    kept = ids[: SHOW_O_SLOTS - 3]
    unused = SHOW_O_SLOTS - 3 - len(kept)
    return [*Counter(kept).values(), 1, 1, 1, *([unused] if unused else []), 1, SHOW_O_MASKS, 1]


def misfit(row: Printed, found: Sequence[Statistics], of: Callable[[Statistics], float]) -> dict[str, float]:
    """Printed minus predicted bits by kind of text."""
    predicted = {one.kind: of(one) for one in found}
    return {kind: row.values[kind] - predicted[kind] for kind in TEXT if kind in predicted}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
