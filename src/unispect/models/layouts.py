"""In which layouts a family's checkpoints are read, told by the data that reading goes by."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.models.sets import Layout
from unispect.models.shards import SUFFIXES, TABLES
from unispect.models.wrappers import INNER, WRAPPERS


def told(layout: Layout) -> Mapping[str, tuple[str, ...]]:
    """What is read -> the names that it goes by, best first where several may be there."""
    rows = {
        "weights, by name": layout.usual,
        "or one set of any name": tuple(f"*{suffix}" for suffix in SUFFIXES),
        "or in parts, by index": tuple(f"*{suffix}.index.json" for suffix in SUFFIXES),
        "or in parts, without": tuple(f"*-00001-of-00002{suffix}" for suffix in SUFFIXES),
        "in a pickle, under": TABLES,
        "a tensor begins with": layout.known,
        "taken off in front": WRAPPERS,
        "taken out of names": INNER,
        "parts beside them": layout.beside,
        "parts in folders": layout.folders,
        "never the weights": tuple(name for name in layout.apart if name not in layout.beside),
    }
    return {what: names for what, names in rows.items() if names}
