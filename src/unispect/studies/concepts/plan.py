"""What is asked in the concepts study: {name, picture, description} -> {draw, tell}, for real words and invented ones.

Drawings are asked for held-out combinations, and apart from those for some that were learned from. Telling is asked
word by word, in three ways that need different skills: the likelihood of each possible answer, lettered options, and
a free reply. Protocol after arXiv 2510.21842, without the weaknesses that docs/sources/modal-aphasia.md#weaknesses
lists. The battery is asked of every model, further parts on demand (`Options.parts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError, unknown
from unispect.core.units import Plan, Skip, Unit
from unispect.data.concepts.lexicons import LEXICONS, Lexicon
from unispect.data.concepts.split import load_split
from unispect.studies.base import Options
from unispect.studies.concepts.parts import battery, cures, further, published, retention
from unispect.studies.concepts.parts.asked import STUDY, VERSION, Asked, Part, lexicons_of

__all__ = ["PARTS", "STUDY", "VERSION", "parts_named", "plan"]

ALL = (*battery.PARTS, *further.PARTS, *cures.PARTS, *published.PARTS, *retention.PARTS)

PARTS: Mapping[str, tuple[str, ...]] = {
    "battery": tuple(part.name for part in battery.PARTS),
    "questions": ("kind", "member", "recognise"),
    "cures": ("relook", "look", "visualise"),
    "all": tuple(dict.fromkeys(part.name for part in ALL if part.name != "orders")),
    **{part.name: (part.name,) for part in ALL},
}
"""What can be asked for -> the parts it stands for; "all" has other word orders at random, "orders" every one of
them.
"""


def plan(card: ModelCard, options: Options) -> Plan:
    """All units; what the model cannot do or was never taught is skipped with the reason.

    Raises:
        UsageError: the options make no sense for this study.
    """
    data = (options.data,) if isinstance(options.data, str) else options.data or ()
    if any(name != "world" for name in data):
        raise UsageError(f"the concepts study knows one kind of data, 'world', not {', '.join(map(repr, data))}")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {options.limit}")
    parts = parts_named(options.parts or ("battery",))
    names = lexicons_of(card)
    asked = Asked(
        card,
        tuple(Lexicon(name) for name in names),
        load_split().held_out[: options.limit],
        tuple(dict.fromkeys(options.seeds)),
        options.limit,
    )
    skips = [] if len(names) > 1 else [_untaught(card)]
    stages: tuple[list[Unit], list[Unit]] = ([], [])
    for part in parts:
        missing = [need for need in part.needs if need not in card.capabilities]
        reason = f"{card.id} cannot {' and '.join(missing)}" if missing else part.lacks(asked)
        if reason:
            skips.append(Skip(part.what, reason))
            continue
        for beside in part.beside:
            stages[0].extend(beside(asked))
        stages[1 if part.later else 0].extend(part.units(asked))
    skips.append(Skip("picture -> drawing", "no prompt of this study asks for the copy of a picture"))
    return Plan(tuple(_once(stage) for stage in stages if stage) or ((),), tuple(skips))


def parts_named(names: Iterable[str]) -> tuple[Part, ...]:
    """The parts that names stand for, each once, in the study's own order.

    Raises:
        UsageError: there is no such part; names the nearest.
    """
    wanted: set[str] = set()
    for name in names:
        if name not in PARTS:
            raise unknown("part of the concepts study", name, PARTS)
        wanted.update(PARTS[name])
    return tuple(part for part in ALL if part.name in wanted)


def _once(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """Parts share units: what one asks may be what another compares with."""
    return tuple({unit.id: unit for unit in units}.values())


def _untaught(card: ModelCard) -> Skip:
    reason = f"{card.id} was taught no invented words; it is asked about real words only"
    return Skip(f"lexicons {', '.join(LEXICONS)}", reason)
