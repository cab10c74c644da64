"""Which prompts are measured, in which template and how.

Stage 1 measures every prompt under the `paper` preset and calibrates the `controlled` one: bandwidths per layer, one
for each modality and one that they share, and the number of rows that every sequence can spare. Stage 2 measures under
`controlled`, and what stage 1 asks of the same prompts waits for it, so that a model runs a prompt once. Every unit
says which source its prompts are from: what is measured on one is not pooled with another.
Protocol: arXiv 2604.10949, prompt level; controls: docs/sources/entropy.md#presets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset
from unispect.core.prompts import Goal, Modality
from unispect.core.typed import to_json
from unispect.core.units import JSON, Plan, Skip, Unit, locations_of
from unispect.data.prompts import PromptItem, load_prompts
from unispect.metrics.presets import Controlled, Paper
from unispect.studies.base import Options
from unispect.studies.encoding import study
from unispect.studies.encoding.records import Prompted
from unispect.studies.states.calibration import calibration_items

STUDY, VERSION = study.name, study.version

MODALITIES: tuple[Modality, ...] = ("text", "image")

CALIBRATION_PROMPTS = 32
"""Prompts of each modality that decide bandwidths and row count, at most."""


def plan(card: ModelCard, options: Options) -> Plan:
    """Units for every prompt, template and preset.

    Text is measured in both templates, the one that precedes a text reply and the one that precedes a picture; pictures
    in the former, alone and, where the data ask something about them, followed by that question. Nothing here is random
    but the rows drawn, so one seed is enough: the first.

    Raises:
        UsageError: nothing to do; the reasons are listed.
        DataError: the prompts cannot be read.
    """
    if "probe" not in card.capabilities:
        return Plan((), (Skip("all prompts", f"{card.id} does not show its states"),))
    loaded = load_prompts(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
    items = loaded.items
    jobs, skips = _jobs(card, items)
    skips += loaded.skips
    seed = options.seeds[0] if options.seeds else 0

    def trajectories(settings: dict[str, JSON]) -> list[Unit]:
        return [
            Unit(STUDY, VERSION, "trajectory", card.reference, inputs, {**settings, "goal": goal}, seed, item.locations)
            for goal, item in jobs
            for inputs in (inputs_of(item, question) for question in dict.fromkeys(("", item.question)))
        ]

    first: list[Unit] = []
    second: list[Unit] = []
    if Preset.PAPER in options.presets:
        first += trajectories({"preset": Preset.PAPER, "source": loaded.source, **asdict(Paper())})
    if Preset.CONTROLLED in options.presets and jobs:
        settings: dict[str, JSON] = {"preset": Preset.CONTROLLED, "source": loaded.source, **asdict(Controlled())}
        chosen = {
            modality: calibration_items(items, modality, CALIBRATION_PROMPTS)
            for modality in MODALITIES
            if any(goal is Goal.TEXT and item.modality == modality for goal, item in jobs)
        }
        inputs: dict[str, JSON] = {modality: [inputs_of(item) for item in own] for modality, own in chosen.items()}
        locations = locations_of(chain.from_iterable(chosen.values()))
        settled = {**settings, "goal": Goal.TEXT}
        calibration = Unit(STUDY, VERSION, "calibrate", card.reference, inputs, settled, seed, locations)
        if inputs:
            first.append(calibration)
            second += trajectories({**settings, "calibration": calibration.id})
    return Plan((tuple(first), tuple(second)), tuple(skips), alike=("source", "goal"))


def inputs_of(item: PromptItem, question: str = "") -> dict[str, JSON]:
    """A prompt as a unit carries it."""
    return to_json(
        Prompted(id=item.id, modality=item.modality, group=item.kind, prompt=dict(item.inputs), question=question)
    )


def _jobs(card: ModelCard, items: Sequence[PromptItem]) -> tuple[list[tuple[Goal, PromptItem]], list[Skip]]:
    """Every (goal, prompt) the model can encode, and what is left out."""
    needs: list[tuple[Goal, Modality, tuple[str, ...], str]] = [
        (Goal.TEXT, "text", ("write",), "text prompts before a text reply"),
        (Goal.IMAGE, "text", ("draw",), "text prompts before a picture"),
        (Goal.TEXT, "image", ("write", "see"), "pictures before a text reply"),
    ]
    jobs: list[tuple[Goal, PromptItem]] = []
    skips: list[Skip] = []
    for goal, modality, capabilities, what in needs:
        chosen = [item for item in items if item.modality == modality]
        lacking = [capability for capability in capabilities if capability not in card.capabilities]
        if chosen and lacking:
            skips.append(Skip(what, f"{card.id} cannot {' or '.join(lacking)}"))
        elif chosen:
            jobs += [(goal, item) for item in chosen]
    return jobs, skips
