"""What the cards of published models share; a family's `card.py` is a table of them. Nothing here imports torch."""

from __future__ import annotations

from unispect.core.cards import Capability, ModelCard, Verification

CAPABILITIES: frozenset[Capability] = frozenset(
    {"write", "draw", "score", "see", "probe", "attend", "intervene", "learn"}
)
"""What every family can do."""
REDRAWS: frozenset[Capability] = frozenset({*CAPABILITIES, "redraw"})
"""The same, where a prompt for a picture may hold one."""


def proven(package: str, numbers: str) -> Verification:
    """Where a family's port is proven.

    Args:
        package: of the family under `unispect.models`.
        numbers: the test that holds it to the authors' numbers, under `tests/parity`.
    """
    return Verification(
        keys=f"tests/unit/models/{package}/test_{package}_full_size.py",
        numbers=f"tests/parity/{numbers}.py",
        contract="tests/contract/test_models.py",
    )


def by_id(*cards: ModelCard) -> dict[str, ModelCard]:
    """Cards by their names."""
    return {card.id: card for card in cards}
