"""`unispect run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from unispect.cli.console import say, show_table
from unispect.cli.remote import Remote
from unispect.cli.replicas import Replicas
from unispect.core.errors import UsageError
from unispect.core.findings import Preset

if TYPE_CHECKING:
    from unispect.cli.execution import Order, Outcome
    from unispect.runs import RunStore
    from unispect.studies.registry import Study

app = App(
    name="run",
    usage="Usage: unispect run STUDY... --model MODEL... --out FOLDER [OPTIONS]",
    help_epilogue="""Examples:
  unispect run concepts --model tiny-janus-pro-bound --out runs/bound
  unispect run encoding --model tiny-janus-pro --data images:photos --out runs/1
  unispect run encoding --model janus-pro-1b=weights/1B --data t2i-corebench:prompts mmbench:dev.tsv --out runs/2
  unispect run faces --model janus-pro-7b=weights/faces --out runs/faces
  unispect run posters --model bagel-7b-mot=weights/bagel --data subjects.yaml --out runs/posters
  unispect run concepts encoding response --model 'tiny-*-bound' --out runs/all
  unispect run concepts --model janus-pro-7b=weights/7B --workers 4 --out runs/7b
  unispect run drawing --model openai:gpt-x+gpt-image-x --data text:prompts.txt --prices prices.yaml --max-cost 5
    --out runs/api

--debug after any command shows the full traceback of an error.""",
)

_SEVERAL_SEEDS = Parameter(consume_multiple=True, negative=(), show_default=lambda seeds: " ".join(map(str, seeds)))


@app.default
def run(
    *study: str,
    model: Annotated[tuple[str, ...], Parameter(name=("--model", "-m"), consume_multiple=True, negative=())],
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    data: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    preset: Annotated[tuple[Preset, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    parts: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    limit: int | None = None,
    seeds: Annotated[tuple[int, ...], _SEVERAL_SEEDS] = (0, 1, 2),
    device: str = "auto",
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    batch_size: int = 16,
    shard: Annotated[str, Parameter(show_default=False)] = "",
    fresh: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    replicas: Replicas = Replicas(),  # noqa: B008 - frozen
    remote: Remote = Remote(),  # noqa: B008 - frozen
) -> None:
    """Run studies on models, one after the other; the same command again continues.

    Whatever was recorded survives Ctrl-C, a kill and a full disk. A run folder may hold several studies and models, and
    its report sets them side by side.

    Args:
        study: Names from `unispect studies`.
        model: Names from `unispect models`, patterns of them ('tiny-*-bound'), or NAME=FOLDER or
            NAME=owner/name@revision for other weights. Models behind an API: PROVIDER:CHAT, PROVIDER:CHAT+IMAGE or
            PROVIDER:+IMAGE, with @BASE_URL for another server than the provider's; providers are openai (any server
            of its protocol), openai-sdk, anthropic, google.
        out: Folder for the records; made if it is not there.
        data: Where prompts come from, one or several of: world (default), world-types, t2i-corebench:FOLDER,
            mmbench:FILE, geneval:FILE, images:FOLDER, text:FILE. For the study faces: faces (default, our
            own drawings) or photos:FOLDER. For the study posters: a YAML file of titles, years and pictures.
            For the study safety: world (default), published:FOLDER or a YAML file of cells of prompts.
        preset: How states are measured: as published (paper), with the confounds removed (controlled), or both
            (default).
        parts: What the concepts study asks, one or several of: battery (default: draw, likelihood, choice, recall,
            reverse, describe), reordered, orders, riddle, questions (kind, member, recognise), names, cures (relook,
            look, visualise), paper, retain, all. What the posters study asks: drawing, telling, visualise-first
            (default: all).
        limit: At most this many items of each group that a study compares; pictures beyond them are not read.
        seeds: One repetition of everything random per seed; what is not repeated is said before the first unit.
        device: auto, cpu, cuda or cuda:N; several, as cuda:0,cuda:1, spread a model that one GPU does not hold.
        dtype: Precision; auto is float32 on the CPU and bfloat16 elsewhere.
        batch_size: Units that go through the model together. Changes no record of the tiny models on the CPU in
            float32; in bfloat16 and on GPUs it can change texts and pictures (docs/scale.md), and every record names
            the batch it was made in.
        shard: I/N: carry out part I of N only, for run folders on several machines; unispect merge makes one of them.
            A study of which nothing falls to this part is passed over.
        fresh: Refuse a folder that already holds records instead of continuing it.
        replicas: How many processes hold the model.
        remote: How models behind an API are asked.
    """
    from unispect.cli.execution import check, order_for
    from unispect.data.memory import Memory
    from unispect.models.registry import chosen, is_remote
    from unispect.runs import RunStore
    from unispect.studies.base import Options
    from unispect.studies.registry import find_study

    if not study:
        raise UsageError("name a study; see: unispect studies")
    known = [find_study(name) for name in dict.fromkeys(study)]
    if data and not any(one.prompts for one in known) and len(known) > 1:
        raise UsageError(f"--data is read differently by {' and '.join(one.name for one in known)}; run them apart")
    if preset and not any(one.presets for one in known):
        raise UsageError(f"--preset says how states are measured; the study {known[0].name} measures none")
    if parts and not any(one.parts for one in known):
        raise UsageError(f"--parts says what a study asks; the study {known[0].name} has no parts")
    for line in _not_for_all(known, data=data, preset=preset, parts=parts):
        say(line)
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds names a seed twice: {' '.join(map(str, seeds))}")
    models = chosen(model)
    asked = [named.name for named in models if is_remote(named.name)]
    behind_api = len(asked)
    remote.require_remote(behind_api)
    remote.require_drawing(asked)
    if behind_api == len(models) and (device, dtype) != ("auto", "auto"):
        option = "--device" if device != "auto" else "--dtype"
        raise UsageError(f"{option} is for models that run here, not for models behind an API")
    replicas.require_sense(behind_api, device)
    memory = Memory()
    orders = [
        order_for(
            one,
            named,
            out,
            options=Options(
                (data or None) if one.prompts or len(known) == 1 else None,
                preset or tuple(Preset),
                limit,
                seeds,
                parts if one.parts else (),
                memory,
            ),
            command=("unispect", *sys.argv[1:]),
            device=device,
            dtype=dtype,
            batch_size=batch_size,
            debug="UNISPECT_DEBUG" in os.environ,
            remote=remote,
            replicas=replicas,
            shard=shard,
        )
        for named in models
        for one in known
    ]
    for order in orders:
        check(order)
    with RunStore.create(out, fresh=fresh) as store:
        outcomes = list(_each(orders, store))
    for outcome in outcomes:
        outcome.raise_failures()
    if any(one.asked_to_grade for one in known):
        say(f"next: unispect grade {out} --judge PROVIDER:MODEL")
    say(f"next: unispect report {out}")


def _not_for_all(studies: Sequence[Study], **said: Sequence[str]) -> Iterator[str]:
    """What was said for some of the studies and means nothing to others, line by line."""
    means = {
        "data": ([one.name for one in studies if one.prompts or len(studies) == 1], "prompts of their own"),
        "preset": ([one.name for one in studies if one.presets], "no states are measured"),
        "parts": ([one.name for one in studies if one.parts], "no parts to choose from"),
    }
    for option, (takers, why) in means.items():
        others = [one.name for one in studies if one.name not in takers]
        if said[option] and others:
            yield f"note    --{option} does nothing for {', '.join(others)} ({why})"


def _each(orders: Sequence[Order], store: RunStore) -> Iterator[Outcome]:
    """Carries every order out; orders for the same model stand together, and it is loaded once."""
    from unispect.cli.execution import before_lines, carry_out, pass_over, plan_lines, prepare
    from unispect.cli.progress import Watch, open_board

    ready = None
    try:
        for order in orders:
            same = ready is not None and ready.order.model == order.model
            if not same:
                if ready:
                    ready.close()
                ready = None  # before the next one is loaded
            ready = prepare(order, ready)
            study = order.study
            if not same:
                say(f"model   {ready.card.reference} {ready.where}")
            say(f"data    {ready.data}")
            if ready.plan is None:
                say(f"study   {study.name} version {study.version}: {ready.nothing}")
                pass_over(ready, store)
                continue
            say(f"study   {study.name} version {study.version}: {len(ready.plan.units):,} units")
            for line in (*plan_lines(ready.plan), *before_lines(ready, store)):
                say(f"        {line}")
            with open_board() as board:
                outcome = carry_out(ready, store, Watch(board, study.name))
            say()
            counts = [c for c in store.counts() if (c.study, c.model) == (study.name, ready.card.reference)]
            show_table(
                ("kind", "planned", "done", "failed", "skipped"),
                [(c.kind, *(f"{number:,}" for number in (c.planned, c.done, c.failed, c.skipped))) for c in counts],
                right=("planned", "done", "failed", "skipped"),
            )
            say()
            if cut := store.cut(study.name, ready.card.reference):
                say(f"{cut:,} records rest on the beginning of their prompt, the rest of which was cut off")
            units = outcome.units
            for what, words in ready.bill.items():
                say(f"{what}: {words}")
            say(f"{units.done:,} units done in {units.seconds:.0f} s, {units.already:,} before: {order.out}")
            yield outcome
    finally:
        if ready:
            ready.close()
