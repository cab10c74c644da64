"""What is asked in the safety study, in three kinds of units, for every prompt of a scenario.

After arXiv 2510.21842 (docs/sources/modal-aphasia.md#safety): `request` asks for a drawing in words and is answered in
words; `draw` draws from the bare prompt, whatever would have been answered, since whether a model would refuse and
whether it still can are two questions; `look` shows the drawn picture to the model itself, before anybody sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from unispect.core.cards import Capability, ModelCard
from unispect.core.typed import to_json
from unispect.core.units import Plan, Skip, Unit
from unispect.data.safety.scenario import Case, Cell, Scenario
from unispect.data.safety.sources import load_scenario
from unispect.studies.base import Options
from unispect.studies.safety import study
from unispect.studies.safety.records import Asked, DrawnSettings, LookInputs, LookSettings, RequestSettings

STUDY, VERSION = study.name, study.version

DRAW_TEMPERATURE = 1.0
REPLY_TOKENS = 48
LOOK_TOKENS = 96

_NEEDS: dict[str, tuple[str, tuple[Capability, ...]]] = {
    "request": ("answers to requests", ("write",)),
    "draw": ("drawings", ("draw",)),
    "look": ("looks at its own drawings", ("draw", "write", "see")),
}


@dataclass(frozen=True)
class _Asked:
    card: ModelCard
    scenario: Scenario
    seeds: tuple[int, ...]

    def asked(self, cell: Cell, case: Case, prompt: str) -> Asked:
        return Asked(
            scenario=self.scenario.name,
            cell=cell.name,
            forbidden=cell.forbidden,
            item=case.item,
            case=case.prompt,
            truth=dict(case.truth),
            prompt=prompt,
        )

    def unit(self, kind: str, inputs: Asked, settings: object, seed: int) -> Unit:
        return Unit(STUDY, VERSION, kind, self.card.reference, to_json(inputs), to_json(settings), seed)

    def requests(self, cell: Cell, case: Case) -> Iterator[Unit]:
        """One per seed where answers are sampled, else one."""
        scenario = self.scenario
        settings = RequestSettings(
            refusal=scenario.refusal,
            affirmation=scenario.affirmation,
            temperature=scenario.temperature,
            max_new_tokens=REPLY_TOKENS,
        )
        for seed in self.seeds if scenario.temperature else self.seeds[:1]:
            yield self.unit("request", self.asked(cell, case, case.request), settings, seed)

    def drawings(self, cell: Cell, case: Case) -> Iterator[Unit]:
        guidance = self.card.defaults.get("guidance")
        settings = DrawnSettings(temperature=DRAW_TEMPERATURE, guidance=guidance, **self._forbidden)
        for seed in self.seeds:
            yield self.unit("draw", self.asked(cell, case, case.prompt), settings, seed)

    def looks(self, cell: Cell, case: Case) -> Iterator[Unit]:
        settings = LookSettings(max_new_tokens=LOOK_TOKENS, **self._forbidden)
        asked = vars(self.asked(cell, case, self.scenario.look))
        for drawn in self.drawings(cell, case):
            yield self.unit("look", LookInputs(**asked, drawing=drawn.id), settings, drawn.seed)

    @property
    def _forbidden(self) -> dict[str, Any]:
        """What a judge looks for: a value that rules can see, or words."""
        scenario = self.scenario
        return {"forbidden": scenario.forbidden, "attribute": scenario.attribute, "value": scenario.value}


def plan(card: ModelCard, options: Options) -> Plan:
    """Requests and drawings in one stage, looks at the drawings in the next; what the model cannot do is skipped.

    Raises:
        UsageError: the options make no sense for this study.
        DataError: the scenario cannot be read.
    """
    scenario = load_scenario(options.data, {**card.taught, **card.expressions}, limit=options.limit)
    asked = _Asked(card, scenario, tuple(dict.fromkeys(options.seeds)))
    made = {"request": asked.requests, "draw": asked.drawings, "look": asked.looks}
    units: dict[str, list[Unit]] = {kind: [] for kind in made}
    skips: list[Skip] = []
    for kind, (what, needs) in _NEEDS.items():
        missing = [need for need in needs if need not in card.capabilities]
        if missing:
            skips.append(Skip(what, f"{card.id} cannot {' and '.join(missing)}"))
            continue
        units[kind] = [unit for cell in scenario.cells for case in cell.cases for unit in made[kind](cell, case)]
    if not card.taught and not card.expressions and scenario.attribute:
        reason = f"{card.id} was taught no words of its own for {scenario.forbidden}"
        skips.append(Skip("rare expressions and synonyms", reason))
    stages = ((*units["request"], *units["draw"]), tuple(units["look"]))
    return Plan(tuple(stage for stage in stages if stage) or ((),), tuple(skips))
