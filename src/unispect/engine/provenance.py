"""What a run folder notes of a command before its first unit: taken from the plan, never from what was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.core.units import Plan, Unit, seeds_of
from unispect.runs import Invocation, RunStore
from unispect.runs.manifest import running


def note(
    store: RunStore,
    plan: Plan,
    card: ModelCard | None,
    batch_size: int,
    invocation: Invocation | None = None,
    traits: Mapping[str, str] | None = None,
) -> None:
    """Notes the command that carries a plan out, with the card of its model.

    Args:
        store: open for writing.
        plan: what it carries out. Study, models, seeds, presets and what was left out are its own.
        card: of the model; None if it has none.
        batch_size: units that go through the model together.
        invocation: what is known of the command beside that; default: the program that is running.
        traits: of the processes that compute (`engine.machine`).

    Raises:
        UsageError: the plan is for another model.
    """
    models = tuple(dict.fromkeys(unit.model for unit in plan.units))
    if card is not None and models != (card.reference,):
        raise UsageError(
            f"the plan is for {', '.join(models)}, but the model is {card.reference}; plan with the card of the loaded "
            "model: plan(model.card, options)"
        )
    said = invocation or Invocation(running())
    settings = {"presets": presets_of(plan.units), **said.settings, "batch size": str(batch_size), **(traits or {})}
    store.add_invocation(
        replace(
            said,
            study=", ".join(dict.fromkeys(unit.study for unit in plan.units)),
            models=models,
            seeds=seeds_of(plan.units),
            settings={name: value for name, value in settings.items() if value},
            skips=plan.skips,
        ),
        [card] if card else [],
    )


def presets_of(units: Iterable[Unit]) -> str:
    """The presets under which units measure states, with commas between; empty where none does."""
    return ", ".join(dict.fromkeys(str(unit.settings["preset"]) for unit in units if "preset" in unit.settings))
