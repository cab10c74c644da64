"""Seeds that depend on what is drawn, never on when or in which batch it is drawn."""

import hashlib

import numpy as np

from unispect.core.units import canonical_json


def seed_for(*keys: object) -> int:
    """A 63-bit seed from JSON-serialisable keys (usually a unit's id and the name of the draw)."""
    text = canonical_json(list(keys)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def generator_for(*keys: object) -> np.random.Generator:
    """A NumPy generator seeded by `seed_for(*keys)`."""
    return np.random.default_rng(seed_for(*keys))
