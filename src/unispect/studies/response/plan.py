"""Which replies are made and in which groups they are probed.

Stage 1 lets the model reply: text to text, a picture to the same text, text to a picture. Stage 2 probes the replies
under the `paper` preset and calibrates the `controlled` one; stage 3 probes under `controlled`. Replies are probed in
groups, so that every one can be set against the replies to other prompts of its group.
Protocol: arXiv 2604.10949, response level; controls: docs/sources/entropy.md#dependence.

Replies of which the model's backbone holds no rows are not measured: the plan says so, and why. Where a second network
drew them, rows of prompt and picture inside of it are measured instead, under `controlled` only, by a calibration of
their own and a name of their own ("decoder"): that is not the published protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

from unispect.core.cards import Capability, ModelCard
from unispect.core.findings import Preset
from unispect.core.prompts import Goal, Modality
from unispect.core.typed import to_json
from unispect.core.units import JSON, Plan, Skip, Unit, locations_of
from unispect.data.concepts.language import DESCRIBE
from unispect.data.prompts import PromptItem, PromptSet, load_prompts
from unispect.metrics.presets import Controlled, Paper
from unispect.studies.base import Options
from unispect.studies.response import study
from unispect.studies.response.traces import DECODER
from unispect.studies.states.calibration import calibration_items
from unispect.studies.states.records import Asked

STUDY, VERSION = study.name, study.version

LIMIT = 16
"""Prompts of each kind, if the user does not say."""
GROUP = 8
"""Prompts probed together, at most."""
OTHERS = 4
"""Replies to other prompts that each reply is compared with."""
CALIBRATION_PROMPTS = 16
"""Replies of each task that decide bandwidths and row count, at most."""
STEPS = 3
"""Steps at which a picture is probed on the way."""
MAX_NEW_TOKENS = 256
WORLD_KIND = "description"
"""The kind of text in the `world` set that one picture can answer and that is long enough to be compared."""


@dataclass(frozen=True)
class Task:
    """One way of replying.

    Attributes:
        name: in settings and records.
        goal: what the reply is.
        modality: of the prompt.
        needs: capabilities.
        what: for messages.
    """

    name: str
    goal: Goal
    modality: Modality
    needs: tuple[Capability, ...]
    what: str


TASKS = (
    Task("write", Goal.TEXT, "text", ("write",), "text replies to text"),
    Task("draw", Goal.IMAGE, "text", ("draw",), "pictures drawn from text"),
    Task("describe", Goal.TEXT, "image", ("write", "see"), "text replies to pictures"),
)

INSIDE = Task(DECODER, Goal.IMAGE, "text", ("draw", "probe_decoder"), "rows inside the network that draws")
"""Pictures are drawn as in the task "draw", and probed in another place."""


@dataclass(frozen=True)
class _Job:
    """The replies of one task and seed."""

    task: Task
    seed: int
    replies: tuple[Unit, ...]


def plan(card: ModelCard, options: Options) -> Plan:
    """Units for every task, prompt and seed. Text is sampled greedily, so one seed serves it: the first.

    Raises:
        UsageError: nothing to do; the reasons are listed.
        DataError: the prompts cannot be read.
    """
    if "probe" not in card.capabilities:
        return Plan((), (Skip("all replies", f"{card.id} does not show its states"),))
    loaded, seeds = _items(card, options), options.seeds or (0,)
    items = loaded.items
    jobs, skips = _jobs(card, items, seeds)
    skips += loaded.skips
    inside = _inside(card, items, seeds)
    if inside and Preset.CONTROLLED not in options.presets:
        skips.append(Skip(INSIDE.what, "not the published protocol, so under the controlled preset only"))
        inside = []
    paper: list[Unit] = []
    controlled: list[Unit] = []
    if jobs and Preset.PAPER in options.presets:
        paper = _all_probes(card, jobs, {"preset": Preset.PAPER, "source": loaded.source, **asdict(Paper())})
    for some in (jobs, inside):
        if some and Preset.CONTROLLED in options.presets:
            settings: dict[str, JSON] = {
                "preset": Preset.CONTROLLED,
                "source": loaded.source,
                **asdict(Controlled()),
            }
            calibration = _calibration(card, some, settings)
            paper.append(calibration)
            controlled += _all_probes(card, some, {**settings, "calibration": calibration.id, "others": OTHERS})
    replies = tuple(dict.fromkeys(unit for job in (*jobs, *inside) for unit in job.replies))
    return Plan((replies, tuple(paper), tuple(controlled)), tuple(skips))


def groups(units: Sequence[Unit]) -> list[Sequence[Unit]]:
    """Neighbours in as few groups of at most `GROUP` as possible, of nearly equal size."""
    count = -(-len(units) // GROUP)
    edges = [len(units) * i // count for i in range(count + 1)]
    return [units[start:stop] for start, stop in pairwise(edges)]


def _items(card: ModelCard, options: Options) -> PromptSet:
    """The prompts to reply to, and what in the data is unusable.

    From the world come its plain descriptions and as many pictures of all patterns alike.
    """
    limit = LIMIT if options.limit is None else options.limit
    loaded = load_prompts(options.data, limit=limit, image_size=card.image_size, memory=options.memory)
    if loaded.name != "world":
        return loaded
    texts = [item for item in loaded.items if item.kind == WORLD_KIND]
    return replace(loaded, items=(*texts, *calibration_items(loaded.items, "image", len(texts))))


def _jobs(card: ModelCard, items: Sequence[PromptItem], seeds: Sequence[int]) -> tuple[list[_Job], list[Skip]]:
    jobs: list[_Job] = []
    skips: list[Skip] = []
    for task in TASKS:
        own = sorted((item for item in items if item.modality == task.modality), key=lambda item: item.kind)
        lacking = [capability for capability in task.needs if capability not in card.capabilities]
        if own and task.goal in card.no_states:
            skips.append(Skip(f"states of {task.what}", f"not applicable: {card.no_states[task.goal]}"))
        elif own and lacking:
            skips.append(Skip(task.what, f"{card.id} cannot {' or '.join(lacking)}"))
        elif own:
            for seed in seeds if task.goal is Goal.IMAGE else seeds[:1]:
                jobs.append(_Job(task, seed, tuple(_reply(card, task, item, seed) for item in own)))
    return jobs, skips


def _inside(card: ModelCard, items: Sequence[PromptItem], seeds: Sequence[int]) -> list[_Job]:
    """The reading inside a second network; none where there is no such network."""
    own = sorted((item for item in items if item.modality == INSIDE.modality), key=lambda item: item.kind)
    if not own or not card.capabilities.issuperset(INSIDE.needs):
        return []
    drawing = next(task for task in TASKS if task.name == "draw")
    return [_Job(INSIDE, seed, tuple(_reply(card, drawing, item, seed) for item in own)) for seed in seeds]


def _reply(card: ModelCard, task: Task, item: PromptItem, seed: int) -> Unit:
    question = (item.question or DESCRIBE) if task.modality == "image" else ""
    inputs = to_json(Asked(id=item.id, group=item.kind, prompt=dict(item.inputs), question=question))
    settings: dict[str, JSON] = {"task": task.name, "goal": task.goal, **_limits(card, task.goal)}
    return Unit(STUDY, VERSION, "reply", card.reference, inputs, settings, seed, item.locations)


def _limits(card: ModelCard, goal: Goal) -> dict[str, JSON]:
    """How long replies may be and how they are chosen. Replies within other limits are not compared with these."""
    if goal is Goal.TEXT:
        return {"max_new_tokens": MAX_NEW_TOKENS, "temperature": 0.0}
    return {"defaults": dict(card.defaults)}


def _item(unit: Unit) -> dict[str, JSON]:
    """A reply as a probe carries it: the prompt again, and where the reply is recorded."""
    return {**unit.inputs, "reply": unit.id}


def _calibration(card: ModelCard, jobs: Sequence[_Job], settings: Mapping[str, JSON]) -> Unit:
    inputs: dict[str, JSON] = {}
    asked: list[Unit] = []
    for job in jobs:
        if job.task.name not in inputs:
            step = -(-len(job.replies) // CALIBRATION_PROMPTS)
            asked += job.replies[::step]
            items = [_item(unit) for unit in job.replies[::step]]
            inputs[job.task.name] = {
                "goal": job.task.goal,
                "groups": [items[i : i + GROUP] for i in range(0, len(items), GROUP)],
            }
    return Unit(STUDY, VERSION, "calibrate", card.reference, inputs, settings, jobs[0].seed, locations_of(asked))


def steps_of(card: ModelCard) -> tuple[int, ...]:
    """Steps of drawing that are probed beside the last: the middles of equal parts; none where there are no steps."""
    total = int(card.defaults.get("steps", card.defaults.get("iterations", 0)))
    if total < 2 or "image" in card.no_states:
        return ()
    return tuple(dict.fromkeys((2 * part + 1) * total // (2 * STEPS) for part in range(STEPS)))


def _all_probes(card: ModelCard, jobs: Sequence[_Job], settings: Mapping[str, JSON]) -> list[Unit]:
    """Probes of finished replies, and of the first seed's pictures on the way."""
    drawn = [job for job in jobs if job.task.name == "draw"][:1]
    on_the_way = [unit for step in steps_of(card) for unit in _probes(card, drawn, {**settings, "at": step})]
    return [*_probes(card, jobs, settings), *on_the_way]


def _probes(card: ModelCard, jobs: Sequence[_Job], settings: Mapping[str, JSON]) -> list[Unit]:
    limits: dict[str, JSON] = {goal: _limits(card, goal) for goal in Goal}
    return [
        Unit(
            STUDY,
            VERSION,
            "probe",
            card.reference,
            {"items": [_item(unit) for unit in group]},
            {**settings, "task": job.task.name, "goal": job.task.goal, "limits": limits},
            job.seed,
            locations_of(group),
        )
        for job in jobs
        for group in groups(job.replies)
    ]
