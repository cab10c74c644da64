"""A plan in words, and what a run folder notes of a command beside its plan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from unispect.core.cards import ModelCard
from unispect.core.paths import path_named
from unispect.core.units import Plan, digest, seeds_of
from unispect.data.prompts import load_prompts
from unispect.engine.batches import stages
from unispect.runner.order import RunConfig
from unispect.runs import Invocation
from unispect.runs.manifest import running

if TYPE_CHECKING:
    from unispect.runner.ready import LoadedRun

DATA_FROM = "data from"
"""Setting of an invocation: what `--data` named, files by their whole path."""


def plan_lines(plan: Plan) -> list[str]:
    """Units per stage and kind, and every skip."""
    lines = []
    for number, stage in enumerate(stages(plan), 1):
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in Counter(unit.kind for unit in stage).items())
        if stage:
            lines.append(f"stage {number}: {kinds}")
    lines.append(seed_line(plan))
    return lines + [f"left out: {skip.what} ({skip.reason})" for skip in plan.skips]


def seed_line(plan: Plan) -> str:
    """The seeds of a plan, and what of it is not repeated for each of them."""
    seeds = seeds_of(plan.units)
    kinds: dict[str, set[int]] = {}
    for unit in plan.units:
        task = unit.settings.get("task")
        kinds.setdefault(f"{unit.kind} ({task})" if task else unit.kind, set()).add(unit.seed)
    once = [kind for kind, own in kinds.items() if len(own) < len(seeds)]
    named = f"{'seeds' if len(seeds) > 1 else 'seed'}   {', '.join(map(str, seeds))}"
    return named + (f"; not repeated for each: {', '.join(once)}" if once else "")


def data_line(order: RunConfig, plan: Plan, card: ModelCard) -> str:
    """What goes in, with counts and digest, in words."""
    if order.study.prompts:
        options = order.options
        loaded = load_prompts(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
        used = {digest(unit.inputs["prompt"]): None for unit in plan.units if "prompt" in unit.inputs}
        return f"{loaded.summary}; used: {len(used):,}, digest {digest(sorted(used))}"
    inputs = sorted({digest(unit.inputs) for unit in plan.units})
    return f"the study's own: {len(inputs):,} distinct inputs, digest {digest(inputs)}"


def _files(ready: LoadedRun) -> str:
    """The files of prompts with their SHA-256, whose content stands in no unit."""
    order, options = ready.order, ready.order.options
    if not order.study.prompts:
        return ""
    loaded = load_prompts(options.data, limit=options.limit, image_size=ready.card.image_size, memory=options.memory)
    return ", ".join(f"{one.name} {one.sha256}" for one in loaded.files)


def _named(data: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (data,) if isinstance(data, str) else data or ()


def _source(name: str) -> str:
    path = path_named(name)
    return str(path.resolve()) if path.exists() else name


def _asked(order: RunConfig, seeds: str) -> dict[str, str]:
    """Where a model behind an API was asked, and how."""
    from unispect.chat.dialect import REPEATS
    from unispect.models.remote.names import remote_name

    name, asking = remote_name(order.model.name), order.remote.how
    _, drawn = name.seeded(asking)
    return {
        "asked at": name.endpoint.base_url,
        "picture size": name.size(asking),
        "picture quality": asking.quality,
        **{
            f"{what} of pictures": str(value) for what, value in name.manner(asking).items() if what in asking.diffusion
        },
        "thinking tokens": str(asking.thinking_tokens or ""),
        "log-probabilities": "asked for" if asking.log_probabilities else "",
        "temperature": "" if asking.temperature else "not sent",
        **asking.dialect.words,
        "seeds of pictures": ("; ".join(filter(None, ("sent", seeds))) if drawn else REPEATS) if name.draws else "",
    }


def invocation(ready: LoadedRun) -> Invocation:
    """What the command was told; what the plan says, the engine adds."""
    order = ready.order
    settings = {
        "data": ready.data,
        DATA_FROM: " ".join(_source(name) for name in _named(order.options.data)),
        "files (SHA-256)": _files(ready),
        "parts": ", ".join(order.options.parts),
        "limit": str(order.options.limit or ""),
        "weights": order.model.weights,
        "adapters": " ".join(map(str, order.model.adapters)),
        "device": ready.device,
        "dtype": ready.dtype,
        "part": "{} of {}".format(*order.shard) if order.shard else "",
        **order.replicas.settings,
        **(_asked(order, ready.seeds) if order.behind_api else {}),
    }
    return Invocation(order.command or running(), settings={name: value for name, value in settings.items() if value})
