"""Carrying out a training as a unit: from the last state it left, to a record of what became of it.

A training works in a folder of its own. What loads is kept under its digest (`train.kept`), what became of the
training under the unit's id, and then the work is removed; a stop at any moment leaves enough to go on from. That a
loss diverges or a gate is missed are outcomes like any other: the next try would not fare better.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from statistics import fmean
from typing import Final, Literal

import torch

from unispect.core.errors import OutsideError, StateError, UnispectError, UsageError
from unispect.core.outside import parse_json, regular_bytes
from unispect.core.texts import lines_of
from unispect.core.typed import read_inputs, read_payload, to_json
from unispect.core.units import JSON, Record, Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.models.registry import load
from unispect.organisms.corpus import corpus_named
from unispect.organisms.families import base_card, family_of
from unispect.organisms.gates import Gate
from unispect.organisms.making.base import Recipe as Growing
from unispect.organisms.recipe import train_organism
from unispect.organisms.shipped import folder_of
from unispect.runs import durable, lock
from unispect.sweep.file import OrganismOptions
from unispect.sweep.plan import shipped_base
from unispect.sweep.records import (
    CELL,
    ORGANISM,
    SWEEP,
    VERSION,
    Bound,
    GateCount,
    Grown,
    Losses,
    Place,
    Trained,
)
from unispect.train import kept
from unispect.train.finetune import FinetuneConfig, finetune, finished, prepare
from unispect.train.folder import RUN, STEPS
from unispect.train.loop import Progress
from unispect.train.metrics_log import WINDOW
from unispect.train.output_folder import explained
from unispect.train.recipe import Recipe

Keep = Literal["all", "last", "none"]
"""Which weights stay: those on the way too, those of the end, or none once the studies are through."""
PATIENCE: Final = 30.0
"""Seconds that another process may take to let go of a training's folder; one that was killed has by then."""


@dataclass(frozen=True)
class Workshop:
    """Where trainings are carried out; what the engine holds in the place of a model.

    Attributes:
        folder: of what is kept and of what is worked on; all processes see the same one.
        keep: which weights stay.
        device: where models learn.
        watch: gives what is told of the steps of a training, whose name in words it is told; None in other processes.
        dtype: that they learn in, for the records.
    """

    folder: Path
    keep: Keep = "last"
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    watch: Callable[[str], Progress] | None = None
    dtype: str = "float32"

    @property
    def weights(self) -> Path:
        """Folder of what is kept, by digest."""
        return self.folder / "weights"

    @property
    def work(self) -> Path:
        """Folder of trainings that are not through, by unit."""
        return self.folder / "work"

    @property
    def models(self) -> Path:
        """Folder of what was put together, by digest; nothing in it is missed."""
        return self.folder / "models"

    @property
    def ends(self) -> Path:
        """Folder of what became of trainings, by unit."""
        return self.folder / "trainings"


def open_workshop(folder: str, keep: Keep, device: str, threads: int, number: int) -> Workshop:
    """The workshop of the process of that number, on a GPU of its own if it sees several."""
    torch.set_num_threads(threads)
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if cuda and torch.cuda.device_count() > 1:
        torch.cuda.set_device(number % torch.cuda.device_count())
    return Workshop(Path(folder), keep, torch.device("cuda" if cuda else "cpu"))


def carry_out(workshop: Workshop, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """One record per unit, in their order; the engine's `run`."""
    for unit in units:
        if unit.kind == CELL:
            payload = upstream(read_inputs(Place, unit).training).payload
            yield Record(unit.id, {key: payload[key] for key in ("outcome", "reason", "model") if key in payload})
        else:
            yield Record(unit.id, to_json(trained(workshop, unit, upstream)))


def trained(workshop: Workshop, unit: Unit, upstream: Upstream) -> Trained:
    """What became of a training, which is carried out unless it was by the same releases.

    Raises:
        UsageError: the order makes no sense here (memory, device).
        StoreError: the folder is in use, or cannot be written.
    """
    known = _ended(workshop, unit)
    if known:
        return known
    work = workshop.work / unit.id
    _await_writer(work)
    found = _grown(workshop, unit, work) if unit.kind == ORGANISM else _bound(workshop, unit, work, upstream)
    _note_end(workshop, unit, found)
    shutil.rmtree(work, ignore_errors=True)
    return found


def folder_with(workshop: Workshop, unit: Unit, left: Trained, upstream: Upstream) -> Path:
    """A folder that loads, of a training that left weights; it is carried out again where these were not kept.

    Raises:
        UnispectError: what was made again is not what was recorded.
    """
    folder = workshop.models / left.weights
    if folder.is_dir():
        return folder
    if not kept.path_of(workshop.weights, left.weights).exists():
        _end_path(workshop, unit).unlink(missing_ok=True)
        again = trained(workshop, unit, upstream)
        if again.weights != left.weights:
            raise UnispectError(
                f"training {unit.id} left other weights than are recorded: it was made on another machine or by other "
                "releases (run.json says which); keep weights with --keep last, or begin a new folder"
            )
    kept.restore(left.weights, _base(workshop, unit, upstream)[1], workshop.weights, folder)
    return folder


def forget(workshop: Workshop, left: Trained) -> None:
    """Removes what was put together of a training, and what was kept of it where nothing is to stay."""
    shutil.rmtree(workshop.models / left.weights, ignore_errors=True)
    if workshop.keep == "none":
        kept.path_of(workshop.weights, left.weights).unlink(missing_ok=True)


def _grown(workshop: Workshop, unit: Unit, work: Path) -> Trained:
    asked = read_inputs(Grown, unit)
    options = OrganismOptions.model_validate(asked.options)
    recipe = growing_recipe(asked.family, options)
    steps = sum(one.steps for one in (recipe.drawing, recipe.growing, recipe.asking) if one)
    try:
        gates = train_organism(
            asked.family,
            work,
            seed=unit.seed,
            world=options.world,
            tied=options.tied,
            switches=options.switches,
            recipe=recipe,
            variants=(),
            progress=_watched(workshop, unit),
        )
    except StateError as error:
        return Trained("diverged", str(error), steps=steps)
    model = _loaded(workshop, unit, work)
    return _measured(workshop, Trained("trained", steps=steps), model, gates, work, None)


def growing_recipe(family: str, options: OrganismOptions) -> Growing:
    """How an organism of a family grows up, with the steps that were set."""
    recipe = family_of(family).making.recipe
    stages = {name: replace(getattr(recipe, name) or recipe.growing, steps=n) for name, n in options.steps.items()}
    if options.tokenizer_steps:
        how = recipe.picture_tokenizer
        counts = [name for name in vars(how) if name == "steps" or name.endswith("_steps")]
        stages["picture_tokenizer"] = replace(how, **dict.fromkeys(counts, options.tokenizer_steps))
    return replace(recipe, **stages)


def _bound(workshop: Workshop, unit: Unit, work: Path, upstream: Upstream) -> Trained:
    asked = read_inputs(Bound, unit)
    recipe = Recipe.model_validate({**asked.recipe, "seed": unit.seed})
    name, base = _base(workshop, unit, upstream)
    if base is None:
        return Trained("no base", f"its organism left no weights: {name}")
    order = FinetuneConfig(name, recipe, asked.title, work, workshop.device.type)
    try:
        if not finished(order):
            finetune(prepare(order), _watched(workshop, unit))
    except StateError as error:
        steps, losses = _logged(order.run / "metrics.jsonl")
        return Trained("diverged", str(error), steps=steps, losses=losses)
    steps, losses = _logged(order.run / "metrics.jsonl")
    world = OrganismOptions.model_validate(asked.grown.options if asked.grown else {}).world
    model = _loaded(workshop, unit, work)
    gate = family_of(asked.family).gate
    gates = corpus_named(world).gates(model, unit.seed, drawn=gate) if asked.gates else ()
    return _measured(workshop, Trained("trained", steps=steps, losses=losses), model, gates, work, base)


def _base(workshop: Workshop, unit: Unit, upstream: Upstream) -> tuple[str, Path | None]:
    """What a binding begins with: the model as it is named, and its folder; without one, why there is none."""
    if unit.kind == ORGANISM:
        return "", None
    asked = read_inputs(Bound, unit)
    card = base_card(asked.family)
    if asked.grown is None:
        if asked.base != shipped_base(asked.family):
            raise UsageError(f"{card.id} is another one than the sweep was planned with; begin a new folder")
        return card.id, folder_of(card)
    left = read_payload(Trained, upstream(asked.base))
    if not left.weights:
        return left.reason, None
    assert asked.grown_seed is not None
    organism = Unit(SWEEP, VERSION, ORGANISM, unit.model, to_json(asked.grown), seed=asked.grown_seed)
    folder = folder_with(workshop, organism, left, upstream).resolve()
    return f"{card.id}={folder}", folder


def _loaded(workshop: Workshop, unit: Unit, folder: Path) -> UnifiedModel:
    return load(f"{unit.model}={folder}", device=str(workshop.device), dtype="float32")


def _measured(
    workshop: Workshop, left: Trained, model: UnifiedModel, gates: Sequence[Gate], work: Path, base: Path | None
) -> Trained:
    """Keeps what a training left, and says what it can do."""
    missed = [f"{one.name}: {one.right} of {one.asked}, {one.threshold:.0%} needed" for one in gates if not one.passed]
    on_the_way: dict[str, str] = {}
    for folder in sorted((work / STEPS).glob("*")):
        own = kept.keep(folder, base, workshop.weights) if workshop.keep == "all" else kept.digest_of(folder)
        on_the_way[str(int(folder.name))] = own
    return replace(
        left,
        outcome="missed gates" if missed else "trained",
        reason="; ".join(missed),
        model=model.card.reference,
        weights=kept.keep(work, base, workshop.weights),
        gates=tuple(GateCount(one.name, one.right, one.asked, one.threshold) for one in gates),
        on_the_way=on_the_way,
    )


def _logged(path: Path) -> tuple[int, Losses | None]:
    """How many steps a binding made, by its log, and what they saw."""
    lines = [json.loads(line) for line in lines_of(path.read_text("utf-8"))] if path.exists() else []
    if not lines:
        return 0, None
    last = lines[-WINDOW:]

    def mean(name: str) -> float | None:
        values = [line[name] for line in last if line[name] is not None]
        return fmean(values) if values else None

    return len(lines), Losses(lines[0]["loss"], fmean(line["loss"] for line in last), mean("draw"), mean("tell"))


def _watched(workshop: Workshop, unit: Unit) -> Progress | None:
    return workshop.watch(f"{unit.kind} of {unit.model}, seed {unit.seed}") if workshop.watch else None


def _await_writer(work: Path) -> None:
    """A process that was killed lets go of its folder a moment later."""
    until = time.monotonic() + PATIENCE
    while lock.writer_of(work / RUN)[0] == "writing" and time.monotonic() < until:
        time.sleep(0.1)


def _end_path(workshop: Workshop, unit: Unit) -> Path:
    return workshop.ends / f"{unit.id}.json"


def _ended(workshop: Workshop, unit: Unit) -> Trained | None:
    """What became of a training by the same releases, if what it left is still there."""
    path = _end_path(workshop, unit)
    try:
        found = parse_json(regular_bytes(path), str(path))
        left = read_payload(Trained, Record(unit.id, found["left"]))
    except (OutsideError, UnispectError, KeyError, TypeError):
        return None
    return left if found["by"] == _releases() else None


def _note_end(workshop: Workshop, unit: Unit, left: Trained) -> None:
    path = _end_path(workshop, unit)
    content: dict[str, JSON] = {"by": _releases(), "left": to_json(left)}
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(path, (json.dumps(content, indent=1) + "\n").encode())
        durable.sync_folder(path.parent)


def _releases() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("unispect", "torch")}
