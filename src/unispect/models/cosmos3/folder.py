"""Cosmos 3 models from folders and back: the published folder of parts, and tiny models of the same layout.

Parts stand in folders `transformer`, `vision_encoder`, `vae`, `scheduler` and `text_tokenizer`; picture settings beside
them. `save` puts all weights into one file there; the configurations stay where they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout, files_in
from unispect.models.config_sections import built, check_settings
from unispect.models.cosmos3.card import DEFAULTS
from unispect.models.cosmos3.config import network_config
from unispect.models.cosmos3.drawing import SCHEDULE, THOUSANDTHS, DrawSettings
from unispect.models.cosmos3.keys import AUTHORS, PARTS, STACKS
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.cosmos3.network import Cosmos3Network, finish
from unispect.models.cosmos3.processing import SYSTEM, Processor, load_processor
from unispect.models.loading import Family, Found
from unispect.models.part_folders import around_words, open_parts, part_of
from unispect.models.processing.patches import check_patches
from unispect.models.processing.tokenizer import require_rows

_TOKENIZERS = ("text_tokenizer",)
_LAYOUT = Layout(known=("transformer.layers.",), folders=PARTS)
_KNOWN = {
    "transformer": ("layers.",),
    "vision_encoder": ("blocks.",),
    "vae": ("encoder.down_blocks.",),
}
"""Part -> how one of its names begins at least."""
_PIPELINE, _SCHEDULER = "model_index.json", "scheduler_config.json"
_SOLVER, _REASONER = "UniPCMultistepScheduler", "cosmos3_omni"
_FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
"""Of the solver's file: what makes it follow a flow."""
_NOT_THERE = {
    "num_train_timesteps": THOUSANDTHS,
    "use_dynamic_shifting": False,
    "solver_p": None,
    "trained_betas": None,
}
_SWITCHES = {"default_use_system_prompt": True, "use_native_flow_schedule": False}
"""Of the pipeline's file, and what is meant where it does not say."""


def _open(card: ModelCard, source: str | Path) -> Checkpoint:
    """See `open_parts`.

    Raises:
        CheckpointError: the folder holds what understands alone, as transformers' reasoner is saved.
    """
    folder = Path(source).expanduser()
    if folder.is_dir() and not (folder / PARTS[0]).is_dir():
        content = files_in(folder).optional_json("config.json") or {}
        if content.get("model_type") == _REASONER:
            raise CheckpointError(
                f"{folder} holds the reasoner of Cosmos 3 alone, which cannot draw; give the folder that also holds "
                f"{', '.join(PARTS)}"
            )
    return open_parts(source, _LAYOUT, _KNOWN)


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    transformer, vision, vae = (part_of(checkpoint, name).json("config.json") for name in PARTS)
    config = network_config(transformer, vision, vae, str(checkpoint.folder))
    text = around_words(checkpoint, _TOKENIZERS)
    processor = load_processor(text, checkpoint)
    check_patches(processor.picture, config.vision, checkpoint.folder, f"{PARTS[1]}/config.json")
    require_rows(processor.tokenizer, config.text.vocab_size, text.folder / "tokenizer.json")
    pipeline = checkpoint.optional_json(_PIPELINE) or {}
    switches = {name: pipeline.get(name, usual) for name, usual in _SWITCHES.items()}
    odd = next((name for name, value in switches.items() if not isinstance(value, bool)), None)
    if odd:
        raise CheckpointError(f"{checkpoint.folder / _PIPELINE}: {odd} is {switches[odd]!r}, but must be true or false")
    system, native = switches.values()
    solver = _solver(part_of(checkpoint, "scheduler"), native=native)
    return Found(
        checkpoint, config, processor, {"system": SYSTEM if system else "", "native": native, "solver": solver}
    )


def _model(
    card: ModelCard,
    network: Cosmos3Network,
    processor: Processor,
    *,
    system: str,
    native: bool,
    solver: Mapping[str, Any],
) -> Cosmos3:
    defaults = {**DEFAULTS, **card.defaults}
    side = int(defaults["image_size"])
    drawing = DrawSettings(
        side,
        side,
        guidance=defaults["guidance"],
        steps=int(defaults["steps"]),
        system=system,
        native=native,
        solver=solver,
    )
    rows, columns = network.config.grid_of(drawing.latents(network.config.stride))
    return Cosmos3(replace(card, image_size=side, image_tokens=rows * columns), network, processor, drawing)


def _solver(part: Checkpoint, *, native: bool) -> Mapping[str, Any]:
    """Arguments of the solver, as its file gives them; the published ones where there is none.

    Raises:
        CheckpointError: the solver is another than the published one, or does not follow a flow.
    """
    content = part.optional_json(_SCHEDULER)
    where = str(part.folder / _SCHEDULER)
    if content is None:
        return SCHEDULE
    kind = content.get("_class_name", _SOLVER)
    if kind != _SOLVER:
        raise CheckpointError(
            f"{where}: _class_name is {kind!r}, as of distilled copies, but the port has {_SOLVER} alone; put the "
            "published file there"
        )
    known = inspect.signature(UniPCMultistepScheduler).parameters
    check_settings(content, where, read=known, fixed={**_FLOW, **_NOT_THERE})
    lacking = next((name for name in _FLOW if name not in content), None)
    if lacking:
        raise CheckpointError(f"{where} does not say {lacking}, which is {_FLOW[lacking]!r} of a flow")
    if content.get("solver_order", 2) not in (1, 2, 3):
        raise CheckpointError(f"{where}: solver_order is {content['solver_order']!r}, but must be 1, 2 or 3")
    if (content.get("solver_type"), content.get("final_sigmas_type", "zero")) == ("bh1", "zero"):
        raise CheckpointError(
            f"{where}: solver_type is 'bh1', with which the class ends in NaN where the last step leads to no noise; "
            "put 'bh2' there, or final_sigmas_type 'sigma_min'"
        )
    kept = {name: value for name, value in content.items() if name in known}
    times = built(DrawSettings(1, 1, 1.0, 2, native=native, solver=kept).times, where)
    if not all(0 <= time <= THOUSANDTHS for time in times):
        raise CheckpointError(f"{where}: steps would be taken at {times}, but times are 0 to {THOUSANDTHS}")
    return kept


FAMILY = Family(
    open=_open,
    read=_read,
    build=Cosmos3Network,
    table=lambda config, checkpoint: AUTHORS,
    stacks=STACKS,
    finish=finish,
    model=_model,
    layout=_LAYOUT,
    # In float32 whatever the precision, as the class in diffusers keeps it.
    exact=("time_embedder.",),
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
