"""What is asked: every question, plainly and, as a part of its own, politely."""

from dataclasses import asdict, dataclass

from toy import study
from unispect.core.cards import ModelCard
from unispect.core.units import Plan, Unit
from unispect.data.prompts import load_prompts
from unispect.studies.base import Options

PARTS = {"plain": "{}", "polite": "Please: {}"}


@dataclass(frozen=True)
class Asked:
    """The inputs of a unit."""

    id: str
    prompt: str


def plan(card: ModelCard, options: Options) -> Plan:
    loaded = load_prompts(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
    units = [
        Unit(
            study.name,
            study.version,
            part,
            card.reference,
            asdict(Asked(item.id, PARTS[part].format(item.inputs["text"]))),
            {"max_new_tokens": 4},
        )
        for part in options.parts or PARTS
        for item in loaded.items
        if "text" in item.inputs
    ]
    return Plan((tuple(units),), loaded.skips)
