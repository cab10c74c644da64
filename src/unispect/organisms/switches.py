"""What can be switched while an organism grows up, each by itself and all else the same.

A family has a usual level of every switch, the one that it is published with; what else it can be is said beside how
its organism is made (`Making.switched`), and why it cannot be the rest (`Making.cannot`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from unispect.core.errors import UsageError, unknown
from unispect.organisms.families import family_of

Sees = Literal["tower", "tokenizer"]
"""Through what pictures in prompts are seen: a tower that does nothing else, or what pictures are drawn with."""
Weights = Literal["shared", "separate"]
"""Whether pictures that are drawn pass through the weights of text or through a set of their own."""
Order = Literal["joint", "staged"]
"""Whether words and pictures are learned together from the first step on, or words alone come first."""
LEVELS: Mapping[str, tuple[str, ...]] = {
    "sees": get_args(Sees),
    "weights": get_args(Weights),
    "order": get_args(Order),
}
JOINT, STAGED = LEVELS["order"]


@dataclass(frozen=True)
class Switches:
    """Levels that were asked for; None for the family's usual one.

    Attributes:
        sees: through what pictures are seen.
        weights: which weights pictures pass through that are drawn.
        order: in which words and pictures are learned.
    """

    sees: Sees | None = None
    weights: Weights | None = None
    order: Order | None = None

    def unusual(self, family: str) -> dict[str, str]:
        """Switch -> level, of those that are not at the family's usual one.

        Raises:
            UsageError: the family cannot be so, for a reason that is given; or there is no such level or family.
        """
        making = family_of(family).making
        usual = {"order": JOINT, **making.usual}
        found: dict[str, str] = {}
        for name, levels in LEVELS.items():
            level = getattr(self, name)
            if level is None or level == usual[name]:
                continue
            if level not in levels:
                raise unknown(f"level of {name!r}", str(level), levels)
            if name != "order" and (name, level) not in making.switched:
                raise UsageError(f"{family} organisms cannot be made with {name!r} at {level!r}: {making.cannot[name]}")
            found[name] = level
        return found


USUAL = Switches()
"""Every family as it is published."""
