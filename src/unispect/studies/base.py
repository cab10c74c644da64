"""What a study is: a plan, a run and a view, in three modules of one package.

A study package holds

* `plan.py` (no torch): `VERSION: int`, `plan(card: ModelCard, options: Options) -> Plan`;
* `run.py`: `run(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> Iterator[Record]`, called with units
  of one kind and equal settings from one stage, at most a batch of them, yielding one record per unit in their order;
* `view.py` (no torch): `view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section`, pure.

Studies know no model by name: what they need to know about one stands on its card.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unispect.core.findings import Preset
from unispect.core.units import Entry, Prior
from unispect.data.memory import Memory

__all__ = ["Entry", "Options", "Prior"]


@dataclass(frozen=True)
class Options:
    """What a user can say about any study; `None` takes the study's own default.

    Attributes:
        data: where prompts come from, one source or several (see `unispect.data.prompts`).
        presets: measurement presets to run.
        limit: at most this many items (prompts or concepts) of each group the study compares.
        seeds: one full repetition of everything random per seed.
        parts: of a study that asks several kinds of questions, which ones; none for the study's own choice.
        memory: what the same command has read of the data, so that the next plan need not read it again.
    """

    data: str | tuple[str, ...] | None = None
    presets: tuple[Preset, ...] = (Preset.PAPER, Preset.CONTROLLED)
    limit: int | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    parts: tuple[str, ...] = ()
    memory: Memory = field(default_factory=Memory, compare=False, repr=False)
