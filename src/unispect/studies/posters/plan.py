"""What is asked in the posters study: known posters, drawn and told from memory (protocol after arXiv 2510.21842).

What is graded, and how, is planned when a judge is named (`unispect.studies.posters.judging.plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unispect.core.cards import Capability, ModelCard
from unispect.core.errors import UsageError, unknown
from unispect.core.paths import path_named
from unispect.core.typed import to_json
from unispect.core.units import Plan, Skip, Unit
from unispect.data.posters.subjects import Subject, load_subjects
from unispect.studies.answers import DrawSettings, WriteSettings
from unispect.studies.base import Options
from unispect.studies.posters import study
from unispect.studies.posters.language import describe_prompt, draw_prompt, visualise_prompt
from unispect.studies.posters.records import Asked

STUDY, VERSION = study.name, study.version

TEMPERATURE = 0.7
TEXT_TOKENS = 1024
"""Descriptions of 400 words take about 550."""

DRAW, DESCRIBE, VISUALISE = "draw", "describe", "visualise"


@dataclass(frozen=True)
class Part:
    """One way of asking: the word of `--parts`, the kind of its units, what it needs, and the prompt."""

    name: str
    kind: str
    needs: Capability
    prompt: Callable[[str, int, str], str]


PARTS = (
    Part("drawing", DRAW, "draw", draw_prompt),
    Part("telling", DESCRIBE, "write", describe_prompt),
    Part("visualise-first", VISUALISE, "write", visualise_prompt),
)
REPLIES = tuple(part.kind for part in PARTS)
"""Kinds of units that leave a reply to grade."""


def plan(card: ModelCard, options: Options) -> Plan:
    """One unit per poster, part and seed, in one stage; what the model cannot do is skipped with the reason.

    Raises:
        UsageError: no subjects file, or no such part.
        DataError: the subjects file or one of its entries cannot be used.
    """
    file, limit = subjects_file(options), _limit(options)
    subjects = options.memory.once(("subjects", str(file), limit), lambda: load_subjects(file, limit=limit))
    units: list[Unit] = []
    skips: list[Skip] = []
    for part in _chosen(options.parts):
        if part.needs in card.capabilities:
            units += [_unit(part, card, subject, seed) for seed in dict.fromkeys(options.seeds) for subject in subjects]
        else:
            skips.append(Skip(f"{part.name} of {len(subjects)} posters", f"{card.id} cannot {part.needs}"))
    return Plan((tuple(units),), tuple(skips))


def subjects_file(options: Options) -> Path:
    """The file that `--data` names.

    Raises:
        UsageError: it names none, or several.
    """
    names = (options.data,) if isinstance(options.data, str) else tuple(options.data or ())
    if len(names) != 1:
        raise UsageError("the posters study needs one file of subjects: --data subjects.yaml (docs/studies/posters.md)")
    return path_named(names[0])


def _chosen(names: Sequence[str]) -> Sequence[Part]:
    known = {part.name: part for part in PARTS}
    for name in names:
        if name not in (*known, "all"):
            raise unknown("part of the posters study", name, (*known, "all"))
    return PARTS if not names or "all" in names else [part for part in PARTS if part.name in names]


def _limit(options: Options) -> int | None:
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {options.limit}")
    return options.limit


def _unit(part: Part, card: ModelCard, subject: Subject, seed: int) -> Unit:
    prompt = part.prompt(subject.title, subject.year, subject.kind)
    inputs = to_json(Asked(poster=subject.id, title=subject.title, year=subject.year, prompt=prompt))
    return Unit(STUDY, VERSION, part.kind, card.reference, inputs, to_json(_settings(part, card)), seed)


def _settings(part: Part, card: ModelCard) -> DrawSettings | WriteSettings:
    if part.needs == "draw":
        return DrawSettings(guidance=card.defaults.get("guidance"), temperature=card.defaults.get("temperature"))
    return WriteSettings(max_new_tokens=TEXT_TOKENS, temperature=TEMPERATURE)
