"""From what is asked for to a loaded model and the units that are to be carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.seeds import seed_for
from unispect.core.shards import shard
from unispect.core.units import Plan, Unit
from unispect.data.prompts import load_prompts
from unispect.engine.attempt import dtype_of
from unispect.engine.executor import InProcess
from unispect.engine.pool import WorkerPool
from unispect.models.registry import card_of, opened_adapters
from unispect.runner.notes import data_line
from unispect.runner.order import RunConfig
from unispect.studies.cautions import pictures_asked_for, under_two_seeds

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel


@dataclass(frozen=True)
class LoadedRun:
    """An order whose model is loaded and whose units are known.

    Attributes:
        executor: holds the model, once or several times.
        card: of the model.
        plan: what is to be carried out here; None if nothing of it falls to this part.
        whole: the units of all parts of the plan.
        device: where the model runs.
        dtype: in which precision.
        data: what goes in, with counts and digest, in words.
        seeds: what becomes of the seeds of pictures behind an API, in words; empty where no text is drawn under two.
    """

    order: RunConfig
    executor: InProcess[UnifiedModel] | WorkerPool
    card: ModelCard
    plan: Plan | None
    whole: tuple[Unit, ...]
    device: str
    dtype: str
    data: str
    seeds: str = ""

    @property
    def nothing(self) -> str:
        """That no unit falls to this part, in words."""
        number, count = self.order.shard or (1, 1)
        return (
            f"nothing of its {len(self.whole):,} units falls to part {number} of {count}: passed over, the other "
            "parts carry it out"
        )

    @property
    def where(self) -> str:
        """Where the model runs, in words."""
        if self.order.behind_api:
            return f"at {self.card.hub}"
        usual = "float32" if self.device.startswith("cpu") else "bfloat16"
        why = ""
        if self.order.loaded is None and self.order.dtype == "auto" and self.dtype != usual:
            why = f", as its {'records here were made' if self.order.begun else 'weights are stored'}"
        return f"on {self.device} in {self.dtype}{why}{self.order.replicas.words}"

    @property
    def bill(self) -> Mapping[str, str]:
        """What asking the model came to; nothing for models that run here."""
        from unispect.models.base import Metered

        model = self.model
        return model.bill() if isinstance(model, Metered) else {}

    @property
    def model(self) -> UnifiedModel | None:
        """The model, where this process holds it."""
        return getattr(self.executor, "model", None)

    @property
    def cut(self) -> tuple[int, int, int]:
        """How many prompts for pictures will be cut, of how many, and how many tokens that leaves out at most."""
        from unispect.models.base import ReadsPart

        model = self.model
        if not isinstance(model, ReadsPart):
            return 0, 0, 0
        prompts = pictures_asked_for(self.plan.units if self.plan else ()).values()
        left_out = [number for prompt in prompts if (number := model.left_out(prompt, Goal.IMAGE))]
        return len(left_out), len(prompts), max(left_out, default=0)

    def close(self) -> None:
        """Lets go of the model, of what it keeps open, and of the processes that hold it."""
        from unispect.models.base import Metered

        model = self.model
        if isinstance(model, Metered) and self.order.loaded is None:
            model.close()
        self.executor.close()


def rehearse(order: RunConfig) -> None:
    """Finds what is wrong with an order before anything large is loaded.

    All data are read, once for the whole command. What is planned here is one item of each group: the plan is made
    when the model is loaded, since its units carry the model's revision.

    Raises:
        UsageError: unknown model, or options that make no sense for the study.
        DataError: the prompts cannot be read.
        CheckpointError: an adapter cannot be read, or is another model's by what it says.
    """
    if order.batch_size < 1:
        raise UsageError(f"--batch-size must be at least 1, not {order.batch_size}")
    if order.loaded is not None:
        order.require_here()
        return
    card = card_of(order.model.name)
    options = order.options
    if order.study.prompts:
        load_prompts(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
    few = replace(options, limit=1 if options.limit is None else min(options.limit, 1))
    if options.data and not order.study.prompts:  # which the plan alone reads, and all of it is to be looked at
        few = options
    try:
        order.study.planned(card, few)
    except UnispectError:
        order.study.planned(card, options)
    opened_adapters(order.model)
    if order.behind_api:
        from unispect.models.remote.loading import check as check_remote

        spending = order.remote.spending_on(card.id, order.out)
        check_remote(order.model.name, spending, key_from=order.remote.key_from, asking=order.remote.how)


@contextmanager
def preparing() -> Iterator[Callable[[RunConfig], LoadedRun]]:
    """Gives `prepare`, which keeps the model from one order to the next of the same model and lets go of it then."""
    held: list[LoadedRun] = []

    def prepare_next(order: RunConfig) -> LoadedRun:
        if held and not held[0].order.same_model(order):
            held.pop().close()  # before the next one is loaded
        held[:] = [prepare(order, held[0] if held else None)]
        return held[0]

    try:
        yield prepare_next
    finally:
        for ready in held:
            ready.close()


def prepare(order: RunConfig, earlier: LoadedRun | None = None) -> LoadedRun:
    """Loads the model, unless an earlier order for it has, and plans its units.

    Raises:
        UsageError: unknown device or dtype, or no such weights.
        CheckpointError: the weights are not this model's.
    """
    if order.loaded is not None:
        executor = earlier.executor if earlier else InProcess(order.loaded)
        return _ready(order, executor, *_runs_on(order.loaded))
    if order.behind_api:
        executor = earlier.executor if earlier else InProcess(_load_remote(order))
        ready = _ready(order, executor, "", "")
        return replace(ready, seeds=(earlier.seeds if earlier else "") or _seeds_kept(ready))
    device, _ = order.replicas.precision(order.device, order.precision)
    executor = earlier.executor if earlier else _executor(order)
    try:
        return _ready(order, executor, device, executor.dtype)
    except BaseException:
        if isinstance(executor, WorkerPool):
            executor.close()
        raise


def _runs_on(model: UnifiedModel) -> tuple[str, str]:
    """Device and precision of a loaded model, as far as it says them: one behind an API has neither."""
    return str(getattr(model, "device", "")), dtype_of(model)


def _executor(order: RunConfig) -> InProcess[UnifiedModel] | WorkerPool:
    from unispect.models.registry import load

    if order.replicas.several:
        return order.replicas.pool(order.model, order.device, order.precision)
    named = order.model
    return InProcess(load(named.name, named.weights or None, order.device, order.precision, adapters=named.adapters))


def _ready(order: RunConfig, executor: InProcess[UnifiedModel] | WorkerPool, device: str, dtype: str) -> LoadedRun:
    card = executor.card
    if card is None:
        raise UnispectError(f"{order.model.name} has no card")
    whole = order.study.planned(card, order.options)
    part = shard(whole, *order.shard) if order.shard else whole
    return LoadedRun(order, executor, card, part, whole.units, device, dtype, data_line(order, whole, card))


def _seeds_kept(ready: LoadedRun) -> str:
    """Looks at the first text that is to be drawn under two seeds, if these are sent."""
    from unispect.models.remote.model import RemoteModel
    from unispect.models.remote.names import remote_name
    from unispect.models.remote.seeds import keeping

    order, model = ready.order, ready.model
    _, sent = remote_name(order.model.name).seeded(order.remote.how)
    found = under_two_seeds(ready.plan.units) if ready.plan and sent else None
    if found is None or not isinstance(model, RemoteModel) or model.drawer is None:
        return ""
    text, (one, other) = found
    return keeping(model, Prompt.of(text), (seed_for(one.id), seed_for(other.id)))


def _load_remote(order: RunConfig) -> UnifiedModel:
    from unispect.models.remote.loading import load

    spending = order.remote.spending_on(card_of(order.model.name).id, order.out)
    return load(order.model.name, spending, key_from=order.remote.key_from, asking=order.remote.how)
