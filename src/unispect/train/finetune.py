"""Binding: a model of any family learns new words, by a recipe, in one process or in several."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from torch import nn

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UnispectError, Unsupported, UsageError
from unispect.models.base import UnifiedModel
from unispect.models.checks import require
from unispect.models.registry import card_of, family_of, files_of, load, parse
from unispect.models.taught import Taught, merge_taught, read_taught
from unispect.runs import durable
from unispect.train import memory
from unispect.train.claim import claim_of, difference
from unispect.train.device_group import DeviceGroup, assemble
from unispect.train.folder import PEFT, RUN, STEPS, UNFINISHED, Bound, Whole, with_whole_words, write_bound
from unispect.train.gradients import small_steps
from unispect.train.learning import Learned, set_learning, whole_state
from unispect.train.loop import Progress
from unispect.train.metrics_log import DivergenceMonitor, MetricsLog
from unispect.train.mixture import DataMixture, ExampleSpec, make_mixture
from unispect.train.optimisers import make_optimisers, set_rates, take_step
from unispect.train.output_folder import Hold, claimed, held, write_claim
from unispect.train.recipe import Recipe
from unispect.train.states import STAGE, States, remove_states
from unispect.train.step import Learner, Speaker, counts_of, pieces, portions, share_of

_SMALL = 50e6
"""Parameters up to which a second thread costs more than it gains."""
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class FinetuneConfig:
    """What a user asked for.

    Attributes:
        model: name, or `name=folder-or-hub-id@revision`.
        recipe: what is learned and how.
        title: the recipe's name.
        out: folder for the bound weights; the training's own files stand in a folder in it.
        device: "auto", "cpu" or "cuda".
        whatever_memory: begin also if the estimate is above what there is.
        adapters: `PLACE:WEIGHT` of those that are merged into the weights before.
        tracker: also told what every step sees: "tensorboard", "trackio" or "wandb"; empty for none.
    """

    model: str
    recipe: Recipe
    title: str
    out: Path
    device: str = "auto"
    whatever_memory: bool = False
    adapters: tuple[str, ...] = ()
    tracker: str = ""

    @property
    def run(self) -> Path:
        return self.out / RUN

    @property
    def facts(self) -> dict[str, Any]:
        """What the training is (`claim.claim_of`)."""
        return claim_of(self.model, self.recipe, self.adapters)

    @property
    def claim(self) -> Path:
        """The file that says which training the folder holds."""
        return self.run / "claim.json"


@dataclass(frozen=True)
class PreparedFinetune:
    """An order whose model is loaded and ready to learn."""

    order: FinetuneConfig
    group: DeviceGroup
    model: Speaker
    mixture: DataMixture
    learned: Learned
    needs: memory.Estimate

    @property
    def reference(self) -> str:
        """`id@revision` of the model that learns."""
        return _card(self.model).reference

    @property
    def small(self) -> bool:
        """A tiny model on the CPU, where little at a time takes less than much."""
        return _small(self.model, self.group)

    @property
    def lines(self) -> list[str]:
        """What will be done, in words."""
        recipe, group = self.order.recipe, self.group
        groups = ", ".join(f"{name} {count:,}" for name, count in self.learned.groups.items())
        how = f"adapters of rank {recipe.lora.rank} in" if recipe.lora else "all of"
        each = ", ".join(f"{stream.per_step} {stream.name}" for stream in self.mixture.streams)
        return [
            f"batch   {recipe.batch} = {recipe.micro_batch} per device x {group.size} devices x {group.accumulation} "
            "accumulated",
            f"learns  {how} {groups} ({recipe.optimiser}, {recipe.precision})",
            f"step    {each}",
            f"steps   {self.mixture.steps:,}",
            f"memory  {self.needs.text}",
        ]


def finished(order: FinetuneConfig) -> Taught | None:
    """What an order left if it was carried out before.

    Raises:
        UsageError: the folder holds another training, or something else.
        StoreError: what says which training it holds is damaged.
    """
    found = claimed(order.claim, order.out)
    if found is None:
        return None
    if other := difference(found, order.facts):
        raise UsageError(f"{order.out} holds another training, of another {other}; choose another folder")
    try:
        return read_taught(order.out)
    except CheckpointError:  # the last thing that is written: whoever was stopped there goes on
        return None


def tidy(order: FinetuneConfig) -> None:
    """Removes what a finished training no longer needs, if it was stopped before it could, and if nobody uses it."""
    with suppress(UnispectError), held(order.out, order.run) as hold:
        shutil.rmtree(order.out / UNFINISHED, ignore_errors=True)
        remove_states(order.run, hold)


def prepare(order: FinetuneConfig) -> PreparedFinetune:
    """Loads the model, chooses what learns, and says what it takes.

    Raises:
        UsageError: the recipe does not fit the model or the devices, or there is too little memory.
        Unsupported: the model cannot learn.
        CheckpointError: the weights cannot be loaded.
    """
    recipe = order.recipe
    card = card_of(parse(order.model).name)
    require(card, "learn")
    family_of(card)
    if recipe.families and card.family not in recipe.families:
        raise UsageError(f"recipe {order.title} is for {', '.join(recipe.families)}, not for {card.family}")
    group = assemble(order.device, recipe, order.tracker, order.run)
    mixture = make_mixture(recipe, card.image_size)  # what is wrong shows before anything large is loaded
    _check_memory(order, group, memory.least(card, recipe), "the weights alone take", "use a larger machine")
    model = load(order.model, device=str(group.device), dtype="float32", adapters=order.adapters)
    if recipe.words:
        model = with_whole_words(model, files_of(order.model), str(group.device))
    if not isinstance(model, Speaker):
        raise Unsupported(card.id, "learn", "it does not say what its answers are made of")
    mixture = mixture.sized(model.card.image_size)
    learned = set_learning(model, recipe)
    with _threads(model, group), group.precision():
        kept = memory.kept_by(model, [mixture.example(spec, model) for spec in _widest(mixture)])
    needs = memory.estimate(model.network, learned, recipe, kept, layout=group.layout, devices=group.size)
    hint = "lower 'micro_batch', set 'gradient_checkpointing' or 'lora', hold the model on more devices together"
    _check_memory(order, group, needs.total, "the training takes about", hint)
    return PreparedFinetune(order, group, model, mixture, learned, needs)


def finetune(ready: PreparedFinetune, progress: Progress | None = None) -> Path:
    """Carries the order out, from where it was stopped if it was; returns the folder of the bound weights.

    Raises:
        UsageError: the folder holds another training or a link.
        StoreError: another process trains in the folder, it was moved or deleted, or cannot be written. The same
            command goes on from what was saved.
        StateError: loss or gradient are not finite, or the loss stays above where it began; names the step. What was
            written stays.
    """
    order, group = ready.order, ready.group
    with ExitStack() as stack:
        hold = stack.enter_context(held(order.out, order.run)) if group.main else None
        if group.any(hold is not None and _finished_by_another(order)):
            return order.out
        with _threads(ready.model, group):
            _train(ready, hold, progress)
    return order.out


def _finished_by_another(order: FinetuneConfig) -> bool:
    """Looks again, now that nobody else writes; what is not begun is then ours."""
    if finished(order):
        return True
    if claimed(order.claim, order.out) is None:
        write_claim(order.claim, {**order.facts, "title": order.title})
    return False


def _train(ready: PreparedFinetune, hold: Hold | None, progress: Progress | None) -> None:
    order, group, recipe = ready.order, ready.group, ready.order.recipe
    steps = ready.mixture.steps
    parameters = ready.learned.parameters
    made = make_optimisers(
        parameters,
        ready.learned.matrices,
        learning_rate=recipe.learning_rate,
        matrix_rate=recipe.matrix_rate,
        weight_decay=recipe.weight_decay,
        betas=recipe.betas,
    )
    learner, optimisers = group.prepare(Learner(ready.model, recipe), made, recipe.micro_batch)
    journal, watch = MetricsLog(order.run / "metrics.jsonl"), DivergenceMonitor(recipe.divergence)
    states = States(group, order.run, hold)
    start = states.restore(ready.learned.parameters, optimisers, watch)
    if hold:
        with hold.writing(journal.path):
            journal.cut(start)
    if progress:
        progress(STAGE, start, steps, {})
    group.track(order.title, order.facts)
    for step in range(start, steps):
        rate = recipe.rate(step, steps)
        set_rates(optimisers, rate)
        seen = _one_step(ready, learner, step)
        watch.check(step + 1, seen["loss"], seen["norm"])
        take_step(optimisers)
        done = step + 1
        if hold:
            with hold.writing(journal.path):
                journal.add({"step": done, "learning_rate": rate * recipe.learning_rate, **seen})
        group.log({"learning_rate": rate * recipe.learning_rate, **seen}, done)
        if done in recipe.save_at and done < steps:
            _write(ready, hold, learner, order.out / STEPS / f"{done:06}", done)
        if done % recipe.save_every == 0 and done < steps:
            _flush(journal, hold)  # what was seen until then is on the disk before the state
            states.save(ready.learned.parameters, optimisers, watch, done)
        if progress and (done % 10 == 0 or done == steps):
            shown = {name: seen[name] for name in ("draw", "tell") if seen[name] is not None}
            progress(STAGE, done, steps, shown)  # pyright: ignore
    _flush(journal, hold)
    group.end()
    _write(ready, hold, learner, order.out, steps)
    if hold:
        remove_states(order.run, hold)


def _flush(journal: MetricsLog, hold: Hold | None) -> None:
    if hold:
        with hold.writing(journal.path):
            journal.sync()


def _one_step(ready: PreparedFinetune, learner: nn.Module, step: int) -> dict[str, Any]:
    """Gradients of one step, and what it saw."""
    group, recipe, mixture = ready.group, ready.order.recipe, ready.mixture
    specs = mixture.specs(step)
    whole = counts_of(ready.model, specs)
    mine = pieces(specs, recipe.micro_batch, device=group.rank, devices=group.size, alike=group.together)
    sums = torch.zeros(3, device=group.device, dtype=torch.float64)
    if ready.small:
        mine = [portion for piece in mine for portion in portions(piece)]
    for piece in mine:
        examples = [mixture.example(spec, ready.model) for spec in piece]
        share = share_of(counts_of(ready.model, piece), whole)
        with group.work(learner):
            with group.precision():
                total, draw, tell = learner(examples, share)
            group.backward(total)
        sums += torch.stack([total.detach(), draw, tell]).double()
    norm = group.clip(ready.learned.parameters, recipe.clip)
    loss, draw, tell = group.sum(sums).tolist()
    return {
        "loss": loss,
        "draw": draw if whole.drawn else None,
        "tell": tell if whole.told else None,
        "pictures": whole.drawn,
        "tokens": whole.told,
        "norm": None if norm is None else float(norm),
    }


def _write(ready: PreparedFinetune, hold: Hold | None, learner: nn.Module, folder: Path, steps: int) -> None:
    """The model as it is now, as a folder that loads."""
    group, order, network = ready.group, ready.order, ready.model.network
    state = group.whole(learner)
    if hold:
        card = _card(ready.model)
        config = ready.learned.adapters
        adapters = None
        if config:
            found = get_peft_model_state_dict(network, state_dict=state, adapter_name="default")  # pyright: ignore
            adapters = config, {PEFT + name: tensor for name, tensor in found.items()}
        whole = Whole(whole_state(network, state), getattr(network, "config", None))
        before = read_taught(files_of(order.model))
        taught = Taught(
            model=parse(order.model).name,
            base=card.reference,
            recipe=order.title,
            taught=merge_taught(card.taught, {} if order.recipe.partial else order.recipe.teach),
            expressions=merge_taught(card.expressions, order.recipe.teach if order.recipe.partial else {}),
            steps=steps,
            seed=order.recipe.seed,
            world=before.world if before else "",
            aligned=order.recipe.aligned or (before.aligned if before else ""),
            grown=before.grown_seed if before else None,
            switches={**card.switches, **({"words": order.recipe.words} if order.recipe.words else {})},
        )
        dtype = _DTYPES[order.recipe.saved]
        with hold.writing(folder):
            if folder != order.out:
                folder.parent.mkdir(exist_ok=True)
                folder.mkdir(exist_ok=True)
            words = order.recipe.words is not None
            write_bound(Bound(card, whole, files_of(order.model), dtype, adapters, words), folder, taught)
            durable.sync_folder(folder.parent)
    group.wait()


def _widest(mixture: DataMixture) -> list[ExampleSpec]:
    """Of the first step, one example of each kind, the longest."""
    specs = mixture.specs(0)
    kinds = {(spec.draws, spec.seen is None): spec for spec in reversed(specs)}
    return list(kinds.values())


def _check_memory(order: FinetuneConfig, group: DeviceGroup, needed: int, what: str, hint: str) -> None:
    there = memory.available(group.device, group.here)
    if needed > there and not order.whatever_memory:
        raise UsageError(
            f"{what} {needed / memory.GIB:.1f} GiB on {group.device}, and {there / memory.GIB:.1f} GiB are free: "
            f"{hint}, or insist with --whatever-memory"
        )


def _card(model: Any) -> ModelCard:
    assert isinstance(model, UnifiedModel)
    return model.card


def _small(model: Speaker, group: DeviceGroup) -> bool:
    return group.device.type == "cpu" and sum(own.numel() for own in model.network.parameters()) < _SMALL


@contextmanager
def _threads(model: Speaker, group: DeviceGroup) -> Iterator[None]:
    """One thread for tiny models on the CPU, where sums then are the same on machines with other numbers of cores."""
    if _small(model, group):
        with small_steps():
            yield
    else:
        yield
