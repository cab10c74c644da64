"""One study on one model into one run folder: what `run` and `demo` share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unispect.cli.remote import Remote
from unispect.cli.replicas import Replicas
from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError, UsageError
from unispect.core.paths import place_named
from unispect.core.prompts import Goal
from unispect.core.shards import parse_shard, shard
from unispect.core.units import Plan, Unit, digest, seeds_of
from unispect.data.prompts import load_prompts
from unispect.engine.crew import Crew
from unispect.engine.driver import drive
from unispect.engine.grading import grade
from unispect.engine.place import InProcess
from unispect.engine.progress import Progress, Summary
from unispect.judges.registry import find_judge
from unispect.models.registry import ModelReference, card_of, is_remote, parse
from unispect.runs import Invocation, RunStore
from unispect.studies.base import Options
from unispect.studies.cautions import pictures_asked_for
from unispect.studies.registry import Study

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

JUDGE = "rules"
DATA_FROM = "data from"
"""Setting of an invocation: what `--data` named, files by their whole path."""


@dataclass(frozen=True)
class Order:
    """What a user asked for.

    Attributes:
        study: what to measure.
        model: on what.
        options: of the study.
        out: the run folder.
        device: as given.
        dtype: as given.
        batch_size: units that go through the model together.
        command: as typed, program first.
        debug: failed records carry their traceback.
        remote: how models behind an API are asked.
        replicas: how many processes hold the model.
        shard: part of the plan, and of how many; None for all of it.
    """

    study: Study
    model: ModelReference
    options: Options
    out: Path
    device: str
    dtype: str
    batch_size: int
    command: tuple[str, ...]
    debug: bool = False
    remote: Remote = Remote()  # noqa: RUF009 - frozen
    replicas: Replicas = Replicas()  # noqa: RUF009 - frozen
    shard: tuple[int, int] | None = None

    @property
    def behind_api(self) -> bool:
        """Its model is behind an API."""
        return is_remote(self.model.name)


@dataclass(frozen=True)
class Ready:
    """An order whose model is loaded and whose units are known.

    Attributes:
        place: holds the model, once or several times.
        card: of the model.
        plan: what is to be carried out here; None if nothing of it falls to this part.
        whole: the units of all parts of the plan.
        device: where the model runs.
        dtype: in which precision.
        data: what goes in, with counts and digest, in words.
    """

    order: Order
    place: InProcess[UnifiedModel] | Crew
    card: ModelCard
    plan: Plan | None
    whole: tuple[Unit, ...]
    device: str
    dtype: str
    data: str

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
        return f"on {self.device} in {self.dtype}{self.order.replicas.words}"

    @property
    def bill(self) -> Mapping[str, str]:
        """What asking the model came to; nothing for models that run here."""
        from unispect.models.base import Metered

        model = self.place.model if isinstance(self.place, InProcess) else None
        return model.bill() if isinstance(model, Metered) else {}

    def close(self) -> None:
        """Lets go of what the model keeps open, or of the processes that hold it."""
        from unispect.models.base import Metered

        if isinstance(self.place, Crew):
            self.place.close()
        elif isinstance(self.place.model, Metered):
            self.place.model.close()


@dataclass(frozen=True)
class Outcome:
    """What became of an order's units, and of their grades if the study needs any."""

    units: Summary
    grades: Summary | None = None

    def raise_failures(self) -> None:
        """Returns if no unit and no grade failed.

        Raises:
            UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
        """
        raise_failures(self.units, "units")
        if self.grades:
            raise_failures(self.grades, "grades")


def check(order: Order) -> None:
    """Finds what is wrong with an order before anything large is loaded.

    Raises:
        UsageError: unknown model, or options that make no sense for the study.
        DataError: the prompts cannot be read.
    """
    if order.batch_size < 1:
        raise UsageError(f"--batch-size must be at least 1, not {order.batch_size}")
    card = card_of(order.model.name)
    order.study.planned(card, order.options)
    if order.behind_api:
        from unispect.models.remote.loading import check as check_remote

        spending = order.remote.spending(card.id, order.out)
        check_remote(order.model.name, spending, key_from=order.remote.key_from, asking=order.remote.asking)


def prepare(order: Order, earlier: Ready | None = None) -> Ready:
    """Loads the model, unless an earlier order for it has, and plans its units.

    Raises:
        UsageError: unknown device or dtype, or no such weights.
        CheckpointError: the weights are not this model's.
    """
    if order.behind_api:
        place = earlier.place if earlier else InProcess(_load_remote(order))
        return _ready(order, place, "", "")
    device, dtype = order.replicas.precision(order.device, order.dtype)
    place = earlier.place if earlier else _place(order)
    try:
        return _ready(order, place, device, dtype)
    except BaseException:
        if isinstance(place, Crew):
            place.close()
        raise


def _place(order: Order) -> InProcess[UnifiedModel] | Crew:
    from unispect.models.registry import load

    if order.replicas.several:
        return order.replicas.crew(order.model, order.device, order.dtype)
    return InProcess(load(order.model.name, order.model.weights or None, order.device, order.dtype))


def _ready(order: Order, place: InProcess[UnifiedModel] | Crew, device: str, dtype: str) -> Ready:
    card = place.card if isinstance(place, Crew) else place.model.card
    if card is None:
        raise UnispectError(f"{order.model.name} has no card")
    whole = order.study.planned(card, order.options)
    part = shard(whole, *order.shard) if order.shard else whole
    return Ready(order, place, card, part, whole.units, device, dtype, _data(order, whole, card))


def _load_remote(order: Order) -> UnifiedModel:
    from unispect.models.remote.loading import load

    spending = order.remote.spending(card_of(order.model.name).id, order.out)
    return load(order.model.name, spending, key_from=order.remote.key_from, asking=order.remote.asking)


def pass_over(ready: Ready, store: RunStore) -> None:
    """Notes how much of a plan there is elsewhere, of which nothing falls to this part."""
    store.plan((), among=ready.whole)


def carry_out(ready: Ready, store: RunStore, progress: Progress) -> Outcome:
    """Runs what is not done yet and grades it by rules where the study's view needs grades.

    Raises:
        UsageError: nothing falls to this part of the plan.
        StoreError: the folder is damaged or the disk full; what was stored stays.
    """
    order = ready.order
    if ready.plan is None:
        raise UsageError(f"{order.study.name} on {order.model.name}: {ready.nothing}")
    if order.shard:
        store.plan(ready.plan.units, among=ready.whole)
    units = drive(
        ready.plan,
        order.study.run,
        store,
        ready.place,
        batch_size=order.batch_size,
        progress=progress,
        debug=order.debug,
        invocation=_invocation(ready),
    )
    if ready.bill:
        store.note(ready.bill)
    if not order.study.graded:
        return Outcome(units)
    grades = grade(
        store,
        JUDGE,
        find_judge(JUDGE),
        study=order.study.name,
        model=ready.card.reference,
        progress=progress,
        debug=order.debug,
    )
    return Outcome(units, grades)


def raise_failures(summary: Summary, what: str) -> None:
    """Returns if nothing failed and nothing was left.

    Raises:
        UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
    """
    if summary.halted:
        raise UnispectError(f"stopped with {summary.left:,} {what} left undone: {summary.halted}")
    if summary.failed:
        cause = next(iter(summary.causes))
        every = summary.done + summary.failed + summary.skipped
        raise UnispectError(
            f"{summary.failed} of {every} {what} failed, most often: {cause}; the same command tries them again"
        )


def plan_lines(plan: Plan) -> list[str]:
    """Units per stage and kind, and every skip."""
    lines = []
    for number, stage in enumerate(plan.stages, 1):
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in Counter(unit.kind for unit in stage).items())
        if stage:
            lines.append(f"stage {number}: {kinds}")
    lines.append(seed_line(plan))
    return lines + [f"left out: {skip.what} ({skip.reason})" for skip in plan.skips]


def before_lines(ready: Ready, store: RunStore) -> list[str]:
    """What has to be known before the first unit: prompts that will be cut, records made in another precision."""
    from unispect.models.base import ReadsPart

    lines = []
    model = ready.place.model if isinstance(ready.place, InProcess) else None
    if isinstance(model, ReadsPart):
        prompts = pictures_asked_for(ready.plan.units if ready.plan else ()).values()
        cut = [left_out for prompt in prompts if (left_out := model.left_out(prompt, Goal.IMAGE))]
        if cut:
            lines.append(
                f"{len(cut):,} of {len(prompts):,} prompts for pictures will be cut: {ready.card.id} reads their "
                f"beginning only (up to {max(cut):,} tokens are left out)"
            )
    for (dtype, device), count in store.made_in(ready.order.study.name, ready.card.reference).items():
        if ready.dtype and (dtype, device) != (ready.dtype, ready.device.partition(":")[0]):
            lines.append(f"{count:,} records were made in {dtype} on {device} before and stay as they are")
    return lines


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


def order_for(
    study: Study,
    model: str | ModelReference,
    out: Path,
    *,
    options: Options,
    command: Sequence[str],
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int = 16,
    debug: bool = False,
    remote: Remote | None = None,
    replicas: Replicas | None = None,
    shard: str = "",
) -> Order:
    """An order from the words of a command line."""
    named = parse(model) if isinstance(model, str) else model
    return Order(
        study,
        named,
        options,
        out,
        device,
        dtype,
        batch_size,
        tuple(command),
        debug,
        remote or Remote(),
        replicas or Replicas(),
        parse_shard(shard) if shard else None,
    )


def _data(order: Order, plan: Plan, card: ModelCard) -> str:
    if order.study.prompts:
        options = order.options
        loaded = load_prompts(options.data, limit=options.limit, image_size=card.image_size, memory=options.memory)
        used = {digest(unit.inputs["prompt"]): None for unit in plan.units if "prompt" in unit.inputs}
        return f"{loaded.summary}; used: {len(used):,}, digest {digest(sorted(used))}"
    inputs = sorted({digest(unit.inputs) for unit in plan.units})
    return f"the study's own: {len(inputs):,} distinct inputs, digest {digest(inputs)}"


def _named(data: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (data,) if isinstance(data, str) else data or ()


def _source(name: str) -> str:
    path = place_named(name)
    return str(path.resolve()) if path.exists() else name


def _asked(order: Order) -> dict[str, str]:
    """Where a model behind an API was asked, and how."""
    from unispect.chat.dialect import REPEATS
    from unispect.models.remote.names import remote_name

    name, asking = remote_name(order.model.name), order.remote.asking
    _, drawn = name.seeded(asking)
    return {
        "asked at": name.place.base_url,
        "picture size": name.size(asking),
        "picture quality": asking.quality,
        "thinking tokens": str(asking.thinking_tokens or ""),
        "temperature": "" if asking.temperature else "not sent",
        **asking.dialect.words,
        "seeds of pictures": ("sent" if drawn else REPEATS) if name.draws else "",
    }


def _invocation(ready: Ready) -> Invocation:
    """What the command was told; what the plan says, the engine adds."""
    order = ready.order
    settings = {
        "data": ready.data,
        DATA_FROM: " ".join(_source(name) for name in _named(order.options.data)),
        "parts": ", ".join(order.options.parts),
        "limit": str(order.options.limit or ""),
        "weights": order.model.weights,
        "device": ready.device,
        "dtype": ready.dtype,
        "part": "{} of {}".format(*order.shard) if order.shard else "",
        **order.replicas.settings,
        **(_asked(order) if order.behind_api else {}),
    }
    return Invocation(order.command, settings={name: value for name, value in settings.items() if value})
