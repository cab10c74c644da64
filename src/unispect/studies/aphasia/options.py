"""In which orders lettered options are shown."""

from __future__ import annotations

from unispect.core.seeds import seed_for

MIN_ORDERS = 5
"""Multiple choice is asked in at least this many orders of the options."""


def balanced_orders(options: tuple[str, ...], *keys: str) -> tuple[tuple[str, ...], ...]:
    """At least `MIN_ORDERS` orders in which every option stands equally often at every letter.

    Rotations of shuffles; the shuffles depend on `keys` alone. With equally many places for each option, a preference
    for a letter favours no option on average.
    """
    orders: list[tuple[str, ...]] = []
    while len(orders) < MIN_ORDERS:
        square = len(orders)
        start = sorted(options, key=lambda option: seed_for("concepts choice", square, option, *keys))
        orders += [tuple(start[turn:] + start[:turn]) for turn in range(len(start))]
    return tuple(orders)
