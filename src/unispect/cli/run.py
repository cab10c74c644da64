"""`unispect run`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from unispect.cli.console import say
from unispect.cli.remote import Remote
from unispect.cli.replicas import ReplicasTyped
from unispect.core.errors import UsageError
from unispect.core.findings import Preset

app = App(
    name="run",
    usage="Usage: unispect run STUDY... --model MODEL... --out FOLDER [OPTIONS]",
    help_epilogue="""Examples:
  unispect run concepts --model tiny-janus-pro-bound --out runs/bound
  unispect run encoding --model tiny-janus-pro --data images:photos --out runs/1
  unispect run encoding --model janus-pro-1b=weights/1B --out runs/2 \\
    --data t2i-corebench:prompts mmbench:dev.tsv
  unispect run encoding --model janus-pro-1b=weights/1B --out runs/3 \\
    --adapter loras/style:0.7 loras/words
  unispect run faces --model janus-pro-7b=weights/faces --out runs/faces
  unispect run posters --model bagel-7b-mot=weights/bagel \\
    --data subjects.yaml --out runs/posters
  unispect run concepts encoding response --model 'tiny-*-bound' --out runs/all
  unispect run concepts --model janus-pro-7b=weights/7B --workers 4 \\
    --out runs/7b
  unispect run drawing --model openai:gpt-x+gpt-image-x --out runs/api \\
    --data text:prompts.txt --prices prices.yaml --max-cost 5

Options from a file: --config FILE.yaml; --print-config prints such a file.
--debug after any command shows the full traceback of an error.""",
)

_SEVERAL_SEEDS = Parameter(consume_multiple=True, negative=(), show_default=lambda seeds: " ".join(map(str, seeds)))


@app.default
def run(
    *study: str,
    model: Annotated[tuple[str, ...], Parameter(name=("--model", "-m"), consume_multiple=True, negative=())],
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    adapter: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
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
    replicas: ReplicasTyped = ReplicasTyped(),  # noqa: B008 - frozen
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
        adapter: Adapters that are merged into the model's weights: FOLDER or owner/name@revision, with :WEIGHT behind
            it where that is not 1 (docs/weights.md).
        data: Where prompts come from, one or several of: world (default), world-types, world-words,
            world-riddles (of one kind: world-riddles-plain, world-riddles-riddle, world-riddles-negation,
            world-riddles-counting, world-riddles-two-hop), t2i-corebench:FOLDER, geneval:FILE, dpg-bench:FOLDER,
            wise:FOLDER, mmbench:FILE, images:FOLDER, text:FILE. For the study faces: faces (default, our own drawings)
            or photos:FOLDER. For the study posters: a YAML file of titles, years and pictures. For the study safety:
            world (default), published:FOLDER or a YAML file of cells of prompts.
        preset: How states are measured: as published (paper), with the confounds removed (controlled), or both
            (default).
        parts: What the concepts study asks, one or several of: battery (default: draw, likelihood, choice, recall,
            reverse, describe), reordered, orders, riddle, questions (kind, member, recognise), names, cures (relook,
            look, visualise), paper, retain, all. What the posters study asks: drawing, telling, visualise-first
            (default: all). What the patching study does: patch, steer, or one side of either: patch-tell, patch-draw,
            steer-tell, steer-draw (default: all). What the reasoning study does: tell, draw, spelled, think, look
            (default: all).
        limit: At most this many items of each group that a study compares; pictures beyond them are not read.
        seeds: One repetition of everything random per seed; what is not repeated is said before the first unit.
        device: auto, cpu, cuda or cuda:N; several, as cuda:0,cuda:1, spread a model that one GPU does not hold.
        dtype: Precision; auto is that of the model's records in the folder, else bfloat16, but on the CPU float32
            unless the weights are stored in bfloat16 and the processor computes in it (unispect doctor says).
        batch_size: Units that go through the model together. Changes no record of the tiny models on the CPU in
            float32; in bfloat16 and on GPUs it can change texts and pictures (docs/scale.md), and every record names
            the batch it was made in.
        shard: I/N: carry out part I of N only, for run folders on several machines; unispect merge makes one of them.
            A study of which nothing falls to this part is passed over.
        fresh: Refuse a folder that already holds records instead of continuing it.
        replicas: How many processes hold the model.
        remote: How models behind an API are asked.
    """
    from unispect.cli.running import Telling, not_for_all
    from unispect.models.registry import chosen, is_remote
    from unispect.runner.order import require_fitting
    from unispect.runner.running import run as run_studies
    from unispect.studies.base import Options
    from unispect.studies.registry import find_study

    if not study:
        raise UsageError("name a study; see: unispect studies")
    known = [find_study(name) for name in dict.fromkeys(study)]
    require_fitting(known, data=data, presets=preset, parts=parts)
    for line in not_for_all(known, data=data, preset=preset, parts=parts):
        say(line)
    require_fitting(known, seeds=seeds)
    models = chosen(model)
    remote.require_sense([named.name for named in models if is_remote(named.name)], len(models), device, dtype)
    ran = run_studies(
        study,
        model,
        out,
        options=Options(data or None, preset or tuple(Preset), limit, seeds, parts),
        device=device,
        dtype=dtype,
        adapters=adapter,
        batch_size=batch_size,
        shard=shard,
        fresh=fresh,
        replicas=replicas,
        remote=remote.as_said,
        command=("unispect", *sys.argv[1:]),
        debug="UNISPECT_DEBUG" in os.environ,
        told=Telling(len(models)),
    )
    ran.raise_failures()
    if any(one.asked_to_grade for one in known):
        say(f"next: unispect grade {out} --judge PROVIDER:MODEL")
    say(f"next: unispect report {out}")
