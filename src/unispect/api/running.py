"""`unispect.run`: the runner's, with what a notebook wants said shortly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unispect.api.opened import Run
from unispect.api.progress import Bars, in_notebook
from unispect.core.errors import UsageError
from unispect.core.findings import Preset
from unispect.engine.driver import BATCH_SIZE
from unispect.engine.replicas import Replicas
from unispect.models.named_adapters import Adapter
from unispect.models.registry import ModelReference, chosen
from unispect.runner.order import Remote
from unispect.runner.running import Told
from unispect.runner.running import run as carry_out
from unispect.studies.base import Options

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

RUNS = Path("runs")
"""Where runs go whose folder nobody named."""


def run(
    study: str | Sequence[str],
    model: str | UnifiedModel | Sequence[str | UnifiedModel],
    out: str | Path | None = None,
    *,
    data: str | Sequence[str] | None = None,
    presets: Sequence[Preset | str] | None = None,
    limit: int | None = None,
    seeds: Sequence[int] | None = None,
    parts: Sequence[str] = (),
    options: Options | None = None,
    device: str = "auto",
    dtype: str = "auto",
    adapters: Sequence[str | Path | Adapter] = (),
    batch_size: int = BATCH_SIZE,
    shard: str = "",
    fresh: bool = False,
    replicas: Replicas | None = None,
    remote: Remote | None = None,
    command: Sequence[str] = (),
    debug: bool = False,
    told: Told | None = None,
) -> Run:
    """Runs studies on models into a run folder, and grades by rules what has to be graded; the same call continues.

    Everything is looked at before anything large is loaded, and a model is loaded once for all its studies. Units that
    fail are recorded with their cause and keep nobody from going on: `raise_failures` of what is returned makes an
    error of them. In a notebook, bars say how far it is.

    Args:
        study: name or names (`unispect.all_studies`).
        model: names (`unispect.all_models`), patterns of them, `NAME=FOLDER` or `NAME=owner/name@revision`, models
            behind an API (docs/chat.md); or models that `unispect.load` gave, which stay loaded.
        out: the run folder, made if it is not there; by default `runs/MODEL-STUDY`.
        data: where prompts come from (`unispect run --help` lists the ways); default: the study's own.
        presets: how states are measured, "paper" or "controlled"; default: both.
        limit: at most this many items of each group that a study compares.
        seeds: one repetition of everything random per seed; default: 0, 1, 2.
        parts: of a study that asks several kinds of questions, which ones.
        options: the same five as one value, in their place.
        device: "auto", "cpu", "cuda" or "cuda:N"; several, with commas between, spread a model. Not of loaded models.
        dtype: "float32", "bfloat16" or "auto": that of the model's records in the folder, else as `unispect.load` has
            it. Not of loaded models.
        adapters: folders or hub ids of adapters, each with `:WEIGHT` behind it where that is not 1, which are merged
            into the weights of the model (`unispect.load`); of one model that is named.
        batch_size: units that go through the model together (docs/scale.md says what of records it can change).
        shard: "I/N" to carry out part I of N only.
        fresh: refuse a folder that already holds records.
        replicas: how many processes hold the model; this one by default. Not of loaded models.
        remote: how models behind an API are asked.
        command: for the folder's own record; default: the program that is running.
        debug: failed records carry their traceback.
        told: is told what happens; default: bars in a notebook, nobody elsewhere.

    Raises:
        UsageError: unknown study or model, options that make no sense, or a folder that cannot be continued.
        DataError: the prompts cannot be read.
        CheckpointError: the weights or an adapter are not this model's.
        StoreError: the folder is damaged, in use or moved, or the disk is full; what was stored stays.
    """
    short: dict[str, Any] = {
        "data": data if data is None or isinstance(data, str) else tuple(data),
        "presets": None if presets is None else tuple(map(preset_named, presets)),
        "limit": limit,
        "seeds": None if seeds is None else tuple(seeds),
        "parts": tuple(parts) or None,
    }
    said = {name: value for name, value in short.items() if value is not None}
    if options is not None and said:
        raise UsageError(f"say {' and '.join(said)} either in options or beside them, not both")
    ran = carry_out(
        study,
        model,
        default_folder(study, model) if out is None else out,
        options=options or Options(**said),
        device=device,
        dtype=dtype,
        adapters=adapters,
        batch_size=batch_size,
        shard=shard,
        fresh=fresh,
        replicas=replicas,
        remote=remote,
        command=command,
        debug=debug,
        told=told or (Bars() if in_notebook() else None),
    )
    return Run([ran.folder], ran.outcomes)


def default_folder(study: str | Sequence[str], model: str | UnifiedModel | Sequence[str | UnifiedModel]) -> Path:
    """`runs/MODEL-STUDY` of one model and one study.

    Raises:
        UsageError: there are several, or a model that is named by a pattern or with weights: its folder must be named.
    """
    (study, *more) = [study] if isinstance(study, str) else study
    (one, *others) = model if isinstance(model, Sequence) and not isinstance(model, str) else [model]
    name = one if isinstance(one, str) else one.card.id
    if more or others or not all(letter.isalnum() or letter in "-_." for letter in name):
        raise UsageError("name the run folder (out) of several studies, several models or other weights")
    return RUNS / f"{name}-{study}"


def require_one(model: str | UnifiedModel) -> ModelReference | None:
    """The one model that is named; None of one that is loaded.

    Raises:
        UsageError: there is no such model, or the name is a pattern of several.
    """
    if not isinstance(model, str):
        return None
    named, *others = chosen([model])
    if others:
        raise UsageError(f"{model} stands for {1 + len(others)} models; name one, or use unispect.run for several")
    return named


def preset_named(name: Preset | str) -> Preset:
    """The preset of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Preset(name)
    except ValueError:
        raise UsageError(f"unknown preset {name!r}; there are {' and '.join(Preset)}") from None
