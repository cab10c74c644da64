"""What is drawn: every text prompt, once per seed, as the model's authors sample; and what its pictures are asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unispect.core.cards import ModelCard
from unispect.core.typed import to_json
from unispect.core.units import JSON, Plan, Skip, Unit
from unispect.data.prompts import PromptItem, load_prompts
from unispect.studies.base import Options
from unispect.studies.drawing import study
from unispect.studies.drawing.records import CHECKLIST, ChecklistInputs, Item
from unispect.studies.states.records import Asked

STUDY, VERSION = study.name, study.version


def plan(card: ModelCard, options: Options) -> Plan:
    """One unit per text prompt and seed, and one per checklist; pictures among the prompts are left out.

    Raises:
        UsageError: nothing to do; the reasons are listed.
        DataError: the prompts cannot be read.
    """
    if "draw" not in card.capabilities:
        return Plan((), (Skip("all pictures", f"{card.id} cannot draw"),))
    loaded = load_prompts(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
    items = [item for item in loaded.items if item.modality == "text"]
    left_out = len(loaded.items) - len(items)
    skips = [Skip(f"{left_out} pictures", "prompts of this study are texts")] if left_out else []
    settings: dict[str, JSON] = {"defaults": dict(card.defaults)}
    units = [
        Unit(
            STUDY,
            VERSION,
            "draw",
            card.reference,
            to_json(Asked(id=item.id, group=item.kind, prompt=dict(item.inputs))),
            settings,
            seed,
            item.locations,
        )
        for item in items
        for seed in dict.fromkeys(options.seeds)
    ]
    return Plan(((*units, *_checklists(card, items)),), (*skips, *loaded.skips))


def _checklists(card: ModelCard, items: Iterable[PromptItem]) -> Iterator[Unit]:
    for item in items:
        if item.checklist:
            asked = [
                Item(
                    id=one.id,
                    question=one.question,
                    expected=one.expected,
                    dimension=one.dimension,
                    hop=one.hop,
                    after=list(one.after),
                )
                for one in item.checklist
            ]
            inputs = ChecklistInputs(prompt=dict(item.inputs), items=asked)
            yield Unit(STUDY, VERSION, CHECKLIST, card.reference, to_json(inputs))
